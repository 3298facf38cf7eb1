//! Ids. Random 16 bytes as base64url without padding (RFC 4648 §5) in JSON and as they are in CBOR, so that one never
//! passes for another and none tells anything of whom it names; opaque texts (cursor, ticket, request id) as bounded
//! strings.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("parse an id: not 22 characters of base64url")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrBytes).map(Self)
            }
        }
    };
}

id! {
    /// An account. Chosen at random by the client that signs up.
    UserId
}
id! {
    /// A device of an account. Chosen at random by the device.
    DeviceId
}
id! {
    /// A conversation, which is also the id of its MLS group (RFC 9420 §8.1 `group_id`).
    ConversationId
}
id! {
    /// A command's own id, chosen by the device. The same id sent again gets the first answer (P4).
    ClientId
}
id! {
    /// An invite link of a group. Derived from its secret, of which it tells nothing.
    InviteId
}
id! {
    /// One running sign-in, between its two steps.
    LoginId
}

fn parse(text: &str) -> Result<[u8; 16], NotAnId> {
    let mut id = [0; 16];
    // 22 characters are 16.5 bytes: the decoder refuses set trailing bits, so each id has one spelling.
    if text.len() != 22 {
        return Err(NotAnId);
    }
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut id).map_err(|_| NotAnId)?;
    if length == id.len() { Ok(id) } else { Err(NotAnId) }
}

/// Reads an id as it comes, which is also right where serde keeps a value for later and no longer knows its format.
struct TextOrBytes;

impl Visitor<'_> for TextOrBytes {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; 16], E> {
        parse(text).map_err(E::custom)
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<[u8; 16], E> {
        bytes.try_into().map_err(|_| E::custom(NotAnId))
    }
}

/// A device, always named together with the account that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceRef {
    /// The account.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
}

impl DeviceRef {
    /// The 32 bytes `user || device` that stand in an MLS basic credential (RFC 9420 §5.3).
    pub fn to_credential(self) -> [u8; 32] {
        let mut credential = [0; 32];
        credential[..16].copy_from_slice(&self.user.0);
        credential[16..].copy_from_slice(&self.device.0);
        credential
    }

    /// The inverse of [`DeviceRef::to_credential`]; `None` when it is not 32 bytes.
    pub fn from_credential(credential: &[u8]) -> Option<Self> {
        let (user, device) = credential.split_at_checked(16)?;
        Some(Self { user: UserId(user.try_into().ok()?), device: DeviceId(device.try_into().ok()?) })
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Longest text in bytes.
            pub const MAX_BYTES: usize = $max;

            /// The text as it is, when it is not empty, is visible ASCII and is not over [`Self::MAX_BYTES`].
            pub fn new(text: impl Into<String>) -> Option<Self> {
                let text = text.into();
                let fits = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
                fits.then_some(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?)
                    .ok_or_else(|| de::Error::custom(concat!(stringify!($name), " is empty, too long or not ASCII")))
            }
        }
    };
}

text! {
    /// A place in the log of the deployment. Opaque: only the server reads it, so that it can grow into a vector.
    Cursor, 64
}
text! {
    /// A single-use key to the event stream, 30 s, bound to the session that asked for it.
    Ticket, 64
}
text! {
    /// What a client calls one request; stands again in the answer.
    RequestId, 64
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({})", self.0)
    }
}

impl fmt::Debug for Ticket {
    /// Nothing: a ticket is a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.0)
    }
}
