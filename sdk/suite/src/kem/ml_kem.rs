//! ML-KEM-768 (FIPS 203) by bytes: the post-quantum half of X-Wing.
//!
//! Owns the encodings and the checks of FIPS 203 §7.2 (length and modulus). The secret is the 64-byte seed `d || z`.

use ml_kem::array::Array;
use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use zeroize::{Zeroize, Zeroizing};

use crate::SuiteError;

/// Bytes of an encapsulation key.
pub const PUBLIC_BYTES: usize = 1184;
/// Bytes of a ciphertext.
pub const CIPHERTEXT_BYTES: usize = 1088;

/// The encapsulation key of a 64-byte seed (ML-KEM.KeyGen_internal, FIPS 203 §6.1).
pub fn public_key(seed: &[u8; 64]) -> [u8; PUBLIC_BYTES] {
    decapsulation_key(seed).encapsulation_key().to_bytes().into()
}

/// Checks length and modulus of an encapsulation key.
///
/// # Errors
/// [`SuiteError::InvalidKey`] for another length, or a coefficient of 3 329 or more.
pub fn validate(public: &[u8]) -> Result<(), SuiteError> {
    encapsulation_key(public).map(drop)
}

/// Ciphertext and 32-byte shared secret for `public` from 32 bytes of randomness (FIPS 203 §6.2). The randomness must
/// be fresh and secret.
///
/// # Errors
/// [`SuiteError::InvalidKey`] as [`validate`].
pub fn encapsulate(
    public: &[u8],
    randomness: &[u8; 32],
) -> Result<([u8; CIPHERTEXT_BYTES], Zeroizing<[u8; 32]>), SuiteError> {
    let mut message = Array(*randomness);
    let (ciphertext, mut shared) = encapsulation_key(public)?.encapsulate_deterministic(&message);
    let secret = Zeroizing::new(shared.0);
    message.zeroize();
    shared.zeroize();
    Ok((ciphertext.into(), secret))
}

/// The 32-byte shared secret of a ciphertext; for a forged one a secret that nobody else knows (implicit rejection,
/// FIPS 203 §6.3).
///
/// # Errors
/// [`SuiteError::Unreadable`] for a ciphertext of another length.
pub fn decapsulate(seed: &[u8; 64], ciphertext: &[u8]) -> Result<Zeroizing<[u8; 32]>, SuiteError> {
    let ciphertext: &Ciphertext = ciphertext.try_into().map_err(|_| SuiteError::Unreadable)?;
    let mut shared = decapsulation_key(seed).decapsulate(ciphertext);
    let secret = Zeroizing::new(shared.0);
    shared.zeroize();
    Ok(secret)
}

fn decapsulation_key(seed: &[u8; 64]) -> DecapsulationKey {
    let mut seed = Array(*seed);
    let key = DecapsulationKey::from_seed(seed);
    seed.zeroize();
    key
}

fn encapsulation_key(public: &[u8]) -> Result<EncapsulationKey, SuiteError> {
    let public = public.try_into().map_err(|_| SuiteError::InvalidKey)?;
    EncapsulationKey::new(public).map_err(|_| SuiteError::InvalidKey)
}
