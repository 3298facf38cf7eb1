//! The ticket (T4): one short-lived key that opens the event stream by any transport, and the stream's terms.

use crate::endpoint::endpoints;
use crate::{Cursor, Millis, Ticket};
use serde::{Deserialize, Serialize};

endpoints! {
    /// A single-use ticket, [`crate::limit::TICKET_LIFE_MS`] long, bound to the session.
    OpenTicket = Device "/api/events/ticket" "open_ticket"(TicketRequest) => "ticket_opened"(TicketOpened);
}

/// Where a ticket is spent: `GET /api/events?ticket=…`.
pub const EVENTS_PATH: &str = "/api/events";

/// A way to carry the event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Server-sent events (WHATWG HTML §9.2).
    Sse,
    /// WebSocket (RFC 6455).
    WebSocket,
    /// Long-poll.
    LongPoll,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Payload of [`OpenTicket`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TicketRequest {
    /// The newest event that the client has stored; from the device's registration on without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Version of the protocol.
    pub protocol: u32,
    /// Optional features that the client knows.
    #[serde(default)]
    pub features: Vec<String>,
}

/// Answer to [`OpenTicket`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketOpened {
    /// The ticket.
    pub ticket: Ticket,
    /// Allowed transports, best first.
    pub transports: Vec<Transport>,
    /// The longest silence of the stream.
    pub heartbeat_ms: Millis,
    /// How to reconnect.
    pub retry: RetryPolicy,
    /// Version of the protocol that both speak.
    pub protocol: u32,
    /// Optional features that both know.
    #[serde(default)]
    pub features: Vec<String>,
    /// The server's clock, milliseconds since the Unix epoch.
    pub server_time: Millis,
}

/// Full jitter: before attempt `n` wait a random time up to `min(longest_ms, first_ms · 2ⁿ)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Bound of the first wait.
    pub first_ms: Millis,
    /// Bound of every wait.
    pub longest_ms: Millis,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_ms: Millis(crate::limit::RECONNECT_FIRST_MS),
            longest_ms: Millis(crate::limit::RECONNECT_LONGEST_MS),
        }
    }
}
