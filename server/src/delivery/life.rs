//! The life of one event stream: its task, from the first byte to the last.
//!
//! The task sleeps while the subscriber is live and its socket takes what it is given. It wakes to write what waited,
//! to read the log when the subscriber is behind, and to end. The rule: a subscriber is in the hub for exactly as long
//! as its task runs.

use crate::delivery::Inner;
use crate::delivery::catch_up;
use crate::delivery::ear::{Ear, Heard, passed_over};
use crate::delivery::frame::Codec;
use crate::delivery::outlet::Outlet;
use crate::delivery::subscriber::Subscriber;
use crate::delivery::ticket::Start;
use crate::store::log::LogNumber;
use socket2::SockRef;
use sotto_wire::Millis;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

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
            Box::pin(catch_up::read(inner, subscriber, position)).await;
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

/// Resolves when the peer has closed its side or the socket has broken. What it still says is passed over.
async fn hung_up(socket: &TcpStream) {
    while socket.readable().await.is_ok() && passed_over(socket) == Heard::There {}
}
