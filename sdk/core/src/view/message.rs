//! What a message has about it: what it answers, what people think of it.

use super::{Author, MessageKey};
use crate::content::MessageRef;
use sotto_wire::{ConversationId, UserId};

/// A message that an item answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteView {
    /// Which: where to jump to.
    pub message: MessageKey,
    /// Who wrote it.
    pub author: Author,
    /// Its first characters; none once it is deleted.
    pub excerpt: String,
    /// Whether it is still there.
    pub standing: QuoteStanding,
}

/// Whether a message that is answered is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteStanding {
    /// It is, and the excerpt is its own.
    Here,
    /// Its author has deleted it for all.
    Deleted,
    /// Not on this device: the excerpt is what the writer of the answer claims.
    Elsewhere,
}

/// Who thinks the same of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactionCount {
    /// What.
    pub emoji: String,
    /// How many.
    pub count: u32,
    /// Whether the user of this device is among them.
    pub mine: bool,
    /// The first eight of them.
    pub who: Vec<UserId>,
}

/// What the newest message of a conversation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastWhat {
    /// A text.
    #[default]
    Text,
    /// A message that was deleted for all.
    Deleted,
}

impl MessageKey {
    /// A message of a conversation.
    pub(crate) fn of(conversation: ConversationId, of: MessageRef) -> Self {
        Self { conversation, sender: of.sender, client_id: of.client_id }
    }

    /// Its name within its conversation.
    pub(crate) fn message(self) -> MessageRef {
        MessageRef { sender: self.sender, client_id: self.client_id }
    }
}
