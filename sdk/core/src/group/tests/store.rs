//! The local store: a group goes on from its rows at every step, and a step writes little.

use super::*;

#[test]
fn group_survives_a_restart_at_every_step() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut ada, mut bob) = (ada_account.device(1), bob_account.device(1));
    let claimed = bob.claim();
    bob.persist_and_restart();
    let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[claimed], NOW).expect("a group");
    ada.persist_and_restart();
    let event = welcomed(ada.device(), &[&ada_account, &bob_account], &created);
    bob.groups.join(&event, &created.state.ratchet_tree).expect("an invitation");
    bob.persist_and_restart();
    assert!(bob.groups.needs_update(CONVERSATION));
    for round in 0..3 {
        let there = ada.seal("there", round);
        ada.restart();
        assert!(bob.open(&there).is_ok());
        bob.restart();
        let back = bob.seal("back", round);
        bob.restart();
        assert!(ada.open(&back).is_ok());
        ada.restart();
    }
    let pending = bob.groups.update(CONVERSATION, ClientId([9; 16])).expect("an update");
    bob.persist_and_restart();
    assert_eq!(bob.groups.pending(CONVERSATION), Some(pending.clone()));
    assert_eq!(bob.groups.confirm(CONVERSATION).ok().map(|followed| followed.epoch), Some(2));
    bob.persist_and_restart();
    assert!(!bob.groups.needs_update(CONVERSATION));
    ada.follow(&committed(bob.device(), &pending)).expect("bob's update");
    ada.restart();
    talk(&mut ada, &mut bob);
}

#[test]
fn message_writes_less_than_4_kb() {
    let Pair { mut ada, mut bob, .. } = pair();
    let update = bob.update(1);
    ada.follow(&update).expect("bob's update");
    let mut most = 0;
    for n in 0..20 {
        let client_id = ClientId([n; 16]);
        let sealed = ada.groups.seal(CONVERSATION, TEXT, client_id, &[n; 1_000]).expect("a sealed message");
        let sealing = ada.persist();
        bob.groups.open(&message(ada.device(), client_id, sealed)).expect("ada's message");
        most = most.max(sealing).max(bob.persist());
    }
    assert!((500..4_096).contains(&most), "{most} bytes");
}

#[test]
fn what_was_not_persisted_can_be_taken_again() {
    let Pair { mut ada, mut bob, .. } = pair();
    let (message, update) = (ada.seal("again", 1), ada.update(2));
    assert!(bob.groups.open(&message).is_ok());
    bob.restart();
    assert!(bob.groups.open(&message).is_ok());
    assert!(bob.groups.follow(&update).is_ok());
    bob.restart();
    assert!(bob.groups.open(&message).is_ok());
    assert!(bob.groups.follow(&update).is_ok());
    bob.persist_and_restart();
    talk(&mut ada, &mut bob);
}

#[test]
fn dropped_group_leaves_no_row() {
    let Pair { mut ada, .. } = pair();
    ada.update(1);
    ada.groups.update(CONVERSATION, ClientId([2; 16])).expect("an update");
    ada.persist();
    ada.groups.drop_group(CONVERSATION);
    ada.persist();
    assert_eq!(ada.rows(Table::Group), Vec::new());
    assert!(!ada.groups.is_loaded(CONVERSATION));
}

#[test]
fn group_without_rows_is_not_there() {
    let mut ada = Account::new("ada").device(1);
    assert!(matches!(ada.groups.load(CONVERSATION, Vec::new()), Ok(false)));
    assert!(!ada.groups.is_loaded(CONVERSATION));
}

#[test]
fn damaged_rows_are_an_error_and_no_group() {
    let Pair { ada, .. } = pair();
    let rows = ada.rows(Table::Group);
    for n in 0..rows.len() {
        let mut missing = rows.clone();
        missing.remove(n);
        let mut fresh = Device::new(ada.keys.clone(), 1);
        assert!(fresh.groups.load(CONVERSATION, missing).is_err(), "without row {n}");
        let mut cut = rows.clone();
        cut[n].value = cut[n].value.slice(..cut[n].value.len() / 2);
        assert!(fresh.groups.load(CONVERSATION, cut).is_err(), "row {n} cut");
        assert!(!fresh.groups.is_loaded(CONVERSATION));
    }
}

#[test]
fn failed_calls_write_nothing() {
    let Pair { mut ada, mut bob, .. } = pair();
    let mut event = ada.seal("hello", 1);
    event.ciphertext.0.truncate(100);
    assert!(bob.groups.open(&event).is_err());
    let mut update = ada.update(2);
    update.commit.0.truncate(200);
    assert!(bob.groups.follow(&update).is_err());
    assert_eq!(bob.groups.take_writes(), super::super::Writes::default());
}
