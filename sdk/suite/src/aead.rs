//! AES-256-GCM with 96-bit nonces and 128-bit tags (NIST SP 800-38D), the tag behind the ciphertext.
//!
//! Owns sealing and opening. Does not choose nonces: that a key never meets a nonce twice is mls-rs's part.

use aes_gcm::aead::{Aead, KeyInit, Nonce, Payload};
use mls_rs_crypto_traits::{AeadId, AeadType};

use crate::SuiteError;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// AES-256-GCM, id 0x0002 of RFC 9180.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aes256Gcm;

impl AeadType for Aes256Gcm {
    type Error = SuiteError;

    fn aead_id(&self) -> u16 {
        AeadId::Aes256Gcm as u16
    }

    fn key_size(&self) -> usize {
        KEY_BYTES
    }

    fn nonce_size(&self) -> usize {
        NONCE_BYTES
    }

    fn seal(&self, key: &[u8], data: &[u8], aad: Option<&[u8]>, nonce: &[u8]) -> Result<Vec<u8>, SuiteError> {
        let (cipher, nonce) = prepare(key, nonce)?;
        cipher.encrypt(nonce, Payload { msg: data, aad: aad.unwrap_or_default() }).map_err(|_| SuiteError::Length)
    }

    fn open(&self, key: &[u8], ciphertext: &[u8], aad: Option<&[u8]>, nonce: &[u8]) -> Result<Vec<u8>, SuiteError> {
        let (cipher, nonce) = prepare(key, nonce)?;
        cipher
            .decrypt(nonce, Payload { msg: ciphertext, aad: aad.unwrap_or_default() })
            .map_err(|_| SuiteError::Unreadable)
    }
}

fn prepare<'a>(key: &[u8], nonce: &'a [u8]) -> Result<(aes_gcm::Aes256Gcm, &'a Nonce<aes_gcm::Aes256Gcm>), SuiteError> {
    let cipher = aes_gcm::Aes256Gcm::new_from_slice(key).map_err(|_| SuiteError::Length)?;
    let nonce = nonce.try_into().map_err(|_| SuiteError::Length)?;
    Ok((cipher, nonce))
}
