//! What changes a message that is there: edit, deletion, reaction. Owns their rules; who may do it and until when is
//! decided where the message is.

use super::text::{Mention, MessageRef, are_mentions, is_text};
use serde::{Deserialize, Serialize};
use sotto_wire::Millis;

/// A text may be edited for so long after it was sent, by the server's time.
pub const EDIT_WITHIN_MS: Millis = Millis(24 * 3_600_000);
/// A message may be deleted for all for so long after it was sent, by the server's time.
pub const DELETE_WITHIN_MS: Millis = Millis(48 * 3_600_000);
/// Longest emoji, in bytes: a family of four with skin tones has 41.
pub const EMOJI_MAX_BYTES: usize = 64;

/// A text says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Which text.
    pub of: MessageRef,
    /// What it says now.
    pub text: String,
    /// Whom it names now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Mention>,
}

/// A message is gone, for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    /// Which message.
    pub of: MessageRef,
}

/// What somebody thinks of a message: one emoji a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Which message.
    pub of: MessageRef,
    /// One emoji; `None` takes it back.
    pub emoji: Option<String>,
}

impl Edit {
    pub(super) fn keeps_rules(&self) -> bool {
        is_text(&self.text) && are_mentions(&self.text, &self.mentions)
    }
}

impl Reaction {
    pub(super) fn keeps_rules(&self) -> bool {
        self.emoji.as_deref().is_none_or(is_emoji)
    }
}

/// Whether this is one emoji: what UTS #51 calls a possible emoji (ED-17a), by blocks instead of tables, which an app
/// that is new or old would have others of.
pub fn is_emoji(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    let Some(first) = chars.next().filter(|_| text.len() <= EMOJI_MAX_BYTES) else { return false };
    if is_region(first) {
        return chars.next().is_some_and(is_region) && chars.next().is_none();
    }
    if first.is_ascii_digit() || matches!(first, '#' | '*') {
        return chars.eq(['\u{FE0F}', '\u{20E3}']) || text.chars().skip(1).eq(['\u{20E3}']);
    }
    if !is_base(first) {
        return false;
    }
    while let Some(next) = chars.next() {
        let fits = match next {
            '\u{200D}' => chars.next().is_some_and(is_base),
            '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}' => true,
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    true
}

fn is_region(c: char) -> bool {
    ('\u{1F1E6}'..='\u{1F1FF}').contains(&c)
}

/// Whether emoji stand in the block of this character.
fn is_base(c: char) -> bool {
    let is_sign = matches!(
        c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'
            ..='\u{2BFF}' | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}'
    );
    is_sign && !is_region(c)
}
