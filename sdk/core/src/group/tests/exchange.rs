//! Creating, joining, talking, moving on.

use super::*;

#[test]
fn two_devices_create_join_and_talk_both_ways() {
    let Pair { mut ada, mut bob, state, .. } = pair();
    assert_eq!((ada.groups.epoch(CONVERSATION), bob.groups.epoch(CONVERSATION)), (Some(1), Some(1)));
    assert_eq!(state.members, vec![ada.device(), bob.device()]);
    assert_eq!(bob.members(), state.members);
    let event = ada.seal("hello", 7);
    let expected = Opened { sender: ada.device(), epoch: 1, kind: TEXT, plaintext: b"hello".to_vec() };
    assert_eq!(bob.open(&event), Ok(expected));
    talk(&mut bob, &mut ada);
}

#[test]
fn notes_are_a_group_of_one_device() {
    let account = Account::new("ada");
    let mut ada = account.device(1);
    let created = ada.groups.create(CONVERSATION, &[], &[], NOW).expect("a group");
    assert_eq!((created.welcome.is_none(), created.state.epoch), (true, 0));
    assert_eq!(created.state.members, vec![ada.device()]);
    assert!(ada.groups.seal(CONVERSATION, TEXT, ClientId([1; 16]), b"note").is_ok());
}

#[test]
fn welcome_goes_without_the_tree() {
    let mut pair = pair();
    // The tree holds two leaves of more than 5 kB; neither the GroupInfo nor anything before it carries it.
    assert!(pair.state.group_info.len() < 2_500, "{} bytes", pair.state.group_info.len());
    assert!(pair.state.ratchet_tree.len() > 10_000);
    talk(&mut pair.ada, &mut pair.bob);
}

#[test]
fn joiner_updates_once_and_creator_follows() {
    let Pair { mut ada, mut bob, .. } = pair();
    assert_eq!((ada.groups.needs_update(CONVERSATION), bob.groups.needs_update(CONVERSATION)), (false, true));
    let event = bob.update(1);
    assert!(!bob.groups.needs_update(CONVERSATION));
    let expected =
        Followed { by: bob.device(), epoch: 2, added: Vec::new(), removed: Vec::new(), amended: None, invite: None };
    assert_eq!(ada.follow(&event), Ok(expected));
    talk(&mut ada, &mut bob);
}

#[test]
fn own_commit_confirms_itself_by_coming_back() {
    let Pair { mut ada, mut bob, .. } = pair();
    let pending = bob.groups.update(CONVERSATION, ClientId([1; 16])).expect("an update");
    let event = committed(bob.device(), &pending);
    assert_eq!(bob.follow(&event).map(|followed| followed.epoch), Ok(2));
    assert_eq!(bob.groups.confirm(CONVERSATION).ok().map(|followed| followed.epoch), Some(2));
    assert_eq!(bob.follow(&event), Err(Unreadable::Repeated));
    ada.follow(&event).expect("bob's commit");
    talk(&mut ada, &mut bob);
}

#[test]
fn own_message_is_told_apart() {
    let Pair { mut ada, .. } = pair();
    let event = ada.seal("mine", 1);
    assert_eq!(ada.open(&event), Err(Unreadable::Own));
}

#[test]
fn messages_are_padded() {
    let Pair { mut ada, .. } = pair();
    let lengths: Vec<usize> = ["a", "abcdefghij"].map(|text| ada.seal(text, 1).ciphertext.len()).to_vec();
    assert_eq!(lengths[0], lengths[1]);
}

#[test]
fn last_resort_package_can_be_joined_with_twice_and_a_one_time_package_once() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let mut bob = bob_account.device(1);
    let last_resort = bob.groups.last_resort(NOW).expect("a last resort");
    let one_time = bob.claim().key_package;
    bob.persist();
    let mut invite = |sequence: u8, key_package: &Base64| {
        let mut ada = ada_account.device(sequence);
        let claimed = ClaimedKey { owner: bob.device(), key_package: key_package.clone() };
        let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[claimed], NOW).expect("a group");
        let event = welcomed(ada.device(), &[&ada_account, &bob_account], &created);
        let joined = bob.groups.join(&event, &created.state.ratchet_tree);
        bob.persist_and_restart();
        bob.groups.drop_group(CONVERSATION);
        bob.persist();
        joined.map(|joined| joined.epoch)
    };
    assert_eq!(invite(1, &last_resort).ok(), Some(1));
    assert_eq!(invite(2, &last_resort).ok(), Some(1));
    assert_eq!(invite(3, &one_time).ok(), Some(1));
    assert!(matches!(invite(4, &one_time), Err(GroupError::KeyPackageMissing)));
}

#[test]
fn last_resort_before_the_newest_stays_usable_and_older_ones_go() {
    let mut bob = Account::new("bob").device(1);
    for month in 0..4 {
        bob.groups.last_resort(NOW.after(Millis(month * 30 * 86_400_000))).expect("a last resort");
        bob.persist();
    }
    assert_eq!(bob.rows(Table::KeyPackage).len(), 2);
}

#[test]
fn secrets_of_key_packages_that_nobody_used_are_bounded() {
    let mut bob = Account::new("bob").device(1);
    for day in 0..5 {
        let packages = bob.groups.key_packages(50, NOW.after(Millis(day * 86_400_000))).expect("key packages");
        assert_eq!(packages.len(), 50);
        bob.persist();
    }
    assert_eq!(bob.rows(Table::KeyPackage).len(), 200);
}

#[test]
fn equal_seeds_and_calls_give_equal_bytes() {
    let run = || {
        let Pair { mut ada, mut bob, state, .. } = pair();
        let message = ada.seal("hello", 7);
        let update = bob.groups.update(CONVERSATION, ClientId([1; 16])).expect("an update");
        (state, message, update)
    };
    assert_eq!(run(), run());
}

#[test]
fn expired_key_package_is_refused_by_who_would_add_it() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut ada, mut bob) = (ada_account.device(1), bob_account.device(1));
    let claimed = bob.claim();
    let later = NOW.after(Millis(366 * 86_400_000));
    let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[claimed], later);
    assert!(matches!(created, Err(GroupError::Mls(_))), "{created:?}");
    assert!(!ada.groups.is_loaded(CONVERSATION));
}
