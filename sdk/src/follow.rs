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
use sotto_core::contract::{Command, CommandKey, ViewerKey, Visibility};
use sotto_core::wire::ConversationId;
use std::cell::Cell;
use std::rc::Rc;

/// Between two questions whether the lead lives.
pub(crate) const ASK_EVERY_MS: u32 = 250;
/// So many questions in a row stay unanswered when the lead is dead: 2 s, which with opening the store makes less than
/// the 3 s that a take-over may last. A lead answers from a message, not from a timer: those stand still in hidden pages.
const ASKS_MAX: u32 = 8;
/// So many when it has said that it will be busy: 15 s, longer than deriving a key from a password takes on a slow phone.
pub(crate) const PATIENCE_ASKS: u32 = 60;

/// The number of no news.
const UNHEARD: u64 = u64::MAX;

/// This tab as one that follows.
pub(crate) struct Follow {
    channel: Rc<Channel>,
    answers: Rc<Answers>,
    shown: Rc<Shown>,
    /// Whose telling is shown, and the number of the newest news of it.
    mirrored: Cell<Option<(LeadKey, u64)>>,
    /// Whose welcome is on its way.
    greeted: Cell<Option<LeadKey>>,
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
        let (mirrored, greeted, patience) = (Cell::new(None), Cell::new(None), Cell::new(ASKS_MAX));
        let follow = Self { channel, answers, shown, mirrored, greeted, patience };
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

    /// Asks this lead, which takes commands, to tell everything; once until it does.
    fn greet(&self, lead: LeadKey) {
        if self.greeted.replace(Some(lead)) != Some(lead) {
            self.say_hello();
        }
    }

    fn open(&self) -> Option<ConversationId> {
        self.shown.open()
    }

    /// This tab can be seen now, or no longer: a welcome may have gone past it while it stood still.
    pub(crate) fn looks(&self, visibility: Visibility) {
        self.greeted.set(None);
        self.say(FromFollower::Looks { from: self.me(), visibility });
    }

    /// This tab is closing, or goes into the back/forward cache, where it hears nothing: when it comes back, whatever the
    /// lead says comes after a gap.
    pub(crate) fn bye(&self) {
        self.greeted.set(None);
        self.mirrored.set(self.mirrored.get().map(|(lead, _)| (lead, UNHEARD)));
        self.say(FromFollower::Bye { from: self.me() });
    }

    /// Asks whether the lead lives, unless it has been asked too often.
    pub(crate) fn ask(&self) -> Pulse {
        let Some(left) = self.patience.get().checked_sub(1) else { return Pulse::Gone };
        self.patience.set(left);
        self.say(FromFollower::Ask { from: self.me() });
        Pulse::Felt
    }

    /// Nobody looks at this tab: it waits for the lock, and lets those ask at whom somebody looks.
    pub(crate) fn rest(&self) {
        self.patience.set(ASKS_MAX);
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
                    self.greet(lead);
                }
            }
            FromLead::Welcome { to, lead, number, told } if to == self.me() => {
                self.greeted.set(None);
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
                Some((mirrored, before)) if mirrored == lead && number.checked_sub(1) == Some(before) => {
                    self.mirrored.set(Some((lead, number)));
                    self.take_in(told);
                }
                // Told before the welcome, which is on its way.
                None => {}
                Some(_) => self.greet(lead),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::fresh_name;
    use crate::queue::Queue;
    use sotto_core::contract::{Failure, Reply};
    use sotto_core::view::{Change, Connection};
    use wasm_bindgen_test::wasm_bindgen_test;

    const ME: ViewerKey = ViewerKey(1);
    const LEAD: LeadKey = LeadKey(10);
    const NEXT: LeadKey = LeadKey(20);

    /// A tab that follows, and the other end of its channel.
    struct Pair {
        follow: Follow,
        shown: Rc<Shown>,
        answers: Rc<Answers>,
        said: Rc<Queue<FromFollower>>,
        _lead: Channel,
    }

    impl Pair {
        fn new() -> Self {
            let name = fresh_name();
            let said = Rc::new(Queue::default());
            let hear = {
                let said = Rc::clone(&said);
                move |message| match message {
                    Ok(Message::Follower(message)) => said.push(message),
                    other => panic!("a tab that follows said {other:?}"),
                }
            };
            let lead = Channel::join(&name, hear).expect("a channel");
            let channel = Rc::new(Channel::join(&name, |_| {}).expect("a channel"));
            let (answers, shown) = (Rc::new(Answers::default()), Rc::new(Shown::new(ME)));
            let follow = Follow::begin(channel, Rc::clone(&answers), Rc::clone(&shown));
            Self { follow, shown, answers, said, _lead: lead }
        }

        fn welcome(&self, lead: LeadKey, number: u64) {
            let told = vec![Told::Place(Place::Leading), Told::Changed(Change::Connection(Connection::Connecting))];
            self.follow.hear(FromLead::Welcome { to: ME, lead, number, told });
        }

        fn news(&self, lead: LeadKey, number: u64, connection: Connection) {
            let told = vec![Told::Changed(Change::Connection(connection))];
            self.follow.hear(FromLead::News { lead, number, told });
        }

        /// What was said up to now and what comes next, until as much was said.
        async fn said(&self, count: usize) -> Vec<FromFollower> {
            let mut said = Vec::new();
            while said.len() < count {
                said.extend(self.said.take().await.expect("not closed"));
            }
            said
        }
    }

    fn hello() -> FromFollower {
        FromFollower::Hello { from: ME, open: None }
    }

    #[wasm_bindgen_test]
    async fn news_without_a_gap_are_shown_and_a_gap_asks_for_everything() {
        let pair = Pair::new();
        pair.news(LEAD, 5, Connection::Offline);
        assert_eq!(*pair.shown.connection.get(), Connection::None, "news before the welcome are in the welcome");
        pair.welcome(LEAD, 5);
        assert_eq!((*pair.shown.connection.get(), pair.shown.place()), (Connection::Connecting, Place::Following));
        pair.news(LEAD, 6, Connection::Offline);
        assert_eq!(*pair.shown.connection.get(), Connection::Offline);
        pair.news(LEAD, 8, Connection::None);
        assert_eq!(*pair.shown.connection.get(), Connection::Offline);
        assert_eq!(pair.said(2).await, [hello(), hello()]);
    }

    #[wasm_bindgen_test]
    async fn everything_is_asked_for_once_a_gap_and_once_of_each_lead() {
        let pair = Pair::new();
        let here = |lead, number| pair.follow.hear(FromLead::Here { lead, readiness: Readiness::Ready, number });
        pair.welcome(LEAD, 5);
        for number in 7..20 {
            pair.news(LEAD, number, Connection::Offline);
            here(LEAD, number);
        }
        pair.welcome(LEAD, 19);
        pair.news(LEAD, 20, Connection::Offline);
        pair.news(LEAD, 22, Connection::None);
        here(NEXT, 1);
        here(NEXT, 1);
        pair.follow.bye();
        let bye = FromFollower::Bye { from: ME };
        assert_eq!(pair.said(5).await, [hello(), hello(), hello(), hello(), bye]);
    }

    #[wasm_bindgen_test]
    async fn a_tab_that_stood_still_asks_for_everything_anew() {
        let pair = Pair::new();
        let here = |number| pair.follow.hear(FromLead::Here { lead: LEAD, readiness: Readiness::Ready, number });
        pair.welcome(LEAD, 5);
        here(7);
        // The welcome to that goes past a page that is frozen.
        pair.follow.looks(Visibility::Visible);
        here(7);
        pair.welcome(LEAD, 7);
        // The lead forgets what is open here.
        pair.follow.bye();
        here(7);
        pair.follow.looks(Visibility::Visible);
        pair.news(LEAD, 8, Connection::Offline);
        assert_eq!(*pair.shown.connection.get(), Connection::Connecting);
        let (looks, bye) =
            (FromFollower::Looks { from: ME, visibility: Visibility::Visible }, FromFollower::Bye { from: ME });
        let said = [hello(), hello(), looks.clone(), hello(), bye, hello(), looks, hello()];
        assert_eq!(pair.said(8).await, said);
    }

    #[wasm_bindgen_test]
    async fn a_command_goes_to_each_lead_once_until_it_is_answered_once() {
        let pair = Pair::new();
        let (key, answer) = pair.answers.expect(Command::StartNotes);
        pair.follow.submit(key, Command::StartNotes);
        pair.welcome(LEAD, 0);
        pair.welcome(LEAD, 3);
        pair.welcome(NEXT, 0);
        let asked = |lead| FromFollower::Command { from: ME, lead, number: key.0, command: Command::StartNotes };
        assert_eq!(pair.said(3).await, [hello(), asked(LEAD), asked(NEXT)]);
        let answered = |result| pair.follow.hear(FromLead::Answer { to: ME, number: key.0, result });
        answered(Ok(Reply::Done));
        answered(Err(Failure::NotFound));
        assert_eq!(answer.await, Ok(Reply::Done));
        pair.welcome(LEAD, 0);
        pair.follow.looks(Visibility::Visible);
        assert_eq!(pair.said(1).await, [FromFollower::Looks { from: ME, visibility: Visibility::Visible }]);
    }

    #[wasm_bindgen_test]
    async fn a_lead_that_answers_lives_and_one_that_does_not_is_gone() {
        let pair = Pair::new();
        let here = |readiness| pair.follow.hear(FromLead::Here { lead: LEAD, readiness, number: 0 });
        for _ in 0..ASKS_MAX {
            assert_eq!(pair.follow.ask(), Pulse::Felt);
        }
        assert_eq!(pair.follow.ask(), Pulse::Gone);
        here(Readiness::Starting);
        assert_eq!(pair.follow.ask(), Pulse::Felt);
        here(Readiness::Busy);
        for _ in 0..PATIENCE_ASKS {
            assert_eq!(pair.follow.ask(), Pulse::Felt);
        }
        assert_eq!(pair.follow.ask(), Pulse::Gone);
        pair.follow.rest();
        assert_eq!(pair.follow.ask(), Pulse::Felt);
    }
}
