//! What happens by the clock: heartbeats, stalled sockets, old tickets, old rows.
//!
//! The rule: no stream has a timer of its own. One tick serves a slot of all streams, so that the work is even.

use crate::delivery::Inner;
use crate::delivery::frame::Notice;
use crate::delivery::subscriber::Subscriber;
use crate::refusal::causes;
use crate::store::StoreError;
use crate::store::account;
use crate::store::log::{self, LogNumber};
use crate::store::session;
use sotto_wire::Millis;
use sotto_wire::event::{CaughtUp, Ephemeral, Heartbeat, SessionEndCause};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Into how many slots the streams are divided. Each slot beats once in 3/4 of the promised silence.
const SLOTS: u64 = 16;
/// How often retention looks for rows that are too old.
const RETENTION_EVERY: Duration = Duration::from_secs(600);

/// Beats until `stop` says so.
pub(crate) async fn beat(inner: Arc<Inner>, mut stop: watch::Receiver<bool>) {
    let period_ms = (inner.terms.heartbeat_ms.0 * 3 / 4 / SLOTS).max(1);
    let mut ticks = tokio::time::interval(Duration::from_millis(period_ms));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut slot = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        slot = (slot + 1) % SLOTS;
        let subscribers: Vec<Arc<Subscriber>> =
            inner.hub().subscribers().filter(|subscriber| subscriber.id() % SLOTS == slot).cloned().collect();
        if let Err(error) = end_overdue(&inner, &subscribers).await {
            tracing::error!(causes = causes(&error), "failed to look for sessions that have ended");
        }
        beat_slot(&inner, subscribers);
        if slot == 0 {
            let now = inner.clock.now();
            inner.tickets().sweep(now);
            inner.typing().sweep(now);
        }
    }
}

/// Ends the streams of sessions that have come to their end and were not refreshed.
async fn end_overdue(inner: &Inner, subscribers: &[Arc<Subscriber>]) -> Result<(), StoreError> {
    let now = inner.clock.now();
    for subscriber in subscribers.iter().filter(|subscriber| subscriber.is_overdue(now)) {
        let session = session::load(&mut *inner.store.read().acquire().await?, subscriber.session()).await?;
        match session.filter(|session| session.ends_at > now) {
            Some(session) => subscriber.stands_until(session.ends_at),
            None => inner.say_over(subscriber, SessionEndCause::SignedOut),
        }
    }
    Ok(())
}

fn beat_slot(inner: &Inner, subscribers: Vec<Arc<Subscriber>>) {
    if subscribers.is_empty() {
        return;
    }
    let now = inner.clock.now();
    // Rows up to here were offered to everyone who is live.
    let delivered = LogNumber(inner.delivered.load(Ordering::Acquire));
    let heartbeat = Notice::new(Ephemeral::Heartbeat(Heartbeat { server_time: now }), now);
    let caught_up = Ephemeral::CaughtUp(CaughtUp { cursor: inner.cursors.write(delivered) });
    let caught_up = Notice::new(caught_up, now);
    for subscriber in subscribers {
        subscriber.beat(&heartbeat, (&caught_up, delivered), now);
    }
}

/// Deletes rows that are older than `keep`, until `stop` says so.
pub(crate) async fn retain(inner: Arc<Inner>, keep: Millis, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(RETENTION_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let before = Millis(inner.clock.now().0.saturating_sub(keep.0));
        match purge(&inner, before).await {
            Ok(Purged { rows: 0, .. }) => {}
            Ok(Purged { rows, devices_behind }) => {
                tracing::info!(rows, devices_behind, "deleted rows that are past retention");
            }
            Err(error) => tracing::error!(causes = causes(&error), "failed to delete rows that are past retention"),
        }
    }
}

/// What retention has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Purged {
    /// How many rows it deleted.
    pub(crate) rows: u64,
    /// How many devices had not said that they have these rows: some of them will be told that history is lost.
    pub(crate) devices_behind: u64,
}

/// Deletes rows that were sent before `before`, in steps that let appends pass between.
pub(crate) async fn purge(inner: &Inner, before: Millis) -> Result<Purged, StoreError> {
    let mut rows = 0;
    loop {
        let mut tx = inner.store.write().await?;
        let step = log::purge(&mut tx, before).await?;
        tx.commit().await?;
        rows += step;
        if step == 0 {
            break;
        }
    }
    if rows == 0 {
        return Ok(Purged { rows, devices_behind: 0 });
    }
    let horizon = log::bounds(inner.store.read()).await?.horizon;
    Ok(Purged { rows, devices_behind: account::count_behind(inner.store.read(), horizon).await? })
}
