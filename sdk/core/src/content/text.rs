//! A text, with what it answers and whom it names. Owns their rules; what an excerpt says is checked by who has the
//! message that it was taken from.

use super::is_default;
use serde::{Deserialize, Serialize};
use sotto_wire::{ClientId, DeviceRef, UserId, limit};

/// Longest excerpt of a message that is answered, in characters.
pub const EXCERPT_MAX_CHARS: usize = 160;
/// Most mentions in a text: more are noise.
pub const MENTIONS_MAX: usize = 64;

/// A text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The sending device's number of it, ascending in the order of the log. Receipts name it.
    pub sequence: u64,
    /// [`Text::sequence`] of the text of this device that the server took before it in this conversation; 0 for none.
    /// Who does not have that one knows that it was kept back.
    #[serde(default)]
    pub after: u64,
    /// 1 to [`limit::TEXT_MAX_BYTES`] bytes.
    pub text: String,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Quote>,
    /// Whom it names, at most [`MENTIONS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Mention>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub origin: Origin,
}

/// Names a message within its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageRef {
    /// The device that sent it.
    pub sender: DeviceRef,
    /// The device's id of it.
    pub client_id: ClientId,
}

/// What a text answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Which message; its author is the user of the device that sent it.
    pub of: MessageRef,
    /// Its first characters, at most [`EXCERPT_MAX_CHARS`], as the writer of the answer claims.
    pub excerpt: String,
}

/// Somebody is named in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Who.
    pub user: UserId,
    /// First byte of the name in the text.
    pub start: u32,
    /// The byte behind it.
    pub end: u32,
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was written here.
    #[default]
    Written,
    /// It was taken from another conversation.
    Forwarded,
}

impl Text {
    pub(super) fn keeps_rules(&self) -> bool {
        let fits = |quote: &Quote| quote.excerpt.chars().nth(EXCERPT_MAX_CHARS).is_none();
        is_text(&self.text) && self.reply.as_ref().is_none_or(fits) && are_mentions(&self.text, &self.mentions)
    }
}

/// Whether somebody could have written this.
pub fn is_text(text: &str) -> bool {
    text.len() <= limit::TEXT_MAX_BYTES && text.chars().any(|c| !c.is_whitespace())
}

/// Whether these mentions are places in this text, ascending, none within another.
pub fn are_mentions(text: &str, mentions: &[Mention]) -> bool {
    let mut from = 0;
    let mut follows = |mention: &Mention| {
        let (start, end) = (mention.start as usize, mention.end as usize);
        let fits = from <= start && start < end && text.get(start..end).is_some();
        from = end;
        fits
    };
    mentions.len() <= MENTIONS_MAX && mentions.iter().all(&mut follows)
}

/// The first characters of a text, as a quote has them.
pub fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_MAX_CHARS).collect()
}
