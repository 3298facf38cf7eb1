//! Shares: how much of a common good all together may hold, and how much of it one network. Owns the count, not the good.
//!
//! The rule: what is held is counted before it is there, and given back when its [`Share`] is dropped. Memory grows with
//! the networks that hold something, not with those that ever asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one party holds: an IPv4 address, or an IPv6 /64 (RFC 6177 §2).
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
pub(crate) struct Shares {
    all_max: usize,
    network_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    by_network: HashMap<Network, usize>,
}

impl Shares {
    /// So much for all, and of that so much for one network.
    pub(crate) fn new(all_max: usize, network_max: usize) -> Arc<Self> {
        Arc::new(Self { all_max, network_max, held: Mutex::default() })
    }

    /// The share of a new holder in `network`; empty.
    pub(crate) fn join(self: &Arc<Self>, network: Network) -> Share {
        Share { of: self.clone(), network, count: 0 }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, held: &Held, (network, count): (Network, usize)) -> bool {
        let own = held.by_network.get(&network).copied().unwrap_or_default();
        count <= self.all_max.saturating_sub(held.all) && count <= self.network_max.saturating_sub(own)
    }
}

/// What one holder has; given back when dropped.
pub(crate) struct Share {
    of: Arc<Shares>,
    network: Network,
    count: usize,
}

impl Share {
    /// Whether `count` more could be taken now. Takes nothing.
    pub(crate) fn has_room(&self, count: usize) -> bool {
        self.of.has_room(&self.of.held(), (self.network, count))
    }

    /// Takes `count` more; `false`, and nothing is changed, when all or the network would hold too much.
    pub(crate) fn take(&mut self, count: usize) -> bool {
        let mut held = self.of.held();
        let has_room = self.of.has_room(&held, (self.network, count));
        if has_room && count > 0 {
            held.all += count;
            *held.by_network.entry(self.network).or_default() += count;
            self.count += count;
        }
        has_room
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.held();
        held.all -= self.count;
        if let Some(own) = held.by_network.get_mut(&self.network) {
            *own -= self.count;
            if *own == 0 {
                held.by_network.remove(&self.network);
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
        assert!(shares.held().by_network.is_empty());
        assert!(shares.join(network("192.0.2.2")).take(3));
    }
}
