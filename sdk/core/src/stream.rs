//! The connection: ticket, stream, silence, backoff, and a second stream that takes the first one's place (T4, T5,
//! T8–T10). Owns when to connect, by what and when to give up; reads no event and sends no command. `stream/choice.rs`
//! chooses the transport.
//!
//! The rule: it never gives up for good, never waits when the user, the network or the page says that now is the time,
//! and never ends a stream that works before another one does.

mod choice;
mod lane;
mod spare;
mod wake;

use crate::backoff;
use crate::contract::{Network, StreamKey};
use crate::random::Random;
use crate::view::{CloseCause, Connection, LogKind, Pace, Progress};
use choice::Choice;
use lane::{Lane, Spare, Stage, Step};
use sotto_wire::ticket::{RetryPolicy, TicketOpened, Transport};
use sotto_wire::{Code, Millis, Problem, Ticket, limit, ticket};

/// After so many failures in a row the client pauses (T10).
const FAILURES_MAX: u32 = 5;
/// How long it pauses.
const PAUSE_MS: Millis = Millis(30_000);

/// What the connection wants done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask for a ticket; [`Stream::ticket`] takes the answer, under this number.
    AskTicket { number: u64, place: Place },
    /// Open a stream, or ask the next question of a long poll.
    Open { key: StreamKey, transport: Transport, path: String },
    /// Close a stream.
    Close(StreamKey),
    /// The spare stream is the stream now.
    ChangeOver,
    /// Send a ping by this stream; [`Stream::ponged`] takes the answer.
    Ping(StreamKey),
}

/// Which of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The one whose events are handled.
    Main,
    /// The one that is to take its place.
    Spare,
}

/// The connection to the server.
#[derive(Debug)]
pub(crate) struct Stream {
    state: State,
    /// Only while the other is open.
    spare: Option<Spare>,
    network: Network,
    choice: Choice,
    policy: RetryPolicy,
    silence: Millis,
    /// What carried the events last.
    used: Option<Transport>,
    log: Vec<LogKind>,
    next_number: u64,
}

#[derive(Debug)]
enum State {
    /// Nobody wants it.
    Off,
    /// Wanted, but the system says that there is no network.
    Offline,
    /// Until the next attempt.
    Waiting { attempt: u32, at: Millis, refusal: Option<Code>, pace: Pace },
    /// A ticket is asked for.
    Ticketing { attempt: Attempt, number: u64 },
    /// There is a stream.
    Up { attempt: Attempt, lane: Lane },
}

/// One attempt to connect.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    /// How many have failed in a row before.
    failed: u32,
    began_at: Millis,
    refusal: Option<Code>,
}

/// Why an attempt has failed, as far as the server says.
#[derive(Clone, Copy, Debug, Default)]
struct Refusal {
    code: Option<Code>,
    retry_after: Millis,
}

impl From<&Problem> for Refusal {
    fn from(problem: &Problem) -> Self {
        Self { code: Some(problem.code), retry_after: backoff::asked(problem.retry_after_ms) }
    }
}

impl Stream {
    /// Not connected, and not wanted to be.
    pub(crate) fn new(network: Network) -> Self {
        Self {
            state: State::Off,
            spare: None,
            network,
            choice: Choice::default(),
            policy: RetryPolicy::default(),
            silence: Millis(limit::STREAM_SILENCE_MS),
            used: None,
            log: Vec::new(),
            next_number: 1,
        }
    }

    /// What a person is told.
    pub(crate) fn connection(&self, round_trip: Option<Millis>) -> Connection {
        match &self.state {
            State::Off => Connection::None,
            State::Offline => Connection::Offline,
            State::Waiting { attempt, at, refusal, pace } => {
                Connection::Reconnecting { attempt: *attempt, next_try_at: *at, refusal: *refusal, pace: *pace }
            }
            State::Up { lane: Lane { transport, stage: Stage::Open { since, progress, .. }, .. }, .. } => {
                Connection::Online { transport: *transport, progress: *progress, since: *since, round_trip }
            }
            State::Ticketing { attempt, .. } | State::Up { attempt, .. } => match attempt.failed {
                0 => Connection::Connecting,
                failed => Connection::Reconnecting {
                    attempt: failed,
                    next_try_at: attempt.began_at,
                    refusal: attempt.refusal,
                    pace: Pace::Backoff,
                },
            },
        }
    }

    /// The transport that is pinned, and when a better one is tried.
    pub(crate) fn plans(&self) -> (Option<Transport>, Option<Millis>) {
        (self.choice.pinned(), self.better().map(|(_, at)| at))
    }

    /// The transport that worked last, to be given to [`Stream::remember`] at the next start.
    pub(crate) fn working(&self) -> Option<Transport> {
        self.choice.working()
    }

    /// The transport that worked before the start.
    pub(crate) fn remember(&mut self, transport: Option<Transport>) {
        self.choice.remember(transport);
    }

    /// What happened since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<LogKind> {
        std::mem::take(&mut self.log)
    }

    /// Whether events flow.
    pub(crate) fn is_open(&self) -> bool {
        self.main().is_some_and(Lane::is_open)
    }

    /// Whether events flow and what was missed has come.
    pub(crate) fn is_caught_up(&self) -> bool {
        let stage = self.main().map(|lane| lane.stage);
        matches!(stage, Some(Stage::Open { progress: Progress::CaughtUp, .. }))
    }

    /// Which stream this is; frames of another are to be dropped.
    pub(crate) fn place(&self, key: StreamKey) -> Option<Place> {
        let is_it = |lane: Option<&Lane>| lane.is_some_and(|lane| lane.key == key);
        match (is_it(self.main()), is_it(self.spare_lane())) {
            (true, _) => Some(Place::Main),
            (false, true) => Some(Place::Spare),
            (false, false) => None,
        }
    }

    /// What a stream is carried by.
    pub(crate) fn transport(&self, key: StreamKey) -> Option<Transport> {
        self.main().into_iter().chain(self.spare_lane()).find(|lane| lane.key == key).map(|lane| lane.transport)
    }

    /// The stream of now.
    pub(crate) fn main_key(&self) -> Option<StreamKey> {
        self.main().map(|lane| lane.key)
    }

    /// Whether this ticket is asked for because there is no stream.
    pub(crate) fn is_asked(&self, number: u64) -> bool {
        matches!(self.state, State::Ticketing { number: asked, .. } if asked == number)
    }

    /// Whether nothing has come by a stream yet.
    pub(crate) fn is_opening(&self, key: StreamKey) -> bool {
        self.main().into_iter().chain(self.spare_lane()).any(|lane| lane.key == key && !lane.is_open())
    }

    /// The WebSocket that is open, which carries commands too.
    pub(crate) fn socket(&self) -> Option<StreamKey> {
        self.main().filter(|lane| lane.is_open() && lane.transport == Transport::WebSocket).map(|lane| lane.key)
    }

    /// When [`Stream::timer`] is due.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let main = match &self.state {
            State::Off | State::Offline | State::Ticketing { .. } => None,
            State::Waiting { at, .. } => Some(*at),
            State::Up { lane, .. } => Some(lane.due(self.silence).0),
        };
        let spare = self.spare_lane().map(|lane| lane.due(self.silence).0);
        [main, spare, self.better().map(|(_, at)| at)].into_iter().flatten().min()
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
    pub(crate) fn stop(&mut self, cause: CloseCause) -> Vec<Action> {
        let actions = self.close_all(cause);
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
        if let Ok(opened) = &answer {
            self.policy = opened.retry;
            // T8: 20 s of heartbeat make 45 s of silence.
            self.silence = Millis((opened.heartbeat_ms.0.saturating_mul(9) / 4).min(limit::STREAM_SILENCE_MS));
            self.choice.offer(&opened.transports, now);
        }
        if let Some(Spare { why, step: Step::Ticketing(asked) }) = self.spare
            && asked == number
        {
            return self.spare_ticket(why, answer, (now, random));
        }
        let attempt = match self.state {
            State::Ticketing { attempt, number: asked } if asked == number => attempt,
            _ => return Vec::new(),
        };
        let opened = match answer {
            Ok(opened) => opened,
            Err(problem) => {
                self.log.push(LogKind::Refused(problem.code));
                self.fail(attempt.failed, Refusal::from(&problem), (now, random));
                return Vec::new();
            }
        };
        let Some(transport) = self.choice.pick() else {
            let refusal = Refusal { code: Some(Code::ProtocolUnsupported), ..Refusal::default() };
            self.log.push(LogKind::Refused(Code::ProtocolUnsupported));
            self.fail(attempt.failed, refusal, (now, random));
            return Vec::new();
        };
        let (lane, action) = self.open(transport, &opened.ticket, now);
        self.state = State::Up { attempt, lane };
        vec![action]
    }

    /// A frame came.
    pub(crate) fn heard(&mut self, key: StreamKey, now: Millis) {
        if let Some(lane) = self.lane_mut(key) {
            lane.heard(now);
        }
    }

    /// An event of the log came.
    pub(crate) fn counted(&mut self, key: StreamKey) {
        if let Some(Lane { stage: Stage::Open { progress: Progress::CatchingUp, events, .. }, .. }) = self.lane_mut(key)
        {
            *events = events.saturating_add(1);
        }
    }

    /// The first frame of a stream came. Afterwards [`Stream::place`] says whose it is; `None` when it came twice.
    pub(crate) fn connected(&mut self, key: StreamKey, now: Millis) -> Option<Vec<Action>> {
        let lane = self.lane_mut(key)?;
        let (transport, took) = (lane.transport, now.since(lane.opened_at));
        if !lane.connected(now) {
            return None;
        }
        self.log.push(LogKind::Opened { transport, took });
        if self.place(key) == Some(Place::Main) {
            self.carries(transport);
            return Some(Vec::new());
        }
        match self.spare.map(|spare| spare.why) {
            Some(lane::Why::Fresh(cause)) => Some(self.take_over(cause)),
            Some(lane::Why::Better(_)) | None => Some(Vec::new()),
        }
    }

    /// What was missed has come, and is handled.
    pub(crate) fn caught_up(&mut self, now: Millis) {
        let State::Up { attempt, lane } = &mut self.state else { return };
        if let Stage::Open { progress, since, events, .. } = &mut lane.stage
            && *progress == Progress::CatchingUp
        {
            *progress = Progress::CaughtUp;
            attempt.failed = 0;
            self.log.push(LogKind::Resumed { events: *events, took: now.since(*since) });
            let transport = lane.transport;
            self.choice.worked(transport);
        }
    }

    /// The answer to a poll has been read; `next` opens the next one.
    pub(crate) fn polled(&mut self, key: StreamKey, next: Option<&Ticket>, now: Millis) -> Option<Action> {
        let lane = self.lane_mut(key)?;
        lane.heard(now);
        let (transport, path) = (lane.transport, path(next?));
        Some(Action::Open { key, transport, path })
    }

    /// The answer to [`Action::Ping`] came.
    pub(crate) fn ponged(&mut self) {
        if let State::Up { lane: Lane { stage: Stage::Open { pong_until, .. }, .. }, .. } = &mut self.state {
            *pong_until = None;
        }
    }

    /// A stream has ended, or was refused for this reason.
    pub(crate) fn closed(
        &mut self,
        key: StreamKey,
        problem: Option<&Problem>,
        (now, random): (Millis, &Random),
    ) -> Vec<Action> {
        let is_disabled = problem.is_some_and(|problem| problem.code == Code::UpgradeRequired);
        let cause = if is_disabled { CloseCause::Disabled } else { CloseCause::Ended };
        match self.place(key) {
            Some(Place::Main) => {
                let refusal = problem.filter(|_| !is_disabled).map(Refusal::from).unwrap_or_default();
                self.lost(cause, refusal, (now, random))
            }
            Some(Place::Spare) => self.spare_lost(cause, (now, random)),
            None => Vec::new(),
        }
    }

    /// A stream is of no use: of the main one everything comes anew from where the inbox stands.
    pub(crate) fn give_up(
        &mut self,
        key: StreamKey,
        cause: CloseCause,
        (now, random): (Millis, &Random),
    ) -> Vec<Action> {
        let after = match self.place(key) {
            Some(Place::Main) => self.lost(cause, Refusal::default(), (now, random)),
            Some(Place::Spare) => self.spare_lost(cause, (now, random)),
            None => return Vec::new(),
        };
        std::iter::once(Action::Close(key)).chain(after).collect()
    }

    /// The server goes away and says when to come back.
    pub(crate) fn shut_down(&mut self, retry_in: Millis, now: Millis) -> Vec<Action> {
        let actions = self.close_all(CloseCause::Shutdown);
        self.wait(
            Millis(0),
            (now, 1, Pace::Backoff),
            Refusal { code: None, retry_after: backoff::asked(Some(retry_in)) },
        );
        actions
    }

    fn ask(&mut self, failed: u32, refusal: Option<Code>, now: Millis) -> Action {
        let number = self.number();
        self.log.push(LogKind::Asked(failed));
        self.state = State::Ticketing { attempt: Attempt { failed, began_at: now, refusal }, number };
        Action::AskTicket { number, place: Place::Main }
    }

    fn open(&mut self, transport: Transport, ticket: &Ticket, now: Millis) -> (Lane, Action) {
        let key = StreamKey(self.number());
        self.log.push(LogKind::Opening(transport));
        let lane = Lane::opening(key, transport, now, self.choice.patience());
        (lane, Action::Open { key, transport, path: path(ticket) })
    }

    fn carries(&mut self, transport: Transport) {
        if let Some(from) = self.used.replace(transport).filter(|from| *from != transport) {
            self.log.push(LogKind::TransportChanged { from, to: transport });
        }
    }

    /// The stream is gone: the spare one takes over, or another transport is tried, or the next attempt waits.
    fn lost(&mut self, cause: CloseCause, refusal: Refusal, (now, random): (Millis, &Random)) -> Vec<Action> {
        let State::Up { attempt, lane } = self.state else { return Vec::new() };
        let lived = now.since(lane.opened_at);
        let doubted = self.choice.ended(lane.transport, (cause, lived), now);
        let is_doubted = doubted.is_some();
        if let Some(action) = self.change_over(cause) {
            self.log.extend(doubted);
            return vec![action];
        }
        self.log.push(LogKind::Closed { transport: lane.transport, cause });
        self.log.extend(doubted);
        if cause == CloseCause::NoPong || is_doubted && self.choice.has_trusted() {
            return vec![self.ask(attempt.failed, refusal.code, now)];
        }
        self.fail(attempt.failed, refusal, (now, random));
        Vec::new()
    }

    fn fail(&mut self, failed: u32, refusal: Refusal, (now, random): (Millis, &Random)) {
        let attempt = failed.saturating_add(1);
        let (pace, wait) = if attempt >= FAILURES_MAX {
            (Pace::Pause, PAUSE_MS)
        } else {
            (Pace::Backoff, backoff::wait(self.policy, failed, random))
        };
        self.wait(wait, (now, attempt, pace), refusal);
    }

    fn wait(&mut self, wait: Millis, (now, attempt, pace): (Millis, u32, Pace), refusal: Refusal) {
        let at = now.after(wait.max(refusal.retry_after));
        self.log.push(LogKind::Waiting { attempt, until: at, pace });
        self.state = State::Waiting { attempt, at, refusal: refusal.code, pace };
    }

    fn main(&self) -> Option<&Lane> {
        match &self.state {
            State::Up { lane, .. } => Some(lane),
            State::Off | State::Offline | State::Waiting { .. } | State::Ticketing { .. } => None,
        }
    }

    fn spare_lane(&self) -> Option<&Lane> {
        self.spare.as_ref().and_then(Spare::lane)
    }

    fn lane_mut(&mut self, key: StreamKey) -> Option<&mut Lane> {
        let main = match &mut self.state {
            State::Up { lane, .. } => Some(lane),
            State::Off | State::Offline | State::Waiting { .. } | State::Ticketing { .. } => None,
        };
        let spare = self.spare.as_mut().and_then(|spare| match &mut spare.step {
            Step::Up(lane) => Some(lane),
            Step::Ticketing(_) => None,
        });
        main.into_iter().chain(spare).find(|lane| lane.key == key)
    }

    fn close_all(&mut self, cause: CloseCause) -> Vec<Action> {
        let spare = self.spare.take().and_then(|spare| spare.lane().copied());
        let lanes: Vec<Lane> = self.main().copied().into_iter().chain(spare).collect();
        for lane in &lanes {
            self.log.push(LogKind::Closed { transport: lane.transport, cause });
        }
        lanes.into_iter().map(|lane| Action::Close(lane.key)).collect()
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

fn path(ticket: &Ticket) -> String {
    format!("{}?ticket={}", ticket::EVENTS_PATH, ticket.as_str())
}

#[cfg(test)]
#[path = "stream/tests.rs"]
mod tests;
