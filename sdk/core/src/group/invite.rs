//! Invites: from the one secret that stands in a link comes all that joining by it takes (HKDF-SHA-256, RFC 5869).
//!
//! Owns the labels and the seal of the card that the server keeps for who opens a link. The rule: the server learns the
//! access key's hash and, when somebody joins, the access key; the PSK and the card's key never leave the devices.

use super::card::Card;
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sotto_suite::Provider;
use sotto_wire::{Base64, InviteId};

const NONCE_BYTES: usize = 12;

/// The secret of an invite, as members know it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteSecret(Base64);

impl InviteSecret {
    /// A new one.
    pub(crate) fn generate(provider: &Provider) -> Self {
        let mut secret = vec![0; 32];
        provider.fill(&mut secret);
        Self(Base64(secret))
    }

    /// The one that stands in a link.
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self(Base64(secret.to_vec()))
    }

    /// What stands in a link; zeros for one that a damaged card holds.
    pub(crate) fn to_bytes(&self) -> [u8; 32] {
        self.0.as_slice().try_into().unwrap_or_default()
    }

    /// Which invite it opens.
    pub(crate) fn id(&self) -> InviteId {
        InviteId(self.expand(b"sotto invite id"))
    }

    /// The value of the PSK.
    pub(crate) fn psk(&self) -> [u8; 32] {
        self.expand(b"sotto invite psk")
    }

    /// What who joins shows to the server.
    pub(crate) fn access(&self) -> [u8; 32] {
        self.expand(b"sotto invite access")
    }

    /// What the server keeps in order to know [`InviteSecret::access`] again.
    pub(crate) fn access_hash(&self) -> [u8; 32] {
        Sha256::digest(self.access()).into()
    }

    /// The card, for who has the link.
    pub(crate) fn seal(&self, provider: &Provider, card: &Card) -> Base64 {
        let mut nonce = [0; NONCE_BYTES];
        provider.fill(&mut nonce);
        let json = serde_json::to_vec(card).expect("a card has string keys and no failing serializer");
        let sealed = self.cipher().encrypt(&nonce.into(), json.as_slice()).expect("a card is under AES-GCM's limit");
        Base64([nonce.as_slice(), &sealed].concat())
    }

    /// The card that was sealed so; `None` when it was not, or is none.
    pub(crate) fn open(&self, sealed: &Base64) -> Option<Card> {
        let (nonce, sealed) = sealed.as_slice().split_first_chunk::<NONCE_BYTES>()?;
        let json = self.cipher().decrypt(&(*nonce).into(), sealed).ok()?;
        serde_json::from_slice(&json).ok().filter(Card::keeps_rules)
    }

    fn cipher(&self) -> Aes256Gcm {
        let key: [u8; 32] = self.expand(b"sotto invite card");
        Aes256Gcm::new(&key.into())
    }

    fn expand<const N: usize>(&self, label: &[u8]) -> [u8; N] {
        let mut output = [0; N];
        let expanded = Hkdf::<Sha256>::new(None, self.0.as_slice()).expand(label, &mut output);
        expanded.expect("32 bytes are under the limit of HKDF");
        output
    }
}

impl std::fmt::Debug for InviteSecret {
    /// The id only: the value is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InviteSecret({:?})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_of_one_secret_differs_and_never_changes() {
        let secret = InviteSecret::new([7; 32]);
        let all = [secret.psk(), secret.access(), secret.access_hash(), secret.to_bytes()];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| other != one && other[..16] != secret.id().0));
        }
        assert_eq!(InviteSecret::new([7; 32]).id(), secret.id());
    }

    #[test]
    fn a_sealed_card_opens_by_its_own_secret_only_and_unchanged() {
        let provider = Provider::new([1; 32]);
        let secret = InviteSecret::generate(&provider);
        let card = Card { salt: Base64(vec![7; 32]), name: "Kite club".to_owned(), ..Card::default() };
        let mut sealed = secret.seal(&provider, &card);
        assert_eq!(secret.open(&sealed), Some(card));
        assert_eq!(InviteSecret::generate(&provider).open(&sealed), None);
        sealed.0[20] ^= 1;
        assert_eq!(secret.open(&sealed), None);
        assert_eq!(secret.open(&Base64(vec![1; 5])), None);
    }
}
