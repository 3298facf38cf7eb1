//! Vectors of draft-connolly-cfrg-xwing-kem.

use serde::Deserialize;
use sotto_suite::kem;

use crate::array;
use crate::vectors::{Hex, beside_the_project};

#[derive(Deserialize)]
struct Vector {
    seed: Hex,
    eseed: Hex,
    ss: Hex,
    sk: Hex,
    pk: Hex,
    ct: Hex,
}

#[test]
fn x_wing_makes_the_keys_ciphertexts_and_secrets_of_the_draft() {
    let Some(vectors) = beside_the_project::<Vec<Vector>>("xwing/test-vectors.json") else { return };
    let mut ran = 0;
    for vector in &vectors {
        let (secret, public) = kem::key_pair(&array(&vector.seed));
        assert_eq!((secret.as_ref(), public.as_ref()), (vector.sk.0.as_slice(), vector.pk.0.as_slice()));

        let sent = kem::encapsulate(&public, &array(&vector.eseed)).expect("the key is valid");
        assert_eq!((sent.enc(), sent.shared_secret()), (vector.ct.0.as_slice(), vector.ss.0.as_slice()));

        let received = kem::decapsulate(&secret, &vector.ct.0).expect("the ciphertext has its length");
        assert_eq!(received, vector.ss.0);
        ran += 1;
    }
    assert_eq!(ran, 3);
}
