//! The vault opens for the right key and user, and for nothing else.

use super::{open, seal};
use crate::identity::AccountKeys;
use crate::opaque::ExportKey;
use sotto_suite::Provider;
use sotto_wire::{Base64, UserId, limit};

const USER: UserId = UserId([7; 16]);

fn sealed() -> (AccountKeys, ExportKey, Base64) {
    let provider = Provider::new([1; 32]);
    let keys = AccountKeys::generate(&provider);
    let export_key = ExportKey::for_test([2; 64]);
    let vault = seal(&provider, &export_key, USER, &keys);
    (keys, export_key, vault)
}

#[test]
fn vault_opens_with_its_key_for_its_user() {
    let (keys, export_key, vault) = sealed();
    let opened = open(&export_key, USER, &vault).expect("its own key and user");
    assert_eq!(opened.to_bytes(), keys.to_bytes());
    assert!(vault.len() <= limit::VAULT_MAX_BYTES);
}

#[test]
fn vault_stays_closed_to_another_export_key() {
    let (_, _, vault) = sealed();
    let mut other = [2; 64];
    other[63] ^= 1;
    assert!(open(&ExportKey::for_test(other), USER, &vault).is_err());
}

#[test]
fn vault_of_one_user_stays_closed_for_another() {
    let (_, export_key, vault) = sealed();
    assert!(open(&export_key, UserId([8; 16]), &vault).is_err());
}

#[test]
fn vault_with_any_changed_or_missing_byte_stays_closed() {
    let (_, export_key, vault) = sealed();
    for at in 0..vault.len() {
        let mut changed = vault.clone();
        changed.0[at] ^= 0x40;
        assert!(open(&export_key, USER, &changed).is_err(), "byte {at} changed");
        assert!(open(&export_key, USER, &vault.0[..at].into()).is_err(), "cut at {at}");
    }
}

#[test]
fn two_vaults_of_the_same_keys_differ() {
    let provider = Provider::new([1; 32]);
    let keys = AccountKeys::generate(&provider);
    let export_key = ExportKey::for_test([2; 64]);
    assert_ne!(seal(&provider, &export_key, USER, &keys), seal(&provider, &export_key, USER, &keys));
}
