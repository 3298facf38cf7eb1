//! Vectors of draft-ietf-hpke-pq with X-Wing as the KEM.

use mls_rs_core::crypto::{CipherSuite, HpkeContextR};
use mls_rs_crypto_hpke::hpke::Hpke;
use mls_rs_crypto_rustcrypto::{aead::Aead, kdf::Kdf};
use serde::Deserialize;
use sotto_suite::Provider;
use sotto_suite::kem::{self, XWing};

use crate::array;
use crate::vectors::{Hex, beside_the_project};

#[derive(Deserialize)]
struct Vector {
    kem_id: u16,
    kdf_id: u16,
    info: Hex,
    #[serde(rename = "ikmE")]
    ikm_e: Hex,
    #[serde(rename = "ikmR")]
    ikm_r: Hex,
    #[serde(rename = "skRm")]
    sk_rm: Hex,
    #[serde(rename = "pkRm")]
    pk_rm: Hex,
    enc: Hex,
    shared_secret: Hex,
    encryptions: Vec<Encryption>,
    exports: Vec<Export>,
}

#[derive(Deserialize)]
struct Encryption {
    aad: Hex,
    ct: Hex,
    pt: Hex,
}

#[derive(Deserialize)]
struct Export {
    exporter_context: Hex,
    #[serde(rename = "L")]
    length_bytes: usize,
    exported_value: Hex,
}

fn vectors_with_x_wing() -> Option<Vec<Vector>> {
    let mut vectors: Vec<Vector> = beside_the_project("hpke-pq/test-vectors.json")?;
    vectors.retain(|vector| vector.kem_id == kem::KEM_ID);
    Some(vectors)
}

#[test]
fn x_wing_derives_and_encapsulates_as_hpke_pq_says() {
    let Some(vectors) = vectors_with_x_wing() else { return };
    let mut ran = 0;
    for vector in &vectors {
        let (secret, public) = kem::derive_key_pair(&vector.ikm_r.0);
        assert_eq!((secret.as_ref(), public.as_ref()), (vector.sk_rm.0.as_slice(), vector.pk_rm.0.as_slice()));

        let sent = kem::encapsulate(&public, &array(&vector.ikm_e)).expect("the key is valid");
        assert_eq!((sent.enc(), sent.shared_secret()), (vector.enc.0.as_slice(), vector.shared_secret.0.as_slice()));

        let received = kem::decapsulate(&secret, &vector.enc.0).expect("the ciphertext has its length");
        assert_eq!(received, vector.shared_secret.0);
        ran += 1;
    }
    assert_eq!(ran, 2);
}

/// The draft has no entry with AES-256-GCM and HKDF-SHA384. The one with HKDF-SHA256 shows that the KEM sits rightly
/// in the HPKE of mls-rs; its KDF and AEAD are those of RustCrypto.
#[test]
fn hpke_on_x_wing_opens_and_exports_what_the_draft_sealed() {
    const HKDF_SHA256: u16 = 1;
    let Some(vectors) = vectors_with_x_wing() else { return };
    let (mut opened, mut exported) = (0, 0);
    for vector in vectors.iter().filter(|vector| vector.kdf_id == HKDF_SHA256) {
        let hpke = Hpke::new(
            XWing::new(&Provider::new([1; 32])),
            Kdf::new(CipherSuite::CURVE25519_CHACHA).expect("RustCrypto has HKDF-SHA256"),
            Some(Aead::new(CipherSuite::CURVE25519_CHACHA).expect("RustCrypto has ChaCha20-Poly1305")),
        );
        let mut context = hpke
            .setup_receiver(
                &vector.enc.0,
                &vector.sk_rm.0.clone().into(),
                &vector.pk_rm.0.clone().into(),
                &vector.info.0,
                None,
            )
            .expect("the ciphertext has its length");
        for encryption in &vector.encryptions {
            let plaintext = context.open(Some(&encryption.aad.0), &encryption.ct.0).expect("the ciphertext is whole");
            assert_eq!(*plaintext, encryption.pt.0);
            opened += 1;
        }
        for export in &vector.exports {
            let value = context.export(&export.exporter_context.0, export.length_bytes).expect("the length is allowed");
            assert_eq!(*value, export.exported_value.0);
            exported += 1;
        }
    }
    assert_eq!((opened, exported), (10, 5));
}
