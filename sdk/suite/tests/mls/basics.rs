//! The crypto-basics vectors of RFC 9420: the labelled operations below everything else.
//!
//! Our suite is not among theirs, but shares its parts with them: Ed25519 with suites 1 and 3, the hash, the KDF and
//! the AEAD with suite 7. Each part runs the entries of the suites that have it. mls-rs keeps its own labelled
//! operations private, so the labels are written here as RFC 9420 §5 and §8 have them.

use mls_rs_core::crypto::{CipherSuite, CipherSuiteProvider, CryptoProvider, HpkeCiphertext};
use mls_rs_crypto_hpke::{dhkem::DhKem, hpke::Hpke};
use mls_rs_crypto_rustcrypto::ecdh::Ecdh;
use mls_rs_crypto_traits::KemId;
use serde::Deserialize;
use sotto_suite::{Aes256Gcm, HkdfSha384, Provider, SUITE, Suite};

use crate::vectors::{Hex, beside_the_project};

const SUITE_7: CipherSuite = CipherSuite::P384_AES256;

#[derive(Deserialize)]
struct Vector {
    cipher_suite: u16,
    ref_hash: RefHash,
    expand_with_label: ExpandWithLabel,
    derive_secret: DeriveSecret,
    derive_tree_secret: DeriveTreeSecret,
    sign_with_label: SignWithLabel,
    encrypt_with_label: EncryptWithLabel,
}

#[derive(Deserialize)]
struct RefHash {
    label: String,
    value: Hex,
    out: Hex,
}

#[derive(Deserialize)]
struct ExpandWithLabel {
    secret: Hex,
    label: String,
    context: Hex,
    length: u16,
    out: Hex,
}

#[derive(Deserialize)]
struct DeriveSecret {
    secret: Hex,
    label: String,
    out: Hex,
}

#[derive(Deserialize)]
struct DeriveTreeSecret {
    secret: Hex,
    label: String,
    generation: u32,
    length: u16,
    out: Hex,
}

#[derive(Deserialize)]
struct SignWithLabel {
    #[serde(rename = "priv")]
    secret: Hex,
    #[serde(rename = "pub")]
    public: Hex,
    content: Hex,
    label: String,
    signature: Hex,
}

#[derive(Deserialize)]
struct EncryptWithLabel {
    #[serde(rename = "priv")]
    secret: Hex,
    #[serde(rename = "pub")]
    public: Hex,
    label: String,
    context: Hex,
    plaintext: Hex,
    kem_output: Hex,
    ciphertext: Hex,
}

fn vectors(suites: &[CipherSuite]) -> Option<Vec<Vector>> {
    let mut vectors: Vec<Vector> = beside_the_project("mls/crypto-basics.json")?;
    vectors.retain(|vector| suites.contains(&vector.cipher_suite.into()));
    assert_eq!(vectors.len(), suites.len());
    Some(vectors)
}

fn suite() -> Suite {
    Provider::new([7; 32]).cipher_suite_provider(SUITE).expect("the provider has its own suite")
}

/// `opaque field<V>` with the length prefix of RFC 9000 §16, which RFC 9420 §2.1.2 uses.
fn opaque(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let prefix = if length < 1 << 6 {
        vec![length as u8]
    } else {
        assert!(length < 1 << 14, "no vector is longer");
        (0x4000 | length as u16).to_be_bytes().to_vec()
    };
    [prefix, bytes.to_vec()].concat()
}

fn labelled(label: &str, content: &[u8]) -> Vec<u8> {
    [opaque(format!("MLS 1.0 {label}").as_bytes()), opaque(content)].concat()
}

fn expand_with_label(secret: &Hex, label: &str, context: &[u8], length: u16) -> Vec<u8> {
    let info = [length.to_be_bytes().to_vec(), labelled(label, context)].concat();
    suite().kdf_expand(&secret.0, &info, length.into()).expect("the length is allowed").to_vec()
}

#[test]
fn the_hash_makes_the_references_of_rfc_9420() {
    let Some(vectors) = vectors(&[SUITE_7]) else { return };
    for RefHash { label, value, out } in vectors.iter().map(|vector| &vector.ref_hash) {
        let input = [opaque(label.as_bytes()), opaque(&value.0)].concat();
        assert_eq!(suite().hash(&input).expect("a hash cannot fail"), out.0);
    }
}

#[test]
fn the_kdf_expands_the_labels_of_rfc_9420() {
    let Some(vectors) = vectors(&[SUITE_7]) else { return };
    for vector in &vectors {
        let ExpandWithLabel { secret, label, context, length, out } = &vector.expand_with_label;
        assert_eq!(expand_with_label(secret, label, &context.0, *length), out.0);
        let DeriveSecret { secret, label, out } = &vector.derive_secret;
        assert_eq!(expand_with_label(secret, label, b"", 48), out.0);
        let DeriveTreeSecret { secret, label, generation, length, out } = &vector.derive_tree_secret;
        assert_eq!(expand_with_label(secret, label, &generation.to_be_bytes(), *length), out.0);
    }
}

#[test]
fn the_signatures_are_those_of_rfc_9420() {
    let Some(vectors) = vectors(&[CipherSuite::CURVE25519_AES128, CipherSuite::CURVE25519_CHACHA]) else { return };
    for SignWithLabel { secret, public, content, label, signature } in
        vectors.iter().map(|vector| &vector.sign_with_label)
    {
        let (suite, signed) = (suite(), labelled(label, &content.0));
        let secret = secret.0.clone().into();
        let derived = suite.signature_key_derive_public(&secret).expect("the key is valid");
        assert_eq!(derived.as_bytes(), public.0);
        assert_eq!(suite.sign(&secret, &signed).expect("the key is valid"), signature.0);
        suite.verify(&derived, &signature.0, &signed).expect("the signature is genuine");
    }
}

#[test]
fn hpke_with_our_kdf_and_aead_opens_what_rfc_9420_sealed() {
    let Some(vectors) = vectors(&[SUITE_7]) else { return };
    for vector in vectors.iter().map(|vector| &vector.encrypt_with_label) {
        let id = KemId::DhKemP384Sha384;
        let kem = DhKem::new(Ecdh::new(SUITE_7).expect("RustCrypto has P-384"), HkdfSha384, id as u16, id.n_secret());
        let sealed =
            HpkeCiphertext { kem_output: vector.kem_output.0.clone(), ciphertext: vector.ciphertext.0.clone() };
        let opened = Hpke::new(kem, HkdfSha384, Some(Aes256Gcm))
            .open(
                &sealed,
                &vector.secret.0.clone().into(),
                &vector.public.0.clone().into(),
                &labelled(&vector.label, &vector.context.0),
                None,
                None,
            )
            .expect("the ciphertext is whole");
        assert_eq!(*opened, vector.plaintext.0);
    }
}
