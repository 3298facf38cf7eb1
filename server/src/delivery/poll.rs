//! One long poll: a subscriber without a socket, which gathers what it is given until there is something to answer.
//!
//! The rule: what an answer holds stays unacknowledged. The ticket for the next poll goes on behind it, and who has lost
//! the answer asks for another ticket at its own cursor.

use crate::delivery::Inner;
use crate::delivery::catch_up;
use crate::delivery::frame::{Codec, Notice};
use crate::delivery::life::Step;
use crate::delivery::outlet::{Gathered, Outlet, Standing};
use crate::delivery::subscriber::Subscriber;
use crate::delivery::ticket::{Stage, Start};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// With so much to say no more is read: about a page of a replay.
const ANSWER_ENOUGH_BYTES: usize = 64 * 1_024;

/// How long reading may go on after the time for which a poll is held: proxies cut at 30 s, five after that time.
const GATHER_GRACE: Duration = Duration::from_secs(3);

/// What a poll came to.
pub(crate) struct Polled {
    /// Envelopes of events, each with a comma behind it.
    pub(crate) events: Vec<u8>,
    /// What the next poll opens; nothing when the stream has ended.
    pub(crate) next: Option<Start>,
    /// Whether the next poll is answered at once.
    pub(crate) more: bool,
}

/// A subscriber's place in the hub, until it is dropped.
struct Seat<'a>(&'a Inner, Arc<Subscriber>);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.leave(&self.1);
    }
}

/// Holds a poll until there is something to say, or for as long as it may be held.
pub(crate) async fn hold(inner: &Arc<Inner>, start: Start, first_words: Option<Notice>) -> Polled {
    let seat = {
        let (now, id) = (inner.clock.now(), inner.hub().next_id());
        let outlet = Outlet::Memory(Mutex::default());
        let subscriber = Arc::new(Subscriber::new(id, start, (Codec::List, outlet), now));
        if let Some(first_words) = first_words {
            subscriber.give_read(first_words.bytes(Codec::List), start.from, now);
        }
        inner.enter(&subscriber);
        Seat(inner, subscriber)
    };
    let subscriber = &seat.1;
    inner.greet_late(subscriber);
    gather(inner, subscriber).await;
    let Gathered { bytes, upto, standing } = subscriber.fetch();
    // They may have been changed meanwhile, and are remembered while the seat is held.
    let settings = inner.presences().settings(start.device.user).unwrap_or(start.settings);
    let next = |stage| Some(Start { from: upto, stage, settings, ..start });
    match standing {
        Standing::Behind => Polled { events: bytes, next: next(Stage::Reading), more: true },
        Standing::Live => Polled { events: bytes, next: next(Stage::Live), more: false },
        Standing::Ended => Polled { events: bytes, next: None, more: false },
    }
}

/// Resolves when there is something to say, or nothing for as long as a poll may be held. Reading may take a while
/// longer: a poll that is never held must still get what is there. What it has not got by then the next one reads.
async fn gather(inner: &Arc<Inner>, subscriber: &Arc<Subscriber>) {
    let hold = Duration::from_millis(inner.terms.poll_hold_ms.0);
    let mut held = pin!(tokio::time::sleep(hold));
    let mut over = pin!(tokio::time::sleep(hold + GATHER_GRACE));
    loop {
        match subscriber.step(inner.clock.now()) {
            Step::End | Step::Flush | Step::Finish => return,
            Step::Read(_) if subscriber.gathered_bytes() >= ANSWER_ENOUGH_BYTES => return,
            Step::Read(position) => tokio::select! {
                () = catch_up::read(inner, subscriber, position) => {}
                () = &mut over => return,
            },
            Step::Wait if subscriber.gathered_bytes() > 0 => return,
            Step::Wait => tokio::select! {
                () = subscriber.woken() => {}
                () = &mut held => return,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::testing::{Bench, PATIENCE, start};
    use crate::store::log::LogNumber;
    use crate::store::presence::Settings;
    use sotto_wire::presence::Audience;

    #[tokio::test]
    async fn next_poll_begins_with_the_settings_of_now() {
        let bench = Bench::new().await;
        let device = bench.person(1).await;
        let delivery = bench.deliver().await;
        let hidden = Settings { audience: Audience::Nobody, ..Settings::default() };
        delivery.learn_settings(device.user, Settings::default());
        let revision = delivery.settings_revision(&bench.write().await);
        delivery.set_settings(device.user, hidden, revision);
        let polled =
            tokio::time::timeout(PATIENCE, delivery.poll(start(device, LogNumber(0)), None)).await.expect("an answer");
        assert_eq!(polled.next.map(|next| next.settings), Some(hidden));
    }

    #[tokio::test]
    async fn poll_that_gets_no_turn_to_read_is_answered_in_time_and_goes_on_where_it_was() {
        let bench = Bench::new().await;
        let device = bench.person(1).await;
        let delivery = bench.deliver().await;
        let _turns = delivery.0.replays.acquire_many(3).await.expect("every turn");
        let polled = tokio::time::timeout(PATIENCE, delivery.poll(start(device, LogNumber(0)), None))
            .await
            .expect("an answer in time");
        assert_eq!((polled.events.len(), polled.more), (0, true));
        let next = polled.next.expect("the stream goes on");
        assert_eq!((next.from, next.stage), (LogNumber(0), Stage::Reading));
    }
}
