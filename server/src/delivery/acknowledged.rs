//! How far each device has stored what it got, as it says itself: with the cursor of a ticket, a stream or a ping.
//!
//! The rule: what is said stays in memory and is written once a minute for all, so that no cursor costs a transaction.
//! What is lost by a crash is said again by the next cursor.

use crate::delivery::Inner;
use crate::refusal::causes;
use crate::store::log::LogNumber;
use crate::store::{StoreError, account};
use sotto_wire::DeviceId;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often what was said is written.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// Devices that are kept between two writes, four times those of a large node: 6 MB. What others say waits for their
/// next cursor.
const DEVICES_MAX: usize = 131_072;
/// Devices written in one transaction, so that appends wait for milliseconds only.
const WRITE_DEVICES_MAX: usize = 500;

/// What was said since the last write.
#[derive(Default)]
pub(crate) struct Acknowledged(HashMap<DeviceId, LogNumber>);

impl Acknowledged {
    /// Notes that `device` has everything up to `n`.
    pub(crate) fn note(&mut self, device: DeviceId, n: LogNumber) {
        if self.0.len() < DEVICES_MAX || self.0.contains_key(&device) {
            let newest = self.0.entry(device).or_default();
            *newest = n.max(*newest);
        }
    }

    fn take(&mut self) -> Vec<(DeviceId, LogNumber)> {
        std::mem::take(&mut self.0).into_iter().collect()
    }
}

/// Writes what was said, every minute until `stop` says so, and once more then.
pub(crate) async fn keep(inner: std::sync::Arc<Inner>, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_over = tokio::select! {
            _ = ticks.tick() => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if let Err(error) = write(&inner).await {
            tracing::error!(causes = causes(&error), "failed to write what devices have acknowledged");
        }
        if is_over {
            return;
        }
    }
}

/// Writes what was said; what cannot be written is kept for the next time.
async fn write(inner: &Inner) -> Result<(), StoreError> {
    let said = inner.acknowledged().take();
    for (at, some) in said.chunks(WRITE_DEVICES_MAX).enumerate() {
        if let Err(error) = write_some(inner, some).await {
            let mut acknowledged = inner.acknowledged();
            said[at * WRITE_DEVICES_MAX..].iter().for_each(|(device, n)| acknowledged.note(*device, *n));
            return Err(error);
        }
    }
    Ok(())
}

async fn write_some(inner: &Inner, said: &[(DeviceId, LogNumber)]) -> Result<(), StoreError> {
    let mut tx = inner.store.write().await?;
    for (device, n) in said {
        account::acknowledge(&mut tx, *device, *n).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::testing::Bench;

    #[tokio::test]
    async fn newest_of_what_a_device_said_is_written_when_the_server_stops_and_never_goes_back() {
        let bench = Bench::new().await;
        let (one, other) = (bench.person(1).await, bench.person(2).await);
        for (said, expected) in [(vec![3, 7, 5], 7), (vec![6], 7), (vec![], 7), (vec![9], 9)] {
            let delivery = bench.deliver().await;
            said.into_iter().for_each(|n| delivery.acknowledge(one.device, LogNumber(n)));
            delivery.stop().await;
            let mut connection = bench.store.read().acquire().await.expect("a connection");
            let mut of = async |device| {
                account::load_device(&mut connection, device).await.expect("read").expect("a device").acknowledged_n
            };
            assert_eq!((of(one.device).await, of(other.device).await), (expected, 0));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_kept() {
        let bench = Bench::new().await;
        let delivery = bench.deliver().await;
        bench.store.close().await;
        let device = |number| DeviceId(crate::delivery::testing::bytes(number));
        let count = WRITE_DEVICES_MAX + 1;
        (0..count).for_each(|number| delivery.acknowledge(device(number), LogNumber(7)));
        assert!(write(&delivery.0).await.is_err());
        delivery.acknowledge(device(0), LogNumber(8));
        let kept = delivery.0.acknowledged().take();
        assert_eq!(kept.len(), count);
        assert!(kept.iter().all(|(of, n)| n.0 == if *of == device(0) { 8 } else { 7 }));
    }

    #[test]
    fn what_is_kept_between_writes_has_a_bound() {
        let mut acknowledged = Acknowledged::default();
        for number in 0..=DEVICES_MAX {
            acknowledged.note(DeviceId(crate::delivery::testing::bytes(number)), LogNumber(1));
        }
        acknowledged.note(DeviceId(crate::delivery::testing::bytes(0)), LogNumber(2));
        let taken = acknowledged.take();
        assert_eq!(taken.len(), DEVICES_MAX);
        assert!(taken.contains(&(DeviceId(crate::delivery::testing::bytes(0)), LogNumber(2))));
    }
}
