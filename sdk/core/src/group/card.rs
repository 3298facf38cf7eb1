//! The card of a group: its name, description and picture, and the secrets of its invites. For members' eyes: it travels
//! as a message, and the charter binds it by its hash.
//!
//! Owns its bounds and its hash. The rule: a card is taken by its hash alone, so it does not matter who sent it; a random
//! salt keeps the hash, which the server sees, from telling the name.

use crate::group::invite::InviteSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sotto_wire::{Base64, limit};

/// What members see of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// 32 random bytes.
    pub salt: Base64,
    /// 1 to [`limit::GROUP_NAME_MAX_BYTES`] bytes.
    pub name: String,
    /// At most [`limit::GROUP_DESCRIPTION_MAX_BYTES`] bytes; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// At most [`limit::GROUP_PICTURE_MAX_BYTES`] bytes of WebP, JPEG or PNG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Base64>,
    /// Secrets of the invites that the charter lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invites: Vec<InviteSecret>,
}

impl Card {
    /// What a charter binds it by: SHA-256 of its encoding.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let json = serde_json::to_vec(self).expect("a card has string keys and no failing serializer");
        Sha256::digest(&json).into()
    }

    /// Whether it is within its bounds.
    pub(crate) fn keeps_rules(&self) -> bool {
        self.salt.len() == 32
            && is_name(&self.name)
            && self.description.len() <= limit::GROUP_DESCRIPTION_MAX_BYTES
            && self.picture.as_ref().is_none_or(|picture| is_picture(picture.as_slice()))
            && self.invites.len() <= limit::INVITES_MAX
    }
}

/// Whether a group may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= limit::GROUP_NAME_MAX_BYTES && name.chars().any(|letter| !letter.is_whitespace())
}

/// Whether these are the first bytes of a WebP, JPEG or PNG, and not too many.
pub(crate) fn is_picture(bytes: &[u8]) -> bool {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let is_known = is_webp || bytes.starts_with(b"\xFF\xD8\xFF") || bytes.starts_with(b"\x89PNG\r\n\x1A\n");
    is_known && bytes.len() <= limit::GROUP_PICTURE_MAX_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        Card { salt: Base64(vec![7; 32]), name: "Kite club".to_owned(), ..Card::default() }
    }

    #[test]
    fn a_card_keeps_its_hash_over_its_encoding() {
        let card = Card { picture: Some(Base64(b"\xFF\xD8\xFF\xE0".to_vec())), ..card() };
        let again: Card = serde_json::from_slice(&serde_json::to_vec(&card).expect("json")).expect("a card");
        assert_eq!((again.hash(), again.keeps_rules()), (card.hash(), true));
        assert_ne!(Card { salt: Base64(vec![8; 32]), ..card.clone() }.hash(), card.hash());
    }

    #[test]
    fn a_card_out_of_its_bounds_is_refused() {
        let picture = |bytes: Vec<u8>| Card { picture: Some(Base64(bytes)), ..card() };
        let mut large = b"\x89PNG\r\n\x1A\n".to_vec();
        large.resize(limit::GROUP_PICTURE_MAX_BYTES + 1, 0);
        for wrong in [
            Card { salt: Base64(vec![7; 31]), ..card() },
            Card { name: " \n".to_owned(), ..card() },
            Card { name: "x".repeat(limit::GROUP_NAME_MAX_BYTES + 1), ..card() },
            Card { description: "x".repeat(limit::GROUP_DESCRIPTION_MAX_BYTES + 1), ..card() },
            picture(b"<svg onload=alert(1)>".to_vec()),
            picture(large),
        ] {
            assert!(!wrong.keeps_rules(), "{wrong:?}");
        }
    }
}
