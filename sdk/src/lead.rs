//! What a tab that leads says to the others, and what it does for them. Owns when a lead is ready, and the numbers of its
//! news; what is true is the core's.
//!
//! The rule that it keeps: **nobody is told of anything before the store was read**, so that nobody's commands are refused
//! for want of a session that is there.

use crate::channel::Channel;
use crate::message::{FromFollower, FromLead, LeadKey, Message, Readiness};
use crate::shown::Told;
use crate::sotto::World;
use sotto_core::contract::{Command, CommandKey, Input, ViewerKey, Visibility};
use sotto_core::view::{Change, Session};
use sotto_core::wire::ConversationId;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The lead of this tab.
pub(crate) struct Lead {
    key: LeadKey,
    world: Rc<World>,
    channel: Rc<Channel>,
    readiness: Cell<Readiness>,
    audience: Cell<Audience>,
    /// Number of the newest news.
    number: Cell<u64>,
    /// What is to be told at the end of this turn.
    news: RefCell<Vec<Told>>,
    /// Whether the session was read from the store.
    session: Cell<Known>,
}

/// Whether anybody listens: alone, a tab spares itself the telling.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Nobody,
    Somebody,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    No,
    Yes,
}

impl Lead {
    /// Begins to lead, and says so.
    pub(crate) fn begin(key: LeadKey, world: Rc<World>, channel: Rc<Channel>) -> Self {
        let lead = Self {
            key,
            world,
            channel,
            readiness: Cell::new(Readiness::Starting),
            audience: Cell::new(Audience::Nobody),
            number: Cell::new(0),
            news: RefCell::default(),
            session: Cell::new(Known::No),
        };
        lead.say_here();
        lead
    }

    /// The inputs of this lead's driver.
    pub(crate) fn world(&self) -> &Rc<World> {
        &self.world
    }

    fn say(&self, message: FromLead) {
        self.channel.say(&Message::Lead(message));
    }

    fn say_here(&self) {
        let (lead, readiness, number) = (self.key, self.readiness.get(), self.number.get());
        self.say(FromLead::Here { lead, readiness, number });
    }

    /// This tab is about to do something that takes seconds: the others shall not take it for dead.
    pub(crate) fn ask_patience(&self) {
        if self.readiness.get() == Readiness::Ready {
            let (lead, number) = (self.key, self.number.get());
            self.say(FromLead::Here { lead, readiness: Readiness::Busy, number });
        }
    }

    /// Notes news, told by [`Lead::flush`].
    pub(crate) fn note(&self, told: &Told) {
        if matches!(told, Told::Changed(Change::Session(session)) if *session != Session::Starting) {
            self.session.set(Known::Yes);
        }
        if self.audience.get() == Audience::Somebody {
            self.news.borrow_mut().push(told.clone());
        }
    }

    /// Tells the others what was noted. `open` is the conversation that is open in this tab.
    pub(crate) fn flush(&self, open: Option<ConversationId>) {
        let told = self.news.take();
        if !told.is_empty() {
            self.number.set(self.number.get() + 1);
            self.say(FromLead::News { lead: self.key, number: self.number.get(), told });
        }
        if self.readiness.get() == Readiness::Starting && self.session.get() == Known::Yes {
            self.readiness.set(Readiness::Ready);
            self.say_here();
            self.look_at(self.world.shown.viewer(), open);
            for (key, command) in self.world.answers.unanswered() {
                self.hand_in(key, command);
            }
        }
    }

    /// Hands a command of this tab in, now or when the store was read: until then it stays with the unanswered ones.
    pub(crate) fn submit(&self, key: CommandKey, command: Command) {
        if self.readiness.get() == Readiness::Ready {
            self.hand_in(key, command);
        }
    }

    fn hand_in(&self, key: CommandKey, command: Command) {
        self.world.inputs.push(Input::Command { key, command });
    }

    /// A tab has this conversation open.
    fn look_at(&self, viewer: ViewerKey, open: Option<ConversationId>) {
        let command = match open {
            Some(conversation) => Command::OpenConversation(viewer, conversation),
            None => Command::CloseConversation(viewer),
        };
        self.hand_in(self.world.answers.name(), command);
    }

    /// Another tab has said something.
    pub(crate) fn hear(&self, said: FromFollower) {
        match said {
            FromFollower::Hello { from, open } => {
                if self.readiness.get() == Readiness::Ready {
                    self.audience.set(Audience::Somebody);
                    let (lead, number, told) = (self.key, self.number.get(), self.world.shown.present());
                    self.say(FromLead::Welcome { to: from, lead, number, told });
                    self.look_at(from, open);
                }
            }
            FromFollower::Command { from, lead, number, command } => {
                if lead == self.key {
                    self.hand_in(self.world.answers.name_for(from, number), command);
                }
            }
            FromFollower::Ask => self.say_here(),
            FromFollower::Looks => self.world.inputs.push(Input::Visibility(Visibility::Visible)),
            FromFollower::Bye { from } => self.look_at(from, None),
        }
    }
}
