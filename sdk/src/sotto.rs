//! The face of the SDK for Rust: stores to draw from, and commands. Owns the life of the driver: when the last clone
//! is dropped, the driver ends, its connections close and the lead is free.

use crate::answers::Answers;
use crate::listeners::Subscription;
use crate::place::Place;
use crate::queue::Queue;
use crate::shown::{Shown, Told};
use crate::store::Store;
use crate::timeline::Timeline;
use crate::{clock, leader, task};
use sotto_core::contract::{Command, Failure, Input, Reply};
use sotto_core::view::{Connection, Conversation, MessageKey, Session};
use sotto_core::wire::{ConversationId, Millis};
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
    world: Rc<World>,
}

/// What the face and the driver share.
pub(crate) struct World {
    pub(crate) options: Options,
    pub(crate) inputs: Queue<Input>,
    pub(crate) answers: Answers,
    pub(crate) shown: Shown,
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, inputs: Queue::default(), answers: Answers::default(), shown: Shown::new() }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.world.inputs.close();
        self.world.answers.end();
    }
}

impl Sotto {
    /// Starts, and returns at once; everything comes by subscription.
    ///
    /// The tab that gets the Web Lock `sotto-leader-<database>` leads. While another one does, this one stands at
    /// [`Place::Elsewhere`] and does nothing; when that tab closes, this one takes over by itself.
    pub fn start(options: Options) -> Sotto {
        let world = Rc::new(World::new(options));
        leader::start(Rc::clone(&world));
        Sotto { life: Rc::new(Life { world }) }
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

    /// The time by the clock that the core decides by: milliseconds since the Unix epoch.
    pub fn now(&self) -> Millis {
        clock::now()
    }

    /// Makes an account, whose first device this is. A name or a password that breaks a rule, or a name that is taken,
    /// is a [`Failure`]; nothing has changed then.
    pub async fn sign_up(&self, name: &str, display_name: &str, password: &str) -> Result<(), Failure> {
        let (name, display_name) = (name.to_owned(), display_name.to_owned());
        let command = Command::SignUp { name, display_name, password: Zeroizing::new(password.to_owned()) };
        task::painted().await;
        self.run(command).await.map(drop)
    }

    /// Signs in. When this browser's store is not the account's device, it becomes it.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<(), Failure> {
        let command = Command::SignIn { name: name.to_owned(), password: Zeroizing::new(password.to_owned()) };
        task::painted().await;
        self.run(command).await.map(drop)
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
        self.tell(Command::OpenConversation(id));
    }

    /// Stops following it.
    pub fn close_conversation(&self) {
        self.shown().close_timeline();
        self.tell(Command::CloseConversation);
    }

    /// One page further back in the open timeline.
    pub fn load_older(&self, id: ConversationId) {
        self.shown().loading_older(id);
        self.tell(Command::LoadOlder(id));
    }

    /// Sends a text: resolves as soon as it is in the outbox on disk, online or not.
    pub async fn send(&self, conversation: ConversationId, text: &str) -> Result<MessageKey, Failure> {
        match self.run(Command::Send { conversation, text: text.to_owned() }).await? {
            Reply::Message(key) => Ok(key),
            Reply::Done | Reply::Conversation(_) => Err(Failure::WrongState),
        }
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
        self.tell(Command::MarkRead(conversation));
    }

    /// The user is writing; call it at each key press, the core throttles.
    pub fn typing(&self, conversation: ConversationId) {
        self.tell(Command::Typing(conversation));
    }

    /// Changes what others see of this account.
    pub async fn set_display_name(&self, display_name: &str) -> Result<(), Failure> {
        self.run(Command::SetDisplayName(display_name.to_owned())).await.map(drop)
    }

    /// Tries to connect now, whatever the backoff says.
    pub fn reconnect(&self) {
        self.tell(Command::Reconnect);
    }

    fn shown(&self) -> &Shown {
        &self.life.world.shown
    }

    /// Hands a command in and waits for its answer.
    async fn run(&self, command: Command) -> Result<Reply, Failure> {
        let world = &self.life.world;
        if !takes_commands(self.place()) {
            return Err(Failure::WrongState);
        }
        let (key, answer) = world.answers.expect();
        world.inputs.push(Input::Command { key, command });
        answer.await
    }

    /// Hands a command in whose answer nobody wants.
    fn tell(&self, command: Command) {
        let world = &self.life.world;
        if takes_commands(self.place()) {
            world.inputs.push(Input::Command { key: world.answers.name(), command });
        }
    }
}

/// Whether there is, or will be, a driver that takes commands. A failed store still lets one sign out, say.
fn takes_commands(place: Place) -> bool {
    match place {
        Place::Starting | Place::Leading | Place::Failed(_) => true,
        Place::Elsewhere | Place::Unsupported(_) => false,
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
