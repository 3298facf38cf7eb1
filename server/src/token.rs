//! Access tokens and refresh tokens: what they say, sealed by the server's key (HMAC-SHA-256, RFC 2104).
//!
//! The rule: pure; whether the session still stands is for the caller to ask. A token says nothing of the account.

use crate::store::session::SessionId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use sotto_wire::Millis;

/// What an access token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccessClaim {
    /// The session.
    pub(crate) session: SessionId,
    /// How often the session was bound to a device when the token was made.
    pub(crate) binding: u32,
    /// When it ends.
    pub(crate) ends_at: Millis,
}

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshClaim {
    /// The session, which is the token's family.
    pub(crate) session: SessionId,
    /// Its place in the family.
    pub(crate) generation: u64,
}

const ACCESS: &[u8] = b"sotto access v1";
const REFRESH: &[u8] = b"sotto refresh v1";
const MAC_BYTES: usize = 32;

impl AccessClaim {
    /// The token.
    pub(crate) fn seal(&self, key: &[u8; 32]) -> String {
        let mut said = self.session.0.to_vec();
        said.extend_from_slice(&self.binding.to_be_bytes());
        said.extend_from_slice(&self.ends_at.0.to_be_bytes());
        seal(key, ACCESS, said)
    }

    /// What a token of ours says; `None` for any other text.
    pub(crate) fn open(key: &[u8; 32], token: &str) -> Option<Self> {
        let said = open::<28>(key, ACCESS, token)?;
        Some(Self {
            session: SessionId(said[..16].try_into().ok()?),
            binding: u32::from_be_bytes(said[16..20].try_into().ok()?),
            ends_at: Millis(u64::from_be_bytes(said[20..].try_into().ok()?)),
        })
    }
}

impl RefreshClaim {
    /// The token. Always the same one for the same claim, so that a lost answer can be given again.
    pub(crate) fn seal(&self, key: &[u8; 32]) -> String {
        let mut said = self.session.0.to_vec();
        said.extend_from_slice(&self.generation.to_be_bytes());
        seal(key, REFRESH, said)
    }

    /// What a token of ours says; `None` for any other text.
    pub(crate) fn open(key: &[u8; 32], token: &str) -> Option<Self> {
        let said = open::<24>(key, REFRESH, token)?;
        Some(Self {
            session: SessionId(said[..16].try_into().ok()?),
            generation: u64::from_be_bytes(said[16..].try_into().ok()?),
        })
    }
}

fn mac(key: &[u8; 32], label: &[u8], said: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(label);
    mac.update(said);
    mac
}

fn seal(key: &[u8; 32], label: &[u8], mut said: Vec<u8>) -> String {
    let tag = mac(key, label, &said).finalize().into_bytes();
    said.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(said)
}

fn open<const SAID_BYTES: usize>(key: &[u8; 32], label: &[u8], token: &str) -> Option<[u8; SAID_BYTES]> {
    // Longer than any token of ours: not worth decoding.
    if token.len() > 2 * (SAID_BYTES + MAC_BYTES) {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (said, tag) = bytes.split_at_checked(SAID_BYTES)?;
    mac(key, label, said).verify_slice(tag).ok()?;
    said.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const ACCESS_CLAIM: AccessClaim = AccessClaim { session: SessionId([1; 16]), binding: 2, ends_at: Millis(3) };
    const REFRESH_CLAIM: RefreshClaim = RefreshClaim { session: SessionId([1; 16]), generation: 4 };

    #[test]
    fn opened_token_says_what_was_sealed() {
        assert_eq!(AccessClaim::open(&KEY, &ACCESS_CLAIM.seal(&KEY)), Some(ACCESS_CLAIM));
        assert_eq!(RefreshClaim::open(&KEY, &REFRESH_CLAIM.seal(&KEY)), Some(REFRESH_CLAIM));
    }

    #[test]
    fn token_of_another_key_is_refused() {
        assert_eq!(AccessClaim::open(&KEY, &ACCESS_CLAIM.seal(&[8; 32])), None);
    }

    #[test]
    fn refresh_token_is_no_access_token() {
        assert_eq!(AccessClaim::open(&KEY, &REFRESH_CLAIM.seal(&KEY)), None);
        assert_eq!(RefreshClaim::open(&KEY, &ACCESS_CLAIM.seal(&KEY)), None);
    }

    #[test]
    fn token_with_any_bit_changed_is_refused() {
        let token = URL_SAFE_NO_PAD.decode(ACCESS_CLAIM.seal(&KEY)).expect("base64");
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(AccessClaim::open(&KEY, &URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
        }
        let shorter = URL_SAFE_NO_PAD.encode(&token[..token.len() - 1]);
        assert_eq!(AccessClaim::open(&KEY, &shorter), None);
    }
}
