//! The connection as a person sees it: its state (X1), its figures (X2) and the log of what befell it (X3). Plain values
//! without content, names, keys, tokens or tickets: all of it may be shown, stored and exported.

use serde::{Deserialize, Serialize};
use sotto_wire::event::{LossCause, SessionEndCause};
use sotto_wire::ticket::Transport;
use sotto_wire::{Code, Millis};
use std::borrow::Cow;

/// The connection to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Nobody is signed in, so none is wanted.
    None,
    /// The first attempt, or one at the user's wish, is under way.
    Connecting,
    /// Events flow. `CatchingUp` until what was missed has come.
    Online {
        /// By what.
        transport: Transport,
        /// Whether what was missed has come.
        progress: Progress,
        /// Since when.
        since: Millis,
        /// From a question to its answer, as last measured: by `ping` or by the request for the ticket.
        round_trip: Option<Millis>,
    },
    /// The connection was lost.
    Reconnecting {
        /// Which attempt comes next or is under way, from 1.
        attempt: u32,
        /// When; in the past while it is under way.
        next_try_at: Millis,
        /// The server's refusal that led here, when there was one.
        refusal: Option<Code>,
        /// Whether the wait is the usual one or the pause after many failures (T10).
        pace: Pace,
    },
    /// The system says that there is no network.
    Offline,
}

/// Whether what was missed has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Not yet.
    CatchingUp,
    /// Yes.
    CaughtUp,
}

/// How the next attempt is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Full jitter, up to 30 s (T9).
    Backoff,
    /// 30 s after five failures in a row (T10); the button overrides.
    Pause,
}

/// Figures of the connection since the client was started. Told at most once a second, so the last bytes of a burst are
/// told with what comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Bytes of frames and answers that came, without what HTTP and TLS add.
    pub bytes_in: u64,
    /// Bytes of requests that left, without what HTTP and TLS add.
    pub bytes_out: u64,
    /// How many streams were opened. A long-poll is one, whatever the number of its questions.
    pub streams: u64,
    /// The newest end of a stream: when, and why.
    pub last_close: Option<(Millis, CloseCause)>,
    /// The transport that `UseTransport` has pinned.
    pub pinned: Option<Transport>,
    /// When a transport that the server likes better is tried again in the background.
    pub better_try_at: Option<Millis>,
}

/// Why a stream has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseCause {
    /// It could not be opened, or the other side or the way has ended it.
    Ended,
    /// The server does not offer this transport (426).
    Disabled,
    /// It was opened and said nothing: something on the way holds frames back.
    NoFirstFrame,
    /// No frame came for longer than the heartbeat allows.
    Silent,
    /// No `pong` came.
    NoPong,
    /// Events came faster than this device handles them; it goes on where it stands.
    Overrun,
    /// The server goes away.
    Shutdown,
    /// The server ended the session.
    SessionEnded,
    /// The system said that there is no network.
    Offline,
    /// The device slept, or the network changed: a fresh stream has taken its place.
    Woke,
    /// A better transport has taken its place, or the one that was pinned.
    Replaced,
    /// Nobody is signed in any more.
    NotWanted,
}

/// Something that happened to the connection. A ring of the newest is kept by whoever shows it, not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, by this device's clock.
    pub at: Millis,
    /// How grave.
    pub severity: Severity,
    /// What.
    pub kind: LogKind,
}

/// How grave something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A step of the usual way.
    Debug,
    /// Something changed.
    Info,
    /// Something failed and is tried again, or in another way.
    Warning,
    /// Something is lost, or needs the user.
    Error,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// A ticket is asked for: attempt, from 0.
    Asked(u32),
    /// The server refused the ticket, or did not answer.
    Refused(Code),
    /// A stream is being opened.
    Opening(Transport),
    /// Its first frame has come.
    Opened {
        /// By what.
        transport: Transport,
        /// From the opening to the first frame.
        took: Millis,
    },
    /// Everything that was missed has come.
    Resumed {
        /// Events that came since the first frame.
        events: u32,
        /// From the first frame on.
        took: Millis,
    },
    /// This client reads slower than events come: the rest comes from the server's log, nothing is lost.
    FellBehind,
    /// Another transport than before carries the events. Nothing is lost or doubled.
    TransportChanged {
        /// Before.
        from: Transport,
        /// Now.
        to: Transport,
    },
    /// A transport does not work on this way: others are preferred until then.
    TransportDoubted {
        /// Which.
        transport: Transport,
        /// Why.
        cause: CloseCause,
        /// Until when.
        until: Millis,
    },
    /// A transport was pinned, or set free.
    TransportPinned(Option<Transport>),
    /// A stream has ended.
    Closed {
        /// By what it was carried.
        transport: Transport,
        /// Why.
        cause: CloseCause,
    },
    /// The next attempt has its time.
    Waiting {
        /// Which attempt, from 1.
        attempt: u32,
        /// When.
        until: Millis,
        /// How.
        pace: Pace,
    },
    /// The system has found a network.
    NetworkFound,
    /// The system has lost the network.
    NetworkLost,
    /// The device slept so long.
    Woke(Millis),
    /// Events are gone for good. The conversations say so too.
    HistoryLost(LossCause),
    /// A command was refused or not answered.
    RequestFailed {
        /// Path of the request.
        path: Cow<'static, str>,
        /// Why.
        code: Code,
    },
    /// So many commands were not answered by a stream that ended, and go again by POST.
    SentAgain(u32),
    /// The access token was renewed.
    TokenRenewed,
    /// The server ended the session.
    SessionEnded(SessionEndCause),
}

impl LogKind {
    /// How grave it is.
    pub fn severity(&self) -> Severity {
        match self {
            LogKind::Asked(_) | LogKind::Opening(_) | LogKind::TokenRenewed => Severity::Debug,
            LogKind::Opened { .. }
            | LogKind::Resumed { .. }
            | LogKind::TransportChanged { .. }
            | LogKind::TransportPinned(_)
            | LogKind::NetworkFound
            | LogKind::Woke(_) => Severity::Info,
            LogKind::Closed { cause, .. } => match cause {
                CloseCause::Offline | CloseCause::Woke | CloseCause::Replaced | CloseCause::NotWanted => Severity::Info,
                CloseCause::Ended
                | CloseCause::Disabled
                | CloseCause::NoFirstFrame
                | CloseCause::Silent
                | CloseCause::NoPong
                | CloseCause::Overrun
                | CloseCause::Shutdown
                | CloseCause::SessionEnded => Severity::Warning,
            },
            LogKind::Refused(_)
            | LogKind::FellBehind
            | LogKind::TransportDoubted { .. }
            | LogKind::Waiting { .. }
            | LogKind::NetworkLost
            | LogKind::RequestFailed { .. }
            | LogKind::SentAgain(_) => Severity::Warning,
            LogKind::HistoryLost(_) | LogKind::SessionEnded(_) => Severity::Error,
        }
    }

    /// The entry of this, at a time.
    pub fn at(self, at: Millis) -> LogEntry {
        LogEntry { at, severity: self.severity(), kind: self }
    }
}
