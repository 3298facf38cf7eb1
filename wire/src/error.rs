//! The one closed set of errors (P6): a code, its HTTP status and what the caller should do, in one table.

use crate::{Cursor, Millis};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What a caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Wait (`retry_after_ms` or the usual backoff) and send the same request again.
    Later,
    /// Renew the access token and send the same request again.
    Refresh,
    /// Catch up with the stream, build the request anew and send that.
    Rebuild,
    /// The same request will be refused again. Also what a later version calls otherwise.
    #[serde(other)]
    Never,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $status:literal $retry:ident $message:literal;)*) => {
        /// Why a request was refused. Closed: what another version calls otherwise is [`Code::Unknown`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code's name on the wire.
            pub fn as_str(self) -> &'static str { match self { $(Code::$name => $text,)* } }

            /// HTTP status.
            pub fn status(self) -> u16 { match self { $(Code::$name => $status,)* } }

            /// What the caller should do.
            pub fn retry(self) -> Retry { match self { $(Code::$name => Retry::$retry,)* } }

            /// One English sentence for developers and logs; apps translate the code.
            pub fn message(self) -> &'static str { match self { $(Code::$name => $message,)* } }

            fn from_text(text: &str) -> Code { match text { $($text => Code::$name,)* _ => Code::Unknown } }
        }
    };
}

codes! {
    /// The body is no envelope, its payload is of the wrong shape, or a field is not of its type: no base64, no id, no
    /// sign-in name.
    Malformed "malformed" 400 Never "the request could not be read";
    /// Well-formed, but a value is out of range: an empty list or field, a page too long, a state that does not fit.
    Invalid "invalid" 422 Never "a value of the request is out of range";
    /// The path or the command type is not known.
    UnknownCommand "unknown_command" 404 Never "there is no such command";
    /// The method is not the one of this path.
    WrongMethod "wrong_method" 405 Never "this path is called by another method";
    /// The body is not `application/json`.
    WrongMediaType "wrong_media_type" 415 Never "the body must be application/json";
    /// The body or a field is over its limit.
    TooLarge "too_large" 413 Never "the request is over a size limit";
    /// The access token is missing, expired, revoked or not ours.
    Unauthorized "unauthorized" 401 Refresh "a valid access token is needed";
    /// The refresh cookie is missing, expired, spent or revoked: sign in again.
    SessionEnded "session_ended" 401 Never "the session has ended";
    /// The sign-in name or the password is wrong, or the sign-in took too long. Says not which.
    SignInRefused "sign_in_refused" 401 Never "the name or the password is wrong";
    /// The ticket is spent, expired or not ours.
    BadTicket "bad_ticket" 401 Later "a fresh ticket is needed";
    /// The token has no device yet; register one.
    DeviceNeeded "device_needed" 403 Never "a device must be registered first";
    /// The device may not do this: it is not a member of the conversation.
    NotAMember "not_a_member" 403 Never "only members may do this";
    /// The role of the caller, or the kind of the conversation, does not allow it.
    Forbidden "forbidden" 403 Never "this is not allowed here";
    /// The invite is wrong, expired, used up, revoked or of no group. Says not which.
    InviteInvalid "invite_invalid" 403 Never "the invite does not open anything";
    /// The other one of a direct conversation blocks the caller.
    NotAccepted "not_accepted" 403 Never "this person does not accept it";
    /// The request comes from a page of another origin.
    WrongOrigin "wrong_origin" 403 Never "requests from this origin are not allowed";
    /// No such user, conversation or group state.
    NotFound "not_found" 404 Never "there is no such thing";
    /// The sign-in name is taken.
    NameTaken "name_taken" 409 Never "this name is taken";
    /// An id that the client chose is in use for something else.
    IdTaken "id_taken" 409 Never "this id is in use";
    /// A device whose certificate does not carry the account's next number: another one was registered since it was told.
    DeviceOvertaken "device_overtaken" 409 Never "another device of the account was registered meanwhile";
    /// The direct conversation, or the notes to self, exist already; `conversation` names them.
    ConversationExists "conversation_exists" 409 Rebuild "this conversation exists already";
    /// The epoch is not the current one (commit), or too old (message); `cursor` names the newest event.
    StaleEpoch "stale_epoch" 409 Rebuild "the conversation has moved on";
    /// The device list in the request is not the account's.
    StaleDevices "stale_devices" 409 Rebuild "the devices of a member have changed";
    /// A claimed user has no key package left, not even a last resort.
    NoKeyPackage "no_key_package" 409 Later "a member has no key package";
    /// The cursor is not one of this deployment.
    BadCursor "bad_cursor" 400 Never "the cursor is not one of this server";
    /// The client is too old: the server no longer speaks its version of the protocol.
    ProtocolUnsupported "protocol_unsupported" 426 Never "this version of the protocol is not spoken here";
    /// The server is too old: it does not speak the client's version of the protocol yet.
    ServerTooOld "server_too_old" 426 Never "this version of the protocol is not spoken here yet";
    /// This transport is not offered here, or none was asked for; the answer names those that are.
    UpgradeRequired "upgrade_required" 426 Never "the stream is to be had by another transport";
    /// The device, the account or the address has too many streams; `retry_after_ms` says when to come back.
    TooManyStreams "too_many_streams" 429 Later "too many streams are open";
    /// Too many requests of this kind; `retry_after_ms` says when to come back.
    RateLimited "rate_limited" 429 Later "too many requests";
    /// A defect of the server. Nothing was changed.
    Internal "internal" 500 Later "the server failed";
    /// The server is starting, stopping or out of capacity. Nothing was changed.
    Unavailable "unavailable" 503 Later "the server is not available";
    /// Read by clients only: the answer is not of a Sotto server.
    NotSotto "not_sotto" 502 Later "the answer is not of a sotto server";
    /// Read by clients only: no answer came.
    Unreachable "unreachable" 503 Later "the server did not answer";
    /// Read by clients only: a code that this version does not know.
    Unknown "unknown" 500 Never "an error that this version does not know";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Code::from_text(&Cow::<'de, str>::deserialize(deserializer)?))
    }
}

/// A refusal, as it stands in an envelope of type `error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{code:?}")]
pub struct Problem {
    /// Why.
    pub code: Code,
    /// What to do. Stands on the wire so that a client can obey for a code that it does not know.
    pub retry: Retry,
    /// One English sentence for developers.
    pub message: String,
    /// Not before this long, when the server knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<Millis>,
    /// [`Code::StaleEpoch`]: the event that the sender has not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// [`Code::ConversationExists`]: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<crate::ConversationId>,
}

impl Problem {
    /// The problem of `code`, with the table's own retry class and message.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            retry: code.retry(),
            message: code.message().to_owned(),
            retry_after_ms: None,
            cursor: None,
            conversation: None,
        }
    }

    /// The same problem, not to be retried before `wait_ms` have passed.
    pub fn after(self, wait_ms: Millis) -> Self {
        Self { retry_after_ms: Some(wait_ms), ..self }
    }
}
