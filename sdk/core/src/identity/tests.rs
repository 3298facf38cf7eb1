//! Keys survive their encoding; a certificate holds as it was signed and in no other form.

use super::{AccountKeys, Certificate, CertificateError, Claim, DeviceKeys, fingerprint};
use proptest::prelude::*;
use sotto_suite::Provider;
use sotto_wire::{DeviceId, DeviceRef, Millis, UserId};
use std::sync::LazyLock;

const USER: UserId = UserId([3; 16]);

static ACCOUNT: LazyLock<AccountKeys> = LazyLock::new(|| AccountKeys::generate(&Provider::new([1; 32])));
static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| ACCOUNT.certify(&claim()));

fn claim() -> Claim {
    let device = DeviceRef { user: USER, device: DeviceId([4; 16]) };
    Claim { device, mls_public: [5; 32], created_at: Millis(1_700_000_000_000), sequence: 6 }
}

#[test]
fn account_keys_survive_their_encoding() {
    let read = AccountKeys::from_bytes(&ACCOUNT.to_bytes()).expect("own bytes");
    assert_eq!(read.public(), ACCOUNT.public());
    assert!(AccountKeys::from_bytes(&ACCOUNT.to_bytes()[1..]).is_err());
    assert!(AccountKeys::from_bytes(&[]).is_err());
}

#[test]
fn device_keys_survive_their_encoding() {
    let device = DeviceKeys::generate(&Provider::new([2; 32]), &ACCOUNT, USER, Millis(9), 1);
    let read = DeviceKeys::from_bytes(&device.to_bytes()).expect("own bytes");
    assert_eq!((read.device(), read.certificate()), (device.device(), device.certificate()));
    assert_eq!(read.mls_secret(), device.mls_secret());
    assert!(DeviceKeys::from_bytes(&device.to_bytes()[..80]).is_err());
}

#[test]
fn certificate_says_what_was_certified() {
    let certificate = Certificate::verify(&CERTIFICATE).expect("own certificate");
    assert_eq!(certificate, Certificate { claim: claim(), identity: ACCOUNT.public() });
    assert_eq!(Ok(certificate.fingerprint()), fingerprint(&ACCOUNT.public()));
}

#[test]
fn every_field_is_covered_by_the_signatures() {
    // Version, user, device, MLS key, created, sequence; then the two account keys.
    for at in [1, 17, 33, 65, 73, 80] {
        let mut changed = CERTIFICATE.clone();
        changed[at] ^= 1;
        assert_eq!(Certificate::verify(&changed), Err(CertificateError::Ed25519), "byte {at}");
    }
    let mut changed = CERTIFICATE.clone();
    changed[0] ^= 1;
    assert_eq!(Certificate::verify(&changed), Err(CertificateError::Malformed));
    for at in [81, 113] {
        let mut changed = CERTIFICATE.clone();
        changed[at] ^= 1;
        assert!(Certificate::verify(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn each_signature_is_needed() {
    let ed25519_at = CERTIFICATE.len() - 3_309 - 1;
    let mut changed = CERTIFICATE.clone();
    changed[ed25519_at - 40] ^= 1;
    assert_eq!(Certificate::verify(&changed), Err(CertificateError::Ed25519));
    let mut changed = CERTIFICATE.clone();
    changed[ed25519_at + 1] ^= 1;
    assert_eq!(Certificate::verify(&changed), Err(CertificateError::MlDsa65));
}

#[test]
fn one_signature_of_another_account_is_not_enough() {
    let other = AccountKeys::generate(&Provider::new([8; 32]));
    let foreign = other.certify(&claim());
    let (signed, signatures) = CERTIFICATE.split_at(CERTIFICATE.len() - 3_309 - 64);
    let foreign_signatures = &foreign[foreign.len() - 3_309 - 64..];
    let ed25519_foreign = [signed, &foreign_signatures[..64], &signatures[64..]].concat();
    assert_eq!(Certificate::verify(&ed25519_foreign), Err(CertificateError::Ed25519));
    let ml_dsa_foreign = [signed, &signatures[..64], &foreign_signatures[64..]].concat();
    assert_eq!(Certificate::verify(&ml_dsa_foreign), Err(CertificateError::MlDsa65));
}

#[test]
fn identities_of_wrong_lengths_have_no_fingerprint() {
    let mut identity = ACCOUNT.public();
    identity.ed25519.0.pop();
    assert_eq!(fingerprint(&identity), Err(CertificateError::Malformed));
}

proptest! {
    #[test]
    fn random_bytes_are_no_certificate(bytes in proptest::collection::vec(any::<u8>(), 0..6_000)) {
        prop_assert!(Certificate::verify(&bytes).is_err());
        prop_assert!(DeviceKeys::from_bytes(&[]).is_err());
    }

    #[test]
    fn certificate_with_changed_bytes_is_refused(at in 0..5_438usize, bit in 0..8u8) {
        let mut changed = CERTIFICATE.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(Certificate::verify(&changed).is_err());
    }

    #[test]
    fn cut_certificate_is_malformed(length in 0..5_438usize) {
        prop_assert_eq!(Certificate::verify(&CERTIFICATE[..length]), Err(CertificateError::Malformed));
    }
}
