//! Key packages (RFC 9420 §10; E6): a device's stock at the server, topped up by it and claimed by others.

use crate::endpoint::endpoints;
use crate::{Base64, DeviceId, DeviceRef, UserId, limit};
use serde::{Deserialize, Serialize};

endpoints! {
    /// Adds one-time key packages to the device's stock and may replace its last resort.
    PublishKeys = Device "/api/keys/publish"
        "publish_keys"(PublishKeysRequest) => "keys_published"(KeysPublished)
        max limit::DEVICE_BODY_MAX_BYTES;
    /// Takes one key package of each device of each user. A one-time package is given out once, ever.
    ClaimKeys = Device "/api/keys/claim" "claim_keys"(ClaimKeysRequest) => "keys_claimed"(KeysClaimed);
}

/// A device as it introduces itself to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewDevice {
    /// Its id.
    pub device: DeviceId,
    /// Its certificate, signed by the account identity. Opaque to the server, checked by every member.
    pub certificate: Base64,
    /// One-time key packages, at most [`limit::KEY_PACKAGES_MAX`].
    pub key_packages: Vec<Base64>,
    /// The package that is given out when the stock is empty (RFC 9420 §16.8).
    pub last_resort: Base64,
}

/// Payload of [`PublishKeys`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishKeysRequest {
    /// One-time key packages, at most [`limit::KEY_PACKAGES_MAX`].
    pub key_packages: Vec<Base64>,
    /// A new last resort, when it is time to rotate it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resort: Option<Base64>,
}

/// Answer to [`PublishKeys`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeysPublished {
    /// One-time packages now in stock.
    pub stock: usize,
}

/// Payload of [`ClaimKeys`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClaimKeysRequest {
    /// Whose, at most [`limit::CLAIM_USERS_MAX`].
    pub users: Vec<UserId>,
}

/// Answer to [`ClaimKeys`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeysClaimed {
    /// One for each device of each user.
    pub key_packages: Vec<ClaimedKey>,
}

/// One claimed key package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClaimedKey {
    /// Whose it is.
    pub owner: DeviceRef,
    /// The MLS `KeyPackage` message.
    pub key_package: Base64,
}

const _: () = assert!(limit::KEY_PACKAGE_LOW < limit::KEY_PACKAGE_STOCK);

// The largest sign-up fits into its body: base64 is four characters for three bytes, and the rest of it has 64 kB.
const _: () = assert!(
    ((limit::KEY_PACKAGES_MAX + 2) * limit::KEY_PACKAGE_MAX_BYTES + limit::OPAQUE_MAX_BYTES + limit::VAULT_MAX_BYTES)
        / 3
        * 4
        + 64 * 1_024
        <= limit::DEVICE_BODY_MAX_BYTES
);
