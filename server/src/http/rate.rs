//! Rate limits: how often one address, name or account may do what costs or tells something.
//!
//! The rule: bounded memory. Keys are hashed, by a secret of this process, into a fixed number of buckets; two keys
//! that meet in one share its limit.

use crate::config::Rates;
use crate::http::auth::DeviceCaller;
use crate::refusal::Refusal;
use crate::share::Network;
use governor::clock::{Clock as _, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use sotto_wire::account::Name;
use sotto_wire::{Code, Millis, Problem, UserId};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;

/// 2¹⁸ buckets of 16 bytes: 8 MB for a limit at worst, and one in a thousand meets another among 260 busy keys.
const BUCKETS: u64 = 1 << 18;

/// A limit on one kind of command.
struct Limit {
    per_minute: NonZeroU32,
    buckets: RateLimiter<u64, HashMapStateStore<u64>, MonotonicClock, NoOpMiddleware<std::time::Instant>>,
    hasher: RandomState,
}

impl Limit {
    fn new(per_minute: u32) -> Self {
        let per_minute = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
        let buckets = RateLimiter::hashmap_with_clock(Quota::per_minute(per_minute), MonotonicClock);
        Self { per_minute, buckets, hasher: RandomState::new() }
    }

    /// Takes `count` of what `key` may do, or says when to come back.
    fn take(&self, key: impl Hash, count: usize) -> Result<(), Refusal> {
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(self.per_minute.get());
        let Some(count) = NonZeroU32::new(count) else { return Ok(()) };
        let bucket = self.hasher.hash_one(key) % BUCKETS;
        match self.buckets.check_key_n(&bucket, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(until)) => {
                let wait = until.wait_time_from(MonotonicClock.now());
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
                Err(Problem::new(Code::RateLimited).after(Millis(wait_ms)).into())
            }
            Err(_) => Err(Code::RateLimited.into()),
        }
    }
}

/// Every limit of the server.
pub(crate) struct Limits {
    sign_ups: Limit,
    sign_ins: Limit,
    guesses_from_address: Limit,
    guesses: Limit,
    finds: Limit,
    claims: Limit,
    groups: Limit,
    presences: Limit,
    searches: Limit,
    invites: Limit,
    invites_from_network: Limit,
}

/// Which step of a sign-up: each has the whole limit, so that one sign-up counts once.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum SignUpStep {
    /// `register_start`.
    Start,
    /// `register_finish`.
    Finish,
}

impl Limits {
    /// The limits that the operator has set.
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            sign_ups: Limit::new(rates.sign_ups_per_minute_and_address),
            sign_ins: Limit::new(rates.sign_ins_per_minute_and_address),
            guesses_from_address: Limit::new(rates.guesses_per_minute_name_and_address),
            guesses: Limit::new(rates.guesses_per_minute_and_name),
            finds: Limit::new(rates.finds_per_minute_and_user),
            claims: Limit::new(rates.claims_per_minute_and_user),
            groups: Limit::new(rates.groups_per_minute_and_user),
            presences: Limit::new(rates.presences_per_minute_and_user),
            searches: Limit::new(rates.searches_per_minute_and_user),
            invites: Limit::new(rates.invites_per_minute_and_user),
            invites_from_network: Limit::new(rates.invites_per_minute_and_address),
        }
    }

    /// A step of a sign-up from `address`.
    pub(crate) fn sign_up(&self, address: IpAddr, step: SignUpStep) -> Result<(), Refusal> {
        self.sign_ups.take((Network::from(address), step), 1)
    }

    /// A sign-in from `address`.
    pub(crate) fn sign_in(&self, address: IpAddr) -> Result<(), Refusal> {
        self.sign_ins.take(Network::from(address), 1)
    }

    /// A guess at the password of `name`. The first limit is the tighter one, so that one stranger cannot keep
    /// somebody out.
    pub(crate) fn guess(&self, name: &Name, address: IpAddr) -> Result<(), Refusal> {
        self.guesses_from_address.take((name, Network::from(address)), 1)?;
        self.guesses.take(name, 1)
    }

    /// A look-up of a name by `user`.
    pub(crate) fn find(&self, user: UserId) -> Result<(), Refusal> {
        self.finds.take(user, 1)
    }

    /// A claim of `count` key packages by `user`.
    pub(crate) fn claim(&self, user: UserId, count: usize) -> Result<(), Refusal> {
        self.claims.take(user, count)
    }

    /// A command of `user` that carries the state of a group: up to 20 MB each.
    pub(crate) fn group(&self, user: UserId) -> Result<(), Refusal> {
        self.groups.take(user, 1)
    }

    /// A search for people by `user`.
    pub(crate) fn search(&self, user: UserId) -> Result<(), Refusal> {
        self.searches.take(user, 1)
    }

    /// A try of `caller` to open an invite or to join by one. An account is easily made, an address not.
    pub(crate) fn invite(&self, caller: DeviceCaller) -> Result<(), Refusal> {
        self.invites.take(caller.device.user, 1)?;
        self.invites_from_network.take(caller.network, 1)
    }

    /// A change or look of `user` at presence.
    pub(crate) fn presence(&self, user: UserId) -> Result<(), Refusal> {
        self.presences.take(user, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_ms(outcome: Result<(), Refusal>) -> Option<u64> {
        outcome.err().and_then(|refusal| refusal.into_problem().retry_after_ms).map(|wait| wait.0)
    }

    #[test]
    fn burst_passes_and_the_next_is_told_when_to_come_back() {
        let limit = Limit::new(3);
        for _ in 0..3 {
            assert_eq!(wait_ms(limit.take("a", 1)), None);
        }
        let wait = wait_ms(limit.take("a", 1)).expect("the fourth is one too many");
        assert!((1..=20_000).contains(&wait), "{wait}");
        assert_eq!(wait_ms(limit.take("b", 1)), None);
    }

    #[test]
    fn count_over_the_limit_takes_all_of_it() {
        let limit = Limit::new(3);
        assert_eq!(wait_ms(limit.take("a", 1_000)), None);
        assert!(wait_ms(limit.take("a", 1)).is_some());
    }
}
