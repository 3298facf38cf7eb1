//! What is noted in memory and written once a minute for all: how far each device has stored what it got, as it says
//! itself with the cursor of a ticket, a stream or a ping; and when people were last seen.
//!
//! The rule: nothing of it costs a transaction of its own. It stands in memory until it is on disk, and is lost by a
//! crash: a cursor is said again by the next one, and who comes back is seen again.

use crate::delivery::Inner;
use crate::refusal::causes;
use crate::store::log::LogNumber;
use crate::store::{StoreError, account, presence};
use sotto_wire::{DeviceId, Millis, UserId};
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often it is written.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// Of those who are there it is noted with every tenth time that they are: a server that is killed has forgotten ten
/// minutes, and writes a row for each of them no more often.
const SEEN_EVERY: u32 = 10;
/// Devices, and people, of whom something is kept between two writes, four times those of a large node: 6 MB each. What
/// is to be noted of others waits for their next time.
const KEPT_MAX: usize = 131_072;
/// Rows of each kind written in one transaction, so that appends wait for milliseconds only.
const WRITE_ROWS_MAX: usize = 500;

/// The newest of each; it only rises.
struct Newest<K, V>(HashMap<K, V>);

impl<K, V> Default for Newest<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Copy + Eq + Hash, V: Copy + Ord> Newest<K, V> {
    fn note(&mut self, of: K, value: V) {
        if self.0.len() < KEPT_MAX || self.0.contains_key(&of) {
            let newest = self.0.entry(of).or_insert(value);
            *newest = value.max(*newest);
        }
    }

    /// Those to write next.
    fn next(&self) -> Vec<(K, V)> {
        self.0.iter().take(WRITE_ROWS_MAX).map(|(of, value)| (*of, *value)).collect()
    }

    /// Forgets what was written, unless there is something newer.
    fn written(&mut self, written: &[(K, V)]) {
        for (of, value) in written {
            if self.0.get(of) == Some(value) {
                self.0.remove(of);
            }
        }
        if self.0.is_empty() {
            self.0.shrink_to_fit();
        }
    }
}

/// What was noted and is not yet on disk.
#[derive(Default)]
pub(crate) struct Notes {
    acknowledged: Newest<DeviceId, LogNumber>,
    seen: Newest<UserId, Millis>,
}

impl Notes {
    /// Notes that `device` has everything up to `n`.
    pub(crate) fn acknowledge(&mut self, device: DeviceId, n: LogNumber) {
        self.acknowledged.note(device, n);
    }

    /// Notes that somebody was there at `at`.
    pub(crate) fn see(&mut self, user: UserId, at: Millis) {
        self.seen.note(user, at);
    }

    /// When somebody was last there, as far as that is not yet on disk.
    pub(crate) fn seen_at(&self, user: UserId) -> Option<Millis> {
        self.seen.0.get(&user).copied()
    }
}

/// Writes what was noted, every minute until `stop` says so, and once more then.
pub(crate) async fn keep(inner: std::sync::Arc<Inner>, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in 1_u32.. {
        let is_over = tokio::select! {
            _ = ticks.tick() => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if is_over || count.is_multiple_of(SEEN_EVERY) {
            see_all(&inner);
        }
        if let Err(error) = write(&inner).await {
            tracing::error!(causes = causes(&error), "failed to write what was noted");
        }
        if is_over {
            return;
        }
    }
}

/// Notes of everyone who is there that they were.
fn see_all(inner: &Inner) {
    let there: Vec<(UserId, Millis)> = inner.presences().there(inner.clock.now()).collect();
    let mut notes = inner.notes();
    there.into_iter().for_each(|(user, at)| notes.see(user, at));
}

/// Writes all that was noted.
async fn write(inner: &Inner) -> Result<(), StoreError> {
    // Everything that can be kept, once: what is noted meanwhile waits for its next time.
    for _ in 0..KEPT_MAX.div_ceil(WRITE_ROWS_MAX) {
        let (acknowledged, seen) = {
            let notes = inner.notes();
            (notes.acknowledged.next(), notes.seen.next())
        };
        if acknowledged.is_empty() && seen.is_empty() {
            break;
        }
        let mut tx = inner.store.write().await?;
        for (device, n) in &acknowledged {
            account::acknowledge(&mut tx, *device, *n).await?;
        }
        for (user, at) in &seen {
            presence::see(&mut tx, *user, *at).await?;
        }
        tx.commit().await?;
        let mut notes = inner.notes();
        notes.acknowledged.written(&acknowledged);
        notes.seen.written(&seen);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::testing::{Bench, NOW, bytes};

    async fn acknowledged_n(bench: &Bench, device: DeviceId) -> i64 {
        let mut connection = bench.store.read().acquire().await.expect("a connection");
        account::load_device(&mut connection, device).await.expect("read").expect("a device").acknowledged_n
    }

    #[tokio::test]
    async fn newest_of_what_a_device_said_is_written_when_the_server_stops_and_never_goes_back() {
        let bench = Bench::new().await;
        let (one, other) = (bench.person(1).await, bench.person(2).await);
        for (said, expected) in [(vec![3, 7, 5], 7), (vec![6], 7), (vec![], 7), (vec![9], 9)] {
            let delivery = bench.deliver().await;
            said.into_iter().for_each(|n| delivery.acknowledge(one.device, LogNumber(n)));
            delivery.stop().await;
            assert_eq!(
                (acknowledged_n(&bench, one.device).await, acknowledged_n(&bench, other.device).await),
                (expected, 0)
            );
        }
    }

    #[tokio::test]
    async fn both_kinds_are_written_and_kept_in_memory_until_then() {
        let bench = Bench::new().await;
        let (one, other) = (bench.person(1).await, bench.person(2).await);
        bench.direct(10, (one, other)).await;
        let delivery = bench.deliver().await;
        delivery.acknowledge(one.device, LogNumber(7));
        delivery.0.notes().see(other.user, NOW);
        assert_eq!(delivery.0.notes().seen_at(other.user), Some(NOW));
        write(&delivery.0).await.expect("written");
        assert_eq!(delivery.0.notes().seen_at(other.user), None);
        assert_eq!(acknowledged_n(&bench, one.device).await, 7);
        let people = presence::people(bench.store.read(), one.user).await.expect("people");
        assert_eq!(people, [(other.user, Some(NOW))]);
    }

    #[tokio::test]
    async fn more_than_one_transaction_takes_is_written_in_several() {
        let bench = Bench::new().await;
        let mut devices = Vec::new();
        for number in 0..3 {
            devices.push(bench.person(number).await.device);
        }
        let delivery = bench.deliver().await;
        let count = 3 * WRITE_ROWS_MAX + 1;
        (0..count).for_each(|number| delivery.acknowledge(DeviceId(bytes(number)), LogNumber(7)));
        write(&delivery.0).await.expect("written");
        assert!(delivery.0.notes().acknowledged.0.is_empty());
        for device in devices {
            assert_eq!(acknowledged_n(&bench, device).await, 7);
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_kept() {
        let bench = Bench::new().await;
        let delivery = bench.deliver().await;
        bench.store.close().await;
        let device = |number| DeviceId(bytes(number));
        let count = WRITE_ROWS_MAX + 1;
        (0..count).for_each(|number| delivery.acknowledge(device(number), LogNumber(7)));
        assert!(write(&delivery.0).await.is_err());
        delivery.acknowledge(device(0), LogNumber(8));
        let notes = delivery.0.notes();
        assert_eq!(notes.acknowledged.0.len(), count);
        assert!(notes.acknowledged.0.iter().all(|(of, n)| n.0 == if *of == device(0) { 8 } else { 7 }));
    }

    #[test]
    fn what_is_newer_than_what_was_written_stays() {
        let mut newest = Newest::default();
        newest.note(DeviceId(bytes(1)), LogNumber(1));
        let written = newest.next();
        newest.note(DeviceId(bytes(1)), LogNumber(2));
        newest.written(&written);
        assert_eq!(newest.next(), [(DeviceId(bytes(1)), LogNumber(2))]);
    }

    #[test]
    fn what_is_kept_between_writes_has_a_bound() {
        let mut newest = Newest::default();
        for number in 0..=KEPT_MAX {
            newest.note(DeviceId(bytes(number)), LogNumber(1));
        }
        newest.note(DeviceId(bytes(0)), LogNumber(2));
        assert_eq!(newest.0.len(), KEPT_MAX);
        assert_eq!(newest.0.get(&DeviceId(bytes(0))), Some(&LogNumber(2)));
    }
}
