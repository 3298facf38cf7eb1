//! Reading the log for streams that are behind.
//!
//! Streams that wait at the same time are looked up together: after a restart of the server or of a proxy all of them
//! come back at once, and a query for each would cost more than all else. The rule: who gets a turn works for all who
//! wait, as a task of its own, so that nobody who leaves takes the others' turn along.

use crate::delivery::Inner;
use crate::delivery::event;
use crate::delivery::frame::{Frames, Notice};
use crate::delivery::hub::Joining;
use crate::delivery::subscriber::Subscriber;
use crate::delivery::ticket::Stage;
use crate::refusal::causes;
use crate::store::StoreError;
use crate::store::log::{self, Bounds, LogNumber, PageSize, Place};
use crate::store::member::{self, Membership};
use sotto_wire::DeviceId;
use sotto_wire::event::{CaughtUp, Ephemeral, HistoryLost, LossCause};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// One page of a replay. What is read waits in memory until the socket takes it: 64 kB and the row over it.
const PAGE: PageSize = PageSize { rows_max: 128, body_max_bytes: 64 * 1_024 };

/// Streams that are looked up together; more save little, and the memberships of all of them are in memory at once.
const TOGETHER_MAX: usize = 64;

/// A stream that waits to be read for.
struct Wish {
    subscriber: Arc<Subscriber>,
    position: LogNumber,
    /// Dropped when the wish has been granted, or cannot be now.
    done: oneshot::Sender<()>,
}

/// The streams that wait, those first that came first. With those who left while they waited it has at most twice as many
/// as there are streams: it grows only when all in it still wait.
#[derive(Default)]
pub(crate) struct Line(VecDeque<Wish>);

impl Line {
    fn push(&mut self, wish: Wish) {
        if self.0.len() == self.0.capacity() {
            self.0.retain(|wish| !wish.done.is_closed());
        }
        self.0.push_back(wish);
    }

    /// The first of those who still wait; none only when all are being worked for.
    fn take(&mut self) -> Vec<Wish> {
        let mut together = Vec::new();
        while together.len() < TOGETHER_MAX
            && let Some(wish) = self.0.pop_front()
        {
            if !wish.done.is_closed() {
                together.push(wish);
            }
        }
        if self.0.is_empty() {
            self.0.shrink_to(TOGETHER_MAX);
        }
        together
    }
}

/// Waits for a turn and reads one page of the log, or makes the subscriber live when there is none.
pub(crate) async fn read(inner: &Arc<Inner>, subscriber: &Arc<Subscriber>, position: LogNumber) {
    let (granted, mut done) = oneshot::channel();
    inner.line().push(Wish { subscriber: subscriber.clone(), position, done: granted });
    loop {
        let turn = tokio::select! {
            biased;
            _ = &mut done => return,
            turn = inner.replays.clone().acquire_owned() => turn.expect("the semaphore is never closed"),
        };
        let together = inner.line().take();
        if together.is_empty() {
            // Somebody is at it.
            drop(turn);
            let _ = done.await;
            return;
        }
        let inner = inner.clone();
        let task = tokio::spawn(async move {
            grant(&inner, together).await;
            drop(turn);
        });
        let _ = task.await;
    }
}

/// What is known of streams that are looked up together.
struct Found {
    bounds: Bounds,
    /// The places in the list of those for whom the log has more.
    behind: Vec<usize>,
    memberships: HashMap<DeviceId, Vec<Membership>>,
}

async fn grant(inner: &Inner, together: Vec<Wish>) {
    let streams = together.len();
    match look_up(inner, &together).await {
        Ok(found) => return answer(inner, together, &found).await,
        // The next step of each asks again.
        Err(StoreError::Busy(_)) => return tracing::warn!(streams, "streams wait for the database"),
        Err(error) => tracing::error!(causes = causes(&error), streams, "failed to look up the log for streams"),
    }
    // What is wrong with one of them must not end the others.
    for wish in together {
        match look_up(inner, std::slice::from_ref(&wish)).await {
            Ok(found) => answer(inner, vec![wish], &found).await,
            Err(StoreError::Busy(_)) => {}
            Err(_) => wish.subscriber.break_now(),
        }
    }
}

/// Makes those live who have everything, and reads a page for each of the others.
async fn answer(inner: &Inner, together: Vec<Wish>, found: &Found) {
    let mut late = Vec::new();
    for (place, wish) in together.into_iter().enumerate() {
        if wish.position < found.bounds.horizon || found.behind.contains(&place) {
            late.push(wish);
        } else {
            join(inner, &wish.subscriber, found);
        }
    }
    for wish in late {
        if let Err(error) = read_page(inner, &wish, found.bounds).await {
            give_up(&wish.subscriber, &error);
        }
    }
}

fn give_up(subscriber: &Subscriber, error: &StoreError) {
    match error {
        // Its next step asks again.
        StoreError::Busy(_) => tracing::warn!("a stream waits for the database"),
        error => {
            tracing::error!(causes = causes(error), "failed to read the log for a stream");
            subscriber.break_now();
        }
    }
}

async fn look_up(inner: &Inner, together: &[Wish]) -> Result<Found, StoreError> {
    let mut connection = inner.store.read().acquire().await?;
    let bounds = log::bounds(&mut *connection).await?;
    let places: Vec<Place> = together.iter().map(|wish| (wish.subscriber.device().device, wish.position)).collect();
    let behind = log::behind(&mut connection, &places, bounds.head).await?;
    let mut devices: Vec<DeviceId> = places.iter().map(|(device, _)| *device).collect();
    devices.sort_unstable();
    devices.dedup();
    let memberships = member::memberships(&mut connection, &devices, bounds.head).await?;
    Ok(Found { bounds, behind, memberships })
}

/// Makes a subscriber live that has everything.
fn join(inner: &Inner, subscriber: &Subscriber, found: &Found) {
    let (now, head) = (inner.clock.now(), found.bounds.head);
    let memberships = found.memberships.get(&subscriber.device().device).map_or(&[][..], Vec::as_slice);
    let caught_up = Ephemeral::CaughtUp(CaughtUp { cursor: inner.cursors.write(head) });
    let caught_up = Notice::new(caught_up, now);
    let mut hub = inner.hub();
    // Under the lock of the hub: no row is claimed between joining and being live.
    match hub.join(subscriber.id(), head, memberships) {
        // Said once in a series of polls, when it becomes true.
        Joining::Live => {
            inner.presences().route((subscriber.device(), subscriber.id()), now);
            let is_known = subscriber.stage() == Stage::Live;
            subscriber.go_live(if is_known { &[] } else { caught_up.bytes(subscriber.codec()) }, head, now);
        }
        Joining::Behind => {}
        Joining::Gone => subscriber.break_now(),
    }
}

/// Reads one page of the log for a subscriber.
async fn read_page(inner: &Inner, wish: &Wish, bounds: Bounds) -> Result<(), StoreError> {
    let (subscriber, position) = (&wish.subscriber, wish.position);
    if position < bounds.horizon {
        let now = inner.clock.now();
        let (from, to) = (inner.cursors.write(position), inner.cursors.write(bounds.horizon));
        let lost = Ephemeral::HistoryLost(HistoryLost { from, to, cause: LossCause::Retention });
        subscriber.give_read(Notice::new(lost, now).bytes(subscriber.codec()), bounds.horizon, now);
        return Ok(());
    }
    let device = subscriber.device().device;
    let rows = log::read_device(inner.store.read(), device, (position, bounds.head), PAGE).await?;
    let Some(newest) = rows.last().map(|row| row.n) else { return Ok(()) };
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let n = row.n;
        if let Some(event) = event::of_row(&inner.store, &inner.cursors, row).await? {
            events.push((n, event));
        }
    }
    let now = inner.clock.now();
    subscriber.give_read(&Frames::of(&events, subscriber.codec(), now).bytes, newest, now);
    Ok(())
}

#[cfg(test)]
mod tests;
