//! What the event stream carries: durable events, which have a cursor and are never lost, and ephemeral ones.

use crate::conversation::{Kind, Member};
use crate::envelope::{self, Envelope, NotAnEnvelope, RawEnvelope};
use crate::presence::PersonPresence;
use crate::{Base64, ClientId, ConversationId, Cursor, DeviceRef, Millis, UserId};
use serde::{Deserialize, Serialize};

/// Declares a family of events: `Variant(Payload) = "type"`.
macro_rules! events {
    ($(#[$doc:meta])* $family:ident { $($(#[$about:meta])* $event:ident($payload:ty) = $kind:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "type", content = "payload")]
        pub enum $family { $($(#[$about])* #[serde(rename = $kind)] $event($payload),)* }

        impl $family {
            /// The envelope of the event, said at `now`, as JSON.
            pub fn to_frame(&self, now: Millis) -> Vec<u8> {
                match self { $($family::$event(payload) => Envelope::new($kind, payload, now).to_json(),)* }
            }

            /// The event in an envelope, when it is of this family. Reads the payload by its own type: serde's way
            /// through a tag costs a browser 15 kB more.
            fn from_envelope(envelope: &RawEnvelope<'_>) -> Option<Result<Self, NotAnEnvelope>> {
                match envelope.kind.as_str() {
                    $($kind => Some(envelope::payload(envelope).map($family::$event)),)*
                    _ => None,
                }
            }
        }
    };
}

events! {
    /// A durable event: a row of the log. On every transport the same, in the order of the log.
    Durable {
        /// A message was sent; the sender's own devices get it too.
        MessageReceived(MessageReceived) = "message_received";
        /// The group moved to its next epoch; the committer gets it too.
        ConversationCommitted(ConversationCommitted) = "conversation_committed";
        /// This device was added to a conversation.
        ConversationWelcome(ConversationWelcome) = "conversation_welcome";
    }
}

events! {
    /// An ephemeral event: has no row and no cursor, and may be lost.
    Ephemeral {
        /// First frame of every stream.
        Connected(Connected) = "connected";
        /// All that was missed has been sent.
        CaughtUp(CaughtUp) = "caught_up";
        /// Events between two cursors are gone for good. Never silent.
        HistoryLost(HistoryLost) = "history_lost";
        /// The stream lives.
        Heartbeat(Heartbeat) = "heartbeat";
        /// Somebody writes, or has stopped.
        TypingUpdate(TypingUpdate) = "typing_update";
        /// Somebody is there, in one way or another.
        UserOnline(PersonPresence) = "user_online";
        /// Somebody is there no more.
        UserOffline(PersonPresence) = "user_offline";
        /// The server goes away: come back after the given time.
        Shutdown(Shutdown) = "shutdown";
        /// The session of this stream has ended.
        SessionEnded(SessionOver) = "session_ended";
    }
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageReceived {
    /// Its place in the log.
    pub cursor: Cursor,
    /// Where.
    pub conversation: ConversationId,
    /// Who, as the server says; MLS proves it.
    pub sender: DeviceRef,
    /// The sender's id of it.
    pub client_id: ClientId,
    /// The epoch that it is sealed in.
    pub epoch: u64,
    /// MLS `PrivateMessage`.
    pub ciphertext: Base64,
    /// When the server took it.
    pub sent_at: Millis,
}

/// A commit of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationCommitted {
    /// Its place in the log.
    pub cursor: Cursor,
    /// Where.
    pub conversation: ConversationId,
    /// Who, as the server says; MLS proves it.
    pub sender: DeviceRef,
    /// The sender's id of it.
    pub client_id: ClientId,
    /// The epoch that it leads to.
    pub epoch: u64,
    /// MLS message with the commit.
    pub commit: Base64,
    /// When the server took it.
    pub sent_at: Millis,
}

/// An invitation that this device can open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationWelcome {
    /// Its place in the log.
    pub cursor: Cursor,
    /// Where to.
    pub conversation: ConversationId,
    /// What sort, seen from this account.
    pub kind: Kind,
    /// The people in it; none of a group: `conversations/group` has them.
    pub people: Vec<Member>,
    /// Whether this account has accepted the conversation.
    #[serde(default = "crate::conversation::is_accepted")]
    pub accepted: bool,
    /// Who, as the server says; MLS proves it.
    pub sender: DeviceRef,
    /// The epoch that it leads to: the tree of this epoch is at `conversations/group`.
    pub epoch: u64,
    /// MLS `Welcome` message.
    pub welcome: Base64,
    /// When the server took it.
    pub sent_at: Millis,
}

impl Durable {
    /// Its place in the log.
    pub fn cursor(&self) -> &Cursor {
        match self {
            Durable::MessageReceived(event) => &event.cursor,
            Durable::ConversationCommitted(event) => &event.cursor,
            Durable::ConversationWelcome(event) => &event.cursor,
        }
    }

    /// Length of its sealed part, in bytes.
    pub fn body_bytes(&self) -> usize {
        match self {
            Durable::MessageReceived(event) => event.ciphertext.len(),
            Durable::ConversationCommitted(event) => event.commit.len(),
            Durable::ConversationWelcome(event) => event.welcome.len(),
        }
    }

    /// Where it belongs.
    pub fn conversation(&self) -> ConversationId {
        match self {
            Durable::MessageReceived(event) => event.conversation,
            Durable::ConversationCommitted(event) => event.conversation,
            Durable::ConversationWelcome(event) => event.conversation,
        }
    }
}

/// Payload of `connected`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Connected {
    /// The longest silence of the stream.
    pub heartbeat_ms: Millis,
    /// One-time key packages in stock: top up under [`crate::limit::KEY_PACKAGE_LOW`].
    pub key_packages: usize,
    /// The server's clock, milliseconds since the Unix epoch.
    pub server_time: Millis,
}

/// Payload of `caught_up`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaughtUp {
    /// The place in the log up to which everything of this device was sent: a cursor to come back with.
    pub cursor: Cursor,
}

/// Payload of `history_lost`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryLost {
    /// The cursor that the client came with.
    pub from: Cursor,
    /// Where the log begins now.
    pub to: Cursor,
    /// Why.
    pub cause: LossCause,
}

/// Why events are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// Older than the operator keeps them.
    Retention,
    /// A cause that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Payload of `heartbeat`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Heartbeat {
    /// The server's clock, milliseconds since the Unix epoch.
    pub server_time: Millis,
}

/// Payload of `typing_update`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TypingUpdate {
    /// Where.
    pub conversation: ConversationId,
    /// Who.
    pub user: UserId,
    /// Whether they write or have stopped.
    pub typing: bool,
}

/// Payload of `shutdown`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shutdown {
    /// This client's own delay, spread over the clients.
    pub retry_in_ms: Millis,
}

/// Payload of `session_ended` on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionOver {
    /// Why.
    pub cause: SessionEndCause,
}

/// Why a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionEndCause {
    /// Signed out.
    SignedOut,
    /// Another device took this one's place.
    DeviceReplaced,
    /// A spent refresh token was used again: somebody has a copy.
    TokenReused,
    /// A cause that this version does not know.
    #[serde(other)]
    Unknown,
}

/// One frame of the event stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Has a cursor.
    Durable(Durable),
    /// Has none.
    Ephemeral(Ephemeral),
    /// Of a type that this version does not know; to be skipped.
    Unknown,
}

impl Event {
    /// Reads a frame. An unknown type is [`Event::Unknown`]; a known type with a payload of the wrong shape is an
    /// error, as are bytes that are no envelope.
    pub fn from_frame(bytes: &[u8]) -> Result<Self, NotAnEnvelope> {
        let envelope = envelope::open(bytes)?;
        if let Some(event) = Durable::from_envelope(&envelope) {
            return event.map(Event::Durable);
        }
        if let Some(event) = Ephemeral::from_envelope(&envelope) {
            return event.map(Event::Ephemeral);
        }
        Ok(Event::Unknown)
    }
}
