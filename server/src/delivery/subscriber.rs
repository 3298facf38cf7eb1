//! One subscriber: where its stream goes, what waits to go out, and how far the log was sent.
//!
//! Events are written straight from the page that was just read, by the task that read it: no queue, no wake, one system
//! call. For a socket that takes no more, the page is remembered, not copied: pages are shared by all and kept for a
//! while by the hub. The rule (T13): what waits has a bound. Over it, or when a page is gone before it was written, the
//! subscriber falls behind and reads the log on its own, and nothing is lost, since every event that it was not sent has
//! a higher number than [`State::sent`].

mod state;
#[cfg(test)]
mod testing;

use crate::delivery::frame::{Codec, Frames, Notice, Page};
use crate::delivery::life::Step;
use crate::delivery::outlet::{Gathered, Outlet, Standing};
use crate::delivery::ticket::{Stage, Start};
use crate::share::Share;
use crate::store::log::LogNumber;
use crate::store::session::SessionId;
use crate::websocket;
use sotto_wire::limit::COMMANDS_IN_FLIGHT_MAX;
use sotto_wire::websocket::CLOSE_STALLED;
use sotto_wire::{DeviceRef, Millis};
use state::{Phase, State, Waiting};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Most runs of frames that wait for a slow socket before its subscriber falls behind. A run is all that one page has
/// for it from one conversation: 24 bytes here, whatever it holds.
const WAITING_MAX_RUNS: usize = 64;
/// How long a socket may take nothing before it is closed; the client comes back with its cursor.
const STALL_MAX: Millis = Millis(60_000);
/// How long last words may wait for a socket that takes nothing.
const LAST_WORDS_MAX: Millis = Millis(10_000);
/// How long the client of a WebSocket may say nothing: it is dropped within a minute (T8), heartbeats being 15 s apart.
const SILENCE_MAX: Millis = Millis(45_000);

/// One open event stream.
pub(crate) struct Subscriber {
    id: u64,
    session: SessionId,
    /// When its session ends without a refresh, as far as is known, in milliseconds.
    session_ends_at: AtomicU64,
    device: DeviceRef,
    stage: Stage,
    codec: Codec,
    outlet: Outlet,
    wake: Notify,
    state: Mutex<State>,
    /// When the client last said something, in milliseconds.
    heard_at: AtomicU64,
    /// Commands of the client that are being carried out.
    commands: AtomicUsize,
    /// Commands that were refused since the last heartbeat.
    refusals: AtomicUsize,
}

impl Subscriber {
    /// A subscriber that has been sent nothing yet.
    pub(crate) fn new(id: u64, start: Start, (codec, outlet): (Codec, Outlet), now: Millis) -> Self {
        let state = State {
            phase: Phase::Behind,
            sent: start.from,
            offered: start.from,
            pending: Vec::new(),
            taken_bytes: 0,
            rooms: Vec::new(),
            waiting: VecDeque::new(),
            progress_at: now,
            close_code: None,
            is_heard: false,
        };
        Self {
            id,
            session: start.session,
            session_ends_at: AtomicU64::new(u64::MAX),
            device: start.device,
            stage: start.stage,
            codec,
            outlet,
            wake: Notify::new(),
            state: Mutex::new(state),
            heard_at: AtomicU64::new(now.0),
            commands: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    /// Notes when its session ends without a refresh.
    pub(crate) fn stands_until(&self, session_ends_at: Millis) {
        self.session_ends_at.store(session_ends_at.0, Ordering::Relaxed);
    }

    /// Whether its session has ended, unless it was refreshed.
    pub(crate) fn is_overdue(&self, now: Millis) -> bool {
        self.session_ends_at.load(Ordering::Relaxed) <= now.0
    }

    pub(crate) fn device(&self) -> DeviceRef {
        self.device
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// Where it stood when it was opened.
    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// Its socket, when it has one.
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        self.outlet.socket()
    }

    /// Notes that the client lives.
    pub(crate) fn hear(&self, now: Millis) {
        self.heard_at.store(now.0, Ordering::Relaxed);
    }

    /// How many commands of the client are being carried out.
    pub(crate) fn commands(&self) -> usize {
        self.commands.load(Ordering::Acquire)
    }

    /// Counts a command that begins.
    pub(crate) fn begin_command(&self) {
        self.commands.fetch_add(1, Ordering::AcqRel);
    }

    /// Counts a command that has ended.
    pub(crate) fn end_command(&self) {
        self.commands.fetch_sub(1, Ordering::AcqRel);
        self.wake.notify_one();
    }

    /// Resolves when the next step may have changed.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be done now.
    pub(crate) fn step(&self, now: Millis) -> Step {
        let mut state = self.state();
        if state.phase == Phase::Ending
            && self.commands() == 0
            && let Some(code) = state.close_code.take()
        {
            let mut close = Vec::new();
            websocket::close(&mut close, code);
            self.put(&mut state, &close, now);
        }
        let step = match state.phase {
            Phase::Broken => Step::End,
            Phase::Behind | Phase::Live | Phase::Ending if !state.is_idle() => Step::Flush,
            Phase::Behind => Step::Read(state.sent),
            Phase::Live => Step::Wait,
            Phase::Ending if state.close_code.is_some() => Step::Finish,
            Phase::Ending => Step::End,
        };
        let is_heard = step == Step::Wait && self.commands() < COMMANDS_IN_FLIGHT_MAX;
        if is_heard && !state.is_heard {
            // What was said before is read from now on.
            self.hear(now);
        }
        state.is_heard = is_heard;
        step
    }

    /// Gives live rows: the frames of `page` that are of events `first` to `last`. Not to one that reads on its own.
    pub(crate) fn offer(&self, page: &Arc<Page>, (first, last): (LogNumber, LogNumber), now: Millis) {
        // Written before the lock is taken: compressing takes its time.
        let written = page.frames(self.codec);
        let mut state = self.state();
        if state.phase != Phase::Live {
            return;
        }
        let frames = written.between((first.max(state.offered.plus(1)), last));
        let Some(newest) = written.newest(&frames) else { return };
        if state.is_idle() {
            state.progress_at = now;
            state.offered = newest;
            let rest = self.write_frames(&mut state, written, frames);
            if !rest.is_empty() {
                state.waiting.push_back(Waiting { page: Arc::downgrade(page), frames: rest });
            }
            if !state.is_idle() {
                self.wake.notify_one();
            }
        } else if state.waiting.len() < WAITING_MAX_RUNS {
            state.offered = newest;
            state.waiting.push_back(Waiting { page: Arc::downgrade(page), frames });
        } else {
            state.fall_behind();
            self.wake.notify_one();
        }
    }

    /// Makes it read the log on its own.
    pub(crate) fn fall_behind(&self) {
        let mut state = self.state();
        if state.phase == Phase::Live {
            state.fall_behind();
            self.wake.notify_one();
        }
    }

    /// Gives what it has read from the log itself, up to `position`.
    pub(crate) fn give_read(&self, bytes: &[u8], position: LogNumber, now: Millis) {
        let mut state = self.state();
        if state.phase == Phase::Behind {
            self.put(&mut state, bytes, now);
            state.reach(position);
        }
    }

    /// Makes it live after it has read everything up to `position`, which `last_words` say.
    pub(crate) fn go_live(&self, last_words: &[u8], position: LogNumber, now: Millis) {
        let mut state = self.state();
        if state.phase == Phase::Behind {
            state.phase = Phase::Live;
            state.reach(position);
            self.put(&mut state, last_words, now);
        }
    }

    /// Gives an ephemeral event, unless the socket is busy with durable ones.
    pub(crate) fn give_ephemeral(&self, notice: &Notice, now: Millis) {
        self.give_passing(notice.bytes(self.codec), now);
    }

    /// Gives ephemeral events in one write, unless the socket is busy with durable ones.
    pub(crate) fn give_passing(&self, bytes: &[u8], now: Millis) {
        let mut state = self.state();
        if state.is_idle() && state.phase != Phase::Ending {
            self.put(&mut state, bytes, now);
        }
    }

    /// Gives what is for this subscriber alone. What the socket does not take at once holds `room` until it does.
    pub(crate) fn give_own(&self, bytes: &[u8], room: Option<Share>, now: Millis) {
        let mut state = self.state();
        self.put(&mut state, bytes, now);
        let waits = !state.pending.is_empty();
        state.rooms.extend(room.filter(|_| waits));
    }

    /// Counts a command that was refused; gives how many were since the last heartbeat.
    pub(crate) fn count_refusal(&self) -> usize {
        self.refusals.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Gives a sign of life, or finds that the socket has taken nothing, or the client has said nothing, for too long.
    /// `caught_up` says that everything up to `delivered` was sent; who is behind or ahead of that is not told so.
    pub(crate) fn beat(&self, heartbeat: &Notice, (caught_up, delivered): (&Notice, LogNumber), now: Millis) {
        if self.socket().is_none() {
            return;
        }
        self.refusals.store(0, Ordering::Relaxed);
        let mut state = self.state();
        if !state.is_idle() {
            let stalled = now.since(state.progress_at);
            match state.phase {
                Phase::Behind | Phase::Live if stalled > STALL_MAX => self.give_up(&mut state, now),
                Phase::Ending if stalled > LAST_WORDS_MAX => self.break_off(&mut state),
                Phase::Behind | Phase::Live | Phase::Ending | Phase::Broken => {}
            }
            return;
        }
        let heard_at = Millis(self.heard_at.load(Ordering::Relaxed));
        match state.phase {
            Phase::Ending | Phase::Broken => return,
            Phase::Behind | Phase::Live
                if state.is_heard && self.codec.message().is_some() && now.since(heard_at) > SILENCE_MAX =>
            {
                return self.give_up(&mut state, now);
            }
            Phase::Live if state.offered < delivered => {
                self.put(&mut state, caught_up.bytes(self.codec), now);
                state.reach(delivered);
            }
            Phase::Behind | Phase::Live => {}
        }
        self.put(&mut state, heartbeat.bytes(self.codec), now);
    }

    /// Ends the stream of a client that seems to be gone: at once, or over a WebSocket with the word that it may come
    /// back, in case it is still there.
    fn give_up(&self, state: &mut State, now: Millis) {
        if self.codec.message().is_none() {
            return self.break_off(state);
        }
        state.phase = Phase::Ending;
        state.waiting = VecDeque::new();
        state.close_code = Some(CLOSE_STALLED);
        state.progress_at = now;
        self.wake.notify_one();
    }

    /// Says the last words and closes once they are out, over a WebSocket with `close_code`. Events that still wait are
    /// left for the next stream.
    pub(crate) fn end(&self, last_words: Option<&Notice>, close_code: u16, now: Millis) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Behind | Phase::Live) {
            state.phase = Phase::Ending;
            state.waiting = VecDeque::new();
            state.close_code = self.codec.message().map(|_| close_code);
            if let Some(last_words) = last_words {
                self.put(&mut state, last_words.bytes(self.codec), now);
            }
        }
        self.wake.notify_one();
    }

    /// Ends the stream of a long poll: what it has gathered, the place up to which that is all of this device, and
    /// where the stream stands.
    pub(crate) fn fetch(&self) -> Gathered {
        let mut state = self.state();
        let standing = match state.phase {
            Phase::Behind => Standing::Behind,
            Phase::Live => Standing::Live,
            Phase::Ending | Phase::Broken => Standing::Ended,
        };
        let bytes = self.outlet.fetch();
        self.break_off(&mut state);
        Gathered { bytes, upto: state.sent, standing }
    }

    /// How much a long poll has gathered.
    pub(crate) fn gathered_bytes(&self) -> usize {
        self.outlet.gathered_bytes()
    }

    /// Closes at once.
    pub(crate) fn break_now(&self) {
        self.break_off(&mut self.state());
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn flush(&self, now: Millis) {
        let mut state = self.state();
        if !state.pending.is_empty() {
            let Some(taken) = self.write(&state.pending[state.taken_bytes..]) else {
                return self.break_off(&mut state);
            };
            state.taken_bytes += taken;
            if taken > 0 {
                state.progress_at = now;
            }
            if state.taken_bytes < state.pending.len() {
                return;
            }
            // Give the memory back: most sockets never need it again.
            state.pending = Vec::new();
            state.rooms = Vec::new();
            state.taken_bytes = 0;
        }
        while state.pending.is_empty()
            && let Some(next) = state.waiting.pop_front()
        {
            let Some(page) = next.page.upgrade() else { return state.fall_behind() };
            let before = next.frames.len();
            let rest = self.write_frames(&mut state, page.frames(self.codec), next.frames);
            if rest.len() < before {
                state.progress_at = now;
            }
            if !rest.is_empty() {
                state.waiting.push_front(Waiting { page: next.page, frames: rest });
                return;
            }
        }
        if state.waiting.is_empty() {
            state.waiting = VecDeque::new();
        }
    }

    /// Writes frames of a page; gives those of which nothing was written. The rest of one that was written in part is
    /// pending then.
    fn write_frames(&self, state: &mut State, written: &Frames, frames: Range<usize>) -> Range<usize> {
        let Some(taken) = self.write(written.bytes_of(&frames)) else {
            self.break_off(state);
            return frames.end..frames.end;
        };
        let (next, rest_of_frame) = written.begun(&frames, taken);
        state.sent = written.newest(&(frames.start..next)).unwrap_or(state.sent);
        state.pending.extend_from_slice(rest_of_frame);
        next..frames.end
    }

    /// Writes whole frames, at once where nothing waits; keeps what the socket does not take.
    fn put(&self, state: &mut State, bytes: &[u8], now: Millis) {
        if state.phase == Phase::Broken {
            return;
        }
        let mut rest = bytes;
        if state.pending.is_empty() {
            state.progress_at = now;
            let Some(taken) = self.write(bytes) else { return self.break_off(state) };
            rest = &bytes[taken..];
        }
        if !rest.is_empty() {
            state.pending.extend_from_slice(rest);
            self.wake.notify_one();
        }
    }

    /// Writes as much of `bytes` as the outlet takes; gives how much, or nothing when the socket has failed.
    fn write(&self, bytes: &[u8]) -> Option<usize> {
        if self.socket().is_none() {
            // A poll waits for it.
            self.wake.notify_one();
        }
        self.outlet.write(bytes)
    }

    fn break_off(&self, state: &mut State) {
        state.phase = Phase::Broken;
        state.close_code = None;
        state.waiting = VecDeque::new();
        state.pending = Vec::new();
        state.rooms = Vec::new();
        state.taken_bytes = 0;
        self.wake.notify_one();
    }
}
