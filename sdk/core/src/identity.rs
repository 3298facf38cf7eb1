//! Who somebody is: the account's hybrid key pair, and the certificates by which it vouches for its devices.
//!
//! Owns keys, their encodings and the check of a certificate by its own bytes, without network. Does not know groups
//! nor which identity a user is known by: that is `group::trust`.
//!
//! The rule: a certificate holds only if both signatures hold, Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204), so that
//! forging one needs both algorithms broken.

mod certificate;
mod device;
#[cfg(test)]
mod tests;

pub(crate) use certificate::{Certificate, CertificateError, Claim};
pub(crate) use device::DeviceKeys;

use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use sotto_suite::{Provider, ml_dsa_65};
use sotto_wire::account::Identity;
use zeroize::Zeroizing;

/// Length of an Ed25519 public key or of the seed of a secret one, in bytes.
pub(crate) const ED25519_KEY_BYTES: usize = 32;
/// First byte of the stored keys.
const VERSION: u8 = 1;

/// SHA-256 over both public keys of an account: what a contact is pinned by.
pub(crate) type Fingerprint = [u8; 32];

/// The secret half of an account identity, as two seeds. Never leaves the device but inside the vault.
pub(crate) struct AccountKeys {
    ed25519: ed25519_dalek::SigningKey,
    ml_dsa_65: Zeroizing<[u8; ml_dsa_65::SEED_BYTES]>,
}

/// Stored bytes that hold no account keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read account keys: not of a known version and length")]
pub(crate) struct NotAccountKeys;

impl AccountKeys {
    /// Fresh keys.
    pub(crate) fn generate(provider: &Provider) -> Self {
        let mut seeds = Zeroizing::new([0; ED25519_KEY_BYTES + ml_dsa_65::SEED_BYTES]);
        provider.fill(seeds.as_mut_slice());
        Self::from_seeds(&seeds)
    }

    /// The keys as 65 secret bytes.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + ED25519_KEY_BYTES + ml_dsa_65::SEED_BYTES));
        bytes.push(VERSION);
        bytes.extend_from_slice(self.ed25519.as_bytes());
        bytes.extend_from_slice(self.ml_dsa_65.as_slice());
        bytes
    }

    /// The inverse of [`AccountKeys::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, NotAccountKeys> {
        let seeds = bytes.strip_prefix(&[VERSION]).and_then(|seeds| seeds.try_into().ok()).ok_or(NotAccountKeys)?;
        Ok(Self::from_seeds(seeds))
    }

    /// The public half.
    pub(crate) fn public(&self) -> Identity {
        Identity {
            ed25519: self.ed25519.verifying_key().to_bytes().to_vec().into(),
            ml_dsa_65: ml_dsa_65::public_key(&self.ml_dsa_65).into(),
        }
    }

    /// A certificate that says `claim`, about 5.4 kB.
    pub(crate) fn certify(&self, claim: &Claim) -> Vec<u8> {
        certificate::encode(claim, &self.public(), |message| {
            (self.ed25519.sign(message).to_bytes(), ml_dsa_65::sign(&self.ml_dsa_65, message))
        })
    }

    fn from_seeds(seeds: &[u8; ED25519_KEY_BYTES + ml_dsa_65::SEED_BYTES]) -> Self {
        let (ed25519, ml_dsa_65) = seeds.split_at(ED25519_KEY_BYTES);
        let seed = |half: &[u8]| Zeroizing::new(half.try_into().expect("each half of 64 bytes is 32"));
        let ed25519: Zeroizing<[u8; ED25519_KEY_BYTES]> = seed(ed25519);
        Self { ed25519: ed25519_dalek::SigningKey::from_bytes(&ed25519), ml_dsa_65: seed(ml_dsa_65) }
    }
}

/// The fingerprint of an identity; an error when its keys are not of the lengths of [`Identity`].
pub(crate) fn fingerprint(identity: &Identity) -> Result<Fingerprint, CertificateError> {
    let lengths = (identity.ed25519.len(), identity.ml_dsa_65.len());
    if lengths != (ED25519_KEY_BYTES, ml_dsa_65::PUBLIC_KEY_BYTES) {
        return Err(CertificateError::Malformed);
    }
    let hash = Sha256::new_with_prefix(b"sotto account identity v1")
        .chain_update(identity.ed25519.as_slice())
        .chain_update(identity.ml_dsa_65.as_slice());
    Ok(hash.finalize().into())
}
