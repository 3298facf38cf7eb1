//! What a person sees: session, connection, list of conversations, one timeline. Plain values, made for being drawn
//! and compared; the core tells differences ([`Change`]) and the stores of the SDK put them together again.

mod connection;
mod group;
mod message;
mod privacy;

pub use connection::{CloseCause, Connection, Link, LogEntry, LogKind, Pace, Progress, Severity};
pub use group::{Deed, GroupView, Note, Participant, Standing};
pub use message::{LastWhat, QuoteStanding, QuoteView, ReactionCount};
pub use privacy::{People, Privacy, Sharing};

use crate::content::Mention;
use crate::contract::ViewerKey;
use sotto_wire::account::Name;
use sotto_wire::event::SessionEndCause;
use sotto_wire::presence::PersonPresence;
use sotto_wire::{ClientId, Code, ConversationId, DeviceRef, Millis, UserId};

/// A difference to what was told before.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The session is now this.
    Session(Session),
    /// The connection is now this.
    Connection(Connection),
    /// The connection's figures are now these.
    Link(Link),
    /// Something happened to the connection.
    Logged(LogEntry),
    /// One conversation is new or is now this.
    Conversation(Conversation),
    /// The list was read from the local store, whole: shown before anything else is known.
    Conversations(Vec<Conversation>),
    /// How it is with these people now: each replaces what was known of them. None at all: nothing is known of anybody any
    /// more. [`People::apply`] takes it in.
    Presence(Vec<PersonPresence>),
    /// What others are shown of the user is now this.
    Privacy(Privacy),
    /// The open timeline of this viewer.
    Timeline(ViewerKey, TimelineChange),
    /// The server has refused an edit, a deletion or a reaction of the user's: the message is shown as it was.
    TakenBack {
        /// Which message.
        message: MessageKey,
        /// Why.
        code: Code,
    },
}

/// Who uses this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Session {
    /// The local store is being read.
    Starting,
    /// Nobody.
    SignedOut(Option<SignedOutCause>),
    /// Signing up or in.
    Authenticating,
    /// This account.
    SignedIn(Me),
}

/// Why nobody is signed in, when it was not by a wish of the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedOutCause {
    /// The server ended the session. The store is still there: signing in again goes on where it was.
    SessionEnded(SessionEndCause),
    /// The local store cannot be read.
    StoreUnreadable,
}

/// The account that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// Account.
    pub user: UserId,
    /// Sign-in name.
    pub name: Name,
    /// What others see; empty when none was given.
    pub display_name: String,
}

/// A row of the list of conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Which.
    pub id: ConversationId,
    /// What sort.
    pub kind: ConversationKind,
    /// Its newest message.
    pub last: Option<LastMessage>,
    /// Messages of others after the read mark.
    pub unread: u32,
    /// Those of them that name the user.
    pub mentions: u32,
    /// When something last happened: the list's order, newest first.
    pub active_at: Millis,
    /// Who of the others is writing now.
    pub typing: Vec<UserId>,
    /// How the user stands to it.
    pub standing: Standing,
}

/// What sort of conversation it is, with what its title is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversationKind {
    /// With one other person.
    Direct(Person),
    /// Notes to self.
    Notes,
    /// A group.
    Group(Box<GroupView>),
}

/// Somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Account.
    pub user: UserId,
    /// Sign-in name.
    pub name: Name,
    /// What they call themselves; empty when not known.
    pub display_name: String,
}

impl Person {
    /// What to call them: the display name, or else the sign-in name.
    pub fn title(&self) -> &str {
        if self.display_name.is_empty() { self.name.as_str() } else { &self.display_name }
    }
}

/// The newest message of a conversation, for the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMessage {
    /// Who wrote it.
    pub author: Author,
    /// What it is.
    pub what: LastWhat,
    /// First characters of its text; none once it is deleted.
    pub text: String,
    /// When.
    pub at: Millis,
    /// State, for own messages.
    pub state: MessageState,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The user of this device.
    Me,
    /// Somebody else.
    Other(UserId),
}

/// Names a message, on every device alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    /// Where.
    pub conversation: ConversationId,
    /// The device that sent it.
    pub sender: DeviceRef,
    /// The device's id of it.
    pub client_id: ClientId,
}

/// Place of an item in its timeline, ascending. What is not yet in the log stands behind all that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// An item of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name; stays the same while position and state change.
    pub key: MessageKey,
    /// Its place.
    pub position: Position,
    /// Who wrote it.
    pub author: Author,
    /// When the server took it, or when it was written while it waits.
    pub at: Millis,
    /// What it is.
    pub body: Body,
    /// How far it has come; [`MessageState::Sent`] for those of others.
    pub state: MessageState,
    /// What it answers.
    pub reply: Option<Box<QuoteView>>,
    /// When it was last edited.
    pub edited_at: Option<Millis>,
    /// What people think of it, in the order in which it was first said.
    pub reactions: Vec<ReactionCount>,
    /// Whom it names, ascending.
    pub mentions: Vec<Mention>,
    /// Whether it was taken from another conversation.
    pub forwarded: bool,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A text.
    Text(String),
    /// A message that its author has deleted for all.
    Deleted,
    /// A message that this device cannot read, and why. Never fake text.
    Unreadable(UnreadableCause),
    /// This device joined here; what is older it cannot read.
    JoinedHere,
    /// Events were lost for good here: the server no longer has them.
    HistoryLost,
    /// The author wrote something here that the server has taken and kept back.
    Missing,
    /// Something happened in the group.
    Note(Note),
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadableCause {
    /// Sealed in an epoch whose keys are gone or were never here.
    WrongEpoch,
    /// Changed, moved or repeated on its way, or sealed by somebody else.
    NotAuthentic,
    /// Of a kind or version that this app does not know.
    UnknownContent,
}

/// How far an own message has come (M1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// In the outbox, on this disk.
    Sending,
    /// In the server's log, on its disk.
    Sent,
    /// A device of the other side has stored it.
    Delivered,
    /// The other side has seen it.
    Read,
    /// It will not be sent unless the user wishes so again.
    Failed(Code),
}

/// A difference of the open timeline.
#[derive(Clone, Debug, PartialEq)]
pub enum TimelineChange {
    /// A conversation was opened: its newest items, ascending.
    Opened {
        /// Which.
        conversation: ConversationId,
        /// Newest page.
        items: Vec<Item>,
        /// Whether there are older ones in the local store.
        older: Older,
    },
    /// The answer to `LoadOlder`: items before all that were told, ascending.
    OlderLoaded {
        /// Which.
        conversation: ConversationId,
        /// One page.
        items: Vec<Item>,
        /// Whether there are still older ones.
        older: Older,
    },
    /// An item came, or changed in place, position or state.
    Put(Item),
    /// An item has gone.
    Gone(MessageKey),
}

/// Whether there are older items in the local store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// Yes.
    More,
    /// No.
    None,
}
