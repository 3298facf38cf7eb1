//! The life of one event stream: its task, from the first byte to the last.
//!
//! The task sleeps while the subscriber is live and its socket takes what it is given. It wakes to write what waited,
//! to read the log when the subscriber is behind, and to end. The rule: a subscriber is in the hub for exactly as long
//! as its task runs.

use crate::delivery::Inner;
use crate::delivery::frame::{self, Frames};
use crate::delivery::hub::Joining;
use crate::delivery::subscriber::{Start, Step, Subscriber};
use crate::refusal::causes;
use crate::store::log::{self, LogNumber, PageSize};
use crate::store::{StoreError, conversation};
use socket2::SockRef;
use sotto_wire::event::{CaughtUp, Ephemeral, HistoryLost, LossCause};
use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::Arc;
use tokio::net::TcpStream;

/// One page of a replay. What is read waits in memory until the socket takes it: 64 kB and the row over it.
const PAGE: PageSize = PageSize { rows_max: 128, body_max_bytes: 64 * 1_024 };

/// Runs a stream on `socket`, from `first_words` (the head of the response and the first event) to its end.
pub(crate) async fn run(inner: Arc<Inner>, start: Start, socket: TcpStream, first_words: Vec<u8>) {
    let subscriber = {
        let now = inner.clock.now();
        let mut hub = inner.hub();
        let subscriber = Arc::new(Subscriber::new(hub.next_id(), start, socket, now));
        subscriber.give_read(&first_words, start.from, now);
        hub.add(subscriber.clone());
        subscriber
    };
    drop(first_words);
    inner.greet_late(&subscriber);
    while live(&inner, &subscriber).await {}
    inner.hub().remove(subscriber.id());
    // Others may still hold the subscriber for a moment; the peer is to see the end now.
    let _ = SockRef::from(subscriber.socket()).shutdown(Shutdown::Write);
}

/// Does one step; says whether there is another.
async fn live(inner: &Arc<Inner>, subscriber: &Arc<Subscriber>) -> bool {
    match subscriber.step() {
        Step::End => return false,
        Step::Flush => {
            tokio::select! {
                _ = subscriber.socket().writable() => subscriber.flush(inner.clock.now()),
                () = subscriber.woken() => {}
            }
        }
        Step::Wait => {
            tokio::select! {
                () = subscriber.woken() => {}
                () = hung_up(subscriber.socket()) => subscriber.break_now(),
            }
        }
        // Boxed, so that a stream that is live does not carry the room for reading.
        Step::Read(position) => {
            let turn = inner.replays.acquire().await.expect("the semaphore is never closed");
            let read = Box::pin(read_on(inner, subscriber, position)).await;
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
    }
    true
}

/// Reads one page of the log for a subscriber, or makes it live when there is none.
async fn read_on(inner: &Inner, subscriber: &Subscriber, position: LogNumber) -> Result<(), StoreError> {
    let device = subscriber.device().device;
    let bounds = log::bounds(inner.store.read()).await?;
    let now = inner.clock.now();
    if position < bounds.horizon {
        let (from, to) = (inner.cursors.write(position), inner.cursors.write(bounds.horizon));
        let lost = Ephemeral::HistoryLost(HistoryLost { from, to, cause: LossCause::Retention });
        subscriber.give_read(&frame::ephemeral(&lost, now), bounds.horizon, now);
        return Ok(());
    }
    let rows = log::read_device(inner.store.read(), device, (position, bounds.head), PAGE).await?;
    if let Some(newest) = rows.last().map(|row| row.n) {
        let mut frames = Frames::default();
        for row in rows {
            let n = row.n;
            if let Some(event) = frame::event(&inner.store, &inner.cursors, row).await? {
                frames.push((n, &event), now);
            }
        }
        subscriber.give_read(&frames.bytes, newest, now);
        return Ok(());
    }
    let memberships = conversation::memberships(inner.store.read(), device, bounds.head).await?;
    let caught_up = Ephemeral::CaughtUp(CaughtUp { cursor: inner.cursors.write(bounds.head) });
    let caught_up = frame::ephemeral(&caught_up, now);
    let mut hub = inner.hub();
    // Under the lock of the hub: no row is claimed between joining and being live.
    match hub.join(subscriber.id(), bounds.head, &memberships) {
        Joining::Live => subscriber.go_live(&caught_up, bounds.head, now),
        Joining::Behind => {}
        Joining::Gone => subscriber.break_now(),
    }
    Ok(())
}

/// Resolves when the peer has closed its side or the socket has broken. What it says meanwhile is passed over: a
/// request for events has no body.
async fn hung_up(socket: &TcpStream) {
    let mut scrap = [0; 64];
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        match socket.try_read(&mut scrap) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return,
        }
    }
}
