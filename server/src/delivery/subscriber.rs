//! One subscriber: a socket, what waits to go out on it, and how far the log was sent.
//!
//! Events are written straight from the page that was just read, by the task that read it: no queue, no wake, one
//! system call. Only what the socket does not take waits, in a buffer of this subscriber's own. The rule (T13): that
//! buffer has a bound; over it the subscriber falls behind and reads the log on its own, and nothing is lost, since
//! every frame it was not given has a higher number than [`State::position`].

use crate::delivery::frame::Frames;
use crate::store::log::LogNumber;
use crate::store::session::SessionId;
use sotto_wire::{DeviceRef, Millis};
use std::io::ErrorKind;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Most bytes that wait for a slow socket before its subscriber falls behind: some hundred messages, and 1.3 GB for
/// 10 000 subscribers that all stall at once. One frame over it is taken whole when nothing else waits.
pub(crate) const PENDING_MAX_BYTES: usize = 128 * 1_024;
/// How long a socket may take nothing before it is closed; the client comes back with its cursor.
const STALL_MAX: Millis = Millis(60_000);

/// Where a subscriber stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It reads the log on its own.
    Behind,
    /// It is given rows as they come.
    Live,
    /// It gets what waits, then its end.
    Ending,
    /// Its socket is closed.
    Broken,
}

struct State {
    phase: Phase,
    /// Every event of this device up to here was sent or waits in `pending`.
    position: LogNumber,
    pending: Vec<u8>,
    /// How much of `pending` the socket has taken.
    taken_bytes: usize,
    /// When the socket last took something, or had nothing to take.
    progress_at: Millis,
}

/// What a subscriber's task is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait until the socket takes more.
    Flush,
    /// Read the log on from here.
    Read(LogNumber),
    /// Wait for what comes.
    Wait,
    /// Close.
    End,
}

/// One open event stream.
pub(crate) struct Subscriber {
    id: u64,
    session: SessionId,
    device: DeviceRef,
    socket: TcpStream,
    wake: Notify,
    state: Mutex<State>,
}

/// Whose stream it is, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) session: SessionId,
    pub(crate) device: DeviceRef,
    pub(crate) from: LogNumber,
}

impl Subscriber {
    /// A subscriber that has been sent nothing yet.
    pub(crate) fn new(id: u64, start: Start, socket: TcpStream, now: Millis) -> Self {
        let state =
            State { phase: Phase::Behind, position: start.from, pending: Vec::new(), taken_bytes: 0, progress_at: now };
        let (session, device) = (start.session, start.device);
        Self { id, session, device, socket, wake: Notify::new(), state: Mutex::new(state) }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn device(&self) -> DeviceRef {
        self.device
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
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
    pub(crate) fn step(&self) -> Step {
        let state = self.state();
        match state.phase {
            Phase::Broken => Step::End,
            Phase::Behind | Phase::Live | Phase::Ending if !state.pending.is_empty() => Step::Flush,
            Phase::Behind => Step::Read(state.position),
            Phase::Live => Step::Wait,
            Phase::Ending => Step::End,
        }
    }

    /// Gives live rows: the frames in `range` that are of events `window`. Not to one that reads on its own.
    pub(crate) fn offer(
        &self,
        frames: &Frames,
        range: &Range<usize>,
        (first, last): (LogNumber, LogNumber),
        now: Millis,
    ) {
        let mut state = self.state();
        if state.phase != Phase::Live {
            return;
        }
        let bytes = frames.within(range, (first.max(state.position.plus(1)), last));
        if bytes.is_empty() {
            return;
        }
        let waiting = state.pending.len() - state.taken_bytes;
        if waiting > 0 && waiting + bytes.len() > PENDING_MAX_BYTES {
            state.phase = Phase::Behind;
            self.wake.notify_one();
            return;
        }
        self.put(&mut state, bytes, now);
        state.position = frames.newest(range).map_or(state.position, |newest| newest.min(last).max(state.position));
    }

    /// Makes it read the log on its own.
    pub(crate) fn fall_behind(&self) {
        let mut state = self.state();
        if state.phase == Phase::Live {
            state.phase = Phase::Behind;
            self.wake.notify_one();
        }
    }

    /// Gives what it has read from the log itself, up to `position`.
    pub(crate) fn give_read(&self, bytes: &[u8], position: LogNumber, now: Millis) {
        let mut state = self.state();
        if state.phase == Phase::Behind {
            self.put(&mut state, bytes, now);
            state.position = state.position.max(position);
        }
    }

    /// Makes it live after it has read everything up to `position`, which `last_words` say.
    pub(crate) fn go_live(&self, last_words: &[u8], position: LogNumber, now: Millis) {
        let mut state = self.state();
        if state.phase == Phase::Behind {
            self.put(&mut state, last_words, now);
            state.position = state.position.max(position);
            state.phase = Phase::Live;
        }
    }

    /// Gives an ephemeral event, unless the socket is busy with durable ones.
    pub(crate) fn give_ephemeral(&self, bytes: &[u8], now: Millis) {
        let mut state = self.state();
        if state.pending.is_empty() {
            self.put(&mut state, bytes, now);
        }
    }

    /// Gives a sign of life, or finds that the socket has taken nothing for too long. `caught_up` says that everything
    /// up to `delivered` was sent; who is behind or ahead of that is not told so.
    pub(crate) fn beat(&self, heartbeat: &[u8], (caught_up, delivered): (&[u8], LogNumber), now: Millis) {
        let mut state = self.state();
        if !state.pending.is_empty() {
            if now.since(state.progress_at) > STALL_MAX {
                self.break_off(&mut state);
            }
            return;
        }
        if state.phase == Phase::Live && state.position < delivered {
            self.put(&mut state, caught_up, now);
            state.position = delivered;
        }
        self.put(&mut state, heartbeat, now);
    }

    /// Says the last words and closes once they are out.
    pub(crate) fn end(&self, last_words: &[u8], now: Millis) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Behind | Phase::Live) {
            self.put(&mut state, last_words, now);
            // The socket may have broken over it.
            if state.phase != Phase::Broken {
                state.phase = Phase::Ending;
            }
        }
        self.wake.notify_one();
    }

    /// Closes at once.
    pub(crate) fn break_now(&self) {
        self.break_off(&mut self.state());
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn flush(&self, now: Millis) {
        let mut state = self.state();
        while state.taken_bytes < state.pending.len() {
            match self.socket.try_write(&state.pending[state.taken_bytes..]) {
                Ok(0) => return self.break_off(&mut state),
                Ok(count) => {
                    state.taken_bytes += count;
                    state.progress_at = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.break_off(&mut state),
            }
        }
        // Give the memory back: most sockets never need it again.
        state.pending = Vec::new();
        state.taken_bytes = 0;
    }

    /// Writes whole frames, at once where nothing waits; keeps what the socket does not take.
    fn put(&self, state: &mut State, bytes: &[u8], now: Millis) {
        if state.phase == Phase::Broken {
            return;
        }
        let mut rest = bytes;
        if state.pending.is_empty() {
            state.progress_at = now;
            while !rest.is_empty() {
                match self.socket.try_write(rest) {
                    Ok(0) => return self.break_off(state),
                    Ok(count) => rest = &rest[count..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => return self.break_off(state),
                }
            }
            if rest.is_empty() {
                return;
            }
            self.wake.notify_one();
        } else if state.taken_bytes > 0 {
            state.pending.drain(..state.taken_bytes);
            state.taken_bytes = 0;
        }
        state.pending.extend_from_slice(rest);
    }

    fn break_off(&self, state: &mut State) {
        state.phase = Phase::Broken;
        state.pending = Vec::new();
        state.taken_bytes = 0;
        self.wake.notify_one();
    }
}
