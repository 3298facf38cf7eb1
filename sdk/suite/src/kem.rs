//! X-Wing: ML-KEM-768 and X25519 in one KEM, id 0x647a (draft-connolly-cfrg-xwing-kem; in HPKE by draft-ietf-hpke-pq).
//!
//! Owns key generation, derivation, encapsulation and their encodings: secret key 32 bytes (a seed), public key 1 216,
//! ciphertext 1 120, shared secret 32. Does not own the HPKE around it.
//!
//! The rule: a shared secret stays secret while either half does. Nothing is skipped when one half looks weak (an
//! all-zero X25519 result is hashed like any other), so no peer can choose which half counts.

pub mod ml_kem;

use mls_rs_core::crypto::{HpkePublicKey, HpkeSecretKey};
use mls_rs_crypto_traits::{KemResult, KemType};
use sha3::{Digest, Sha3_256};
use shake::{ExtendableOutput, Shake256, Update, XofReader};
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};
use zeroize::{Zeroize, Zeroizing};

use crate::random::Random;
use crate::{Provider, SuiteError};

/// The KEM id of X-Wing in HPKE.
pub const KEM_ID: u16 = 0x647a;
/// Bytes of a public key: ML-KEM-768, then X25519.
pub const PUBLIC_BYTES: usize = ml_kem::PUBLIC_BYTES + 32;
/// Bytes of a ciphertext: ML-KEM-768, then the X25519 ephemeral.
pub const CIPHERTEXT_BYTES: usize = ml_kem::CIPHERTEXT_BYTES + 32;

const LABEL: &[u8] = br"\.//^\";

/// X-Wing as a KEM of mls-rs, drawing from a client's random source.
#[derive(Clone)]
pub struct XWing {
    random: Random,
}

impl XWing {
    /// A KEM that draws from the random source of `provider`.
    pub fn new(provider: &Provider) -> Self {
        Self { random: provider.random.clone() }
    }
}

impl KemType for XWing {
    type Error = SuiteError;

    fn kem_id(&self) -> u16 {
        KEM_ID
    }

    fn generate_deterministic(&self, seed: &[u8]) -> Result<(HpkeSecretKey, HpkePublicKey), SuiteError> {
        Ok(key_pair(seed.try_into().map_err(|_| SuiteError::Length)?))
    }

    fn generate(&self) -> Result<(HpkeSecretKey, HpkePublicKey), SuiteError> {
        Ok(key_pair(&self.random.secret()))
    }

    fn public_key_validate(&self, key: &HpkePublicKey) -> Result<(), SuiteError> {
        let (public_m, _) = split_public(key)?;
        ml_kem::validate(public_m)
    }

    fn encap(&self, remote_key: &HpkePublicKey) -> Result<KemResult, SuiteError> {
        encapsulate(remote_key, &self.random.secret())
    }

    fn decap(
        &self,
        enc: &[u8],
        secret_key: &HpkeSecretKey,
        _local_public: &HpkePublicKey,
    ) -> Result<Vec<u8>, SuiteError> {
        decapsulate(secret_key, enc)
    }

    fn seed_length_for_derive(&self) -> usize {
        32
    }
}

/// The key pair of a 32-byte seed (the draft's GenerateKeyPairDerand); the seed is the secret key.
pub fn key_pair(seed: &[u8; 32]) -> (HpkeSecretKey, HpkePublicKey) {
    (seed.to_vec().into(), expand(seed).public().into())
}

/// The key pair of input key material: DeriveKeyPair of draft-ietf-hpke-pq with SHAKE256 as the one-stage KDF.
pub fn derive_key_pair(ikm: &[u8]) -> (HpkeSecretKey, HpkePublicKey) {
    const NAME: &[u8] = b"DeriveKeyPair";
    let mut hash = Shake256::default();
    // LabeledDerive: ikm, version, suite id, length-prefixed label, output length; the context is empty.
    for part in [ikm, b"HPKE-v1", b"KEM", &KEM_ID.to_be_bytes(), &(NAME.len() as u16).to_be_bytes(), NAME, &[0, 32]] {
        hash.update(part);
    }
    let mut seed = Zeroizing::new([0; 32]);
    hash.finalize_xof().read(seed.as_mut_slice());
    key_pair(&seed)
}

/// Shared secret and ciphertext for `public` from 64 bytes of randomness (the draft's EncapsulateDerand). The
/// randomness must be fresh and secret.
///
/// # Errors
/// [`SuiteError::InvalidKey`] for a key that is none.
pub fn encapsulate(public: &[u8], randomness: &[u8; 64]) -> Result<KemResult, SuiteError> {
    let (public_m, public_x) = split_public(public)?;
    let (randomness_m, ephemeral) = split_seed(randomness);

    let (ciphertext_m, shared_m) = ml_kem::encapsulate(public_m, &randomness_m)?;
    let ciphertext_x = x25519(*ephemeral, X25519_BASEPOINT_BYTES);
    let shared_x = Zeroizing::new(x25519(*ephemeral, *public_x));

    let shared = combine(&shared_m, &shared_x, &ciphertext_x, public_x);
    Ok(KemResult::new(shared, [ciphertext_m.as_slice(), &ciphertext_x].concat()))
}

/// The shared secret of a ciphertext.
///
/// # Errors
/// [`SuiteError::InvalidKey`] for a secret key of another length than 32, [`SuiteError::Unreadable`] for a ciphertext
/// of another length than 1 120. A forged ciphertext gives a secret that its maker does not know.
pub fn decapsulate(secret: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, SuiteError> {
    let secret = expand(secret.try_into().map_err(|_| SuiteError::InvalidKey)?);
    let (ciphertext_m, ciphertext_x) = ciphertext
        .split_last_chunk::<32>()
        .filter(|(ciphertext_m, _)| ciphertext_m.len() == ml_kem::CIPHERTEXT_BYTES)
        .ok_or(SuiteError::Unreadable)?;

    let shared_m = ml_kem::decapsulate(&secret.m, ciphertext_m)?;
    let shared_x = Zeroizing::new(x25519(*secret.x, *ciphertext_x));
    let public_x = x25519(*secret.x, X25519_BASEPOINT_BYTES);

    Ok(combine(&shared_m, &shared_x, ciphertext_x, &public_x))
}

/// The two secret keys behind a seed.
struct Expanded {
    m: Zeroizing<[u8; 64]>,
    x: Zeroizing<[u8; 32]>,
}

impl Expanded {
    fn public(&self) -> Vec<u8> {
        [ml_kem::public_key(&self.m).as_slice(), &x25519(*self.x, X25519_BASEPOINT_BYTES)].concat()
    }
}

fn expand(seed: &[u8; 32]) -> Expanded {
    let mut hash = Shake256::default();
    hash.update(seed);
    let mut output = hash.finalize_xof();
    let mut expanded = Expanded { m: Zeroizing::new([0; 64]), x: Zeroizing::new([0; 32]) };
    output.read(expanded.m.as_mut_slice());
    output.read(expanded.x.as_mut_slice());
    expanded
}

fn split_public(public: &[u8]) -> Result<(&[u8], &[u8; 32]), SuiteError> {
    public
        .split_last_chunk::<32>()
        .filter(|(public_m, _)| public_m.len() == ml_kem::PUBLIC_BYTES)
        .ok_or(SuiteError::InvalidKey)
}

fn split_seed(randomness: &[u8; 64]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
    let mut halves = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    halves.0.copy_from_slice(&randomness[..32]);
    halves.1.copy_from_slice(&randomness[32..]);
    halves
}

fn combine(shared_m: &[u8; 32], shared_x: &[u8; 32], ciphertext_x: &[u8; 32], public_x: &[u8; 32]) -> Vec<u8> {
    let mut hash = Sha3_256::new();
    for part in [shared_m.as_slice(), shared_x, ciphertext_x, public_x, LABEL] {
        Digest::update(&mut hash, part);
    }
    let mut digest = hash.finalize();
    let shared = digest.to_vec();
    digest.zeroize();
    shared
}
