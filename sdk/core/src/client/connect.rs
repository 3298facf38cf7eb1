//! The connection in use: tickets and tokens, frames, and the end of a session as the server tells it.

use super::{Client, Tree};
use crate::alarms::Alarms;
use crate::calls::Purpose;
use crate::contract::{Failure, Output, StreamKey};
use crate::inbox::Entry;
use crate::ledger::Health;
use crate::record;
use crate::session::{Session, Stage};
use crate::stream::Action;
use sotto_wire::event::{Connected, Ephemeral, Event, SessionEndCause};
use sotto_wire::key::{PublishKeys, PublishKeysRequest};
use sotto_wire::session::Refreshed;
use sotto_wire::ticket::{OpenTicket, TicketOpened, TicketRequest};
use sotto_wire::{Code, DeviceId, Millis, PROTOCOL, Problem, Retry, limit};

/// How long a package of last resort is given out before another takes its place.
const LAST_RESORT_LIFE_MS: Millis = Millis(30 * 86_400_000);

impl Client {
    /// Does what the connection wants.
    pub(super) fn connect(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::AskTicket(number) => {
                    if self.ledger.health() == Health::Failed {
                        continue;
                    }
                    // What waits comes again: the new stream begins where the inbox stands.
                    self.inbox.clear();
                    let cursor = self.inbox.cursor().cloned();
                    let request = TicketRequest { cursor, protocol: PROTOCOL, features: Vec::new() };
                    self.ask::<OpenTicket>(Purpose::Ticket(number), &request);
                }
                Action::Open { key, transport, path } => {
                    self.ledger.tell(Output::OpenStream { key, transport, path });
                }
                Action::Close(key) => self.ledger.tell(Output::CloseStream(key)),
            }
        }
    }

    /// A ticket, or none.
    pub(super) fn ticket(&mut self, number: u64, answer: Result<TicketOpened, Problem>) {
        match &answer {
            Ok(opened) => self.set_server_now(opened.server_time),
            Err(problem) if problem.code == Code::BadCursor => {
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
                let requests = self.calls.renewed(refreshed.tokens, self.now);
                requests.into_iter().for_each(|request| self.ledger.tell(Output::Request(request)));
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
        self.leave();
        self.show_session();
    }

    /// Ends everything that goes on in the name of the account.
    pub(super) fn leave(&mut self) {
        let actions = self.stream.stop();
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

    /// A frame of a stream.
    pub(super) fn frame(&mut self, key: StreamKey, bytes: &[u8]) {
        if !self.stream.is_current(key) || self.session.account().is_none() {
            return;
        }
        self.stream.heard(self.now);
        // What is no event, or none that is known, is skipped.
        let entry = match Event::from_frame(bytes) {
            Ok(Event::Durable(event)) => Entry::Event(Box::new(event)),
            Ok(Event::Ephemeral(event)) => match event {
                Ephemeral::CaughtUp(caught_up) => Entry::CaughtUp(caught_up.cursor),
                Ephemeral::HistoryLost(lost) => Entry::Lost(lost.to),
                other => return self.ephemeral(other),
            },
            Ok(Event::Unknown) | Err(_) => return,
        };
        if self.inbox.push(entry, bytes.len()).is_err() {
            let random = self.random.clone();
            let actions = self.stream.give_up(self.now, &random);
            self.connect(actions);
        }
    }

    fn ephemeral(&mut self, event: Ephemeral) {
        match event {
            Ephemeral::Connected(connected) => self.connected(&connected),
            Ephemeral::Heartbeat(heartbeat) => self.set_server_now(heartbeat.server_time),
            Ephemeral::TypingUpdate(update) => {
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
            Ephemeral::Shutdown(shutdown) => {
                let actions = self.stream.shut_down(shutdown.retry_in_ms, self.now);
                self.connect(actions);
            }
            Ephemeral::SessionEnded(over) => self.end_session(over.cause),
            // These two have a place in the order of the log.
            Ephemeral::CaughtUp(_) | Ephemeral::HistoryLost(_) => {}
        }
    }

    fn connected(&mut self, connected: &Connected) {
        self.set_server_now(connected.server_time);
        if self.stream.is_open() {
            // It came twice.
            return;
        }
        self.stream.connected(self.now);
        self.outbox.wake();
        self.overdue = self.outbox.taken();
        self.resume();
        self.top_up(connected.key_packages);
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
