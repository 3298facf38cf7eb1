//! Typing notices: ephemeral, on a budget of their own, gone when they are not renewed.

use crate::ConversationId;
use crate::endpoint::endpoints;
use serde::{Deserialize, Serialize};

endpoints! {
    /// Says that the user is writing; renew every [`crate::limit::TYPING_EVERY_MS`].
    TypingStart = Device "/api/typing/start" "typing_start"(TypingRequest) => "typing_noted"(TypingNoted);
    /// Says that the user has stopped.
    TypingStop = Device "/api/typing/stop" "typing_stop"(TypingRequest) => "typing_noted"(TypingNoted);
}

/// Payload of [`TypingStart`] and [`TypingStop`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TypingRequest {
    /// Where.
    pub conversation: ConversationId,
}

/// Answer to both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TypingNoted {}
