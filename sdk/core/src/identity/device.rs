//! What makes a browser a device: an id, an MLS signing key, and the account's certificate for both.
//!
//! Owns their encoding for the local store.

use super::{AccountKeys, Certificate, Claim, ED25519_KEY_BYTES};
use sotto_suite::Provider;
use sotto_wire::{DeviceId, DeviceRef, Millis, UserId};
use zeroize::Zeroizing;

/// First byte of the stored keys.
const VERSION: u8 = 1;

/// The secrets of this device.
#[derive(Clone)]
pub(crate) struct DeviceKeys {
    device: DeviceRef,
    mls_secret: Zeroizing<[u8; ED25519_KEY_BYTES]>,
    certificate: Vec<u8>,
}

/// Stored bytes that hold no device keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read device keys: not of a known version and shape")]
pub(crate) struct NotDeviceKeys;

impl DeviceKeys {
    /// A new device of `user`, with a random id, certified by `account` as its number `sequence`.
    pub(crate) fn generate(
        provider: &Provider,
        account: &AccountKeys,
        user: UserId,
        created_at: Millis,
        sequence: u64,
    ) -> Self {
        let mut device = [0; 16];
        provider.fill(&mut device);
        let mut mls_secret = Zeroizing::new([0; ED25519_KEY_BYTES]);
        provider.fill(mls_secret.as_mut_slice());
        let device = DeviceRef { user, device: DeviceId(device) };
        let mls_public = ed25519_dalek::SigningKey::from_bytes(&mls_secret).verifying_key().to_bytes();
        let certificate = account.certify(&Claim { device, mls_public, created_at, sequence });
        Self { device, mls_secret, certificate }
    }

    /// What a liar would use: any certificate beside any key.
    #[cfg(test)]
    pub(crate) fn forged(device: DeviceRef, mls_secret: [u8; ED25519_KEY_BYTES], certificate: Vec<u8>) -> Self {
        Self { device, mls_secret: Zeroizing::new(mls_secret), certificate }
    }

    /// Which device.
    pub(crate) fn device(&self) -> DeviceRef {
        self.device
    }

    /// The seed of the Ed25519 key that signs its MLS leaves.
    pub(crate) fn mls_secret(&self) -> &[u8; ED25519_KEY_BYTES] {
        &self.mls_secret
    }

    /// Its certificate.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The keys as secret bytes for the local store.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + ED25519_KEY_BYTES + self.certificate.len()));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.mls_secret.as_slice());
        bytes.extend_from_slice(&self.certificate);
        bytes
    }

    /// The inverse of [`DeviceKeys::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, NotDeviceKeys> {
        let (mls_secret, certificate) =
            bytes.strip_prefix(&[VERSION]).and_then(|rest| rest.split_first_chunk()).ok_or(NotDeviceKeys)?;
        let device = Certificate::parse(certificate).map_err(|_| NotDeviceKeys)?.claim.device;
        Ok(Self { device, mls_secret: Zeroizing::new(*mls_secret), certificate: certificate.to_vec() })
    }
}
