//! One stream on its way or open, and the spare one that may take its place. Plain state: what follows from it is
//! decided in `stream`.

use crate::contract::StreamKey;
use crate::view::{CloseCause, Progress};
use sotto_wire::ticket::Transport;
use sotto_wire::{Millis, limit};

/// How much longer than the server holds it a poll may take.
const POLL_GRACE_MS: Millis = Millis(10_000);

/// One stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) key: StreamKey,
    pub(crate) transport: Transport,
    pub(crate) opened_at: Millis,
    pub(crate) stage: Stage,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// It is being opened, and given up then.
    Opening { until: Millis },
    /// Events flow.
    Open {
        since: Millis,
        heard_at: Millis,
        progress: Progress,
        /// Events that came until it had caught up.
        events: u32,
        /// Until then a `pong` has to come.
        pong_until: Option<Millis>,
    },
}

/// A second stream beside the one that works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spare {
    pub(crate) why: Why,
    pub(crate) step: Step,
}

/// What a spare stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The server likes this transport better: it takes over when it has caught up, else everything stays as it is.
    Better(Transport),
    /// The other is not to be trusted or not wanted any more, for this reason: it goes with this one's first frame.
    Fresh(CloseCause),
}

/// How far a spare stream has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A ticket is asked for.
    Ticketing(u64),
    /// There is a stream.
    Up(Lane),
}

impl Lane {
    /// A stream that is being opened.
    pub(crate) fn opening(key: StreamKey, transport: Transport, now: Millis, patience: Millis) -> Self {
        Self { key, transport, opened_at: now, stage: Stage::Opening { until: now.after(patience) } }
    }

    /// The first frame came. `false` when it came before.
    pub(crate) fn connected(&mut self, now: Millis) -> bool {
        let is_first = matches!(self.stage, Stage::Opening { .. });
        if is_first {
            let (progress, events, pong_until) = (Progress::CatchingUp, 0, None);
            self.stage = Stage::Open { since: now, heard_at: now, progress, events, pong_until };
        }
        is_first
    }

    /// A frame came.
    pub(crate) fn heard(&mut self, now: Millis) {
        if let Stage::Open { heard_at, .. } = &mut self.stage {
            *heard_at = now;
        }
    }

    /// When it is to be given up, and why.
    pub(crate) fn due(&self, silence: Millis) -> (Millis, CloseCause) {
        match self.stage {
            Stage::Opening { until } => (until, CloseCause::NoFirstFrame),
            Stage::Open { heard_at, pong_until, .. } => {
                // A poll says nothing while it is held, not even that it lives.
                let silence = match self.transport {
                    Transport::LongPoll => Millis(limit::POLL_HOLD_MS).after(POLL_GRACE_MS),
                    Transport::Sse | Transport::WebSocket | Transport::Unknown => silence,
                };
                let silent = (heard_at.after(silence), CloseCause::Silent);
                pong_until.map(|at| (at, CloseCause::NoPong)).filter(|pong| pong.0 < silent.0).unwrap_or(silent)
            }
        }
    }

    /// Whether events flow.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open { .. })
    }
}

impl Spare {
    /// Its stream, if there is one.
    pub(crate) fn lane(&self) -> Option<&Lane> {
        match &self.step {
            Step::Up(lane) => Some(lane),
            Step::Ticketing(_) => None,
        }
    }
}
