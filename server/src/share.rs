//! Shares: how much of a common good all together may hold, and how much of it one party: a network, an account, a
//! device. Owns the count, not the good.
//!
//! The rule: what is held is counted before it is there, and given back when its [`Share`] is dropped. Memory grows with
//! the parties that hold something, not with those that ever asked.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A party by its address: an IPv4 address, or an IPv6 /64 (RFC 6177 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network([u8; 8]);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self([0, 0, 0, 0, a, b, c, d])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// A common good, in whatever unit its owner counts.
pub(crate) struct Shares<P = Network> {
    all_max: usize,
    party_max: usize,
    held: Mutex<Held<P>>,
}

struct Held<P> {
    all: usize,
    by_party: HashMap<P, usize>,
}

impl<P: Copy + Eq + Hash> Shares<P> {
    /// So much for all, and of that so much for one party.
    pub(crate) fn new(all_max: usize, party_max: usize) -> Arc<Self> {
        Arc::new(Self { all_max, party_max, held: Mutex::new(Held { all: 0, by_party: HashMap::new() }) })
    }

    /// The share of a new holder of `party`; empty.
    pub(crate) fn join(self: &Arc<Self>, party: P) -> Share<P> {
        Share { of: self.clone(), party, count: 0 }
    }

    fn held(&self) -> MutexGuard<'_, Held<P>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, held: &Held<P>, (party, count): (P, usize)) -> bool {
        let own = held.by_party.get(&party).copied().unwrap_or_default();
        count <= self.all_max.saturating_sub(held.all) && count <= self.party_max.saturating_sub(own)
    }
}

/// What one holder has; given back when dropped.
pub(crate) struct Share<P: Copy + Eq + Hash = Network> {
    of: Arc<Shares<P>>,
    party: P,
    count: usize,
}

impl<P: Copy + Eq + Hash> Share<P> {
    /// Whether `count` more could be taken now. Takes nothing.
    pub(crate) fn has_room(&self, count: usize) -> bool {
        self.of.has_room(&self.of.held(), (self.party, count))
    }

    /// Takes `count` more; `false`, and nothing is changed, when all or the party would hold too much.
    pub(crate) fn take(&mut self, count: usize) -> bool {
        let mut held = self.of.held();
        let has_room = self.of.has_room(&held, (self.party, count));
        if has_room && count > 0 {
            held.all += count;
            *held.by_party.entry(self.party).or_default() += count;
            self.count += count;
        }
        has_room
    }
}

impl<P: Copy + Eq + Hash> Drop for Share<P> {
    fn drop(&mut self) {
        let mut held = self.of.held();
        held.all -= self.count;
        if let Some(own) = held.by_party.get_mut(&self.party) {
            *own -= self.count;
            if *own == 0 {
                held.by_party.remove(&self.party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        address.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_and_a_mapped_address_is_the_address() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }

    #[test]
    fn one_network_takes_no_more_than_its_part_and_all_no_more_than_there_is() {
        let shares = Shares::new(5, 3);
        let [mut one, mut same, mut other] = ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(|a| shares.join(network(a)));
        assert!(one.take(2) && same.take(1) && !same.take(1));
        assert!(!other.take(3), "five are all");
        assert!(other.has_room(2) && other.take(2) && !other.has_room(1));
    }

    #[test]
    fn what_is_dropped_is_free_again_and_leaves_no_trace() {
        let shares = Shares::new(3, 3);
        let mut one = shares.join(network("192.0.2.1"));
        assert!(one.take(3) && !one.take(1));
        drop(one);
        assert!(shares.held().by_party.is_empty());
        assert!(shares.join(network("192.0.2.2")).take(3));
    }
}
