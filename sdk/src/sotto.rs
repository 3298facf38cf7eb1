//! The face of the SDK for Rust: stores to draw from, and commands. Owns the life of this tab: when the last clone is
//! dropped, its driver ends, its connections close and the lead is free.

use crate::answers::Answers;
use crate::listeners::Subscription;
use crate::place::Place;
use crate::queue::Queue;
use crate::shown::{Shown, Told};
use crate::store::Store;
use crate::tab::{Role, Tab};
use crate::timeline::Timeline;
use crate::{clock, leader, random, task};
use sotto_core::content::Mention;
use sotto_core::contract::{Command, Failure, Input, Outgoing, Reply, VIEWERS_MAX, ViewerKey, Visibility};
use sotto_core::view::{Connection, Conversation, MessageKey, People, Privacy, Session};
use sotto_core::wire::ticket::Transport;
use sotto_core::wire::{ClientId, ConversationId, Millis};
use std::cell::RefCell;
use std::rc::Rc;
use zeroize::Zeroizing;

/// What [`Sotto::start`] is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Origin of the server, as `https://chat.example`; empty for the page's own.
    pub server: String,
    /// Name of the local database, which is also the name of the lead: one client per name and origin.
    pub database: String,
}

impl Default for Options {
    /// The page's own server, and the database `sotto`.
    fn default() -> Self {
        Self { server: String::new(), database: "sotto".to_owned() }
    }
}

/// A Sotto client in this tab. Clones are the same client.
#[derive(Clone)]
pub struct Sotto {
    life: Rc<Life>,
}

struct Life {
    tab: Rc<Tab>,
}

/// What a lead's driver works with. Each lead has one of its own, so that what comes late for one does not reach the next.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) inputs: Queue<Input>,
    pub(crate) answers: Rc<Answers>,
    pub(crate) shown: Rc<Shown>,
    /// The tabs that can be seen, and when each last said so.
    visible: RefCell<Vec<(ViewerKey, Millis)>>,
}

/// A tab that can be seen asks four times a second; one that has said nothing for so long has gone without a word.
const GONE_AFTER_MS: Millis = Millis(10_000);

impl World {
    /// One of a tab that is alone.
    #[cfg(test)]
    pub(crate) fn new(options: Options) -> Self {
        Self::of(&Tab::new(options, ViewerKey(0)))
    }

    /// One of this tab.
    pub(crate) fn of(tab: &Tab) -> Self {
        let (answers, shown) = (Rc::clone(&tab.answers), Rc::clone(&tab.shown));
        Self { options: tab.options.clone(), inputs: Queue::default(), answers, shown, visible: RefCell::default() }
    }

    /// A tab can be seen now, or no longer. The core is told of the first and of the last.
    pub(crate) fn look(&self, viewer: ViewerKey, visibility: Visibility) {
        let mut visible = self.visible.borrow_mut();
        visible.retain(|(other, _)| *other != viewer);
        if visibility == Visibility::Visible && visible.len() < VIEWERS_MAX {
            visible.push((viewer, clock::now()));
        }
        if visibility == Visibility::Visible || visible.is_empty() {
            self.inputs.push(Input::Visibility(visibility));
        }
    }

    /// A tab can still be seen.
    pub(crate) fn look_on(&self, viewer: ViewerKey) {
        let mut visible = self.visible.borrow_mut();
        if let Some((_, heard_at)) = visible.iter_mut().find(|(other, _)| *other == viewer) {
            *heard_at = clock::now();
            return;
        }
        // One too many to be remembered would be news each time.
        let has_room = visible.len() < VIEWERS_MAX;
        drop(visible);
        if has_room {
            self.look(viewer, Visibility::Visible);
        }
    }

    /// Forgets the other tabs that have gone without a word.
    pub(crate) fn forget_gone(&self, now: Millis) {
        let me = self.shown.viewer();
        let is_gone = |(viewer, heard_at): &(ViewerKey, Millis)| *viewer != me && now.since(*heard_at) > GONE_AFTER_MS;
        let gone: Vec<_> = self.visible.borrow().iter().filter(|tab| is_gone(tab)).map(|(viewer, _)| *viewer).collect();
        gone.into_iter().for_each(|viewer| self.look(viewer, Visibility::Hidden));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.tab.end();
    }
}

impl Sotto {
    /// Starts, and returns at once; everything comes by subscription.
    ///
    /// The tab that gets the Web Lock `sotto-leader-<database>` leads. While another one does, this one stands at
    /// [`Place::Following`]: it shows the same, and what is asked of it is done by that tab. When that tab closes, crashes
    /// or freezes, this one takes over by itself.
    pub fn start(options: Options) -> Sotto {
        // Without random numbers nothing begins: `leader` says so.
        let viewer = ViewerKey(u64::from_le_bytes(random::bytes().unwrap_or_default()));
        let tab = Rc::new(Tab::new(options, viewer));
        leader::start(Rc::clone(&tab));
        Sotto { life: Rc::new(Life { tab }) }
    }

    /// Where this tab stands.
    pub fn place(&self) -> Place {
        self.shown().place()
    }

    /// Tells `run` the present state, then each change, until the subscription is dropped.
    pub fn subscribe(&self, run: impl FnMut(&Told) + 'static) -> Subscription {
        self.shown().subscribe(run)
    }

    /// Who uses this device.
    pub fn session(&self) -> Store<Session> {
        self.shown().session.clone()
    }

    /// The connection to the server.
    pub fn connection(&self) -> Store<Connection> {
        self.shown().connection.clone()
    }

    /// Conversations, by [`Conversation::active_at`], newest first.
    pub fn conversations(&self) -> Store<Vec<Conversation>> {
        self.shown().conversations.clone()
    }

    /// The open timeline.
    pub fn timeline(&self) -> Store<Option<Timeline>> {
        self.shown().timeline.clone()
    }

    /// How it is with the people of the conversations, as far as they show it. Empty while there is no stream.
    pub fn presence(&self) -> Store<People> {
        self.shown().presence.clone()
    }

    /// What others are shown of this account.
    pub fn privacy(&self) -> Store<Privacy> {
        self.shown().privacy.clone()
    }

    /// The time by the clock that the core decides by: milliseconds since the Unix epoch.
    pub fn now(&self) -> Millis {
        clock::now()
    }

    /// Makes an account, whose first device this is. A name or a password that breaks a rule, or a name that is taken,
    /// is a [`Failure`]; nothing has changed then.
    pub async fn sign_up(&self, name: &str, display_name: &str, password: &str) -> Result<(), Failure> {
        let (name, display_name) = (name.to_owned(), display_name.to_owned());
        let command = Command::SignUp { name, display_name, password: Zeroizing::new(password.to_owned()) };
        self.run_long(command).await
    }

    /// Signs in. When this browser's store is not the account's device, it becomes it.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<(), Failure> {
        let command = Command::SignIn { name: name.to_owned(), password: Zeroizing::new(password.to_owned()) };
        self.run_long(command).await
    }

    /// Ends the session and erases the local store, offline too.
    pub async fn sign_out(&self) -> Result<(), Failure> {
        self.run(Command::SignOut).await.map(drop)
    }

    /// The direct conversation with the person of this sign-in name, created if need be.
    pub async fn start_direct(&self, name: &str) -> Result<ConversationId, Failure> {
        conversation(self.run(Command::StartDirect { name: name.to_owned() }).await?)
    }

    /// The notes to self, created if need be.
    pub async fn start_notes(&self) -> Result<ConversationId, Failure> {
        conversation(self.run(Command::StartNotes).await?)
    }

    /// Follows a conversation's timeline in [`Sotto::timeline`], in place of the one before, which stays there until
    /// the new one is loaded: compare [`Timeline::conversation`].
    pub fn open_conversation(&self, id: ConversationId) {
        self.shown().set_open(id);
        self.tell(Command::OpenConversation(self.shown().viewer(), id));
    }

    /// Stops following it.
    pub fn close_conversation(&self) {
        self.shown().close_timeline();
        self.tell(Command::CloseConversation(self.shown().viewer()));
    }

    /// One page further back in the open timeline.
    pub fn load_older(&self, id: ConversationId) {
        self.shown().loading_older(id);
        self.tell(Command::LoadOlder(self.shown().viewer(), id));
    }

    /// Sends a text: resolves as soon as it is in the outbox on disk, online or not.
    pub async fn send(&self, conversation: ConversationId, text: &str) -> Result<MessageKey, Failure> {
        self.send_message(conversation, Outgoing::text(text)).await
    }

    /// Sends a text with all that it may have: an answer, mentions, a forwarded one.
    pub async fn send_message(&self, conversation: ConversationId, message: Outgoing) -> Result<MessageKey, Failure> {
        // Named here, so that a tab that takes over knows whether it was carried out.
        let client_id = random::bytes().map(ClientId);
        match self.run(Command::Send { conversation, message, client_id }).await? {
            Reply::Message(key) => Ok(key),
            Reply::Done | Reply::Conversation(_) => Err(Failure::WrongState),
        }
    }

    /// Lets an own text say something else, for all. A refusal comes as [`sotto_core::view::Change::TakenBack`].
    pub async fn edit(&self, message: MessageKey, text: &str, mentions: Vec<Mention>) -> Result<(), Failure> {
        self.run(Command::Edit { message, text: text.to_owned(), mentions }).await.map(drop)
    }

    /// Deletes an own message for all.
    pub async fn delete_for_all(&self, message: MessageKey) -> Result<(), Failure> {
        self.run(Command::DeleteForAll(message)).await.map(drop)
    }

    /// Deletes a message in this browser only.
    pub async fn delete_for_me(&self, message: MessageKey) -> Result<(), Failure> {
        self.run(Command::DeleteForMe(message)).await.map(drop)
    }

    /// Says with one emoji what the user thinks of a message; `None` takes it back.
    pub async fn react(&self, message: MessageKey, emoji: Option<String>) -> Result<(), Failure> {
        self.run(Command::React(message, emoji)).await.map(drop)
    }

    /// Tries a failed message again, at the end of the outbox.
    pub async fn retry(&self, message: MessageKey) -> Result<(), Failure> {
        self.run(Command::Retry(message)).await.map(drop)
    }

    /// Forgets a failed message.
    pub async fn discard(&self, message: MessageKey) -> Result<(), Failure> {
        self.run(Command::Discard(message)).await.map(drop)
    }

    /// Everything in the conversation has been seen.
    pub fn mark_read(&self, conversation: ConversationId) {
        // Kept until it is done: another tab may be about to take over. Nobody waits for the answer.
        let tab = &self.life.tab;
        let command = Command::MarkRead(conversation);
        tab.submit(tab.answers.insist(command.clone()), command);
    }

    /// The user is writing; call it at each key press, the core throttles.
    pub fn typing(&self, conversation: ConversationId) {
        self.tell(Command::Typing(conversation));
    }

    /// Changes what others see of this account.
    pub async fn set_display_name(&self, display_name: &str) -> Result<(), Failure> {
        self.run(Command::SetDisplayName(display_name.to_owned())).await.map(drop)
    }

    /// Changes what others are shown of this account: resolves as soon as it is on disk, and the server is told when there
    /// is a connection.
    pub async fn set_privacy(&self, privacy: Privacy) -> Result<(), Failure> {
        self.run(Command::SetPrivacy(privacy)).await.map(drop)
    }

    /// Tries to connect now, whatever the backoff says.
    pub fn reconnect(&self) {
        self.tell(Command::Reconnect);
    }

    /// Carries the events by this transport and no other until the next start, or by the best again: for testing.
    pub fn use_transport(&self, transport: Option<Transport>) {
        self.tell(Command::UseTransport(transport));
    }

    fn shown(&self) -> &Shown {
        &self.life.tab.shown
    }

    /// Has a command carried out, here or by the tab that leads, and waits for its answer.
    async fn run(&self, command: Command) -> Result<Reply, Failure> {
        let tab = &self.life.tab;
        let (key, answer) = tab.answers.expect(command.clone());
        tab.submit(key, command);
        answer.await
    }

    /// Has a command carried out that keeps this tab busy for a while, on keys from a password.
    async fn run_long(&self, command: Command) -> Result<(), Failure> {
        task::painted().await;
        if let Role::Leading(lead) = self.life.tab.role() {
            lead.ask_patience();
        }
        self.run(command).await.map(drop)
    }

    /// Has a command carried out whose answer nobody wants, if anybody can.
    fn tell(&self, command: Command) {
        let tab = &self.life.tab;
        tab.submit(tab.answers.name(), command);
    }
}

fn conversation(reply: Reply) -> Result<ConversationId, Failure> {
    match reply {
        Reply::Conversation(id) => Ok(id),
        Reply::Done | Reply::Message(_) => Err(Failure::WrongState),
    }
}

impl std::fmt::Debug for Sotto {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sotto({:?})", self.place())
    }
}
