//! What stands inside a sealed message: text, profile, receipt. Owns the encoding, not what is done about it.
//!
//! A content has a kind, which MLS binds as authenticated data, and bytes: one byte of version, then JSON. The rule:
//! **what is not known is [`UnknownContent`], never an error and never guessed.** Kinds from [`QUIET_FROM`] on are not
//! shown, so an app that does not know one of them skips it.

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
}

/// A question for a group's card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskCard {}

/// A leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The sending device's number of it, ascending in the order of the log. Receipts name it.
    pub sequence: u64,
    /// [`Text::sequence`] of the text of this device that the server took before it in this conversation; 0 for none.
    /// Who does not have that one knows that it was kept back.
    #[serde(default)]
    pub after: u64,
    /// 1 to [`limit::TEXT_MAX_BYTES`] bytes.
    pub text: String,
}

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
            _ => None,
        };
        known.filter(Content::keeps_rules).ok_or(UnknownContent { visibility: visibility(kind) })
    }

    fn keeps_rules(&self) -> bool {
        match self {
            Content::Text(text) => {
                text.text.len() <= limit::TEXT_MAX_BYTES && text.text.chars().any(|c| !c.is_whitespace())
            }
            Content::Profile(profile) => profile.display_name.len() <= limit::DISPLAY_NAME_MAX_BYTES,
            Content::Receipt(receipt) => receipt.missing.len() <= MISSING_MAX,
            Content::Card(card) => card.keeps_rules(),
            Content::AskCard(_) | Content::Leave(_) => true,
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sotto_wire::{DeviceId, UserId};

    const SHOWN: UnknownContent = UnknownContent { visibility: Visibility::Shown };

    fn text(text: &str) -> Content {
        Content::Text(Text { sequence: 3, after: 2, text: text.to_owned() })
    }

    #[test]
    fn a_later_versions_extra_fields_are_skipped() {
        let bytes = [&[VERSION], br#"{"sequence":3,"after":2,"text":"hi","colour":"red"}"#.as_slice()].concat();
        assert_eq!(Content::decode(TEXT, &bytes), Ok(text("hi")));
    }

    #[test]
    fn another_version_or_kind_is_unknown_and_says_whether_it_is_shown() {
        let bytes = text("hi").encode();
        assert_eq!(Content::decode(0x7F, &bytes), Err(SHOWN));
        assert_eq!(Content::decode(0xF0, &bytes), Err(UnknownContent { visibility: Visibility::Quiet }));
        assert_eq!(Content::decode(TEXT, &[&[VERSION + 1], &bytes[1..]].concat()), Err(SHOWN));
    }

    #[test]
    fn a_text_that_is_blank_or_too_long_is_refused() {
        assert_eq!(Content::decode(TEXT, &text(" \n\t").encode()), Err(SHOWN));
        assert_eq!(Content::decode(TEXT, &text(&"x".repeat(limit::TEXT_MAX_BYTES + 1)).encode()), Err(SHOWN));
        let longest = text(&"x".repeat(limit::TEXT_MAX_BYTES));
        assert_eq!(Content::decode(TEXT, &longest.encode()), Ok(longest));
    }

    #[test]
    fn one_kind_never_passes_for_another() {
        let profile = Content::Profile(Profile { display_name: "Zoë".to_owned() });
        assert_eq!(Content::decode(TEXT, &profile.encode()), Err(SHOWN));
    }

    fn contents() -> impl Strategy<Value = Content> {
        let of = DeviceRef { user: UserId([1; 16]), device: DeviceId([2; 16]) };
        prop_oneof![
            (any::<u64>(), "\\PC{0,40}x\\PC{0,40}").prop_map(|(sequence, text)| Content::Text(Text {
                sequence,
                after: sequence / 2,
                text
            })),
            "\\PC{0,20}".prop_map(|display_name| Content::Profile(Profile { display_name })),
            (any::<u64>(), any::<u64>()).prop_map(move |(delivered, read)| Content::Receipt(Receipt {
                of,
                delivered,
                read,
                missing: vec![Missing { first: read, last: delivered }],
            })),
        ]
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(content in contents()) {
            prop_assert_eq!(Content::decode(content.kind(), &content.encode()), Ok(content));
        }

        #[test]
        fn any_bytes_are_decoded_or_unknown(kind in any::<u8>(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(content) = Content::decode(kind, &bytes) {
                prop_assert_eq!(content.kind(), kind);
            }
        }

        #[test]
        fn a_damaged_content_never_breaks_the_rules(content in contents(), at in any::<usize>(), to in any::<u8>()) {
            let mut bytes = content.encode();
            let at = at % bytes.len();
            bytes[at] = to;
            if let Ok(decoded) = Content::decode(content.kind(), &bytes) {
                prop_assert!(decoded.keeps_rules());
            }
        }
    }
}
