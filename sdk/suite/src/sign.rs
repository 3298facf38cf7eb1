//! Ed25519 (RFC 8032) with strict verification.
//!
//! Owns key encodings: a secret key is its 32-byte seed, a public key the 32-byte point, a signature 64 bytes.
//!
//! The rule: what one client accepts all accept. So verification is `verify_strict`, which refuses small-order points
//! and non-canonical encodings that other verifications see differently.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use mls_rs_core::crypto::{SignaturePublicKey, SignatureSecretKey};
use zeroize::Zeroizing;

use crate::SuiteError;
use crate::random::Random;

pub(crate) fn generate(random: &Random) -> (SignatureSecretKey, SignaturePublicKey) {
    let seed = random.secret::<32>();
    (seed.to_vec().into(), public_bytes(&SigningKey::from_bytes(&seed)))
}

pub(crate) fn derive_public(secret: &SignatureSecretKey) -> Result<SignaturePublicKey, SuiteError> {
    Ok(public_bytes(&read_secret(secret)?))
}

pub(crate) fn sign(secret: &SignatureSecretKey, message: &[u8]) -> Result<Vec<u8>, SuiteError> {
    Ok(read_secret(secret)?.sign(message).to_vec())
}

pub(crate) fn verify(public: &SignaturePublicKey, signature: &[u8], message: &[u8]) -> Result<(), SuiteError> {
    let key = public.as_bytes().try_into().map_err(|_| SuiteError::InvalidKey)?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| SuiteError::InvalidKey)?;
    let signature = Signature::from_slice(signature).map_err(|_| SuiteError::InvalidSignature)?;
    key.verify_strict(message, &signature).map_err(|_| SuiteError::InvalidSignature)
}

fn public_bytes(key: &SigningKey) -> SignaturePublicKey {
    key.verifying_key().to_bytes().to_vec().into()
}

fn read_secret(secret: &SignatureSecretKey) -> Result<SigningKey, SuiteError> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(secret.as_bytes().try_into().map_err(|_| SuiteError::InvalidKey)?);
    Ok(SigningKey::from_bytes(&seed))
}
