//! A device certificate: an account says that a device with this MLS key is its own.
//!
//! Owns the encoding and the check. The bytes carry the account's public keys too, so that a leaf of an MLS tree can be
//! checked by itself; whether those keys are the ones of the user it names is for the reader to know (pins).
//!
//! The rule: the encoding has one length and one spelling, and both signatures cover all of it that is not a signature.

use super::{ED25519_KEY_BYTES, Fingerprint, fingerprint};
use sotto_suite::ml_dsa_65;
use sotto_wire::account::Identity;
use sotto_wire::{DeviceId, DeviceRef, Millis, UserId};

const ED25519_SIGNATURE_BYTES: usize = 64;
/// Version, user, device, MLS key, time of creation, sequence number.
const CLAIM_BYTES: usize = 1 + 16 + 16 + ED25519_KEY_BYTES + 8 + 8;
/// What the signatures cover: the claim and both account keys.
const SIGNED_BYTES: usize = CLAIM_BYTES + ED25519_KEY_BYTES + ml_dsa_65::PUBLIC_KEY_BYTES;
const CERTIFICATE_BYTES: usize = SIGNED_BYTES + ED25519_SIGNATURE_BYTES + ml_dsa_65::SIGNATURE_BYTES;
const VERSION: u8 = 1;
/// Stands before what is signed, so that no signature made for something else passes here.
const DOMAIN: &[u8] = b"sotto device certificate v1";

/// What a certificate says of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The device and its account.
    pub(crate) device: DeviceRef,
    /// Public half of the Ed25519 key that signs the device's MLS leaves.
    pub(crate) mls_public: [u8; ED25519_KEY_BYTES],
    /// When it was certified.
    pub(crate) created_at: Millis,
    /// Counts the devices of the account: the newer one has the higher number.
    pub(crate) sequence: u64,
}

/// A certificate whose encoding is right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Certificate {
    /// What it says.
    pub(crate) claim: Claim,
    /// Who says so.
    pub(crate) identity: Identity,
}

/// Why a certificate does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateError {
    /// Not of the one length, version and spelling.
    #[error("read a device certificate: malformed")]
    Malformed,
    /// The Ed25519 signature does not hold.
    #[error("check a device certificate: ed25519 signature")]
    Ed25519,
    /// The ML-DSA-65 signature does not hold.
    #[error("check a device certificate: ml-dsa-65 signature")]
    MlDsa65,
}

impl Certificate {
    /// Reads a certificate without checking its signatures: for bytes that were checked when they came.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        Parts::split(bytes).map(|parts| parts.certificate).ok_or(CertificateError::Malformed)
    }

    /// Reads a certificate and checks both signatures.
    pub(crate) fn verify(bytes: &[u8]) -> Result<Self, CertificateError> {
        let parts = Parts::split(bytes).ok_or(CertificateError::Malformed)?;
        let message = [DOMAIN, parts.signed].concat();
        let key = ed25519_dalek::VerifyingKey::from_bytes(parts.ed25519_key).map_err(|_| CertificateError::Ed25519)?;
        let signature = ed25519_dalek::Signature::from_bytes(parts.ed25519_signature);
        key.verify_strict(&message, &signature).map_err(|_| CertificateError::Ed25519)?;
        let checked = ml_dsa_65::verify(parts.ml_dsa_65_key, parts.ml_dsa_65_signature, &message);
        checked.map_err(|_| CertificateError::MlDsa65)?;
        Ok(parts.certificate)
    }

    /// The fingerprint of the account that says so.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.identity).expect("keys cut from a certificate have their lengths")
    }
}

/// The encoding of `claim`, signed by `sign` with the keys of `identity`.
pub(super) fn encode(
    claim: &Claim,
    identity: &Identity,
    sign: impl FnOnce(&[u8]) -> ([u8; ED25519_SIGNATURE_BYTES], Vec<u8>),
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CERTIFICATE_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&claim.device.to_credential());
    bytes.extend_from_slice(&claim.mls_public);
    bytes.extend_from_slice(&claim.created_at.0.to_be_bytes());
    bytes.extend_from_slice(&claim.sequence.to_be_bytes());
    bytes.extend_from_slice(identity.ed25519.as_slice());
    bytes.extend_from_slice(identity.ml_dsa_65.as_slice());
    let (ed25519, ml_dsa_65) = sign(&[DOMAIN, bytes.as_slice()].concat());
    bytes.extend_from_slice(&ed25519);
    bytes.extend_from_slice(&ml_dsa_65);
    bytes
}

/// A certificate cut into its fields.
struct Parts<'a> {
    certificate: Certificate,
    signed: &'a [u8],
    ed25519_key: &'a [u8; ED25519_KEY_BYTES],
    ml_dsa_65_key: &'a [u8],
    ed25519_signature: &'a [u8; ED25519_SIGNATURE_BYTES],
    ml_dsa_65_signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() != CERTIFICATE_BYTES {
            return None;
        }
        let signed = bytes.get(..SIGNED_BYTES)?;
        let (&[version], rest) = bytes.split_first_chunk()?;
        let (user, rest) = rest.split_first_chunk()?;
        let (device, rest) = rest.split_first_chunk()?;
        let (mls_public, rest) = rest.split_first_chunk()?;
        let (created_at, rest) = rest.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (ed25519_key, rest) = rest.split_first_chunk()?;
        let (ml_dsa_65_key, rest) = rest.split_at_checked(ml_dsa_65::PUBLIC_KEY_BYTES)?;
        let (ed25519_signature, ml_dsa_65_signature) = rest.split_first_chunk()?;
        let claim = Claim {
            device: DeviceRef { user: UserId(*user), device: DeviceId(*device) },
            mls_public: *mls_public,
            created_at: Millis(u64::from_be_bytes(*created_at)),
            sequence: u64::from_be_bytes(*sequence),
        };
        let identity = Identity { ed25519: ed25519_key.as_slice().into(), ml_dsa_65: ml_dsa_65_key.into() };
        let certificate = Certificate { claim, identity };
        (version == VERSION).then_some(Self {
            certificate,
            signed,
            ed25519_key,
            ml_dsa_65_key,
            ed25519_signature,
            ml_dsa_65_signature,
        })
    }
}
