//! What crosses the network between a Sotto client and a Sotto server: requests, responses, events, ids, limits and
//! error codes. Owns the words and their bounds; does no I/O, knows no clock and no cryptography.
//!
//! One file per resource (`account`, `session`, `key`, `conversation`, `group`,
//! `invite`, `people`, `message`, `typing`, `presence`, `ping`, `ticket`), each a list of
//! [`Endpoint`]s: path, request, response. The rule that this crate keeps: **what is not known is skipped**. Unknown
//! fields are ignored, unknown event types become [`event::Event::Unknown`], unknown error codes [`Code::Unknown`].

pub mod account;
pub mod bytes;
#[cfg(feature = "cbor")]
pub mod cbor;
pub mod conversation;
pub mod endpoint;
pub mod envelope;
pub mod error;
pub mod event;
pub mod group;
pub mod id;
pub mod invite;
pub mod key;
pub mod limit;
pub mod message;
pub mod people;
pub mod ping;
pub mod presence;
#[cfg(feature = "schema")]
mod schema;
pub mod session;
pub mod ticket;
pub mod time;
pub mod typing;
pub mod websocket;

pub use bytes::Base64;
pub use endpoint::{Access, Endpoint};
pub use envelope::Envelope;
pub use error::{Code, Problem, Retry};
pub use id::{ClientId, ConversationId, Cursor, DeviceId, DeviceRef, InviteId, LoginId, RequestId, Ticket, UserId};
pub use time::{Millis, Timestamp};

/// Version of the protocol that this crate speaks. A server accepts [`PROTOCOL_OLDEST`]`..=`[`PROTOCOL`].
pub const PROTOCOL: u32 = 1;
/// Oldest version of the protocol that this crate still speaks.
pub const PROTOCOL_OLDEST: u32 = 1;
