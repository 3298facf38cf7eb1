//! What goes into a [`crate::Client`] and what comes out: the whole border between decisions and the world.

mod failure;
mod store;

pub use failure::Failure;
pub use store::{Batch, Erase, Place, Record, Table, Wanted};

use crate::content::{Mention, Origin};
use crate::view::{Change, MessageKey, Privacy};
use bytes::Bytes;
use sotto_wire::group::Role;
use sotto_wire::ticket::Transport;
use sotto_wire::{ClientId, ConversationId, Millis, UserId};
use zeroize::Zeroizing;

/// What a client is started with.
pub struct Start {
    /// 32 bytes from the system's random source. The one source of randomness: same seed, same outputs.
    pub seed: [u8; 32],
}

/// Something that happened in the world.
#[derive(Debug)]
pub enum Input {
    /// Somebody wants something.
    Command {
        /// The caller's name for it; stands again in [`Output::Answer`].
        key: CommandKey,
        /// What is wanted.
        command: Command,
    },
    /// The answer to [`Output::Load`].
    Loaded {
        /// Which.
        key: LoadKey,
        /// What was found, in the order asked for; what is absent is left out.
        records: Vec<Record>,
    },
    /// The answer to [`Output::Load`] when the store could not be read or a record could not be opened.
    LoadFailed(LoadKey),
    /// A batch is on disk, all of it.
    Persisted(BatchKey),
    /// A batch is not on disk, none of it.
    PersistFailed(BatchKey),
    /// The answer to [`Output::Request`].
    Response {
        /// Which.
        key: RequestKey,
        /// Body of the HTTP answer, whatever its status; `Err` when none came.
        body: Result<Bytes, NoAnswer>,
    },
    /// The transport is open, though nothing has come yet.
    StreamOpened(StreamKey),
    /// One whole frame of the stream: an envelope in JSON. A native driver takes it out of the bytes with
    /// `sse::Parser`; in a browser `EventSource` has done so. By WebSocket it is one message, also one that answers a
    /// request; by long-poll the body of the answer.
    Frame {
        /// Which stream.
        key: StreamKey,
        /// The frame.
        bytes: Bytes,
    },
    /// The stream has ended, or could not be opened.
    StreamClosed(StreamKey),
    /// A deadline named by [`Output::Idle`] has come.
    Timer,
    /// What the system says of the network.
    Network(Network),
    /// What the system says of the page.
    Visibility(Visibility),
}

/// No answer came: refused, reset, timed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("send a request: no answer came")]
pub struct NoAnswer;

/// What the system says of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// There may be a way out.
    Online,
    /// There is none.
    Offline,
}

/// Whether somebody can see the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Yes.
    Visible,
    /// No.
    Hidden,
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make an account, whose first device this is. Answers [`Reply::Done`].
    SignUp {
        /// Sign-in name as typed.
        name: String,
        /// What others see; may be empty. Encrypted, never told to the server.
        display_name: String,
        /// Password as typed; never leaves the core.
        password: Zeroizing<String>,
    },
    /// Sign in. When this store is not the account's device, it becomes it. Answers [`Reply::Done`].
    SignIn {
        /// Sign-in name as typed.
        name: String,
        /// Password as typed; never leaves the core.
        password: Zeroizing<String>,
    },
    /// End the session and erase this device's store. Works offline too. Answers [`Reply::Done`].
    SignOut,
    /// The direct conversation with the person of this sign-in name, created if need be. Answers
    /// [`Reply::Conversation`].
    StartDirect {
        /// Sign-in name as typed.
        name: String,
    },
    /// The notes to self, created if need be. Answers [`Reply::Conversation`].
    StartNotes,
    /// Make a group with these people. Answers [`Reply::Conversation`] when it is made; the people are added then.
    CreateGroup {
        /// 1 to [`sotto_wire::limit::GROUP_NAME_MAX_BYTES`] bytes. Encrypted, never told to the server.
        name: String,
        /// Sign-in names as typed: at most [`sotto_wire::limit::CLAIM_USERS_MAX`].
        people: Vec<String>,
    },
    /// Add people to a group, also later and after a restart. Answers [`Reply::Done`] when the wish is on disk.
    AddPeople {
        /// Which group.
        conversation: ConversationId,
        /// Sign-in names as typed: at most [`sotto_wire::limit::CLAIM_USERS_MAX`].
        people: Vec<String>,
    },
    /// Remove somebody from a group. As [`Command::AddPeople`].
    RemovePerson {
        /// Which group.
        conversation: ConversationId,
        /// Whom.
        user: UserId,
    },
    /// Give somebody a role. As [`Command::AddPeople`].
    SetRole {
        /// Which group.
        conversation: ConversationId,
        /// To whom.
        user: UserId,
        /// Which.
        role: Role,
    },
    /// Change a group's name, description or picture; what is left out stays. As [`Command::AddPeople`].
    SetGroup {
        /// Which group.
        conversation: ConversationId,
        /// As in [`Command::CreateGroup`].
        name: Option<String>,
        /// At most [`sotto_wire::limit::GROUP_DESCRIPTION_MAX_BYTES`] bytes; empty for none.
        description: Option<String>,
        /// At most [`sotto_wire::limit::GROUP_PICTURE_MAX_BYTES`] bytes of WebP, JPEG or PNG; `Some(None)` for none.
        picture: Option<Option<Bytes>>,
    },
    /// Leave a group; what is here of it stays. Answers [`Reply::Done`] when the wish is on disk.
    LeaveGroup(ConversationId),
    /// Follow a conversation's timeline: its newest page comes as [`Change::Timeline`], then what changes. One at a
    /// time for each viewer; opening another closes it.
    OpenConversation(ViewerKey, ConversationId),
    /// Stop following it.
    CloseConversation(ViewerKey),
    /// One page further back in the open timeline.
    LoadOlder(ViewerKey, ConversationId),
    /// Send a text. Answers [`Reply::Message`] as soon as it is in the outbox on disk, online or not.
    Send {
        /// Where to.
        conversation: ConversationId,
        /// What.
        message: Outgoing,
        /// Random, when this may be asked for again: it is carried out once, and answered alike, as long as it is one of
        /// the last [`SENDS_KNOWN_MAX`]. Drawn by the core when left out.
        client_id: Option<ClientId>,
    },
    /// Let an own text say something else, for all: within [`crate::content::EDIT_WITHIN_MS`], later it changes nothing.
    /// Shown at once; told by [`Change::TakenBack`] when the server refuses it. Answers [`Reply::Done`].
    Edit {
        /// Which text.
        message: MessageKey,
        /// As in [`Outgoing::text`].
        text: String,
        /// As in [`Outgoing::mentions`].
        mentions: Vec<Mention>,
    },
    /// Delete an own message for all: within [`crate::content::DELETE_WITHIN_MS`], later it changes nothing. One that has
    /// not left is forgotten. Else as [`Command::Edit`].
    DeleteForAll(MessageKey),
    /// Delete a message of anybody on this device. Answers [`Reply::Done`].
    DeleteForMe(MessageKey),
    /// Say with one emoji what one thinks of a message, in place of the one before; `None` takes it back. Else as
    /// [`Command::Edit`].
    React(MessageKey, Option<String>),
    /// Try a failed message again, at the end of the outbox. One that has not failed, or no longer, stays as it is. Answers
    /// [`Reply::Done`].
    Retry(MessageKey),
    /// Forget a failed message. One that has not failed, or is gone, stays as it is. Answers [`Reply::Done`].
    Discard(MessageKey),
    /// Everything in the open conversation has been seen.
    MarkRead(ConversationId),
    /// The user is writing; throttled by the core.
    Typing(ConversationId),
    /// Change what others see of me.
    SetDisplayName(String),
    /// Change what others are shown of the user: told to the server when there is a stream, also after a restart. A status
    /// or an audience that is unknown here stays as it is. Answers [`Reply::Done`].
    SetPrivacy(Privacy),
    /// Try to connect now, whatever backoff and pause say.
    Reconnect,
    /// Carry the events by this transport and no other, or by the best again: for testing (X2). Forgotten at the next
    /// start.
    UseTransport(Option<Transport>),
}

/// A text to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// 1 to [`sotto_wire::limit::TEXT_MAX_BYTES`] bytes of UTF-8.
    pub text: String,
    /// What it answers.
    pub reply: Option<ReplyTo>,
    /// Whom it names: at most [`crate::content::MENTIONS_MAX`], ascending.
    pub mentions: Vec<Mention>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Outgoing {
    /// A text and nothing else.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A message that is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// Which; in the conversation in which it is answered.
    pub message: MessageKey,
    /// Its first characters, as they are shown; who has the message is shown its own.
    pub excerpt: String,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done and on disk.
    Done,
    /// This conversation.
    Conversation(ConversationId),
    /// This message.
    Message(MessageKey),
}

/// Most messages that wait in the outbox: a week of writing offline; bounded because each stands in memory.
pub const OUTBOX_MAX: usize = 1_000;

/// So many [`Command::Send`]s with an id are known again. They are asked for again only when a lead ends that has not
/// answered yet, and answers come within a write to disk: a few are under way at most.
pub const SENDS_KNOWN_MAX: usize = 64;

/// So many viewers are told of their timelines at once: more tabs than a person has open. Another one takes the place of
/// the one that opened its timeline first.
pub const VIEWERS_MAX: usize = 32;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
    )*};
}

keys! {
    /// A command, as its caller names it.
    CommandKey;
    /// Somebody who looks at a timeline, such as a tab, as the caller names them.
    ViewerKey;
    /// A request, as the core names it.
    RequestKey;
    /// A stream, as the core names it.
    StreamKey;
    /// A batch, as the core names it.
    BatchKey;
    /// A load, as the core names it.
    LoadKey;
}

/// Something to be done in the world.
#[derive(Debug)]
pub enum Output {
    /// Send a request; [`Input::Response`] always answers one by [`Way::Post`], with [`NoAnswer`] after 30 s at the
    /// latest.
    Request(Request),
    /// Open a stream; [`Input::StreamOpened`], [`Input::Frame`] and [`Input::StreamClosed`] tell of it.
    ///
    /// By [`Transport::LongPoll`] it is one `GET` with `Accept: application/json`, whose answer comes as one
    /// [`Input::Frame`], whatever its status, or else [`Input::StreamClosed`]; the next question is the next
    /// [`Output::OpenStream`] under the same key. [`Transport::WebSocket`] speaks
    /// [`sotto_wire::websocket::SUBPROTOCOL_JSON`]. Of any transport a refusal that can be read may come as a frame too.
    OpenStream {
        /// Its name.
        key: StreamKey,
        /// How.
        transport: Transport,
        /// Path and query, from `/` on. Holds a ticket: not for logs.
        path: String,
    },
    /// Close a stream, of which nothing more is wanted.
    CloseStream(StreamKey),
    /// Write a batch, all or nothing, to disk (`durability: "strict"`); [`Input::Persisted`] or
    /// [`Input::PersistFailed`] answers. One at a time: the next is given out when this one is on disk, and none after
    /// one that has failed, when the client says nothing more but [`Failure::Storage`] until it is started anew.
    Persist(Batch),
    /// Read records; [`Input::Loaded`] answers. Sees every batch given out before it.
    Load {
        /// Its name.
        key: LoadKey,
        /// Which records.
        wanted: Wanted,
    },
    /// A command was carried out, or not.
    Answer {
        /// Which.
        key: CommandKey,
        /// How it went.
        result: Result<Reply, Failure>,
    },
    /// What is to be seen has changed.
    Changed(Change),
    /// Something that a person who does not look should be told: a message came.
    Notify {
        /// Where.
        conversation: ConversationId,
    },
    /// Nothing more to do until an input comes, or [`Input::Timer`] is due at this time.
    Idle(Option<Millis>),
}

/// A request to the server.
pub struct Request {
    /// Its name.
    pub key: RequestKey,
    /// Which way it goes.
    pub way: Way,
    /// Path, from `/` on.
    pub path: &'static str,
    /// `Authorization: Bearer …`, when there is one. Not for logs.
    pub access_token: Option<String>,
    /// Whether the cookie goes along.
    pub cookies: Cookies,
    /// Body, `application/json`.
    pub body: Vec<u8>,
}

/// Which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `POST`, JSON both ways.
    Post,
    /// [`Request::body`] alone, as one text message of this WebSocket. Its answer comes among the frames; whether one
    /// does is the core's to see, so nothing is to be answered by the driver. Dropped when the stream is not open.
    Stream(StreamKey),
}

/// Whether a request carries the cookies of the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// Sent and stored.
    SameOrigin,
    /// Neither.
    Omit,
}

impl std::fmt::Debug for Request {
    /// Key and path only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({}, {}, {} bytes)", self.key.0, self.path, self.body.len())
    }
}
