//! The connection in use: tickets and tokens, frames, and the end of a session as the server tells it.

use super::{Client, Tree};
use crate::alarms::{Alarm, Alarms};
use crate::calls::{self, Answer, Purpose};
use crate::contract::{Failure, Output, RequestKey, StreamKey};
use crate::inbox::{Entry, Full};
use crate::ledger::Health;
use crate::record;
use crate::session::{Session, Stage};
use crate::stream::{Action, Place};
use crate::view::{CloseCause, LogKind};
use bytes::Bytes;
use sotto_wire::event::{Connected, Ephemeral, Event, SessionEndCause, TypingUpdate};
use sotto_wire::key::{PublishKeys, PublishKeysRequest};
use sotto_wire::ping::{Ping, PingRequest};
use sotto_wire::session::Refreshed;
use sotto_wire::ticket::{self, OpenTicket, RawEvents, TicketOpened, TicketRequest, Transport};
use sotto_wire::{Code, DeviceId, Endpoint, Millis, PROTOCOL, Problem, Retry, envelope, limit};

/// How long a package of last resort is given out before another takes its place.
const LAST_RESORT_LIFE_MS: Millis = Millis(30 * 86_400_000);

/// So long after it has come further, a device says how far: the server needs that in order to know what it may
/// forget, which is a matter of days.
const ACKNOWLEDGE_AFTER_MS: Millis = Millis(60_000);
/// Within this time after that, so that all who got the same event do not say so at once.
const ACKNOWLEDGE_SPREAD_MS: Millis = Millis(30_000);

impl Client {
    /// Does what the connection wants.
    pub(super) fn connect(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::AskTicket { number, place } => {
                    if self.ledger.health() == Health::Failed {
                        continue;
                    }
                    match place {
                        // What waits comes again: the new stream begins where the inbox stands.
                        Place::Main => self.inbox.clear(),
                        Place::Spare => self.inbox.begin_spare(),
                    }
                    self.spare_overdue.clear();
                    let cursor = self.inbox.cursor().cloned();
                    let request = TicketRequest { cursor, protocol: PROTOCOL, features: Vec::new() };
                    self.ask::<OpenTicket>(Purpose::Ticket(number), &request);
                }
                Action::Open { key, transport, path } => {
                    // What the server has taken by now comes before it says that all has come, or never. Not so what it has
                    // taken when the first frame is here: that may have been long on its way.
                    match self.stream.place(key) {
                        Some(Place::Main) => self.overdue = self.outbox.taken(),
                        Some(Place::Spare) => self.spare_overdue = self.outbox.taken(),
                        None => {}
                    }
                    self.ledger.tell(Output::OpenStream { key, transport, path });
                }
                Action::Close(key) => self.ledger.tell(Output::CloseStream(key)),
                Action::ChangeOver => self.change_over(),
                Action::Ping(_) => self.ask::<Ping>(Purpose::Ping, &PingRequest::default()),
            }
        }
    }

    /// The device has come further, which the server is told after a while.
    pub(super) fn owe_cursor(&mut self) {
        if !self.alarms.is_set(Alarm::Acknowledge) {
            let spread = Millis(self.random.up_to(ACKNOWLEDGE_SPREAD_MS.0));
            self.alarms.set(self.now.after(ACKNOWLEDGE_AFTER_MS).after(spread), Alarm::Acknowledge);
        }
    }

    /// Says how far this device has come, once that is on disk.
    pub(super) fn acknowledge_cursor(&mut self) {
        let cursor = self.inbox.cursor().cloned();
        if self.stream.is_open() && cursor.is_some() {
            self.ask_after::<Ping>(Purpose::Acknowledge, &PingRequest { cursor });
        }
    }

    fn change_over(&mut self) {
        self.overdue.append(&mut self.spare_overdue);
        if self.inbox.change_over().is_err()
            && let Some(key) = self.stream.main_key()
        {
            self.note(LogKind::FellBehind);
            self.end_stream(key, CloseCause::Overrun);
        }
    }

    /// A ticket, or none.
    pub(super) fn ticket(&mut self, number: u64, answer: Result<TicketOpened, Problem>) {
        match &answer {
            Ok(opened) => self.set_server_now(opened.server_time),
            // A spare stream asks at the same cursor: the other one goes on, and would be told the same.
            Err(problem) if problem.code == Code::BadCursor && self.stream.is_asked(number) => {
                self.inbox.drop_cursor();
                self.lose_history();
            }
            Err(_) => {}
        }
        let random = self.random.clone();
        let actions = self.stream.ticket(number, answer, (self.now, &random));
        self.connect(actions);
    }

    /// A fresh access token, or none.
    pub(super) fn refreshed(&mut self, answer: Result<Refreshed, Problem>) {
        let device = self.me().map(|me| me.device);
        match answer {
            Ok(refreshed) if self.is_own(&refreshed, device) => {
                self.note(LogKind::TokenRenewed);
                let requests = self.calls.renewed(refreshed.tokens, self.now);
                self.post_all(requests);
            }
            // The cookie is of another session: this device has none any more.
            Ok(_) => self.end_session(SessionEndCause::Unknown),
            Err(problem) if problem.code == Code::SessionEnded && device.is_some() => {
                self.end_session(SessionEndCause::Unknown);
            }
            Err(_) => {
                for purpose in self.calls.not_renewed() {
                    self.answered(purpose, &Err(crate::contract::NoAnswer));
                }
            }
        }
    }

    /// Whether a renewed session is this device's, or the one in which it is being registered: an answer to that which
    /// got lost has spent the first token.
    fn is_own(&self, refreshed: &Refreshed, device: Option<DeviceId>) -> bool {
        match device {
            Some(_) => refreshed.device == device,
            None => self.registering().is_some_and(|user| user == refreshed.user),
        }
    }

    /// The server has ended the session: the store is kept.
    pub(super) fn end_session(&mut self, cause: SessionEndCause) {
        let Session::SignedIn(account) = &mut self.session else { return };
        account.stage = Stage::Ended(cause);
        let account = account.clone();
        self.ledger.put(record::write(record::account(record::ACCOUNT), &account));
        self.session = Session::SignedOut { kept: Some(account), cause: Some(cause) };
        self.note(LogKind::SessionEnded(cause));
        self.leave();
        self.show_session();
    }

    /// Ends everything that goes on in the name of the account.
    pub(super) fn leave(&mut self) {
        let actions = self.stream.stop(CloseCause::NotWanted);
        self.connect(actions);
        self.calls.forget();
        self.inbox.clear();
        self.outbox.pause();
        self.timeline.close_all();
        (self.alarms, self.tree) = (Alarms::default(), Tree::default());
        self.failures.clear();
        self.awaited.clear();
        let waiting = std::mem::take(&mut self.waiting);
        for key in waiting.into_keys() {
            self.refuse(key, Failure::Refused(Code::SessionEnded));
        }
    }

    /// A stream has ended, or was refused.
    pub(super) fn stream_closed(&mut self, key: StreamKey, problem: Option<&Problem>) {
        let random = self.random.clone();
        let actions = self.stream.closed(key, problem, (self.now, &random));
        self.connect(actions);
    }

    /// A stream was ended by what came on it: the driver does not know that yet.
    fn refused(&mut self, key: StreamKey, problem: Option<&Problem>) {
        self.ledger.tell(Output::CloseStream(key));
        self.stream_closed(key, problem);
    }

    fn end_stream(&mut self, key: StreamKey, cause: CloseCause) {
        let random = self.random.clone();
        let actions = self.stream.give_up(key, cause, (self.now, &random));
        self.connect(actions);
    }

    /// A frame of a stream: an event, a page of events, or an answer.
    pub(super) fn frame(&mut self, key: StreamKey, bytes: &Bytes) {
        let Some(transport) = self.stream.transport(key).filter(|_| self.session.account().is_some()) else { return };
        self.meter.came(bytes.len());
        if transport == Transport::LongPoll {
            return self.page(key, bytes);
        }
        self.stream.heard(key, self.now);
        // Some answers are called as events are; the id tells them apart.
        if transport == Transport::WebSocket
            && let Some(id) = envelope::open(bytes).ok().and_then(|envelope| envelope.request_id)
        {
            if let Some(request) = self.calls.streamed(key, &id) {
                self.response(request, Ok(bytes.clone()));
            }
            return;
        }
        self.stream_event(key, bytes);
    }

    /// The answer to a long poll. The next question is asked as soon as it is read.
    fn page(&mut self, key: StreamKey, bytes: &[u8]) {
        let page = envelope::open(bytes).ok().filter(|envelope| envelope.kind == ticket::EVENTS);
        let Some(page) = page.and_then(|envelope| envelope::payload::<RawEvents>(&envelope).ok()) else {
            return self.refused(key, calls::problem(bytes).as_ref());
        };
        for event in &page.events {
            self.stream_event(key, event.get().as_bytes());
        }
        match self.stream.polled(key, page.ticket.as_ref(), self.now) {
            Some(next) => self.connect(vec![next]),
            None => self.refused(key, None),
        }
    }

    fn stream_event(&mut self, key: StreamKey, bytes: &[u8]) {
        let entry = match Event::from_frame(bytes) {
            Ok(Event::Durable(event)) => {
                self.stream.counted(key);
                Entry::Event(Box::new(event))
            }
            Ok(Event::Ephemeral(event)) => match event {
                Ephemeral::CaughtUp(caught_up) => Entry::CaughtUp(Some(caught_up.cursor)),
                Ephemeral::HistoryLost(lost) => {
                    self.note(LogKind::HistoryLost(lost.cause));
                    Entry::Lost(lost.to)
                }
                other => return self.ephemeral(key, other),
            },
            // What is no event, or none that is known, is skipped; a refusal ends what has not begun.
            Ok(Event::Unknown) | Err(_) => {
                if let Some(problem) = calls::problem(bytes).filter(|_| self.stream.is_opening(key)) {
                    self.refused(key, Some(&problem));
                }
                return;
            }
        };
        let kept = match self.stream.place(key) {
            Some(Place::Main) => self.inbox.push(entry, bytes.len()),
            Some(Place::Spare) => self.keep_spare(key, entry, bytes.len()),
            None => Ok(()),
        };
        if kept.is_err() {
            self.note(LogKind::FellBehind);
            self.end_stream(key, CloseCause::Overrun);
        }
    }

    /// Keeps what came by the spare stream, which takes over when it has caught up.
    fn keep_spare(&mut self, key: StreamKey, entry: Entry, size_bytes: usize) -> Result<(), Full> {
        let is_last = matches!(entry, Entry::CaughtUp(_));
        if matches!(entry, Entry::Lost(_)) {
            // Where one stream has lost events and the other has not, the other one is right.
            self.end_stream(key, CloseCause::Ended);
            return Ok(());
        }
        self.inbox.hold(entry, size_bytes)?;
        if is_last {
            let actions = self.stream.spare_caught_up();
            self.connect(actions);
        }
        Ok(())
    }

    fn ephemeral(&mut self, key: StreamKey, event: Ephemeral) {
        let Some(place) = self.stream.place(key) else { return };
        match (event, place) {
            (Ephemeral::Connected(connected), _) => self.connected(key, &connected),
            (Ephemeral::Heartbeat(heartbeat), _) => self.set_server_now(heartbeat.server_time),
            (Ephemeral::TypingUpdate(update), Place::Main) => self.others_type(update),
            (Ephemeral::UserOnline(person) | Ephemeral::UserOffline(person), Place::Main) => {
                self.person_changed(person)
            }
            (Ephemeral::Shutdown(shutdown), Place::Main) => {
                let actions = self.stream.shut_down(shutdown.retry_in_ms, self.now);
                self.connect(actions);
            }
            (Ephemeral::Shutdown(_), Place::Spare) => self.end_stream(key, CloseCause::Shutdown),
            (Ephemeral::SessionEnded(over), _) => self.end_session(over.cause),
            // Two have a place in the order of the log; the other stream tells of people too.
            (Ephemeral::CaughtUp(_) | Ephemeral::HistoryLost(_), _)
            | (Ephemeral::TypingUpdate(_) | Ephemeral::UserOnline(_) | Ephemeral::UserOffline(_), Place::Spare) => {}
        }
    }

    fn others_type(&mut self, update: TypingUpdate) {
        if self.list.row(update.conversation).is_none() || self.me().is_none_or(|me| me.user == update.user) {
            return;
        }
        if update.typing {
            self.typing.start(update.conversation, update.user, self.now);
        } else {
            self.typing.stop(update.conversation, update.user);
        }
        self.list.touch(update.conversation);
    }

    fn connected(&mut self, key: StreamKey, connected: &Connected) {
        self.set_server_now(connected.server_time);
        // It came twice.
        let Some(actions) = self.stream.connected(key, self.now) else { return };
        self.connect(actions);
        if self.stream.place(key) == Some(Place::Spare) {
            return;
        }
        self.outbox.wake();
        self.resume();
        self.top_up(connected.key_packages);
    }

    /// Tells that a request was refused or not answered. Of tickets the stream tells.
    pub(super) fn note_failure(&mut self, key: RequestKey, (answer, problem): (Answer, Option<&Problem>)) {
        let code = match answer {
            Answer::None => Some(Code::Unreachable),
            Answer::RefusesToken => None,
            Answer::Came => problem.map(|problem| problem.code),
        };
        if let (Some(code), Some(path)) = (code, self.calls.path(key).filter(|path| *path != OpenTicket::PATH)) {
            self.note(LogKind::RequestFailed { path: path.into(), code });
        }
    }

    /// Publishes key packages where the stock is low or the last resort is old (E6).
    fn top_up(&mut self, stock: usize) {
        let now = self.server_now();
        let (Session::SignedIn(account), Some(groups)) = (&mut self.session, &mut self.groups) else { return };
        let missing = if stock < limit::KEY_PACKAGE_LOW { limit::KEY_PACKAGE_STOCK - stock } else { 0 };
        let is_old = now.since(account.last_resort_at) > LAST_RESORT_LIFE_MS;
        if missing == 0 && !is_old {
            return;
        }
        let Ok(key_packages) = groups.key_packages(missing, now) else { return };
        let last_resort = if is_old { groups.last_resort(now).ok() } else { None };
        if last_resort.is_some() {
            account.last_resort_at = now;
            self.ledger.put(record::write(record::account(record::ACCOUNT), account));
        }
        self.ask_after::<PublishKeys>(Purpose::PublishKeys, &PublishKeysRequest { key_packages, last_resort });
    }
}

/// Whether the same request may go well later.
pub(super) fn may_pass(problem: &Problem) -> bool {
    match problem.retry {
        Retry::Later | Retry::Refresh => true,
        Retry::Never | Retry::Rebuild => false,
    }
}
