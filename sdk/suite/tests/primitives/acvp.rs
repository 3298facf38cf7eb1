//! NIST's ACVP vectors for ML-KEM-768.

#[expect(deprecated, reason = "the vectors hold the expanded form of the key, which the suite never uses")]
use ml_kem::ExpandedKeyEncoding;
use ml_kem::kem::Decapsulate;
use ml_kem::ml_kem_768::DecapsulationKey;
use serde::Deserialize;
use sotto_suite::kem::ml_kem as ours;

use crate::array;
use crate::vectors::{Hex, beside_the_project};

const PARAMETER_SET: &str = "ML-KEM-768";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<T> {
    test_groups: Vec<Group<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group<T> {
    parameter_set: String,
    #[serde(default)]
    function: String,
    #[serde(default)]
    dk: Hex,
    tests: Vec<T>,
}

fn groups<T: serde::de::DeserializeOwned>(name: &str) -> Option<Vec<Group<T>>> {
    let mut groups = beside_the_project::<File<T>>(name)?.test_groups;
    groups.retain(|group| group.parameter_set == PARAMETER_SET);
    Some(groups)
}

#[derive(Deserialize)]
struct KeyGeneration {
    d: Hex,
    z: Hex,
    ek: Hex,
    dk: Hex,
}

#[test]
#[expect(deprecated, reason = "the vectors hold the expanded form of the key, which the suite never uses")]
fn ml_kem_makes_the_keys_of_acvp() {
    let Some(groups) = groups::<KeyGeneration>("acvp/ml-kem-key-gen.json") else { return };
    let mut ran = 0;
    for test in groups.iter().flat_map(|group| &group.tests) {
        let seed: [u8; 64] = [test.d.0.as_slice(), &test.z.0].concat().try_into().expect("two halves of 32 bytes");
        assert_eq!(ours::public_key(&seed).as_slice(), test.ek.0);
        assert_eq!(DecapsulationKey::from_seed(seed.into()).to_expanded_bytes().as_slice(), test.dk.0);
        ran += 1;
    }
    assert_eq!(ran, 25);
}

#[derive(Deserialize)]
struct Exchange {
    #[serde(default)]
    ek: Hex,
    #[serde(default)]
    m: Hex,
    c: Hex,
    k: Hex,
}

#[test]
fn ml_kem_encapsulates_as_acvp() {
    let Some(groups) = groups::<Exchange>("acvp/ml-kem-encap-decap.json") else { return };
    let mut ran = 0;
    for test in groups.iter().filter(|group| group.function == "encapsulation").flat_map(|group| &group.tests) {
        let (ciphertext, shared) = ours::encapsulate(&test.ek.0, &array(&test.m)).expect("the key is valid");
        assert_eq!((ciphertext.as_slice(), shared.as_slice()), (test.c.0.as_slice(), test.k.0.as_slice()));
        ran += 1;
    }
    assert_eq!(ran, 25);
}

/// The vectors hold the expanded form of the key and no seed, so this runs the crate below our function.
#[test]
#[expect(deprecated, reason = "the vectors hold the expanded form of the key, which the suite never uses")]
fn ml_kem_decapsulates_as_acvp() {
    let Some(groups) = groups::<Exchange>("acvp/ml-kem-encap-decap.json") else { return };
    let mut ran = 0;
    for group in groups.iter().filter(|group| group.function == "decapsulation") {
        let expanded = group.dk.0.as_slice().try_into().expect("the key has its length");
        let key = DecapsulationKey::from_expanded_bytes(expanded).expect("the key is valid");
        for test in &group.tests {
            let ciphertext = test.c.0.as_slice().try_into().expect("the ciphertext has its length");
            assert_eq!(key.decapsulate(ciphertext).as_slice(), test.k.0);
            ran += 1;
        }
    }
    assert_eq!(ran, 10);
}
