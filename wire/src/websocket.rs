//! The WebSocket (RFC 6455) as both sides agree on it: where it is, subprotocols, close codes.
//!
//! Each event is one message, the same envelope as on every transport. Each command is one message, the envelope of its
//! POST twin with a `requestId`; the answer, which carries that id, may come between any two events. The refusal of a
//! message that cannot be read has no id.

/// Where the stream is, besides [`crate::ticket::EVENTS_PATH`] with the header `Upgrade: websocket`.
pub const WEBSOCKET_PATH: &str = "/ws";
/// Subprotocol: envelopes as JSON in text messages. Also what is spoken when none is asked for.
pub const SUBPROTOCOL_JSON: &str = "sotto.v1.json";
/// Subprotocol: envelopes as CBOR (RFC 8949) in binary messages; ids and binary fields are byte strings.
pub const SUBPROTOCOL_CBOR: &str = "sotto.v1.cbor";

/// Close code (RFC 6455 §7.4.1): what was sent was a binary message where text is spoken, or the other way round.
pub const CLOSE_UNSUPPORTED: u16 = 1003;
/// Close code (RFC 6455 §7.4.1): a message was over the limit of its command.
pub const CLOSE_TOO_LARGE: u16 = 1009;
/// Close code (IANA): the server goes away. `shutdown` came before it and said when to come back.
pub const CLOSE_RESTART: u16 = 1012;
/// Close code: the session has ended. `session_ended` came before it; renew the token or sign in.
pub const CLOSE_SESSION_ENDED: u16 = 4001;
/// Close code: the client took nothing for too long. Come back with the cursor.
pub const CLOSE_STALLED: u16 = 4002;
