//! What stands inside a sealed message: text, profile, receipt. Owns the encoding, not what is done about it.
//!
//! A content has a kind, which MLS binds as authenticated data, and bytes: one byte of version, then JSON. The rule:
//! **what is not known is [`UnknownContent`], never an error and never guessed.** Kinds from [`QUIET_FROM`] on are not
//! shown, so an app that does not know one of them skips it.

mod change;
#[cfg(test)]
mod tests;
mod text;

pub use change::{DELETE_WITHIN_MS, Delete, EDIT_WITHIN_MS, EMOJI_MAX_BYTES, Edit, Reaction, is_emoji};
pub use text::{
    EXCERPT_MAX_CHARS, MENTIONS_MAX, Mention, MessageRef, Origin, Quote, Text, are_mentions, excerpt, is_text,
};

use crate::group::Card;
use crate::marks::MISSING_MAX;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sotto_wire::{DeviceRef, limit};

/// The version of the encoding that this crate writes.
pub const VERSION: u8 = 1;
/// Kinds from here on are for the devices, not for the eyes of a person.
pub const QUIET_FROM: u8 = 0x80;

const TEXT: u8 = 0x01;
const PROFILE: u8 = 0x81;
const RECEIPT: u8 = 0x82;
const CARD: u8 = 0x83;
const ASK_CARD: u8 = 0x84;
const LEAVE: u8 = 0x85;
const EDIT: u8 = 0x86;
const DELETE: u8 = 0x87;
const REACTION: u8 = 0x88;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// Something written.
    Text(Text),
    /// What the sender calls themselves.
    Profile(Profile),
    /// How far the sender's device has come with the messages of another device.
    Receipt(Receipt),
    /// A group's name, description, picture and the secrets of its invites.
    Card(Card),
    /// The sender lacks the group's card.
    AskCard(AskCard),
    /// The sender leaves the group.
    Leave(Leave),
    /// A text says something else.
    Edit(Edit),
    /// A message is gone, for all.
    Delete(Delete),
    /// What the sender thinks of a message.
    Reaction(Reaction),
}

/// A question for a group's card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskCard {}

/// A leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// At most [`limit::DISPLAY_NAME_MAX_BYTES`] bytes; empty for none.
    pub display_name: String,
}

/// A receipt: counts for every text up to the numbers named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whose texts.
    pub of: DeviceRef,
    /// [`Text::sequence`] up to which they are stored.
    pub delivered: u64,
    /// [`Text::sequence`] up to which they have been seen.
    pub read: u64,
    /// Which of those never came, oldest first: at most eight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// Numbers of texts that a server has taken and never delivered; some of them may be of other conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
}

/// A content of a kind or version that this version does not know, or one that breaks the rules of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the content of a message: of no known kind")]
pub struct UnknownContent {
    /// Whether it is of a kind that is not shown.
    pub visibility: Visibility,
}

/// Whether a kind is made to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// It is.
    Shown,
    /// It is for the devices only.
    Quiet,
}

impl Content {
    /// The kind, to be bound as authenticated data.
    pub fn kind(&self) -> u8 {
        match self {
            Content::Text(_) => TEXT,
            Content::Profile(_) => PROFILE,
            Content::Receipt(_) => RECEIPT,
            Content::Card(_) => CARD,
            Content::AskCard(_) => ASK_CARD,
            Content::Leave(_) => LEAVE,
            Content::Edit(_) => EDIT,
            Content::Delete(_) => DELETE,
            Content::Reaction(_) => REACTION,
        }
    }

    /// The bytes to be sealed.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, self).expect("contents have string keys and no failing serializer");
        bytes
    }

    /// The inverse of [`Content::kind`] and [`Content::encode`].
    ///
    /// # Errors
    /// [`UnknownContent`] for everything else, whatever the bytes.
    pub fn decode(kind: u8, bytes: &[u8]) -> Result<Self, UnknownContent> {
        let known = match kind {
            TEXT => open(bytes).map(Content::Text),
            PROFILE => open(bytes).map(Content::Profile),
            RECEIPT => open(bytes).map(Content::Receipt),
            CARD => open(bytes).map(Content::Card),
            ASK_CARD => open(bytes).map(Content::AskCard),
            LEAVE => open(bytes).map(Content::Leave),
            EDIT => open(bytes).map(Content::Edit),
            DELETE => open(bytes).map(Content::Delete),
            REACTION => open(bytes).map(Content::Reaction),
            _ => None,
        };
        known.filter(Content::keeps_rules).ok_or(UnknownContent { visibility: visibility(kind) })
    }

    fn keeps_rules(&self) -> bool {
        match self {
            Content::Text(text) => text.keeps_rules(),
            Content::Profile(profile) => profile.display_name.len() <= limit::DISPLAY_NAME_MAX_BYTES,
            Content::Receipt(receipt) => receipt.missing.len() <= MISSING_MAX,
            Content::Card(card) => card.keeps_rules(),
            Content::AskCard(_) | Content::Leave(_) => true,
            Content::Edit(edit) => edit.keeps_rules(),
            Content::Delete(_) => true,
            Content::Reaction(reaction) => reaction.keeps_rules(),
        }
    }
}

/// Whether `kind` is made to be shown.
pub fn visibility(kind: u8) -> Visibility {
    if kind >= QUIET_FROM { Visibility::Quiet } else { Visibility::Shown }
}

fn open<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (version, json) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// What is as it is when it is left out.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
