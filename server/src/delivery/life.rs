//! The life of one event stream: its task, from the first byte to the last.
//!
//! The task sleeps while the subscriber is live and its socket takes what it is given. It wakes to write what waited,
//! to read the log when the subscriber is behind, and to end. The rule: a subscriber is in the hub for exactly as long
//! as its task runs.

use crate::delivery::Inner;
use crate::delivery::ear::{Ear, Heard, passed_over};
use crate::delivery::event;
use crate::delivery::frame::{Codec, Frames, Notice};
use crate::delivery::hub::Joining;
use crate::delivery::outlet::Outlet;
use crate::delivery::subscriber::Subscriber;
use crate::delivery::ticket::{Stage, Start};
use crate::refusal::causes;
use crate::store::log::{self, LogNumber, PageSize};
use crate::store::{StoreError, conversation};
use socket2::SockRef;
use sotto_wire::Millis;
use sotto_wire::event::{CaughtUp, Ephemeral, HistoryLost, LossCause};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// One page of a replay. What is read waits in memory until the socket takes it: 64 kB and the row over it.
const PAGE: PageSize = PageSize { rows_max: 128, body_max_bytes: 64 * 1_024 };

/// How long the peer is waited for to close its side of a WebSocket (RFC 6455 §7.1.1). Closed with something unread,
/// the socket would lose what was said last.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// How a stream begins.
pub(crate) struct Opening {
    pub(crate) codec: Codec,
    pub(crate) ear: Ear,
    /// The head of the response and the first event.
    pub(crate) first_words: Vec<u8>,
    /// When its session ends without a refresh.
    pub(crate) session_ends_at: Millis,
}

/// What a subscriber's task is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait until the socket takes more.
    Flush,
    /// Read the log on from here.
    Read(LogNumber),
    /// Wait for what comes, and listen.
    Wait,
    /// Wait for what comes, and listen no more.
    Finish,
    /// Close.
    End,
}

/// Runs a stream on `socket` from its first words to its end.
pub(crate) async fn run(inner: Arc<Inner>, start: Start, socket: TcpStream, opening: Opening) {
    let Opening { codec, mut ear, first_words, session_ends_at } = opening;
    let subscriber = {
        let (now, id) = (inner.clock.now(), inner.hub().next_id());
        let subscriber = Arc::new(Subscriber::new(id, start, (codec, Outlet::Socket(socket)), now));
        subscriber.stands_until(session_ends_at);
        subscriber.give_read(&first_words, start.from, now);
        inner.enter(&subscriber);
        subscriber
    };
    drop(first_words);
    inner.greet_late(&subscriber);
    while live(&inner, &subscriber, &mut ear).await {}
    inner.leave(&subscriber);
    let Some(socket) = subscriber.socket() else { return };
    // Others may still hold the subscriber for a moment; the peer is to see the end now.
    let _ = SockRef::from(socket).shutdown(Shutdown::Write);
    if codec.message().is_some() {
        let _ = tokio::time::timeout(LINGER_MAX, hung_up(socket)).await;
    }
}

/// Does one step; says whether there is another.
async fn live(inner: &Arc<Inner>, subscriber: &Arc<Subscriber>, ear: &mut Ear) -> bool {
    let Some(socket) = subscriber.socket() else { return false };
    let now = inner.clock.now();
    match subscriber.step(now) {
        Step::End => return false,
        Step::Flush => {
            tokio::select! {
                _ = socket.writable() => subscriber.flush(inner.clock.now()),
                () = subscriber.woken() => {}
            }
        }
        Step::Finish => subscriber.woken().await,
        Step::Wait => {
            tokio::select! {
                () = subscriber.woken() => {}
                () = ear.woken(subscriber, socket, now) => listen(inner, subscriber, ear),
            }
        }
        // Boxed, so that a stream that is live does not carry the room for reading.
        Step::Read(position) => {
            Box::pin(read(inner, subscriber, position)).await;
            // What the client says meanwhile does not wait until all is read.
            listen(inner, subscriber, ear);
        }
    }
    true
}

fn listen(inner: &Inner, subscriber: &Arc<Subscriber>, ear: &mut Ear) {
    let Some(socket) = subscriber.socket() else { return };
    match ear.listen(subscriber, socket, inner.clock.now()) {
        Heard::There => {}
        Heard::Gone => subscriber.break_now(),
    }
}

/// Waits for a turn and reads one page of the log, or makes the subscriber live when there is none.
pub(crate) async fn read(inner: &Inner, subscriber: &Subscriber, position: LogNumber) {
    let turn = inner.replays.acquire().await.expect("the semaphore is never closed");
    let read = read_on(inner, subscriber, position).await;
    drop(turn);
    match read {
        Ok(()) => {}
        Err(StoreError::Busy(_)) => tracing::warn!("a stream waits for the database"),
        Err(error) => {
            tracing::error!(causes = causes(&error), "failed to read the log for a stream");
            subscriber.break_now();
        }
    }
}

/// Reads one page of the log for a subscriber, or makes it live when there is none.
async fn read_on(inner: &Inner, subscriber: &Subscriber, position: LogNumber) -> Result<(), StoreError> {
    let device = subscriber.device().device;
    let bounds = log::bounds(inner.store.read()).await?;
    let now = inner.clock.now();
    if position < bounds.horizon {
        let (from, to) = (inner.cursors.write(position), inner.cursors.write(bounds.horizon));
        let lost = Ephemeral::HistoryLost(HistoryLost { from, to, cause: LossCause::Retention });
        subscriber.give_read(Notice::new(lost, now).bytes(subscriber.codec()), bounds.horizon, now);
        return Ok(());
    }
    let rows = log::read_device(inner.store.read(), device, (position, bounds.head), PAGE).await?;
    if let Some(newest) = rows.last().map(|row| row.n) {
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let n = row.n;
            if let Some(event) = event::of_row(&inner.store, &inner.cursors, row).await? {
                events.push((n, event));
            }
        }
        subscriber.give_read(&Frames::of(&events, subscriber.codec(), now).bytes, newest, now);
        return Ok(());
    }
    let memberships = conversation::memberships(inner.store.read(), device, bounds.head).await?;
    let caught_up = Ephemeral::CaughtUp(CaughtUp { cursor: inner.cursors.write(bounds.head) });
    let caught_up = Notice::new(caught_up, now);
    let mut hub = inner.hub();
    // Under the lock of the hub: no row is claimed between joining and being live.
    match hub.join(subscriber.id(), bounds.head, &memberships) {
        // Said once in a series of polls, when it becomes true.
        Joining::Live => {
            inner.presences().route((subscriber.device(), subscriber.id()), now);
            let is_known = subscriber.stage() == Stage::Live;
            subscriber.go_live(if is_known { &[] } else { caught_up.bytes(subscriber.codec()) }, bounds.head, now);
        }
        Joining::Behind => {}
        Joining::Gone => subscriber.break_now(),
    }
    Ok(())
}

/// Resolves when the peer has closed its side or the socket has broken. What it still says is passed over.
async fn hung_up(socket: &TcpStream) {
    while socket.readable().await.is_ok() && passed_over(socket) == Heard::There {}
}
