//! E2: a message opens only as what it was sealed as, where, when and by whom, and only once.

use super::*;

/// Opens a changed copy of a message, then the true one: the liar must not get through nor spoil it.
fn refused(change: impl FnOnce(&mut MessageReceived)) -> Unreadable {
    let Pair { mut ada, mut bob, .. } = pair();
    let event = ada.seal("hello", 7);
    let mut changed = event.clone();
    change(&mut changed);
    assert_ne!(changed, event);
    let unreadable = bob.open(&changed).expect_err("a changed message");
    assert_eq!(bob.open(&event).map(|opened| opened.plaintext), Ok(b"hello".to_vec()), "the true one after it");
    unreadable
}

#[test]
fn changed_client_id_is_refused() {
    assert_eq!(refused(|event| event.client_id.0[3] ^= 1), Unreadable::NotAuthentic);
}

#[test]
fn changed_sender_is_refused() {
    assert_eq!(refused(|event| event.sender.device.0[3] ^= 1), Unreadable::NotAuthentic);
}

#[test]
fn changed_sending_user_is_refused() {
    assert_eq!(refused(|event| event.sender.user.0[3] ^= 1), Unreadable::NotAuthentic);
}

#[test]
fn changed_epoch_is_refused() {
    assert_eq!(refused(|event| event.epoch = 0), Unreadable::NotAuthentic);
}

#[test]
fn changed_conversation_is_refused() {
    assert_eq!(refused(|event| event.conversation.0[3] ^= 1), Unreadable::NotLoaded);
}

#[test]
fn changed_kind_is_refused() {
    // The kind stands in clear before the client id, inside what is authenticated.
    let refused = refused(|event| {
        let sealed_id = [7; 16];
        let at = event.ciphertext.0.windows(16).position(|window| window == sealed_id).expect("the id is in clear");
        assert_eq!(event.ciphertext.0[at - 1], TEXT);
        event.ciphertext.0[at - 1] = TEXT + 1;
    });
    assert_eq!(refused, Unreadable::NotAuthentic);
}

#[test]
fn id_changed_inside_and_outside_alike_is_refused() {
    let refused = refused(|event| {
        let at = event.ciphertext.0.windows(16).position(|window| window == [7; 16]).expect("the id is in clear");
        event.ciphertext.0[at..at + 16].fill(8);
        event.client_id = ClientId([8; 16]);
    });
    assert_eq!(refused, Unreadable::NotAuthentic);
}

#[test]
fn every_changed_byte_of_the_ciphertext_is_refused() {
    let Pair { mut ada, mut bob, .. } = pair();
    let event = ada.seal("hello", 7);
    for at in 0..event.ciphertext.len() {
        let mut changed = event.clone();
        changed.ciphertext.0[at] ^= 1;
        assert!(bob.open(&changed).is_err(), "byte {at}");
    }
    assert_eq!(bob.open(&event).map(|opened| opened.plaintext), Ok(b"hello".to_vec()));
}

#[test]
fn message_of_one_conversation_does_not_open_in_another() {
    let Pair { mut ada, mut bob, .. } = pair();
    let other = ConversationId([0xC1; 16]);
    bob.groups.create(other, &[], &[], NOW).expect("notes");
    let mut event = ada.seal("hello", 7);
    event.conversation = other;
    assert_eq!(bob.open(&event), Err(Unreadable::NotAuthentic));
}

#[test]
fn repeated_message_is_refused() {
    let Pair { mut ada, mut bob, .. } = pair();
    let (first, second) = (ada.seal("one", 1), ada.seal("two", 2));
    assert!(bob.open(&first).is_ok());
    assert_eq!(bob.open(&first), Err(Unreadable::Repeated));
    assert!(bob.open(&second).is_ok());
    assert_eq!(bob.open(&first), Err(Unreadable::Repeated));
}

#[test]
fn repeated_message_is_refused_after_a_restart_and_in_later_epochs() {
    let Pair { mut ada, mut bob, .. } = pair();
    let first = ada.seal("one", 1);
    assert!(bob.open(&first).is_ok());
    bob.persist_and_restart();
    assert_eq!(bob.open(&first), Err(Unreadable::Repeated));
    let update = ada.update(2);
    bob.follow(&update).expect("ada's update");
    assert_eq!(bob.open(&first), Err(Unreadable::Repeated));
}

#[test]
fn messages_out_of_order_open_each_once() {
    let Pair { mut ada, mut bob, .. } = pair();
    let events: Vec<MessageReceived> = (0..5).map(|n| ada.seal(&n.to_string(), n)).collect();
    for n in [3, 0, 4, 1, 2] {
        assert_eq!(bob.open(&events[n]).map(|opened| opened.plaintext), Ok(n.to_string().into_bytes()));
    }
    assert_eq!(bob.open(&events[0]), Err(Unreadable::Repeated));
}

#[test]
fn changed_commit_is_refused_and_the_true_one_followed() {
    let Pair { mut ada, mut bob, .. } = pair();
    let event = bob.update(1);
    let changes: [fn(&mut ConversationCommitted); 5] = [
        |event| event.client_id.0[0] ^= 1,
        |event| event.sender.device.0[0] ^= 1,
        |event| event.epoch += 1,
        |event| *event.commit.0.last_mut().expect("bytes") ^= 1,
        |event| event.commit.0[40] ^= 1,
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut changed = event.clone();
        change(&mut changed);
        assert_eq!(ada.follow(&changed), Err(Unreadable::NotAuthentic), "change {n}");
    }
    assert_eq!(ada.follow(&event).map(|followed| followed.epoch), Ok(2));
    talk(&mut ada, &mut bob);
}

#[test]
fn message_does_not_pass_for_a_commit_nor_a_commit_for_a_message() {
    let Pair { mut ada, mut bob, .. } = pair();
    let sent = bob.seal("hello", 1);
    let as_commit = ConversationCommitted {
        cursor: cursor(),
        conversation: CONVERSATION,
        sender: bob.device(),
        client_id: sent.client_id,
        epoch: sent.epoch + 1,
        commit: sent.ciphertext.clone(),
        sent_at: NOW,
    };
    assert_eq!(ada.follow(&as_commit), Err(Unreadable::NotAuthentic));
    let update = bob.update(2);
    let as_message = MessageReceived { ciphertext: update.commit.clone(), client_id: update.client_id, ..sent.clone() };
    assert_eq!(ada.open(&as_message), Err(Unreadable::NotAuthentic));
    assert!(ada.open(&sent).is_ok());
    assert!(ada.follow(&update).is_ok());
}

#[test]
fn tree_larger_than_its_people_can_make_it_is_not_even_read() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut ada, mut bob) = (ada_account.device(1), bob_account.device(1));
    let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[bob.claim()], NOW).expect("a group");
    let event = welcomed(ada.device(), &[&ada_account, &bob_account], &created);
    let mut state = created.state.clone();
    state.ratchet_tree.0.resize(2 * 64 * 1_024 + 1, 0);
    let joined = bob.groups.join(&event, &state.ratchet_tree);
    assert!(matches!(joined, Err(GroupError::Refused(Refusal::TooLarge))), "{joined:?}");
    let people = [&ada_account, &bob_account];
    let rejoined = bob_account.device(2).groups.rejoin(CONVERSATION, &loaded(&state, &people), ClientId([1; 16]));
    assert!(matches!(rejoined, Err(GroupError::Refused(Refusal::TooLarge))), "{rejoined:?}");
    bob.groups.join(&event, &created.state.ratchet_tree).expect("the true one");
}

#[test]
fn sender_who_skips_on_and_on_does_not_fill_the_store() {
    let Pair { mut ada, mut bob, .. } = pair();
    let mut read = Vec::new();
    loop {
        (0..1_000).for_each(|_| drop(ada.groups.seal(CONVERSATION, TEXT, ClientId([1; 16]), b"skipped")));
        let event = ada.seal("next", 2);
        match bob.groups.open(&event) {
            Ok(_) => read.push(event),
            Err(unreadable) => {
                assert_eq!(unreadable, Unreadable::NotAuthentic);
                break;
            }
        }
        let written = bob.groups.take_writes().puts;
        assert!(written.iter().map(|record| record.value.len()).sum::<usize>() <= 512 * 1_024);
    }
    assert!(read.len() >= 8, "{} gaps were allowed", read.len());
    // Nothing of the refused step is kept: what was read stays read, and the group goes on at the next epoch.
    assert_eq!(bob.groups.open(&read[0]), Err(Unreadable::Repeated));
    let event = bob.update(3);
    ada.follow(&event).expect("bob's commit");
    talk(&mut ada, &mut bob);
}
