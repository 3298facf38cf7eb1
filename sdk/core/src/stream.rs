//! The connection: ticket, stream, silence, backoff (T4, T8, T9). Owns when to connect, by what and when to give up;
//! reads no event and sends no command. The rule: it never gives up for good, and never waits when the user, the
//! network or the page says that now is the time.

use crate::backoff;
use crate::contract::{Network, StreamKey};
use crate::random::Random;
use crate::view::{Connection, Pace, Progress};
use sotto_wire::ticket::{RetryPolicy, TicketOpened, Transport};
use sotto_wire::{Code, Millis, Problem, limit, ticket};

/// How long the first frame may take before the stream is given up.
pub(crate) const CONNECT_MS: Millis = Millis(10_000);

/// What the connection wants done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask for a ticket; [`Stream::ticket`] takes the answer, under this number.
    AskTicket(u64),
    /// Open a stream.
    Open { key: StreamKey, transport: Transport, path: String },
    /// Close a stream.
    Close(StreamKey),
}

/// The connection to the server.
#[derive(Debug)]
pub(crate) struct Stream {
    state: State,
    network: Network,
    policy: RetryPolicy,
    silence: Millis,
    /// The only transport that may be used, when one is pinned.
    pinned: Option<Transport>,
    next_number: u64,
}

#[derive(Debug)]
enum State {
    /// Nobody wants it.
    Off,
    /// Wanted, but the system says that there is no network.
    Offline,
    /// Until the next attempt.
    Waiting { attempt: u32, at: Millis, refusal: Option<Code> },
    /// A ticket is asked for.
    Ticketing { attempt: Attempt, number: u64 },
    /// A stream is being opened.
    Opening { attempt: Attempt, key: StreamKey, transport: Transport, until: Millis },
    /// Events flow.
    Open { key: StreamKey, transport: Transport, since: Millis, heard_at: Millis, progress: Progress, failed: u32 },
}

/// One attempt to connect.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    /// How many have failed in a row before.
    failed: u32,
    began_at: Millis,
    refusal: Option<Code>,
}

impl Stream {
    /// Not connected, and not wanted to be.
    pub(crate) fn new(network: Network) -> Self {
        let silence = Millis(limit::STREAM_SILENCE_MS);
        Self { state: State::Off, network, policy: RetryPolicy::default(), silence, pinned: None, next_number: 1 }
    }

    /// What a person is told.
    pub(crate) fn connection(&self) -> Connection {
        match self.state {
            State::Off => Connection::None,
            State::Offline => Connection::Offline,
            State::Waiting { attempt, at, refusal } => {
                Connection::Reconnecting { attempt, next_try_at: at, refusal, pace: Pace::Backoff }
            }
            State::Ticketing { attempt, .. } | State::Opening { attempt, .. } => match attempt.failed {
                0 => Connection::Connecting,
                failed => Connection::Reconnecting {
                    attempt: failed,
                    next_try_at: attempt.began_at,
                    refusal: attempt.refusal,
                    pace: Pace::Backoff,
                },
            },
            State::Open { transport, since, progress, .. } => {
                Connection::Online { transport, progress, since, round_trip: None }
            }
        }
    }

    /// Whether events flow.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether events flow and what was missed has come.
    pub(crate) fn is_caught_up(&self) -> bool {
        matches!(self.state, State::Open { progress: Progress::CaughtUp, .. })
    }

    /// Whether `key` is the stream of now: frames of another are to be dropped.
    pub(crate) fn is_current(&self, key: StreamKey) -> bool {
        self.key() == Some(key)
    }

    /// When [`Stream::timer`] is due.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        match self.state {
            State::Off | State::Offline | State::Ticketing { .. } => None,
            State::Waiting { at, .. } => Some(at),
            State::Opening { until, .. } => Some(until),
            State::Open { heard_at, .. } => Some(heard_at.after(self.silence)),
        }
    }

    /// Somebody has signed in.
    pub(crate) fn start(&mut self, now: Millis) -> Vec<Action> {
        match (&self.state, self.network) {
            (State::Off, Network::Online) => vec![self.ask(0, None, now)],
            (State::Off, Network::Offline) => {
                self.state = State::Offline;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Nobody is signed in any more.
    pub(crate) fn stop(&mut self) -> Vec<Action> {
        let actions = self.close();
        self.state = State::Off;
        actions
    }

    /// The answer to [`Action::AskTicket`].
    pub(crate) fn ticket(
        &mut self,
        number: u64,
        answer: Result<TicketOpened, Problem>,
        (now, random): (Millis, &Random),
    ) -> Vec<Action> {
        let attempt = match self.state {
            State::Ticketing { attempt, number: asked } if asked == number => attempt,
            _ => return Vec::new(),
        };
        let opened = match answer {
            Ok(opened) => opened,
            Err(problem) => {
                self.fail(attempt.failed, Some(problem.code), (now, random));
                if let (State::Waiting { at, .. }, Some(wait)) = (&mut self.state, problem.retry_after_ms) {
                    *at = (*at).max(now.after(wait));
                }
                return Vec::new();
            }
        };
        self.policy = opened.retry;
        // T8: 20 s of heartbeat make 45 s of silence.
        self.silence = Millis((opened.heartbeat_ms.0.saturating_mul(9) / 4).min(limit::STREAM_SILENCE_MS));
        let Some(transport) = opened
            .transports
            .into_iter()
            .find(|t| *t == Transport::Sse && self.pinned.is_none_or(|pinned| *t == pinned))
        else {
            self.fail(attempt.failed, Some(Code::ProtocolUnsupported), (now, random));
            return Vec::new();
        };
        let key = StreamKey(self.number());
        self.state = State::Opening { attempt, key, transport, until: now.after(CONNECT_MS) };
        let path = format!("{}?ticket={}", ticket::EVENTS_PATH, opened.ticket.as_str());
        vec![Action::Open { key, transport, path }]
    }

    /// A frame came.
    pub(crate) fn heard(&mut self, now: Millis) {
        if let State::Open { heard_at, .. } = &mut self.state {
            *heard_at = now;
        }
    }

    /// The first frame came.
    pub(crate) fn connected(&mut self, now: Millis) {
        if let State::Opening { attempt, key, transport, .. } = self.state {
            let (since, heard_at, failed) = (now, now, attempt.failed);
            self.state = State::Open { key, transport, since, heard_at, progress: Progress::CatchingUp, failed };
        }
    }

    /// What was missed has come.
    pub(crate) fn caught_up(&mut self) {
        if let State::Open { progress, failed, .. } = &mut self.state {
            (*progress, *failed) = (Progress::CaughtUp, 0);
        }
    }

    /// The stream has ended.
    pub(crate) fn closed(&mut self, key: StreamKey, now: Millis, random: &Random) {
        if self.is_current(key) {
            self.fail(self.failed(), None, (now, random));
        }
    }

    /// The server goes away and says when to come back.
    pub(crate) fn shut_down(&mut self, retry_in: Millis, now: Millis) -> Vec<Action> {
        let actions = self.close();
        self.state = State::Waiting { attempt: 1, at: now.after(retry_in), refusal: None };
        actions
    }

    /// The stream is to be given up and opened anew where the inbox stands.
    pub(crate) fn give_up(&mut self, now: Millis, random: &Random) -> Vec<Action> {
        let actions = self.close();
        if matches!(self.state, State::Opening { .. } | State::Open { .. }) {
            self.fail(self.failed(), None, (now, random));
        }
        actions
    }

    /// What the system says of the network.
    pub(crate) fn network(&mut self, network: Network, now: Millis) -> Vec<Action> {
        self.network = network;
        match (network, &self.state) {
            (_, State::Off) => Vec::new(),
            (Network::Offline, _) => {
                let actions = self.close();
                self.state = State::Offline;
                actions
            }
            (Network::Online, State::Offline | State::Waiting { .. }) => vec![self.ask(0, None, now)],
            (Network::Online, State::Ticketing { .. } | State::Opening { .. } | State::Open { .. }) => Vec::new(),
        }
    }

    /// The page can be seen again: what slept is not to be trusted.
    pub(crate) fn visible(&mut self, now: Millis) -> Vec<Action> {
        match self.state {
            State::Waiting { .. } => vec![self.ask(0, None, now)],
            State::Open { heard_at, .. } if now.since(heard_at).0 > self.silence.0 * 5 / 9 => {
                let mut actions = self.close();
                actions.push(self.ask(0, None, now));
                actions
            }
            _ => Vec::new(),
        }
    }

    /// The user wants it now, whatever backoff and system say.
    pub(crate) fn reconnect(&mut self, now: Millis) -> Vec<Action> {
        match self.state {
            State::Waiting { .. } | State::Offline => vec![self.ask(0, None, now)],
            State::Off | State::Ticketing { .. } | State::Opening { .. } | State::Open { .. } => Vec::new(),
        }
    }

    /// The user wants this transport and no other, or the best again.
    pub(crate) fn pin(&mut self, transport: Option<Transport>, now: Millis) -> Vec<Action> {
        self.pinned = transport;
        let fits = |used: Transport| transport.is_none_or(|pinned| pinned == used);
        match self.state {
            State::Opening { transport, .. } | State::Open { transport, .. } if !fits(transport) => {
                let mut actions = self.close();
                actions.push(self.ask(0, None, now));
                actions
            }
            _ => Vec::new(),
        }
    }

    /// A deadline may have come.
    pub(crate) fn timer(&mut self, now: Millis, random: &Random) -> Vec<Action> {
        if self.deadline().is_none_or(|at| at > now) {
            return Vec::new();
        }
        match self.state {
            State::Waiting { attempt, refusal, .. } => vec![self.ask(attempt, refusal, now)],
            State::Opening { .. } | State::Open { .. } => self.give_up(now, random),
            State::Off | State::Offline | State::Ticketing { .. } => Vec::new(),
        }
    }

    fn ask(&mut self, failed: u32, refusal: Option<Code>, now: Millis) -> Action {
        let number = self.number();
        self.state = State::Ticketing { attempt: Attempt { failed, began_at: now, refusal }, number };
        Action::AskTicket(number)
    }

    fn fail(&mut self, failed: u32, refusal: Option<Code>, (now, random): (Millis, &Random)) {
        let at = now.after(backoff::wait(self.policy, failed, random));
        self.state = State::Waiting { attempt: failed.saturating_add(1), at, refusal };
    }

    fn failed(&self) -> u32 {
        match self.state {
            State::Ticketing { attempt, .. } | State::Opening { attempt, .. } => attempt.failed,
            State::Open { failed, .. } => failed,
            State::Waiting { attempt, .. } => attempt,
            State::Off | State::Offline => 0,
        }
    }

    fn key(&self) -> Option<StreamKey> {
        match self.state {
            State::Opening { key, .. } | State::Open { key, .. } => Some(key),
            State::Off | State::Offline | State::Waiting { .. } | State::Ticketing { .. } => None,
        }
    }

    fn close(&self) -> Vec<Action> {
        self.key().map(Action::Close).into_iter().collect()
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

#[cfg(test)]
#[path = "stream/tests.rs"]
mod tests;
