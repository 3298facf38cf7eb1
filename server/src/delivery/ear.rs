//! What a client says on its own stream: nothing over server-sent events, commands over a WebSocket.
//!
//! The rule: an idle stream keeps no buffer for what may come. Bytes are read onto the stack; kept is only the part of a
//! message that has not ended. No more is read while [`COMMANDS_IN_FLIGHT_MAX`] commands are under way.

use crate::delivery::subscriber::Subscriber;
use crate::share::{Network, Share, Shares};
use crate::websocket::{self, CLOSE_NORMAL, Decoder, Received};
use sotto_wire::Millis;
use sotto_wire::limit::COMMANDS_IN_FLIGHT_MAX;
use sotto_wire::websocket::CLOSE_UNSUPPORTED;
use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// What is read at a time.
const READ_BYTES: usize = 16 * 1_024;
/// How long a message may take from its first byte to its last: as long as the body of a request.
const MESSAGE_TIME_MAX: Millis = Millis(32_000);
/// Close code (RFC 6455 §7.4.1): a message took too long, or too many were refused.
const CLOSE_POLICY: u16 = 1008;
/// Refused commands of a stream between two heartbeats, after which it is closed: each is a line of the log.
const REFUSED_MAX: usize = 200;
/// Close code (IANA): the server has no room for a message now.
const CLOSE_TRY_AGAIN: u16 = 1013;

/// What becomes of commands: told, it begins to carry one out, and gives the answer to the [`Reply`].
pub(crate) type Commands = Box<dyn Fn(Command, Reply) + Send + Sync>;

/// A command as it came: the bytes of an envelope, and the room that they take.
pub(crate) struct Command {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: Share,
}

/// Where the answer to a command goes. Counts the command until it is dropped.
pub(crate) struct Reply(Arc<Subscriber>);

impl Reply {
    /// Answers with an envelope in the codec of the stream; `room` is held until it is written.
    pub(crate) fn give(self, envelope: &[u8], room: Option<Share>, now: Millis) {
        if let Some((kind, compression)) = self.0.codec().message() {
            let mut bytes = Vec::new();
            websocket::message(&mut bytes, (kind, envelope), compression);
            self.0.give_own(&bytes, room, now);
        }
    }

    /// Counts a refusal; a client that is refused again and again is sent away.
    pub(crate) fn refused(&self, now: Millis) {
        if self.0.count_refusal() > REFUSED_MAX {
            self.0.end(None, CLOSE_POLICY, now);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.0.end_command();
    }
}

/// How a stream listens to its client.
pub(crate) enum Ear {
    /// Not at all: it only sees that the client has gone.
    Deaf,
    /// For commands.
    Open(Box<Listening>),
}

/// The memory for messages, and the network on whose account they take it.
pub(crate) type Room = (Arc<Shares>, Network);

/// What a stream that listens keeps.
pub(crate) struct Listening {
    decoder: Decoder,
    /// Read, but not yet listened to, since too many commands were under way.
    rest: Vec<u8>,
    commands: Commands,
    /// Where messages take their room.
    room: Room,
    /// The room of the message that is coming, and since when it is.
    coming: Option<(Share, usize, Millis)>,
}

/// Whether the client is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It is.
    There,
    /// It has closed its side, or the socket has broken.
    Gone,
}

impl Ear {
    /// An ear for commands.
    pub(crate) fn open(decoder: Decoder, commands: Commands, room: Room) -> Self {
        Self::Open(Box::new(Listening { decoder, rest: Vec::new(), commands, room, coming: None }))
    }

    /// Resolves when there is something to listen to.
    pub(crate) async fn woken(&self, subscriber: &Subscriber, socket: &TcpStream, now: Millis) {
        let ready = match self {
            Self::Deaf => socket.readable().await,
            Self::Open(_) if subscriber.commands() >= COMMANDS_IN_FLIGHT_MAX => pending().await,
            Self::Open(listening) if !listening.rest.is_empty() => Ok(()),
            Self::Open(listening) => match &listening.coming {
                None => socket.readable().await,
                Some((_, _, since)) => {
                    let left = MESSAGE_TIME_MAX.0.saturating_sub(now.since(*since).0);
                    // Boxed: few streams ever wait for the rest of a message.
                    let ready = Box::pin(tokio::time::timeout(Duration::from_millis(left), socket.readable()));
                    ready.await.unwrap_or(Ok(()))
                }
            },
        };
        // That the socket has failed is found when it is read.
        drop(ready);
    }

    /// Listens to what is there.
    pub(crate) fn listen(&mut self, subscriber: &Arc<Subscriber>, socket: &TcpStream, now: Millis) -> Heard {
        match self {
            Self::Deaf => passed_over(socket),
            Self::Open(listening) => listening.listen(subscriber, socket, now),
        }
    }
}

/// Reads what a client says that has nothing to say: a request for events has no body.
pub(crate) fn passed_over(socket: &TcpStream) -> Heard {
    let mut scrap = [0; 64];
    loop {
        match socket.try_read(&mut scrap) {
            Ok(0) => return Heard::Gone,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::There,
            Err(_) => return Heard::Gone,
        }
    }
}

impl Listening {
    fn listen(&mut self, subscriber: &Arc<Subscriber>, socket: &TcpStream, now: Millis) -> Heard {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            self.take(subscriber, &rest, now);
            return Heard::There;
        }
        let mut bytes = [0; READ_BYTES];
        match socket.try_read(&mut bytes) {
            Ok(0) => return Heard::Gone,
            Ok(count) => {
                subscriber.hear(now);
                self.take(subscriber, &bytes[..count], now);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return Heard::Gone,
        }
        if self.coming.as_ref().is_some_and(|(_, _, since)| now.since(*since) >= MESSAGE_TIME_MAX) {
            subscriber.end(None, CLOSE_POLICY, now);
        }
        Heard::There
    }

    /// Takes what was read, up to where it is too much at a time.
    fn take(&mut self, subscriber: &Arc<Subscriber>, mut input: &[u8], now: Millis) {
        while subscriber.commands() < COMMANDS_IN_FLIGHT_MAX {
            match self.decoder.read(&mut input) {
                Ok(Some(received)) => {
                    if !self.receive(subscriber, received, now) {
                        return;
                    }
                }
                Ok(None) => return self.keep(subscriber, now),
                Err(violation) => return subscriber.end(None, violation.close_code(), now),
            }
        }
        self.rest = input.to_vec();
    }

    /// Takes room for what was kept of a message that has not ended.
    fn keep(&mut self, subscriber: &Subscriber, now: Millis) {
        let kept = self.decoder.kept_bytes();
        if kept == 0 {
            return;
        }
        let (room, taken, _) = self.coming.get_or_insert_with(|| (self.room.0.join(self.room.1), 0, now));
        if room.take(kept - *taken) {
            *taken = kept;
        } else {
            subscriber.end(None, CLOSE_TRY_AGAIN, now);
        }
    }

    /// Does what was asked for; says whether to listen on.
    fn receive(&mut self, subscriber: &Arc<Subscriber>, received: Received, now: Millis) -> bool {
        match received {
            Received::Message(kind, bytes) => {
                if subscriber.codec().message().map(|(kind, _)| kind) != Some(kind) {
                    subscriber.end(None, CLOSE_UNSUPPORTED, now);
                    return false;
                }
                return self.command(subscriber, bytes, now);
            }
            Received::Ping(payload) => {
                let mut bytes = Vec::new();
                websocket::pong(&mut bytes, &payload);
                subscriber.give_own(&bytes, None, now);
            }
            Received::Pong => {}
            Received::Close(code) => {
                subscriber.end(None, code.unwrap_or(CLOSE_NORMAL), now);
                return false;
            }
        }
        true
    }

    fn command(&mut self, subscriber: &Arc<Subscriber>, bytes: Vec<u8>, now: Millis) -> bool {
        let (mut room, taken, _) = self.coming.take().unwrap_or_else(|| (self.room.0.join(self.room.1), 0, now));
        // A compressed message may have grown, or shrunk.
        if !room.take(bytes.len().saturating_sub(taken)) {
            subscriber.end(None, CLOSE_TRY_AGAIN, now);
            return false;
        }
        subscriber.begin_command();
        (self.commands)(Command { bytes, room }, Reply(subscriber.clone()));
        true
    }
}
