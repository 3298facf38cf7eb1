//! ML-DSA-65 (FIPS 204), the post-quantum half of account identities.
//!
//! Owns key and signature encodings. Does not know what is signed. Stands in this crate for its speed alone: the
//! signatures of `ml-dsa` are generic, so they are as fast as the crate that names them (20 ms or 0.6 ms to sign).
//!
//! The rule: the deterministic variant (FIPS 204 §3.4) and an empty context, so equal keys and messages give equal
//! bytes; callers separate their domains in the message.

use ml_dsa::{
    EncodedSignature, EncodedVerifyingKey, Keypair, MlDsa65, Signature, Signer, SigningKey, Verifier, VerifyingKey,
};
use zeroize::Zeroizing;

use crate::SuiteError;

/// Length of the seed that a secret key is, in bytes.
pub const SEED_BYTES: usize = 32;
/// Length of a public key, in bytes.
pub const PUBLIC_KEY_BYTES: usize = 1_952;
/// Length of a signature, in bytes.
pub const SIGNATURE_BYTES: usize = 3_309;

/// The public key of the secret key `seed`.
pub fn public_key(seed: &[u8; SEED_BYTES]) -> Vec<u8> {
    signing_key(seed).verifying_key().encode().to_vec()
}

/// Signs `message`.
pub fn sign(seed: &[u8; SEED_BYTES], message: &[u8]) -> Vec<u8> {
    let signature: Signature<MlDsa65> = signing_key(seed).sign(message);
    signature.encode().to_vec()
}

/// Checks a signature.
///
/// # Errors
///
/// [`SuiteError::InvalidKey`] and [`SuiteError::InvalidSignature`], the latter also for wrong lengths.
pub fn verify(public_key: &[u8], signature: &[u8], message: &[u8]) -> Result<(), SuiteError> {
    let key = EncodedVerifyingKey::<MlDsa65>::try_from(public_key).map_err(|_| SuiteError::InvalidKey)?;
    let signature = EncodedSignature::<MlDsa65>::try_from(signature).map_err(|_| SuiteError::InvalidSignature)?;
    let signature = Signature::<MlDsa65>::decode(&signature).ok_or(SuiteError::InvalidSignature)?;
    VerifyingKey::decode(&key).verify(message, &signature).map_err(|_| SuiteError::InvalidSignature)
}

fn signing_key(seed: &[u8; SEED_BYTES]) -> SigningKey<MlDsa65> {
    SigningKey::from_seed(&Zeroizing::new(ml_dsa::Seed::from(*seed)))
}
