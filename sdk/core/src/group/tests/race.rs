//! Two commits for one epoch, late messages, and epochs that were missed.

use super::*;

#[test]
fn loser_of_an_epoch_follows_the_winner_and_commits_again() {
    let Pair { mut ada, mut bob, .. } = pair();
    let winning = ada.groups.update(CONVERSATION, ClientId([1; 16])).expect("ada's update");
    bob.groups.update(CONVERSATION, ClientId([2; 16])).expect("bob's update");
    let event = committed(ada.device(), &winning);
    assert_eq!(ada.follow(&event).map(|followed| followed.by), Ok(ada.device()));
    assert_eq!(bob.follow(&event).map(|followed| followed.by), Ok(ada.device()));
    assert!(bob.groups.pending(CONVERSATION).is_none());
    assert!(bob.groups.needs_update(CONVERSATION));
    let again = bob.update(3);
    ada.follow(&again).expect("bob's second try");
    assert_eq!((ada.groups.epoch(CONVERSATION), bob.groups.epoch(CONVERSATION)), (Some(3), Some(3)));
    talk(&mut ada, &mut bob);
}

#[test]
fn abandoned_commit_leaves_the_group_as_it_was() {
    let Pair { mut ada, mut bob, .. } = pair();
    bob.groups.update(CONVERSATION, ClientId([2; 16])).expect("bob's update");
    assert!(matches!(bob.groups.update(CONVERSATION, ClientId([3; 16])), Err(GroupError::CommitPending)));
    bob.groups.abandon(CONVERSATION);
    bob.persist_and_restart();
    assert!(bob.groups.pending(CONVERSATION).is_none());
    talk(&mut ada, &mut bob);
    let update = bob.update(4);
    ada.follow(&update).expect("a later update");
    talk(&mut ada, &mut bob);
}

#[test]
fn messages_flow_while_a_commit_is_pending() {
    let Pair { mut ada, mut bob, .. } = pair();
    let pending = bob.groups.update(CONVERSATION, ClientId([2; 16])).expect("bob's update");
    talk(&mut ada, &mut bob);
    let event = committed(bob.device(), &pending);
    bob.follow(&event).expect("own commit");
    ada.follow(&event).expect("bob's commit");
    talk(&mut ada, &mut bob);
}

#[test]
fn late_messages_open_from_two_epochs_before_and_not_from_three() {
    let Pair { mut ada, mut bob, .. } = pair();
    let events: Vec<MessageReceived> = (0..4).map(|n| ada.seal(&n.to_string(), n)).collect();
    for (n, epoch) in (2..=3).enumerate() {
        let update = ada.update(0x20 + n as u8);
        bob.follow(&update).expect("ada's update");
        bob.persist_and_restart();
        assert_eq!(bob.groups.epoch(CONVERSATION), Some(epoch));
        let opened = bob.open(&events[n]);
        assert_eq!(opened.map(|opened| (opened.epoch, opened.sender)), Ok((1, ada.device())));
        assert_eq!(bob.open(&events[n]), Err(Unreadable::Repeated));
    }
    let update = ada.update(0x30);
    bob.follow(&update).expect("ada's update");
    assert_eq!(bob.open(&events[3]), Err(Unreadable::EpochGone));
}

#[test]
fn secrets_of_old_epochs_leave_the_disk() {
    let Pair { mut ada, mut bob, .. } = pair();
    for n in 0..6 {
        let update = ada.update(n);
        bob.follow(&update).expect("ada's update");
    }
    // About, state, tree, and two epochs before.
    assert_eq!(bob.rows(Table::Group).len(), 5);
    assert_eq!(ada.rows(Table::Group).len(), 5);
}

#[test]
fn missed_commit_shows_as_an_epoch_ahead() {
    let Pair { mut ada, mut bob, .. } = pair();
    ada.update(1);
    let message = ada.seal("ahead", 2);
    assert_eq!(bob.open(&message), Err(Unreadable::EpochAhead));
    let second = ada.update(3);
    assert_eq!(bob.follow(&second), Err(Unreadable::EpochAhead));
}
