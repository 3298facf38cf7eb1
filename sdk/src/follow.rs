//! What a tab does that does not lead: mirrors what the lead tells, hands its commands over, and watches whether the lead
//! lives. Owns what it has heard of the lead; who takes the lock is `leader`'s affair.
//!
//! The rule that it keeps: **what is shown is one lead's telling without a gap**; after a gap, or by another lead, all is
//! told anew.

use crate::answers::Answers;
use crate::channel::Channel;
use crate::message::{FromFollower, FromLead, LeadKey, Message, Readiness, may_cross};
use crate::place::Place;
use crate::shown::{Shown, Told};
use sotto_core::contract::{Command, CommandKey, ViewerKey};
use sotto_core::wire::ConversationId;
use std::cell::Cell;
use std::rc::Rc;

/// Between two questions whether the lead lives.
pub(crate) const ASK_EVERY_MS: u32 = 500;
/// So many questions in a row stay unanswered when the lead is dead: 2 s, which with opening the store makes less than
/// the 3 s that a take-over may last. A lead answers from a message, not from a timer: those stand still in hidden pages.
const ASKS_MAX: u32 = 4;
/// So many when it has said that it will be busy: 15 s, longer than deriving a key from a password takes on a slow phone.
pub(crate) const PATIENCE_ASKS: u32 = 30;

/// This tab as one that follows.
pub(crate) struct Follow {
    channel: Rc<Channel>,
    answers: Rc<Answers>,
    shown: Rc<Shown>,
    /// Whose telling is shown, and the number of the newest news of it.
    mirrored: Cell<Option<(LeadKey, u64)>>,
    /// Questions that may still stay unanswered.
    patience: Cell<u32>,
}

/// Whether the lead lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    Felt,
    Gone,
}

impl Follow {
    /// Begins to follow whoever answers.
    pub(crate) fn begin(channel: Rc<Channel>, answers: Rc<Answers>, shown: Rc<Shown>) -> Self {
        let follow = Self { channel, answers, shown, mirrored: Cell::new(None), patience: Cell::new(ASKS_MAX) };
        follow.say_hello();
        follow
    }

    fn say(&self, message: FromFollower) {
        self.channel.say(&Message::Follower(message));
    }

    fn me(&self) -> ViewerKey {
        self.shown.viewer()
    }

    fn say_hello(&self) {
        self.say(FromFollower::Hello { from: self.me(), open: self.open() });
    }

    fn open(&self) -> Option<ConversationId> {
        self.shown.open()
    }

    /// A person looks at this tab now.
    pub(crate) fn looks(&self) {
        self.say(FromFollower::Looks);
    }

    /// This tab is closing.
    pub(crate) fn bye(&self) {
        self.say(FromFollower::Bye { from: self.me() });
    }

    /// Asks whether the lead lives, unless it has been asked too often.
    pub(crate) fn ask(&self) -> Pulse {
        let Some(left) = self.patience.get().checked_sub(1) else { return Pulse::Gone };
        self.patience.set(left);
        self.say(FromFollower::Ask);
        Pulse::Felt
    }

    /// Nobody looks at this tab: it waits for the lock, and lets those ask at whom somebody looks.
    pub(crate) fn rest(&self) {
        self.patience.set(ASKS_MAX);
    }

    /// Whether this tab shows what a lead has told it.
    pub(crate) fn is_mirroring(&self) -> bool {
        self.mirrored.get().is_some()
    }

    /// Hands a command over, now or to the lead that comes next: until then it stays with the unanswered ones, and one
    /// with a password until this tab leads.
    pub(crate) fn submit(&self, key: CommandKey, command: Command) {
        if let Some((lead, _)) = self.mirrored.get()
            && may_cross(&command)
        {
            self.say(FromFollower::Command { from: self.me(), lead, number: key.0, command });
        }
    }

    /// The lead has said something.
    pub(crate) fn hear(&self, said: FromLead) {
        match said {
            FromLead::Here { lead, readiness, number } => {
                self.patience.set(match readiness {
                    Readiness::Starting | Readiness::Ready => ASKS_MAX,
                    Readiness::Busy => PATIENCE_ASKS,
                });
                if readiness != Readiness::Starting && self.mirrored.get() != Some((lead, number)) {
                    self.say_hello();
                }
            }
            FromLead::Welcome { to, lead, number, told } if to == self.me() => {
                let before = self.mirrored.replace(Some((lead, number)));
                self.take_in(told);
                if before.is_none_or(|(before, _)| before != lead) {
                    // What the lead before has not answered. One that it has carried out is answered and not done again.
                    for (key, command) in self.answers.unanswered() {
                        self.submit(key, command);
                    }
                }
            }
            FromLead::News { lead, number, told } => match self.mirrored.get() {
                Some((mirrored, before)) if mirrored == lead && number == before + 1 => {
                    self.mirrored.set(Some((lead, number)));
                    self.take_in(told);
                }
                // Told before the welcome, which is on its way.
                None => {}
                Some(_) => self.say_hello(),
            },
            FromLead::Answer { to, number, result } if to == self.me() => {
                self.answers.answer(CommandKey(number), result);
            }
            FromLead::Welcome { .. } | FromLead::Answer { .. } => {}
        }
    }

    fn take_in(&self, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Place(Place::Failed(failure)) => self.shown.set_place(Place::Failed(failure)),
                Told::Place(_) => self.shown.set_place(Place::Following),
                Told::Changed(change) => self.shown.apply(change),
                Told::Notify(conversation) => self.shown.notify(conversation),
            }
        }
        self.shown.flush();
    }
}
