//! The other end of streams, as far as it is told of people.

use crate::client::{Person, Server};
use crate::presence::EVERY;
use crate::stream::{Frame, Socket, next_path, poll, ticket_path};
use sotto_wire::Millis;
use sotto_wire::event::{Ephemeral, Event};
use sotto_wire::presence::{PersonPresence, Presence};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who is there, as others are told.
pub(super) fn shown(who: &Person, presence: Presence) -> PersonPresence {
    PersonPresence { user: who.user, presence, last_seen: None }
}

/// Somebody who is not.
pub(super) fn offline(who: &Person, last_seen: Option<Millis>) -> PersonPresence {
    PersonPresence { last_seen, ..shown(who, Presence::Offline) }
}

/// A WebSocket.
pub(super) struct Eyes(Socket);

/// Opens a WebSocket that has caught up, and moves the clock on to when others are told of a device that comes.
pub(super) async fn come(server: &Server, who: &Person) -> Eyes {
    let mut socket = Socket::open((server, who), None, &[]).await;
    while !matches!(socket.event().await, Event::Ephemeral(Ephemeral::CaughtUp(_))) {}
    server.clock.advance(EVERY);
    Eyes(socket)
}

fn person(event: &Event) -> Option<PersonPresence> {
    match event {
        Event::Ephemeral(Ephemeral::UserOnline(person)) => {
            assert_ne!(person.presence, Presence::Offline);
            Some(*person)
        }
        Event::Ephemeral(Ephemeral::UserOffline(person)) => {
            assert_eq!(person.presence, Presence::Offline);
            Some(*person)
        }
        Event::Durable(_) | Event::Ephemeral(_) | Event::Unknown => None,
    }
}

impl Eyes {
    /// Closes the stream; the server knows of it then, since it ends a stream before it closes its side.
    pub(super) async fn close(mut self) {
        self.0.stream.shutdown().await.expect("closed");
        while self.0.frame().await != Frame::End {}
    }

    /// The next who is told of.
    pub(super) async fn next(&mut self) -> PersonPresence {
        loop {
            if let Some(person) = person(&self.0.event().await) {
                return person;
            }
        }
    }
}

/// A stream of server-sent events.
pub(super) struct Sse {
    response: reqwest::Response,
    read: String,
}

impl Sse {
    /// [`come`] by server-sent events.
    pub(super) async fn open(server: &Server, who: &Person) -> Self {
        let url = format!("{}{}", server.origin, ticket_path(server, who, None).await);
        let response = server.http.get(url).header("accept", "text/event-stream").send().await.expect("an answer");
        let mut sse = Self { response, read: String::new() };
        while !matches!(sse.event().await, Event::Ephemeral(Ephemeral::CaughtUp(_))) {}
        server.clock.advance(EVERY);
        sse
    }

    async fn event(&mut self) -> Event {
        loop {
            while let Some((line, rest)) = self.read.split_once('\n') {
                let event = line.strip_prefix("data: ").map(|json| Event::from_frame(json.as_bytes()));
                self.read = rest.to_owned();
                if let Some(event) = event {
                    return event.expect("an event");
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("in time");
            let chunk = chunk.expect("a readable stream").expect("the stream goes on");
            self.read.push_str(std::str::from_utf8(&chunk).expect("ASCII"));
        }
    }

    /// The next who is told of.
    pub(super) async fn next(&mut self) -> PersonPresence {
        loop {
            if let Some(person) = person(&self.event().await) {
                return person;
            }
        }
    }

    /// The next who is told of; `None` when a heartbeat of `time` comes before that.
    pub(super) async fn next_or_beat(&mut self, time: Millis) -> Option<PersonPresence> {
        loop {
            let event = self.event().await;
            if let Some(person) = person(&event) {
                return Some(person);
            }
            if matches!(event, Event::Ephemeral(Ephemeral::Heartbeat(beat)) if beat.server_time >= time) {
                return None;
            }
        }
    }
}

/// Polls once; gives the path of the next.
pub(super) async fn go_on_polling(server: &Server, path: &str) -> String {
    next_path(&poll(server, path).await.0)
}
