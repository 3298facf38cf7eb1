//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692) as pure code: bytes to messages, messages to bytes, and what
//! is agreed before the first. Owns no socket and no clock, and does not know what the messages say.
//!
//! Frame headers, close codes and the key of the handshake are tungstenite's. Its connection type is not used: it owns
//! the socket and a queue of its own, while delivery writes frames that were encoded once for everybody straight to each
//! socket; and it has no permessage-deflate. The rule: a message is whole, masked, within its bound and, where it is
//! text, UTF-8, or the connection ends with the close code that the RFC has for it.

mod decoder;
mod deflate;
mod encoder;
mod handshake;

pub use decoder::{Decoder, Received, Violation};
pub use encoder::{close, message, ping, pong};
pub use handshake::{Agreed, NotAHandshake, agree, is_asked_for};

/// Close code (RFC 6455 §7.4.1): done, nothing is wrong.
pub const CLOSE_NORMAL: u16 = 1000;

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
}

/// How messages to the peer are compressed. Each by itself (`server_no_context_takeover`), so that one compressed frame
/// is good for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all: the peer did not offer it.
    #[default]
    Off,
    /// With a window of 32 kB.
    Wide,
    /// With a window of 512 bytes, for a peer that can keep only a small one.
    Narrow,
}
