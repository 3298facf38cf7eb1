//! Sessions: sign-in by OPAQUE (RFC 9807), the access token, the rotating refresh cookie, sign-out, and the device
//! that a signed-in browser becomes.

use crate::account::Name;
use crate::endpoint::endpoints;
use crate::{Base64, DeviceId, LoginId, Millis, UserId, key, limit};
use serde::{Deserialize, Serialize};
use std::fmt;

endpoints! {
    /// First step of sign-in: OPAQUE KE1. Known and unknown names get answers that are alike (RFC 9807 §10.9).
    LoginStart = Public "/api/sessions/login/start" "login_start"(LoginStartRequest) => "login_started"(LoginStarted);
    /// Second step of sign-in: OPAQUE KE3.
    LoginFinish = Public "/api/sessions/login/finish"
        "login_finish"(LoginFinishRequest) => "login_finished"(LoginFinished);
    /// Makes this browser the account's device. One device an account for now: the one before is revoked.
    RegisterDevice = Account "/api/devices/register"
        "register_device"(RegisterDeviceRequest) => "device_registered"(DeviceRegistered)
        max limit::DEVICE_BODY_MAX_BYTES;
    /// A new access token for the refresh cookie, which is rotated.
    Refresh = Cookie "/api/sessions/refresh" "session_refresh"(RefreshRequest) => "session_refreshed"(Refreshed);
    /// Ends the session: its tokens, its cookie and its streams.
    EndSession = Cookie "/api/sessions/end" "session_end"(EndSessionRequest) => "session_ended"(SessionEnded);
}

/// Name of the refresh cookie. `__Host-` binds it to this host, over a trustworthy channel, at `/` (RFC 6265bis
/// §4.1.3).
pub const REFRESH_COOKIE: &str = "__Host-sotto_refresh";

/// Context of the key exchange of a sign-in (RFC 9807 §6.4): binds it to this protocol.
pub const LOGIN_CONTEXT: &[u8] = b"sotto login v1";

/// The server's identity in sign-up and sign-in (RFC 9807 §4). Not its host name, so that a deployment may move.
pub const LOGIN_SERVER: &[u8] = b"sotto";

/// What lets a client act: stands in `Authorization: Bearer`, lives in memory only.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tokens {
    /// The access token, opaque.
    pub access_token: String,
    /// How long it lasts.
    pub expires_in_ms: Millis,
}

impl fmt::Debug for Tokens {
    /// Life only: the token is a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens(for {} ms)", self.expires_in_ms.0)
    }
}

/// Payload of [`LoginStart`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginStartRequest {
    /// Who signs in.
    pub name: Name,
    /// OPAQUE `CredentialRequest` (KE1).
    pub credential_request: Base64,
}

/// Answer to [`LoginStart`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginStarted {
    /// This sign-in; lasts a minute and one try.
    pub login: LoginId,
    /// OPAQUE `CredentialResponse` (KE2).
    pub credential_response: Base64,
}

/// Payload of [`LoginFinish`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginFinishRequest {
    /// The running sign-in.
    pub login: LoginId,
    /// OPAQUE `CredentialFinalization` (KE3).
    pub credential_finalization: Base64,
    /// The device that this browser already is, when it still has its store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
}

/// Answer to [`LoginFinish`]. The refresh token comes as a cookie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginFinished {
    /// The account.
    pub user: UserId,
    /// The account's secrets, sealed under the OPAQUE export key.
    pub vault: Base64,
    /// The asked-for device, when it is the account's; else a device must be registered next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The device that a registration would replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_device: Option<DeviceId>,
    /// Sequence number that the next device certificate carries.
    pub next_device_sequence: u64,
    /// Access token, bound to the device where there is one.
    pub tokens: Tokens,
}

/// Payload of [`RegisterDevice`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterDeviceRequest {
    /// The new device.
    pub device: key::NewDevice,
    /// The number that its certificate carries: [`LoginFinished::next_device_sequence`]. Two devices of one number would
    /// be two that replace the same one, and whoever has seen one refuses the other.
    pub sequence: u64,
}

/// Answer to [`RegisterDevice`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceRegistered {
    /// Access token of the device; the one that asked is spent.
    pub tokens: Tokens,
}

/// Payload of [`Refresh`]; the token is in the cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefreshRequest {}

/// Answer to [`Refresh`]. The next refresh token comes as a cookie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refreshed {
    /// The account.
    pub user: UserId,
    /// The device, when the session has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The new access token.
    pub tokens: Tokens,
}

/// Payload of [`EndSession`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EndSessionRequest {}

/// Answer to [`EndSession`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionEnded {}
