//! The account's secrets as the server keeps them: sealed under what only the password's owner can derive.
//!
//! Owns the seal. Key: HKDF-SHA-512 (RFC 5869) of the OPAQUE export key; cipher: AES-256-GCM with a random nonce.
//!
//! The rule: a vault opens only for the user it was sealed for; the user id is authenticated with it.

use crate::identity::AccountKeys;
use crate::opaque::ExportKey;
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use hkdf::Hkdf;
use sha2::Sha512;
use sotto_suite::Provider;
use sotto_wire::{Base64, UserId};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const LABEL: &[u8] = b"sotto vault v1";

/// A vault that does not open: of another password, of another user, changed, or of an unknown version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("open an account vault")]
pub(crate) struct VaultError;

/// The vault with `keys`, for `user`.
pub(crate) fn seal(provider: &Provider, export_key: &ExportKey, user: UserId, keys: &AccountKeys) -> Base64 {
    let mut nonce = [0; NONCE_BYTES];
    provider.fill(&mut nonce);
    let secret = keys.to_bytes();
    let payload = Payload { msg: &secret, aad: &user.0 };
    let sealed = cipher(export_key).encrypt(&nonce.into(), payload).expect("65 bytes are under the limit of AES-GCM");
    [[VERSION].as_slice(), &nonce, &sealed].concat().into()
}

/// The keys in `vault`, which was sealed for `user`.
pub(crate) fn open(export_key: &ExportKey, user: UserId, vault: &Base64) -> Result<AccountKeys, VaultError> {
    let sealed = vault.as_slice().strip_prefix(&[VERSION]).ok_or(VaultError)?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError)?;
    let payload = Payload { msg: sealed, aad: &user.0 };
    let secret = cipher(export_key).decrypt(&(*nonce).into(), payload).map_err(|_| VaultError)?;
    AccountKeys::from_bytes(&Zeroizing::new(secret)).map_err(|_| VaultError)
}

fn cipher(export_key: &ExportKey) -> Aes256Gcm {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha512>::new(None, export_key.as_bytes()).expand(LABEL, key.as_mut_slice());
    expanded.expect("32 bytes are under the limit of HKDF");
    Aes256Gcm::new_from_slice(key.as_slice()).expect("the key has 32 bytes")
}

#[cfg(test)]
mod tests;
