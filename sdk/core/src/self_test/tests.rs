//! The checks hold here, and each would notice a machine that computes something else.

use super::*;

const SEED: [u8; 32] = [7; 32];

fn suite() -> Suite {
    Provider::new(SEED).cipher_suite_provider(SUITE).expect("the provider knows its own suite")
}

#[test]
fn every_check_holds_on_a_machine_that_works() {
    for check in Check::ALL {
        assert_eq!(check.run(SEED), Ok(()), "{check:?}");
    }
}

#[test]
fn a_known_answer_that_differs_in_one_bit_is_noticed() {
    let suite = suite();
    let mut derivation = KEY_DERIVATION;
    derivation.key[0] ^= 1;
    assert_eq!(derivation.check(&suite), Err(Broken));
    let mut cipher = CIPHER;
    cipher.sealed[35] ^= 1;
    assert_eq!(cipher.check(&suite), Err(Broken));
    let mut signature = SIGNATURE;
    signature.signature[0] ^= 1;
    assert_eq!(signature.check(&suite), Err(Broken));
    let mut agreement = KEY_AGREEMENT;
    agreement.secret[31] ^= 1;
    assert_eq!(agreement.check(), Err(Broken));
    assert_eq!(same(&suite.hash(b"abd").expect("a hash"), &ABC), Err(Broken));
}

#[test]
fn what_must_be_refused_and_is_taken_is_noticed() {
    assert_eq!(refused(Ok::<_, Broken>(())), Err(Broken));
    assert_eq!(refused(Err::<(), _>(Broken)), Ok(()));
    assert_ne!(changed(&[0; 5]), [0; 5]);
}

#[test]
fn devices_of_a_pair_open_a_message_once_and_only_unchanged() {
    let mut pair = Pair::new(SEED).expect("a pair");
    let message = pair.seal(b"hello").expect("sealed");
    assert_eq!(pair.open(&message), Ok(b"hello".to_vec()));
    assert_eq!(pair.open(&message), Err(Broken));
    pair.update().expect("a fresh key");
    let next = pair.seal(b"again").expect("sealed");
    assert_eq!(next.epoch, message.epoch + 1);
    assert_eq!(pair.open(&next), Ok(b"again".to_vec()));
}
