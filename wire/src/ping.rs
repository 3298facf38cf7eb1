//! Ping: a round trip through the server, over any way that carries commands, which also says how far the device has
//! stored what it got.

use crate::endpoint::endpoints;
use crate::{Cursor, Millis};
use serde::{Deserialize, Serialize};

endpoints! {
    /// Measures the round trip and acknowledges events. Over a WebSocket it also proves to each side that the other
    /// lives; the stream's own heartbeats do not depend on it.
    Ping = Device "/api/ping" "ping"(PingRequest) => "pong"(Pong);
}

/// Payload of [`Ping`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PingRequest {
    /// The newest event that the device has stored; nothing is acknowledged without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
}

/// Answer to [`Ping`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pong {
    /// The server's clock, milliseconds since the Unix epoch.
    pub server_time: Millis,
}
