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
use crate::store::conversation::{self, Membership};
use crate::store::log::{self, Bounds, LogNumber, PageSize, Place};
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

/// The streams that wait, those first that came first. As many as there are streams at most.
#[derive(Default)]
pub(crate) struct Line(VecDeque<Wish>);

impl Line {
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
    inner.line().0.push_back(Wish { subscriber: subscriber.clone(), position, done: granted });
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
    let found = match look_up(inner, &together).await {
        Ok(found) => found,
        Err(error) => return together.iter().for_each(|wish| give_up(&wish.subscriber, &error)),
    };
    let mut late = Vec::new();
    for (place, wish) in together.into_iter().enumerate() {
        if wish.position < found.bounds.horizon || found.behind.contains(&place) {
            late.push(wish);
        } else {
            join(inner, &wish.subscriber, &found);
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
    let memberships = conversation::memberships(&mut connection, &devices, bounds.head).await?;
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
mod tests {
    use super::*;
    use crate::delivery::testing::{Bench, PATIENCE, Reader, message, room_of_two, send, texts};
    use crate::delivery::ticket::Start;
    use crate::store::presence::Settings;
    use crate::store::session::SessionId;
    use tokio::time::timeout;

    const STREAMS: usize = 3 * TOGETHER_MAX;

    #[tokio::test]
    async fn streams_that_come_back_at_once_each_get_what_they_missed() {
        let bench = Bench::new().await;
        let (room, one, other) = room_of_two(&bench).await;
        let delivery = bench.deliver().await;
        let middle = send(&delivery, message(room, one, 0)).await;
        for number in 1..5 {
            send(&delivery, message(room, one, number)).await;
        }
        let turns = delivery.0.replays.acquire_many(3).await.expect("every turn");
        let mut streams = Vec::new();
        for number in 0..STREAMS {
            let from = if number % 2 == 0 { LogNumber(0) } else { middle };
            streams.push(Reader::open(&delivery, other, from).await);
        }
        drop(turns);
        for (number, mut stream) in streams.into_iter().enumerate() {
            let missed = timeout(PATIENCE, stream.catch_up()).await.expect("in time");
            assert_eq!(missed, texts(number % 2..5), "stream {number}");
        }
        send(&delivery, message(room, one, 5)).await;
    }

    #[tokio::test]
    async fn who_leaves_takes_nobody_elses_turn_along() {
        let bench = Bench::new().await;
        let (_, _, other) = room_of_two(&bench).await;
        let delivery = bench.deliver().await;
        let turns = delivery.0.replays.acquire_many(3).await.expect("every turn");
        let session = SessionId(other.device.0);
        let start = Start {
            session,
            device: other,
            from: LogNumber(0),
            stage: Stage::First,
            key_packages: 0,
            settings: Settings::default(),
        };
        let polls: Vec<_> = (0..STREAMS)
            .map(|_| {
                let delivery = delivery.clone();
                tokio::spawn(async move { delivery.poll(start, None).await })
            })
            .collect();
        while delivery.0.line().0.len() < STREAMS {
            tokio::task::yield_now().await;
        }
        let mut last = Reader::open(&delivery, other, LogNumber(0)).await;
        polls.iter().for_each(|poll| poll.abort());
        drop(turns);
        timeout(PATIENCE, last.catch_up()).await.expect("in time");
        assert_eq!(delivery.0.line().0.len(), 0);
    }
}
