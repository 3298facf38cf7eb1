//! Where a subscriber stands and what waits for its socket. Owns the fields; how they change with what happens is
//! `subscriber`'s. The rule: what waits either is in `pending`, or has a higher number than `sent`.

use crate::delivery::frame::Page;
use crate::share::Share;
use crate::store::log::LogNumber;
use sotto_wire::Millis;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Weak;

/// Where a subscriber stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It reads the log on its own.
    Behind,
    /// It is given rows as they come.
    Live,
    /// It gets what is pending and the answers to what it has asked, then its end.
    Ending,
    /// Its socket is closed.
    Broken,
}

/// What changes of a subscriber.
pub(super) struct State {
    pub(super) phase: Phase,
    /// Every event of this device up to here was sent, or is in `pending`.
    pub(super) sent: LogNumber,
    /// Every event of this device up to here was sent, or waits.
    pub(super) offered: LogNumber,
    /// What must go out first: the rest of a frame, a page of the log, an ephemeral event. This subscriber's own.
    pub(super) pending: Vec<u8>,
    /// How much of `pending` the socket has taken.
    pub(super) taken_bytes: usize,
    /// The room of the answers in it.
    pub(super) rooms: Vec<Share>,
    /// What goes out after it.
    pub(super) waiting: VecDeque<Waiting>,
    /// When the socket last took something, or had nothing to take.
    pub(super) progress_at: Millis,
    /// The code of the close frame that is still to be written.
    pub(super) close_code: Option<u16>,
    /// Whether its task listens to the client; what is not listened to is not silent.
    pub(super) is_heard: bool,
}

/// Frames that wait in a shared page.
pub(super) struct Waiting {
    pub(super) page: Weak<Page>,
    pub(super) frames: Range<usize>,
}

impl State {
    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.waiting.is_empty()
    }

    /// Forgets what waits, gives its memory back, and goes on from what was sent.
    pub(super) fn fall_behind(&mut self) {
        self.waiting = VecDeque::new();
        self.offered = self.sent;
        self.phase = Phase::Behind;
    }

    /// Notes that everything up to `position` was sent.
    pub(super) fn reach(&mut self, position: LogNumber) {
        self.sent = self.sent.max(position);
        self.offered = self.sent;
    }
}
