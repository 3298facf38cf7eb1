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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// `type` of the envelope that answers a long poll.
pub const EVENTS: &str = "events";

/// Payload of the answer to a long poll: `GET` [`EVENTS_PATH`]`?ticket=…` with `Accept: application/json`. `E` is an
/// event's envelope, which is the same as on a stream; who reads takes [`RawEvents`].
///
/// The answer comes at once where there is something to say, else when there is, at the latest after
/// [`crate::limit::POLL_HOLD_MS`]. The first answer of a device that opens its stream this way begins with `connected`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventsPage<E> {
    /// Events, in the order of the log. May be empty.
    pub events: Vec<E>,
    /// Opens the next poll, which goes on behind the last of `events`. Whose answer was lost asks for a fresh ticket at
    /// its own cursor. None when the stream has ended: the last event says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Whether there is more already: the next poll will not be held.
    pub more: bool,
}

/// The answer to a long poll, with events that [`crate::event::Event::from_frame`] reads.
pub type RawEvents = EventsPage<Box<serde_json::value::RawValue>>;

/// Payload of the refusal of a transport that this server does not offer, or of a request that asks for none (T6): the
/// [`crate::Problem`] of [`crate::Code::UpgradeRequired`], and for foreign clients where to go, in their words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpgradeNeeded {
    /// The problem.
    #[serde(flatten)]
    pub problem: crate::Problem,
    /// The code once more.
    pub error: crate::Code,
    /// What to name in the header `Upgrade`: `websocket`.
    pub upgrade: String,
    /// Where: a path of this server.
    pub endpoint: String,
    /// What this server offers, best first.
    pub transports: Vec<Transport>,
}

/// Full jitter: before attempt `n` wait a random time up to `min(longest_ms, first_ms · 2ⁿ)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
