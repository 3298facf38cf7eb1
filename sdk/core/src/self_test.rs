//! Whether encryption works on this machine: known answers by others, and a conversation of two devices (E12).
//!
//! Owns the checks and their answers; knows no clock and no screen: who runs it measures and shows. The rule: **each check
//! goes through the code that messages go through**, and one that fails says so, it never panics.

mod pair;
#[cfg(test)]
mod tests;

pub use pair::{Broken, Pair};

use mls_rs::crypto::{SignaturePublicKey, SignatureSecretKey};
use mls_rs::{CipherSuiteProvider as _, CryptoProvider as _};
use sotto_suite::{Provider, SUITE, Suite, kem, ml_dsa_65};

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Two draws of the random source differ from each other and from nothing.
    Random,
    /// SHA-384 of `abc` (FIPS 180-4).
    Hash,
    /// HKDF-SHA-384 (RFC 5869) gives a known key.
    KeyDerivation,
    /// AES-256-GCM (NIST SP 800-38D) gives a known ciphertext, opens it, and refuses it changed.
    Cipher,
    /// Ed25519 (RFC 8032) gives a known signature, and refuses it changed.
    Signature,
    /// ML-DSA-65 (FIPS 204) accepts its own signature, and refuses it changed.
    PostQuantumSignature,
    /// ML-KEM-768 with X25519 (X-Wing) gives both sides a known secret.
    KeyAgreement,
    /// Two devices make a group (RFC 9420); what one seals the other opens once, and refuses changed; after a fresh key of
    /// one of them the next message opens too.
    Conversation,
}

impl Check {
    /// All of them, in the order in which one stands on the other.
    pub const ALL: [Check; 8] = [
        Check::Random,
        Check::Hash,
        Check::KeyDerivation,
        Check::Cipher,
        Check::Signature,
        Check::PostQuantumSignature,
        Check::KeyAgreement,
        Check::Conversation,
    ];

    /// Runs it with randomness that is used for nothing else.
    ///
    /// # Errors
    /// [`Broken`] when this machine does not compute what it must.
    pub fn run(self, seed: [u8; 32]) -> Result<(), Broken> {
        let provider = Provider::new(seed);
        let suite = provider.cipher_suite_provider(SUITE).ok_or(Broken)?;
        match self {
            Check::Random => random(&provider),
            Check::Hash => same(&suite.hash(b"abc").map_err(|_| Broken)?, &ABC),
            Check::KeyDerivation => KEY_DERIVATION.check(&suite),
            Check::Cipher => CIPHER.check(&suite),
            Check::Signature => SIGNATURE.check(&suite),
            Check::PostQuantumSignature => post_quantum_signature(&provider),
            Check::KeyAgreement => KEY_AGREEMENT.check(),
            Check::Conversation => conversation(seed),
        }
    }
}

/// SHA-384 of `abc`.
const ABC: [u8; 48] =
    hex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");

/// A known answer of a key derivation.
struct KeyDerivation {
    input: [u8; 16],
    salt: [u8; 16],
    purpose: [u8; 20],
    key: [u8; 20],
}

/// Wycheproof, `hkdf_sha384_test`, 10.
const KEY_DERIVATION: KeyDerivation = KeyDerivation {
    input: hex("c360e16084cfd13cb44b0dc02d8665de"),
    salt: hex("685ac7df93701d6c78babd847861bb3c"),
    purpose: hex("e0ddfaaaa7afb53f59a007a205c7149b5b5a72be"),
    key: hex("00aa140387a3d43aae915c35b306533179019bab"),
};

impl KeyDerivation {
    fn check(&self, suite: &Suite) -> Result<(), Broken> {
        let extracted = suite.kdf_extract(&self.salt, &self.input).map_err(|_| Broken)?;
        let key = suite.kdf_expand(&extracted, &self.purpose, self.key.len()).map_err(|_| Broken)?;
        same(&key, &self.key)
    }
}

/// A known answer of a cipher.
struct Cipher {
    key: [u8; 32],
    nonce: [u8; 12],
    bound: [u8; 1],
    plaintext: [u8; 20],
    sealed: [u8; 36],
}

/// Wycheproof, `aes_gcm_test`, 100: ciphertext and tag.
const CIPHER: Cipher = Cipher {
    key: hex("b279f57e19c8f53f2f963f5f2519fdb7c1779be2ca2b3ae8e1128b7d6c627fc4"),
    nonce: hex("98bc2c7438d5cd7665d76f6e"),
    bound: hex("c0"),
    plaintext: hex("fcc515b294408c8645c9183e3f4ecee5127846d1"),
    sealed: hex("eb5500e3825952866d911253f8de860c00831c81ecb660e1fb0541ec41e8d68a64141b3a"),
};

impl Cipher {
    fn check(&self, suite: &Suite) -> Result<(), Broken> {
        let bound = Some(self.bound.as_slice());
        let sealed = suite.aead_seal(&self.key, &self.plaintext, bound, &self.nonce).map_err(|_| Broken)?;
        same(&sealed, &self.sealed)?;
        let opened = suite.aead_open(&self.key, &self.sealed, bound, &self.nonce).map_err(|_| Broken)?;
        same(&opened, &self.plaintext)?;
        refused(suite.aead_open(&self.key, &changed(&self.sealed), bound, &self.nonce))
    }
}

/// A known answer of a signature.
struct Signature {
    secret: [u8; 32],
    public: [u8; 32],
    message: [u8; 1],
    signature: [u8; 64],
}

/// RFC 8032 §7.1, test 2.
const SIGNATURE: Signature = Signature {
    secret: hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    public: hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
    message: hex("72"),
    signature: hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
};

impl Signature {
    fn check(&self, suite: &Suite) -> Result<(), Broken> {
        let signed = suite.sign(&SignatureSecretKey::from(self.secret.to_vec()), &self.message);
        same(&signed.map_err(|_| Broken)?, &self.signature)?;
        let public = SignaturePublicKey::from(self.public.to_vec());
        suite.verify(&public, &self.signature, &self.message).map_err(|_| Broken)?;
        refused(suite.verify(&public, &changed(&self.signature), &self.message))
    }
}

/// A known answer of a key agreement.
struct KeyAgreement {
    seed: [u8; 32],
    randomness: [u8; 64],
    secret: [u8; 32],
}

/// draft-connolly-cfrg-xwing-kem, appendix C, the first vector. The secret hashes the secrets of both halves, the
/// X25519 ciphertext and the X25519 key; that of ML-KEM hashes its whole key.
const KEY_AGREEMENT: KeyAgreement = KeyAgreement {
    seed: hex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"),
    randomness: hex("3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
         35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2"),
    secret: hex("d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384"),
};

impl KeyAgreement {
    fn check(&self) -> Result<(), Broken> {
        let (secret, public) = kem::key_pair(&self.seed);
        let sent = kem::encapsulate(&public, &self.randomness).map_err(|_| Broken)?;
        same(sent.shared_secret(), &self.secret)?;
        let received = kem::decapsulate(&secret, sent.enc()).map_err(|_| Broken)?;
        same(&received, &self.secret)
    }
}

fn random(provider: &Provider) -> Result<(), Broken> {
    let (mut one, mut other) = ([0; 32], [0; 32]);
    provider.fill(&mut one);
    provider.fill(&mut other);
    if one == other || one == [0; 32] || other == [0; 32] { Err(Broken) } else { Ok(()) }
}

fn post_quantum_signature(provider: &Provider) -> Result<(), Broken> {
    let mut seed = [0; ml_dsa_65::SEED_BYTES];
    provider.fill(&mut seed);
    let (public, signature) = (ml_dsa_65::public_key(&seed), ml_dsa_65::sign(&seed, b"sotto"));
    ml_dsa_65::verify(&public, &signature, b"sotto").map_err(|_| Broken)?;
    refused(ml_dsa_65::verify(&public, &changed(&signature), b"sotto"))
}

fn conversation(seed: [u8; 32]) -> Result<(), Broken> {
    let mut pair = Pair::new(seed)?;
    for plaintext in [b"one".as_slice(), b"two"] {
        let message = pair.seal(plaintext)?;
        let mut forged = message.clone();
        forged.ciphertext = changed(message.ciphertext.as_slice()).into();
        refused(pair.open(&forged))?;
        same(&pair.open(&message)?, plaintext)?;
        refused(pair.open(&message))?;
        pair.update()?;
    }
    Ok(())
}

fn same(found: &[u8], known: &[u8]) -> Result<(), Broken> {
    if found == known { Ok(()) } else { Err(Broken) }
}

fn refused<T, E>(outcome: Result<T, E>) -> Result<(), Broken> {
    outcome.err().map(|_| ()).ok_or(Broken)
}

/// With one bit flipped, in the middle.
fn changed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
    bytes
}

/// Bytes from their hexadecimal digits, when this is compiled.
const fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digits = text.as_bytes();
    assert!(digits.len() == 2 * N, "two digits a byte");
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = digit(digits[2 * at]) << 4 | digit(digits[2 * at + 1]);
        at += 1;
    }
    bytes
}

const fn digit(character: u8) -> u8 {
    match character {
        b'0'..=b'9' => character - b'0',
        b'a'..=b'f' => character - b'a' + 10,
        _ => panic!("not a hexadecimal digit"),
    }
}
