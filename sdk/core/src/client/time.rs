//! Time: what is due, what is to be done later, and the clocks. The rule: one deadline for everything, and a clock that
//! has jumped past it means that the device slept.

use super::{Client, ServerClock};
use crate::alarms::Alarm;
use crate::backoff;
use crate::ledger::Health;
use crate::view::LogKind;
use sotto_wire::ticket::RetryPolicy;
use sotto_wire::{Millis, Problem};

/// So much later than asked for comes no timer of a device that is awake.
const SLEPT_MS: Millis = Millis(20_000);

impl Client {
    /// Notices that the device has slept.
    pub(super) fn notice_sleep(&mut self) {
        let late = self.idle_until.take().map(|at| self.now.since(at));
        if let Some(late) = late.filter(|late| *late > SLEPT_MS) {
            self.note(LogKind::Woke(late));
            let actions = self.stream.wake(self.now);
            self.connect(actions);
        }
    }

    pub(super) fn timer(&mut self) {
        let actions = self.stream.timer(self.now, &self.random);
        self.connect(actions);
        let again = self.calls.overdue(self.now);
        if !again.is_empty() {
            // Nothing has said yet that the socket is dead.
            let actions = self.stream.wake(self.now);
            self.connect(actions);
        }
        self.send_again(again);
        for conversation in self.typing.expire(self.now) {
            self.list.touch(conversation);
        }
        if self.ledger.health() == Health::Failed {
            return;
        }
        for alarm in self.alarms.take_due(self.now) {
            match alarm {
                Alarm::SignOut => self.session_over(),
                Alarm::Conversations => self.ask_conversations(None),
                Alarm::Create(id) => self.ask_create(id),
                Alarm::Existing(id) => self.existing_is_late(id),
                Alarm::Welcome(id, epoch) => self.ask_welcome_tree(id, epoch),
                Alarm::Rejoin(id) => self.ask_rejoin_state(id),
                Alarm::Commit(id, client_id) => self.commit_again(id, client_id),
                Alarm::Update(id) => self.update(id),
                Alarm::Wish(id) => self.grant(id),
                Alarm::Leave(id) => self.ask_leave(id),
                Alarm::Tidy(id) => self.tidy(id),
                Alarm::AskCard(id) => self.ask_card(id),
                Alarm::AnswerCard(id) => self.answer_card(id),
                Alarm::Names(id) => self.ask_names(id),
                Alarm::Presence => self.presence.again(),
                Alarm::Acknowledge => self.acknowledge_cursor(),
                // What is due is done when the input is settled.
                Alarm::Change => {}
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Millis> {
        if self.ledger.health() == Health::Failed {
            return None;
        }
        // A pause that is over and could not be used ends with what it waits for, not with time.
        let pause = self.outbox.deadline(self.now).filter(|_| self.stream.is_open());
        let presence = self.presence.deadline(self.now);
        let (calls, typing) = (self.calls.deadline(), self.typing.deadline());
        let parts = [self.stream.deadline(), calls, self.alarms.deadline(), pause, typing, presence];
        parts.into_iter().flatten().min()
    }

    /// Sets an alarm for something that has failed, each time a little later.
    pub(super) fn later(&mut self, alarm: Alarm, problem: &Problem) {
        let failed = self.failures.get_or_insert(alarm, 0);
        let wait = backoff::wait(RetryPolicy::default(), *failed, &self.random);
        *failed = failed.saturating_add(1);
        self.alarms.set(self.now.after(backoff::asked(problem.retry_after_ms).max(wait)), alarm);
    }

    /// Sets an alarm at a random time within `window`, so that devices do not act all at once.
    pub(super) fn soon(&mut self, alarm: Alarm, window: Millis) {
        self.alarms.set(self.now.after(Millis(self.random.up_to(window.0))), alarm);
    }

    /// Something that may have failed before has gone well.
    pub(super) fn went_well(&mut self, alarm: Alarm) {
        self.failures.remove(&alarm);
        self.alarms.cancel(alarm);
    }

    /// The server's clock, as near as it is known.
    pub(super) fn server_now(&self) -> Millis {
        match self.clock {
            ServerClock::Unknown => self.now,
            ServerClock::Ahead(by) => self.now.after(by),
            ServerClock::Behind(by) => Millis(self.now.0.saturating_sub(by.0)),
        }
    }

    pub(super) fn set_server_now(&mut self, server_now: Millis) {
        self.clock = if server_now >= self.now {
            ServerClock::Ahead(server_now.since(self.now))
        } else {
            ServerClock::Behind(self.now.since(server_now))
        };
    }
}
