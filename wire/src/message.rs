//! Messages: sealed by the sender's device, stored by the server, never read by it.

use crate::endpoint::endpoints;
use crate::event::Durable;
use crate::{Base64, ClientId, ConversationId, Cursor, Millis};
use serde::{Deserialize, Serialize};

endpoints! {
    /// Appends a message to its conversation. The acknowledgement means that it is on disk (P3).
    SendMessage = Device "/api/messages/send" "send_message"(SendMessageRequest) => "message_sent"(MessageSent);
    /// A page of a conversation's log, newest last. Who asks must be a member; older than joining is not given.
    LoadMessages = Device "/api/messages/load"
        "load_messages"(LoadMessagesRequest) => "messages_loaded"(MessagesLoaded);
}

/// Payload of [`SendMessage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SendMessageRequest {
    /// This message's id: sent again, it gets the first answer.
    pub client_id: ClientId,
    /// Where it goes.
    pub conversation: ConversationId,
    /// The epoch that it is sealed in; at most [`crate::limit::EPOCHS_BEFORE`] behind.
    pub epoch: u64,
    /// MLS `PrivateMessage` (RFC 9420 §6.3).
    pub ciphertext: Base64,
}

/// Answer to [`SendMessage`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessageSent {
    /// Its place in the log.
    pub cursor: Cursor,
    /// When the server took it.
    pub sent_at: Millis,
}

/// Payload of [`LoadMessages`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadMessagesRequest {
    /// Whose log.
    pub conversation: ConversationId,
    /// Only what is older than this; the newest without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Cursor>,
    /// At most this many, 1 to [`crate::limit::PAGE_MAX`].
    pub limit: usize,
}

/// Answer to [`LoadMessages`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MessagesLoaded {
    /// In the order of the log.
    pub events: Vec<Durable>,
    /// Whether there are older ones.
    pub more: bool,
}
