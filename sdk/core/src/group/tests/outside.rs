//! Joining from outside: the one way of a device that has lost, or never had, the group's keys.

use super::*;
use crate::group::config;
use crate::group::storage::Shelf;
use mls_rs::group::ExportedTree;
use mls_rs::{ExtensionList, MlsMessage};

/// Rejoins at the server's state and is accepted; gives the event.
fn rejoin(device: &mut Device, state: &GroupState, people: &[&Account]) -> (ConversationCommitted, GroupState) {
    let pending = device.groups.rejoin(CONVERSATION, &loaded(state, people), ClientId([0xEE; 16])).expect("a rejoin");
    device.persist();
    device.groups.confirm(CONVERSATION).expect("own commit");
    device.persist();
    (committed(device.device(), &pending), pending.state)
}

/// A commit from outside that is made with no regard for the rules.
fn wild_rejoin(device: &Device, state: &GroupState, remove: Option<u32>, leaf: ExtensionList) -> ConversationCommitted {
    let groups = &device.groups;
    let client = config::client(&groups.provider, &device.keys, &groups.keys, &Shelf::default());
    let client_id = ClientId([0xDD; 16]);
    let mut builder = client
        .external_commit_builder()
        .expect("a builder")
        .with_tree_data(ExportedTree::from_bytes(state.ratchet_tree.as_slice()).expect("a tree"))
        .with_leaf_node_extensions(leaf)
        .with_authenticated_data(client_id.0.to_vec());
    if let Some(index) = remove {
        builder = builder.with_removal(index);
    }
    let info = MlsMessage::from_bytes(state.group_info.as_slice()).expect("a group info");
    let (group, commit) = builder.build(info).expect("mls itself allows it");
    ConversationCommitted {
        cursor: cursor(),
        conversation: CONVERSATION,
        sender: device.device(),
        client_id,
        epoch: group.current_epoch(),
        commit: commit.to_bytes().expect("bytes").into(),
        sent_at: NOW,
    }
}

#[test]
fn new_device_takes_the_place_of_the_stale_one_and_both_talk() {
    let pair = pair();
    let mut second = pair.bob_account.device(2);
    let (event, state) = rejoin(&mut second, &pair.state, &pair.people());
    assert_eq!(state.members, vec![pair.ada.device(), second.device()]);
    let mut ada = pair.ada;
    let expected = Followed {
        by: second.device(),
        epoch: 2,
        added: vec![second.device()],
        removed: vec![pair.bob.device()],
        amended: None,
        invite: None,
    };
    assert_eq!(ada.follow(&event), Ok(expected));
    ada.restart();
    second.restart();
    assert_eq!(second.members(), state.members);
    assert!(!second.groups.needs_update(CONVERSATION));
    talk(&mut ada, &mut second);
    talk(&mut second, &mut ada);
}

#[test]
fn replaced_device_loses_the_group() {
    let Pair { ada_account, bob_account, mut bob, state, .. } = pair();
    let (event, _) = rejoin(&mut bob_account.device(2), &state, &[&ada_account, &bob_account]);
    let followed = bob.follow(&event).expect("the own account's new device");
    assert_eq!(followed.removed, vec![bob.device()]);
    assert!(!bob.groups.is_loaded(CONVERSATION));
    assert_eq!(bob.rows(Table::Group), Vec::new());
}

#[test]
fn device_that_missed_a_commit_repairs_itself() {
    let pair = pair();
    let people = [&pair.ada_account, &pair.bob_account];
    let (mut ada, mut bob) = (pair.ada, pair.bob);
    let pending = ada.groups.update(CONVERSATION, ClientId([1; 16])).expect("an update");
    ada.groups.confirm(CONVERSATION).expect("own commit");
    let unseen = ada.seal("unseen", 2);
    assert_eq!(bob.open(&unseen), Err(Unreadable::EpochAhead));
    let (event, _) = rejoin(&mut bob, &pending.state, &people);
    let followed = ada.follow(&event).expect("bob is back");
    assert_eq!((followed.added, followed.removed), (Vec::new(), Vec::new()));
    assert_eq!(bob.open(&unseen), Err(Unreadable::BeforeJoining));
    talk(&mut ada, &mut bob);
}

#[test]
fn group_is_read_on_while_a_rejoin_is_pending() {
    let pair = pair();
    let people = [&pair.ada_account, &pair.bob_account];
    let (mut ada, mut bob) = (pair.ada, pair.bob);
    let pending = bob.groups.rejoin(CONVERSATION, &loaded(&pair.state, &people), ClientId([1; 16])).expect("a rejoin");
    bob.persist_and_restart();
    assert_eq!(bob.groups.pending(CONVERSATION), Some(pending.clone()));
    let event = ada.seal("still", 2);
    assert!(bob.open(&event).is_ok());
    let event = committed(bob.device(), &pending);
    assert_eq!(bob.follow(&event).map(|followed| followed.epoch), Ok(2));
    ada.follow(&event).expect("bob's rejoin");
    talk(&mut ada, &mut bob);
}

#[test]
fn rejoin_that_lost_its_epoch_is_thrown_away_and_made_anew() {
    let Pair { ada_account, bob_account, mut ada, state, .. } = pair();
    let people = [&ada_account, &bob_account];
    let mut second = bob_account.device(2);
    second.groups.rejoin(CONVERSATION, &loaded(&state, &people), ClientId([1; 16])).expect("a rejoin");
    second.persist();
    let winning = ada.groups.update(CONVERSATION, ClientId([2; 16])).expect("an update");
    ada.groups.confirm(CONVERSATION).expect("own commit");
    assert_eq!(second.follow(&committed(ada.device(), &winning)), Err(Unreadable::EpochAhead));
    assert!(!second.groups.is_loaded(CONVERSATION));
    assert_eq!(second.rows(Table::Group), Vec::new());
    let (event, _) = rejoin(&mut second, &winning.state, &people);
    ada.follow(&event).expect("bob's second device");
    talk(&mut ada, &mut second);
}

#[test]
fn late_message_of_a_replaced_device_passes_for_nobodys() {
    let Pair { ada_account, bob_account, mut ada, mut bob, state } = pair();
    let late = bob.seal("late", 1);
    let mut second = bob_account.device(2);
    let (event, _) = rejoin(&mut second, &state, &[&ada_account, &bob_account]);
    ada.follow(&event).expect("bob's second device");
    // The second device sits on the leaf of the first. What the first sent stands in the log before it was replaced.
    let mut stolen = late.clone();
    stolen.sender = second.device();
    assert_eq!(ada.open(&stolen), Err(Unreadable::NotAuthentic));
    assert_eq!(ada.open(&late), Err(Unreadable::NotAuthentic));
    talk(&mut ada, &mut second);
}

#[test]
fn stranger_cannot_join_from_outside() {
    let Pair { mut ada, mut bob, state, .. } = pair();
    let carol = Account::new("carol").device(1);
    let event = wild_rejoin(&carol, &state, None, config::leaf_extensions(&carol.keys));
    assert_eq!(ada.follow(&event), Err(Unreadable::Refused(Refusal::Stranger)));
    talk(&mut ada, &mut bob);
}

#[test]
fn second_device_cannot_join_without_replacing_the_first() {
    let Pair { bob_account, mut ada, mut bob, state, .. } = pair();
    let second = bob_account.device(2);
    let event = wild_rejoin(&second, &state, None, config::leaf_extensions(&second.keys));
    assert_eq!(ada.follow(&event), Err(Unreadable::Refused(Refusal::NotAReplacement)));
    talk(&mut ada, &mut bob);
}

#[test]
fn older_device_cannot_replace_a_newer_one() {
    let Pair { ada_account, bob_account, mut ada, mut bob, state } = pair();
    let (mut second, people) = (bob_account.device(2), [&ada_account, &bob_account]);
    let (event, state) = rejoin(&mut second, &state, &people);
    ada.follow(&event).expect("bob's second device");
    bob.groups.drop_group(CONVERSATION);
    let pending = bob.groups.rejoin(CONVERSATION, &loaded(&state, &people), ClientId([1; 16])).expect("it may try");
    let refused = ada.follow(&committed(bob.device(), &pending));
    assert_eq!(refused, Err(Unreadable::Refused(Refusal::NotAReplacement)));
    talk(&mut ada, &mut second);
}

#[test]
fn older_device_does_not_drive_a_newer_one_out() {
    let Pair { ada_account, bob_account, mut ada, bob, state } = pair();
    let (mut second, people) = (bob_account.device(2), [&ada_account, &bob_account]);
    let (event, state) = rejoin(&mut second, &state, &people);
    ada.follow(&event).expect("bob's second device");
    let event = wild_rejoin(&bob, &state, Some(1), config::leaf_extensions(&bob.keys));
    assert_eq!(second.follow(&event), Err(Unreadable::Refused(Refusal::NotAReplacement)));
    talk(&mut ada, &mut second);
}

#[test]
fn refused_takeover_is_not_had_by_way_of_a_rejoin() {
    let Pair { ada_account, bob_account, mut ada, mut bob, state } = pair();
    let (mut second, people) = (bob_account.device(2), [&ada_account, &bob_account]);
    let (event, state) = rejoin(&mut second, &state, &people);
    ada.follow(&event).expect("bob's second device");
    bob.groups.drop_group(CONVERSATION);
    // Bob's first device, stolen, takes the place of the second, and the server publishes that.
    let takeover = bob.groups.rejoin(CONVERSATION, &loaded(&state, &people), ClientId([1; 16])).expect("it may try");
    assert!(ada.follow(&committed(bob.device(), &takeover)).is_err());
    let people = [&bob_account, &ada_account];
    let rejoined = ada.groups.rejoin(CONVERSATION, &loaded(&takeover.state, &people), ClientId([2; 16]));
    assert!(matches!(rejoined, Err(GroupError::Refused(Refusal::NotAReplacement))), "{rejoined:?}");
    talk(&mut ada, &mut second);
}

#[test]
fn leaf_without_a_valid_certificate_cannot_join_from_outside() {
    let Pair { bob_account, mut ada, mut bob, state, .. } = pair();
    let second = bob_account.device(2);
    let leaf = ExtensionList::default();
    let event = wild_rejoin(&second, &state, Some(1), leaf);
    assert_eq!(ada.follow(&event), Err(Unreadable::Refused(Refusal::CertificateMissing)));
    for (keys, refusal) in super::trust::forgeries(&bob_account) {
        let liar = Device::new(keys, 9);
        let event = wild_rejoin(&liar, &state, Some(1), config::leaf_extensions(&liar.keys));
        assert_eq!(ada.follow(&event), Err(Unreadable::Refused(refusal)));
    }
    talk(&mut ada, &mut bob);
}

#[test]
fn device_without_a_leaf_of_its_user_cannot_rejoin() {
    let Pair { ada_account, bob_account, state, .. } = pair();
    let carol_account = Account::new("carol");
    let people = [&ada_account, &bob_account];
    let rejoined = carol_account.device(1).groups.rejoin(CONVERSATION, &loaded(&state, &people), ClientId([1; 16]));
    assert!(matches!(rejoined, Err(GroupError::NothingToReplace)), "{rejoined:?}");
}

#[test]
fn published_state_of_another_group_is_refused() {
    let Pair { ada_account, bob_account, state, .. } = pair();
    let mut second = bob_account.device(2);
    let other = ConversationId([0xC1; 16]);
    let rejoined = second.groups.rejoin(other, &loaded(&state, &[&ada_account, &bob_account]), ClientId([1; 16]));
    assert!(matches!(rejoined, Err(GroupError::Refused(Refusal::WrongGroup))), "{rejoined:?}");
}

#[test]
fn published_state_with_a_changed_byte_is_refused() {
    let Pair { ada_account, bob_account, state, .. } = pair();
    let people = [&ada_account, &bob_account];
    let mut second = bob_account.device(2);
    for at in [30, 200, 1_300] {
        let mut changed = state.clone();
        changed.group_info.0[at] ^= 1;
        let rejoined = second.groups.rejoin(CONVERSATION, &loaded(&changed, &people), ClientId([1; 16]));
        assert!(rejoined.is_err(), "group info byte {at}");
    }
    for at in [100, 3_000, 9_000] {
        let mut changed = state.clone();
        changed.ratchet_tree.0[at] ^= 1;
        let rejoined = second.groups.rejoin(CONVERSATION, &loaded(&changed, &people), ClientId([1; 16]));
        assert!(rejoined.is_err(), "tree byte {at}");
    }
    assert_eq!(second.groups.take_writes(), super::super::Writes::default());
}
