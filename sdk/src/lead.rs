//! What a tab that leads says to the others, and what it does for them. Owns when a lead is ready, and the numbers of its
//! news; what is true is the core's.
//!
//! The rule that it keeps: **nobody is told of anything before the store was read**, so that nobody's commands are refused
//! for want of a session that is there.

use crate::channel::Channel;
use crate::clock;
use crate::message::{FromFollower, FromLead, LeadKey, Message, Readiness};
use crate::shown::{TOLD_MAX, Told};
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

    /// Says that this lead is there, which tabs of every version understand.
    pub(crate) fn say_here(&self) {
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
        self.world.forget_gone(clock::now());
        let mut news = self.news.take().into_iter();
        loop {
            let told: Vec<Told> = news.by_ref().take(TOLD_MAX).collect();
            if told.is_empty() {
                break;
            }
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
            FromFollower::Ask { from } => {
                self.say_here();
                self.world.look_on(from);
            }
            FromFollower::Looks { from, visibility } => self.world.look(from, visibility),
            FromFollower::Bye { from } => {
                self.look_at(from, None);
                self.world.look(from, Visibility::Hidden);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::fresh_name;
    use crate::queue::Queue;
    use crate::sotto::Options;
    use crate::timeline::tests::HERE;
    use sotto_core::contract::Failure;
    use sotto_core::view::{Connection, Link, Privacy};
    use sotto_core::wire::Millis;
    use wasm_bindgen_test::wasm_bindgen_test;

    const KEY: LeadKey = LeadKey(10);
    const TAB: ViewerKey = ViewerKey(5);

    /// A lead, and what another tab hears of it.
    fn lead() -> (Rc<Lead>, Rc<Queue<FromLead>>, Channel) {
        let (name, heard) = (fresh_name(), Rc::new(Queue::default()));
        let hear = {
            let heard = Rc::clone(&heard);
            move |message| match message {
                Ok(Message::Lead(message)) => heard.push(message),
                other => panic!("a lead said {other:?}"),
            }
        };
        let tab = Channel::join(&name, hear).expect("a channel");
        let channel = Rc::new(Channel::join(&name, |_| {}).expect("a channel"));
        let world = Rc::new(World::new(Options::default()));
        world.answers.use_channel(Rc::clone(&channel));
        let lead = Rc::new(Lead::begin(KEY, Rc::clone(&world), channel));
        world.shown.set_lead(Some(Rc::clone(&lead)));
        (lead, heard, tab)
    }

    async fn heard(heard: &Queue<FromLead>, count: usize) -> Vec<FromLead> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(heard.take().await.expect("not closed"));
        }
        all
    }

    fn sign_out(lead: &Lead) {
        lead.world.shown.apply(Change::Session(Session::SignedOut(None)));
        lead.world.shown.flush();
    }

    fn commands(lead: &Lead) -> Vec<Command> {
        let command = |input| match input {
            Input::Command { command, .. } => command,
            other => panic!("no command but {other:?}"),
        };
        lead.world.inputs.take_now().into_iter().map(command).collect()
    }

    #[wasm_bindgen_test]
    async fn nobody_is_welcome_before_the_store_was_read() {
        let (lead, said, _tab) = lead();
        let (_key, _answer) = lead.world.answers.expect(Command::StartNotes);
        lead.hear(FromFollower::Hello { from: TAB, open: Some(HERE) });
        lead.world.shown.apply(Change::Session(Session::Starting));
        lead.world.shown.flush();
        assert_eq!(commands(&lead), []);
        sign_out(&lead);
        assert_eq!(commands(&lead), [Command::CloseConversation(lead.world.shown.viewer()), Command::StartNotes]);
        lead.hear(FromFollower::Hello { from: TAB, open: Some(HERE) });
        assert_eq!(commands(&lead), [Command::OpenConversation(TAB, HERE)]);
        lead.world.shown.apply(Change::Connection(Connection::Offline));
        lead.world.shown.flush();
        let here = |readiness| FromLead::Here { lead: KEY, readiness, number: 0 };
        let told = vec![
            Told::Place(crate::place::Place::Starting),
            Told::Changed(Change::Session(Session::SignedOut(None))),
            Told::Changed(Change::Connection(Connection::None)),
            Told::Changed(Change::Link(Link::default())),
            Told::Changed(Change::Conversations(Vec::new())),
            Told::Changed(Change::Privacy(Privacy::default())),
            Told::Changed(Change::Presence(Vec::new())),
        ];
        let welcome = FromLead::Welcome { to: TAB, lead: KEY, number: 0, told };
        let told = vec![Told::Changed(Change::Connection(Connection::Offline))];
        let news = FromLead::News { lead: KEY, number: 1, told };
        assert_eq!(heard(&said, 4).await, [here(Readiness::Starting), here(Readiness::Ready), welcome, news]);
    }

    #[wasm_bindgen_test]
    async fn another_tabs_command_is_carried_out_for_the_lead_it_was_said_to_and_answered_there() {
        let (lead, said, _tab) = lead();
        sign_out(&lead);
        commands(&lead);
        let ask = |lead, number| FromFollower::Command { from: TAB, lead, number, command: Command::StartNotes };
        lead.hear(ask(LeadKey(9), 1));
        assert_eq!(commands(&lead), []);
        lead.hear(ask(KEY, 2));
        let inputs = lead.world.inputs.take_now();
        let [Input::Command { key, command: Command::StartNotes }] = &inputs[..] else { panic!("{inputs:?}") };
        lead.world.answers.answer(*key, Err(Failure::WrongState));
        lead.world.answers.answer(*key, Err(Failure::NotFound));
        lead.hear(FromFollower::Ask { from: TAB });
        let answer = FromLead::Answer { to: TAB, number: 2, result: Err(Failure::WrongState) };
        let here = FromLead::Here { lead: KEY, readiness: Readiness::Ready, number: 0 };
        assert_eq!(heard(&said, 4).await[2..], [answer, here]);
    }

    #[wasm_bindgen_test]
    async fn the_core_is_told_that_it_is_seen_by_any_tab_and_hidden_by_the_last_one() {
        const OTHER: ViewerKey = ViewerKey(6);
        let (lead, _said, _tab) = lead();
        let world = Rc::clone(&lead.world);
        let me = world.shown.viewer();
        let looks = |from, visibility| lead.hear(FromFollower::Looks { from, visibility });
        let told = || {
            let visibility = |input| match input {
                Input::Visibility(visibility) => Some(visibility),
                _ => None,
            };
            world.inputs.take_now().into_iter().filter_map(visibility).collect::<Vec<_>>()
        };
        world.look(me, Visibility::Hidden);
        assert_eq!(told(), [Visibility::Hidden]);
        // One that asks can be seen; that it goes on is no news.
        lead.hear(FromFollower::Ask { from: TAB });
        lead.hear(FromFollower::Ask { from: TAB });
        assert_eq!(told(), [Visibility::Visible]);
        looks(OTHER, Visibility::Visible);
        looks(TAB, Visibility::Hidden);
        assert_eq!(told(), [Visibility::Visible]);
        lead.hear(FromFollower::Bye { from: OTHER });
        assert_eq!(told(), [Visibility::Hidden]);
        // Those that are gone without a word are forgotten, this tab never is.
        lead.hear(FromFollower::Ask { from: TAB });
        lead.hear(FromFollower::Ask { from: OTHER });
        let later = |ms| clock::now().after(Millis(ms));
        world.forget_gone(later(5_000));
        assert_eq!(told(), [Visibility::Visible, Visibility::Visible]);
        world.forget_gone(later(60_000));
        assert_eq!(told(), [Visibility::Hidden]);
        world.look(me, Visibility::Visible);
        world.forget_gone(later(60_000));
        assert_eq!(told(), [Visibility::Visible]);
        // Of more tabs than are counted none is news again and again.
        let ask = |number: u64| lead.hear(FromFollower::Ask { from: ViewerKey(number) });
        (100..199).for_each(ask);
        told();
        (100..199).for_each(ask);
        assert_eq!(told(), []);
    }
}
