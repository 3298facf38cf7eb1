//! What the suite promises beyond its primitives: determinism, sizes, and what it refuses.

use mls_rs_core::crypto::{
    CipherSuite, CipherSuiteProvider, CryptoProvider, HpkeCiphertext, HpkePsk, HpkePublicKey, HpkeSecretKey,
};
use sotto_suite::{Provider, SUITE, Suite, SuiteError, kem};

use crate::suite;

#[test]
fn the_provider_has_its_one_suite_and_no_other() {
    let provider = Provider::new([1; 32]);
    assert_eq!(provider.supported_cipher_suites(), [SUITE]);
    assert_eq!(SUITE.raw_value(), 0xF04E);
    assert!(provider.cipher_suite_provider(CipherSuite::CURVE25519_AES128).is_none());
}

#[test]
fn the_sizes_are_those_of_the_draft() {
    let suite = suite();
    let (secret, public) = suite.kem_generate().expect("generation cannot fail");
    let (signing, verifying) = suite.signature_key_generate().expect("generation cannot fail");
    let signature = suite.sign(&signing, b"text").expect("the key is its own");
    let sizes = [
        secret.len(),
        public.len(),
        signing.len(),
        verifying.len(),
        signature.len(),
        suite.kdf_extract_size(),
        suite.hash(b"").expect("a hash cannot fail").len(),
        suite.mac(b"", b"").expect("a mac cannot fail").len(),
        suite.aead_key_size(),
        suite.aead_nonce_size(),
    ];
    assert_eq!(sizes, [32, 1216, 32, 32, 64, 48, 48, 48, 32, 12]);
}

/// Every kind of random output once, in a fixed order.
fn draw(provider: &Provider) -> Vec<Vec<u8>> {
    let suite = provider.cipher_suite_provider(SUITE).expect("the provider has its own suite");
    let (secret, public) = suite.kem_generate().expect("generation cannot fail");
    let (signing, verifying) = suite.signature_key_generate().expect("generation cannot fail");
    let sealed = suite.hpke_seal(&public, b"info", None, b"text").expect("the key is its own");
    let mut id = [0; 16];
    provider.fill(&mut id);
    vec![
        secret.to_vec(),
        public.to_vec(),
        signing.to_vec(),
        verifying.to_vec(),
        sealed.kem_output,
        sealed.ciphertext,
        suite.random_bytes_vec(5).expect("the source cannot fail"),
        id.to_vec(),
    ]
}

#[test]
fn equal_seeds_give_equal_bytes() {
    assert_eq!(draw(&Provider::new([3; 32])), draw(&Provider::new([3; 32])));
}

#[test]
fn another_seed_changes_every_output() {
    let (one, other) = (draw(&Provider::new([3; 32])), draw(&Provider::new([4; 32])));
    assert_eq!(one.iter().zip(&other).filter(|(one, other)| one == other).count(), 0);
}

#[test]
fn clones_share_one_source_and_never_repeat() {
    let provider = Provider::new([5; 32]);
    let twin = provider.clone();
    let suite = provider.cipher_suite_provider(SUITE).expect("the provider has its own suite");
    let mut drawn = Vec::new();
    for _ in 0..100 {
        for source in [&provider, &twin] {
            let mut bytes = [0; 16];
            source.fill(&mut bytes);
            drawn.push(bytes.to_vec());
        }
        drawn.push(suite.random_bytes_vec(16).expect("the source cannot fail"));
    }
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 300);
}

#[test]
fn the_source_never_gives_out_its_next_key() {
    // A draw of 32 bytes, taken as a seed, must not continue the stream that it came from.
    let provider = Provider::new([6; 32]);
    let mut drawn = [0; 32];
    provider.fill(&mut drawn);
    let (mut next, mut guessed) = ([0; 32], [0; 32]);
    provider.fill(&mut next);
    Provider::new(drawn).fill(&mut guessed);
    assert_ne!(next, guessed);
}

fn sealed(suite: &Suite) -> (HpkeSecretKey, HpkePublicKey, HpkeCiphertext) {
    let (secret, public) = suite.kem_derive(b"some input key material").expect("derivation cannot fail");
    let sealed = suite.hpke_seal(&public, b"info", Some(b"aad"), b"text").expect("the key is its own");
    (secret, public, sealed)
}

#[test]
fn hpke_opens_what_it_sealed_and_nothing_altered() {
    let suite = suite();
    let (secret, public, whole) = sealed(&suite);
    let open = |sealed: &HpkeCiphertext, info: &[u8], aad: &[u8]| {
        suite.hpke_open(sealed, &secret, &public, info, Some(aad)).map(|text| text.to_vec())
    };
    assert_eq!(open(&whole, b"info", b"aad").expect("the ciphertext is whole"), b"text");

    // One bit in the text, in the tag, in the ML-KEM part and in the X25519 part; then other info and other data.
    let mut altered = Vec::new();
    for position in [0, whole.ciphertext.len() - 1] {
        let mut sealed = whole.clone();
        sealed.ciphertext[position] ^= 1;
        altered.push(sealed);
    }
    for position in [0, whole.kem_output.len() - 1] {
        let mut sealed = whole.clone();
        sealed.kem_output[position] ^= 1;
        altered.push(sealed);
    }
    assert!(altered.iter().all(|sealed| matches!(open(sealed, b"info", b"aad"), Err(SuiteError::Hpke(_)))));
    assert!(matches!(open(&whole, b"other", b"aad"), Err(SuiteError::Hpke(_))));
    assert!(matches!(open(&whole, b"info", b"other"), Err(SuiteError::Hpke(_))));

    let mut short = whole.clone();
    short.kem_output.pop();
    assert!(matches!(open(&short, b"info", b"aad"), Err(SuiteError::Hpke(_))));
}

#[test]
fn hpke_with_a_shared_key_opens_only_with_that_key() {
    let suite = suite();
    let (secret, public, _) = sealed(&suite);
    let psk = HpkePsk::new(b"id", &[9; 32]);
    let sealed = suite.hpke_seal_psk(&public, b"", None, b"text", psk.clone()).expect("the key is its own");
    let open = |psk| suite.hpke_open_psk(&sealed, &secret, &public, b"", None, psk);
    assert_eq!(*open(psk).expect("the ciphertext is whole"), b"text");
    assert!(matches!(open(HpkePsk::new(b"id", &[8; 32])), Err(SuiteError::Hpke(_))));
}

#[test]
fn a_public_key_of_another_length_or_beyond_the_modulus_is_refused() {
    let suite = suite();
    let (_, public) = suite.kem_generate().expect("generation cannot fail");
    assert!(suite.kem_public_key_validate(&public).is_ok());

    let short: HpkePublicKey = public[1..].to_vec().into();
    let long: HpkePublicKey = [public.to_vec(), vec![0]].concat().into();
    // Two twelve-bit coefficients of 4 095; the modulus is 3 329.
    let beyond: HpkePublicKey = [&[0xff; 3], &public[3..]].concat().into();
    for bad in [short, long, beyond] {
        assert!(matches!(suite.kem_public_key_validate(&bad), Err(SuiteError::Hpke(_))));
        assert!(matches!(suite.hpke_seal(&bad, b"", None, b"text"), Err(SuiteError::Hpke(_))));
    }
}

#[test]
fn keys_nonces_and_outputs_of_wrong_lengths_are_refused() {
    let suite = suite();
    assert!(matches!(suite.aead_seal(&[0; 16], b"", None, &[0; 12]), Err(SuiteError::Length)));
    assert!(matches!(suite.aead_seal(&[0; 32], b"", None, &[0; 11]), Err(SuiteError::Length)));
    assert!(matches!(suite.aead_open(&[0; 32], &[0; 15], None, &[0; 12]), Err(SuiteError::Unreadable)));
    assert!(matches!(suite.kdf_expand(&[0; 47], b"", 32), Err(SuiteError::Length)));
    assert!(matches!(suite.kdf_expand(&[0; 48], b"", 255 * 48 + 1), Err(SuiteError::Length)));
    assert!(matches!(suite.sign(&vec![0; 31].into(), b""), Err(SuiteError::InvalidKey)));
    assert!(matches!(suite.verify(&vec![0; 31].into(), &[0; 64], b""), Err(SuiteError::InvalidKey)));
    assert!(matches!(kem::decapsulate(&[0; 31], &[0; 1120]), Err(SuiteError::InvalidKey)));
    assert!(matches!(kem::decapsulate(&[0; 32], &[0; 1119]), Err(SuiteError::Unreadable)));
}

/// The neutral point as public key verifies every message with R = s·B for those who do not check: RFC 8032 leaves it
/// open, `verify_strict` refuses.
#[test]
fn a_small_order_signing_key_is_refused() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    // R is the neutral point too and s is zero: s·B = R + k·A holds for every message.
    let mut signature = [0; 64];
    signature[0] = 1;
    let verified = suite().verify(&neutral.to_vec().into(), &signature, b"anything");
    assert!(matches!(verified, Err(SuiteError::InvalidSignature)));
}

#[test]
fn errors_tell_nothing_of_what_they_were_given() {
    let suite = suite();
    let (secret, public, mut sealed) = sealed(&suite);
    sealed.ciphertext[0] ^= 1;
    let refused = suite.hpke_open(&sealed, &secret, &public, b"info", Some(b"aad")).expect_err("one bit is altered");
    assert_eq!(refused.to_string(), "run hpke");
    let source = std::error::Error::source(&refused).expect("the part that failed");
    assert_eq!(source.to_string(), "open a ciphertext: it does not authenticate");
}
