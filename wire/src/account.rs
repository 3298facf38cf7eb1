//! Accounts: sign-up by OPAQUE (RFC 9807), the account's public identity, looking a person up by name.

use crate::endpoint::endpoints;
use crate::session::Tokens;
use crate::{Base64, DeviceRef, UserId, key, limit};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

endpoints! {
    /// First step of sign-up: the blinded password, evaluated by the server's key (RFC 9807 §5).
    RegisterStart = Public "/api/accounts/register/start"
        "register_start"(RegisterStartRequest) => "register_started"(RegisterStarted);
    /// Second step of sign-up: creates account, device and session at once, or nothing.
    RegisterFinish = Public "/api/accounts/register/finish"
        "register_finish"(RegisterFinishRequest) => "registered"(Registered)
        max limit::DEVICE_BODY_MAX_BYTES;
    /// Looks a person up by exact sign-in name.
    FindUser = Device "/api/users/find" "find_user"(FindUserRequest) => "user_found"(UserFound);
}

/// A sign-in name: 3 to 32 of `a-z 0-9 . _ -`, starting with a letter or digit. The one name that the server knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The name in lower case, trimmed; `None` when it breaks the rule of [`Name`].
    pub fn new(text: &str) -> Option<Self> {
        let name = text.trim().to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        let fits = (limit::NAME_MIN_CHARS..=limit::NAME_MAX_CHARS).contains(&name.len());
        let starts = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        (fits && starts && name.bytes().all(allowed)).then_some(Self(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Name {
    /// Nothing: names never belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name")
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Name::new(&String::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("a name breaks the rule"))
    }
}

/// Public half of an account identity: it certifies the account's devices. Fixed lengths, held by the core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// Ed25519 public key (RFC 8032), 32 bytes.
    pub ed25519: Base64,
    /// ML-DSA-65 public key (FIPS 204), 1 952 bytes.
    pub ml_dsa_65: Base64,
}

/// Payload of [`RegisterStart`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterStartRequest {
    /// The wanted name.
    pub name: Name,
    /// OPAQUE `RegistrationRequest`.
    pub registration_request: Base64,
}

/// Answer to [`RegisterStart`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterStarted {
    /// OPAQUE `RegistrationResponse`.
    pub registration_response: Base64,
}

/// Payload of [`RegisterFinish`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterFinishRequest {
    /// The wanted name.
    pub name: Name,
    /// OPAQUE `RegistrationRecord`.
    pub registration_record: Base64,
    /// The account's id, chosen by the client.
    pub user: UserId,
    /// The account's public identity.
    pub identity: Identity,
    /// The account's secrets, sealed under the OPAQUE export key: the server cannot open it.
    pub vault: Base64,
    /// The first device.
    pub device: key::NewDevice,
}

/// Answer to [`RegisterFinish`]. The refresh token comes as a cookie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Registered {
    /// Access token of the new device.
    pub tokens: Tokens,
}

/// Payload of [`FindUser`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FindUserRequest {
    /// The exact name.
    pub name: Name,
}

/// Answer to [`FindUser`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserFound {
    /// The account.
    pub user: UserId,
    /// Its name.
    pub name: Name,
    /// Its public identity.
    pub identity: Identity,
    /// Its devices.
    pub devices: Vec<DeviceRef>,
}
