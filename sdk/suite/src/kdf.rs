//! HKDF, HMAC and the hash of the suite, all on SHA-384 (RFC 5869, RFC 2104, FIPS 180-4).
//!
//! Owns lengths of secrets and digests; labels and contexts are mls-rs's.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use mls_rs_crypto_traits::{KdfId, KdfType};
use sha2::{Digest, Sha384};
use zeroize::Zeroize;

use crate::SuiteError;

/// Bytes of a SHA-384 digest, so of an extracted secret, a MAC and a hash.
const DIGEST_BYTES: usize = 48;

/// HKDF-SHA384, id 0x0002 of RFC 9180.
#[derive(Clone, Copy, Debug)]
pub struct HkdfSha384;

impl KdfType for HkdfSha384 {
    type Error = SuiteError;

    fn kdf_id(&self) -> u16 {
        KdfId::HkdfSha384 as u16
    }

    fn extract_size(&self) -> usize {
        DIGEST_BYTES
    }

    fn extract(&self, salt: &[u8], ikm: &[u8]) -> Result<Vec<u8>, SuiteError> {
        let (mut extracted, _) = Hkdf::<Sha384>::extract(Some(salt), ikm);
        let secret = extracted.to_vec();
        extracted.zeroize();
        Ok(secret)
    }

    fn expand(&self, prk: &[u8], info: &[u8], len: usize) -> Result<Vec<u8>, SuiteError> {
        let mut output = vec![0; len];
        Hkdf::<Sha384>::from_prk(prk)
            .map_err(|_| SuiteError::Length)?
            .expand(info, &mut output)
            .map_err(|_| SuiteError::Length)?;
        Ok(output)
    }
}

pub(crate) fn hash(input: &[u8]) -> Vec<u8> {
    Sha384::digest(input).to_vec()
}

pub(crate) fn mac(key: &[u8], input: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha384>::new_from_slice(key).expect("hmac takes keys of every length");
    mac.update(input);
    mac.finalize().into_bytes().to_vec()
}
