//! This tab among the tabs of the browser: its name, what it does at present, and where its commands go. Owns what
//! outlives a lead; the way from one role to the next is `leader`'s.
//!
//! The rule that it keeps: **a tab that has belonged to its version takes the lead from no other version.** Only one that
//! begins does, once; else two versions would rob each other for ever.

use crate::answers::Answers;
use crate::channel::Channel;
use crate::follow::Follow;
use crate::lead::Lead;
use crate::message::{Message, Unread, may_cross};
use crate::queue::Queue;
use crate::shown::Shown;
use crate::sotto::Options;
use sotto_core::contract::{Command, CommandKey, Failure, ViewerKey};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// This tab.
pub(crate) struct Tab {
    pub(crate) options: Options,
    pub(crate) shown: Rc<Shown>,
    pub(crate) answers: Rc<Answers>,
    /// Why this tab, which follows, is to take the lead. Closed when the tab ends.
    pub(crate) wishes: Queue<Wish>,
    role: RefCell<Role>,
    met: Cell<Met>,
}

/// What this tab has met among the tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// Nobody of its version: it has just begun.
    Nobody,
    /// A lead of its version: itself or another.
    Own,
    /// While it led, a lead of another version. When that has robbed it and nobody of its own version leads since, it has
    /// nothing more to do.
    ForeignWhileLeading,
}

/// Why a tab that follows takes the lead from the one that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Here is a command that stays in this tab.
    Secret,
    /// The one that has it does not live.
    LeadIsGone,
    /// The one that has it is of another version.
    ForeignLead,
}

/// What a tab does.
#[derive(Clone)]
pub(crate) enum Role {
    /// It asks for the lead.
    Starting,
    /// It leads.
    Leading(Rc<Lead>),
    /// Another one leads.
    Following(Rc<Follow>),
    /// Nothing any more; commands fail like this.
    Stopped(Failure),
}

impl Tab {
    pub(crate) fn new(options: Options, viewer: ViewerKey) -> Self {
        Self {
            options,
            shown: Rc::new(Shown::new(viewer)),
            answers: Rc::default(),
            wishes: Queue::default(),
            role: RefCell::new(Role::Starting),
            met: Cell::new(Met::Nobody),
        }
    }

    /// Joins the channel of the tabs that share this one's store.
    pub(crate) fn join(self: &Rc<Self>) -> Option<Rc<Channel>> {
        let tab = Rc::downgrade(self);
        let hear = move |said| {
            if let Some(tab) = tab.upgrade() {
                tab.hear(said);
            }
        };
        let channel = Rc::new(Channel::join(&format!("sotto-{}", self.options.database), hear)?);
        self.answers.use_channel(Rc::clone(&channel));
        Some(channel)
    }

    pub(crate) fn role(&self) -> Role {
        self.role.borrow().clone()
    }

    /// Begins to follow: what it wished when it followed before was about another lead.
    pub(crate) fn follow(&self, follow: Rc<Follow>) {
        drop(self.wishes.take_now());
        self.set_role(Role::Following(follow));
        if self.answers.unanswered().iter().any(|(_, command)| !may_cross(command)) {
            self.wishes.push(Wish::Secret);
        }
    }

    /// Whether another version has the lead for good, when this tab, which follows, wishes to take it for these reasons.
    pub(crate) fn is_outdated(&self, wishes: &[Wish]) -> bool {
        match self.met.get() {
            Met::Nobody => false,
            Met::Own => wishes.contains(&Wish::ForeignLead),
            Met::ForeignWhileLeading => true,
        }
    }

    /// What this tab does from now on; what it did ends.
    pub(crate) fn set_role(&self, role: Role) {
        let lead = match &role {
            Role::Leading(lead) => Some(Rc::clone(lead)),
            Role::Starting | Role::Following(_) | Role::Stopped(_) => None,
        };
        if lead.is_some() {
            self.met.set(Met::Own);
        }
        self.shown.set_lead(lead);
        let before = self.role.replace(role);
        if let Role::Leading(before) = before {
            before.world().inputs.close();
            self.answers.forget_others();
            // Whether it was carried out only the lead before knew, and it cannot be told to the next.
            self.answers.refuse(Failure::WrongState, |command| !may_cross(command));
        }
    }

    fn hear(&self, said: Result<Message, Unread>) {
        match (self.role(), said) {
            (Role::Leading(lead), Ok(Message::Follower(said))) => lead.hear(said),
            // Else it would not know whether it was robbed by a lead that is dead or by one of another version.
            (Role::Leading(lead), Err(Unread::ForeignFollower)) => lead.say_here(),
            // By one that robs this tab, or by one that this tab has robbed and that is about to notice.
            (Role::Leading(_), Err(Unread::ForeignLead)) => self.met.set(Met::ForeignWhileLeading),
            (Role::Leading(_), Ok(Message::Lead(_))) => self.met.set(Met::Own),
            (Role::Following(follow), Ok(Message::Lead(said))) => {
                self.met.set(Met::Own);
                follow.hear(said);
            }
            (Role::Following(_), Err(Unread::ForeignLead)) => self.wishes.push(Wish::ForeignLead),
            // Said to somebody else.
            (Role::Leading(_) | Role::Following(_) | Role::Starting | Role::Stopped(_), Ok(_) | Err(_)) => {}
        }
    }

    /// Has a command carried out, whose answer comes by `answers`.
    pub(crate) fn submit(&self, key: CommandKey, command: Command) {
        match self.role() {
            Role::Leading(lead) => lead.submit(key, command),
            Role::Following(follow) if may_cross(&command) => follow.submit(key, command),
            Role::Following(_) => self.wishes.push(Wish::Secret),
            Role::Starting => {}
            Role::Stopped(failure) => self.answers.answer(key, Err(failure)),
        }
    }

    /// Ends everything: the connection closes and the lead is free.
    pub(crate) fn end(&self) {
        if let Role::Following(follow) = self.role() {
            follow.bye();
        }
        self.set_role(Role::Stopped(Failure::WrongState));
        self.wishes.close();
        self.answers.end();
    }
}
