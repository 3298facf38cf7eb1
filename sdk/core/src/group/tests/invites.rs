//! Joining a group by a link: with its secret and nothing else, while it lives.

use super::many::{ADA, BOB, CAROL, DAN, Many, many};
use super::*;
use crate::group::card::Card;
use crate::group::charter::Invite;
use crate::group::invite::InviteSecret;
use crate::group::trust::Refusal;

const SECRET: [u8; 32] = [0x5E; 32];

fn secret() -> InviteSecret {
    InviteSecret::new(SECRET)
}

fn card(secrets: &[InviteSecret]) -> Card {
    Card { salt: Base64(vec![3; 32]), name: "Kites".to_owned(), invites: secrets.to_vec(), ..Card::default() }
}

/// A group with a live invite, whose card all of `knowing` have.
fn inviting(uses_max: u32, expires_at: Millis, knowing: &[usize]) -> Many {
    let mut many = many();
    let card = card(&[secret()]);
    let by = many.accounts[BOB].user;
    let pending = many.amend(BOB, |charter| {
        charter.card = card.hash();
        charter.invites.push(Invite { id: secret().id(), expires_at, uses_max, by });
    });
    let pending = pending.expect("an admin may");
    many.take(BOB, &pending, &[ADA, CAROL, DAN]);
    for device in knowing {
        assert!(many.devices[*device].groups.learn(CONVERSATION, &card));
        many.devices[*device].persist_and_restart();
    }
    many
}

fn later() -> Millis {
    NOW.after(Millis(60_000))
}

/// Somebody new joins by `secret`; gives what the others are told.
fn join(many: &mut Many, name: &str, secret: &InviteSecret) -> (usize, PendingCommit, ConversationCommitted) {
    let joiner = many.newcomer(name);
    let device = &mut many.devices[joiner];
    let pending = device.groups.join_by_invite(CONVERSATION, &many.state, secret, ClientId([0x66; 16]));
    let pending = pending.expect("mls itself allows it");
    device.persist_and_restart();
    let event = committed(device.device(), &pending);
    (joiner, pending, event)
}

#[test]
fn who_has_the_link_joins_with_nobody_online() {
    let mut many = inviting(1, later(), &[ADA, BOB, CAROL, DAN]);
    let (eve, pending, event) = join(&mut many, "eve", &secret());
    let followed = many.devices[eve].groups.confirm(CONVERSATION).expect("its own commit");
    many.devices[eve].persist_and_restart();
    assert_eq!((followed.added.clone(), followed.invite), (vec![many.devices[eve].device()], Some(secret().id())));
    assert_eq!(pending.beside.invite.as_ref().map(InviteSecret::access), Some(secret().access()));
    for device in [ADA, BOB, CAROL, DAN] {
        assert_eq!(many.devices[device].follow(&event), Ok(followed.clone()));
        many.devices[device].persist_and_restart();
        assert_eq!(many.devices[device].groups.uses(CONVERSATION, secret().id()), 1);
    }
    many.all_talk(&[ADA, BOB, CAROL, DAN, eve]);
}

#[test]
fn a_wrong_secret_lets_nobody_in() {
    let mut many = inviting(1, later(), &[ADA, BOB]);
    let (_, _, event) = join(&mut many, "eve", &InviteSecret::new([1; 32]));
    // Of an invite that nobody knows.
    assert_eq!(many.devices[ADA].follow(&event), Err(Unreadable::EpochAhead));
    assert_eq!(many.devices[ADA].groups.epoch(CONVERSATION), Some(3));
}

#[test]
fn the_id_of_an_invite_without_its_key_lets_nobody_in() {
    let mut many = inviting(1, later(), &[ADA, BOB, CAROL, DAN]);
    // The devices hold another key under this id, as if the joiner had made one up.
    let current = many.devices[ADA].groups.entries.get_mut(&CONVERSATION).and_then(|entry| entry.current.as_mut());
    let current = current.expect("a group");
    current.circle.invites.insert(secret().id(), [0; 32]);
    current.shelf.set_invites(&current.circle.invites);
    let (_, _, event) = join(&mut many, "eve", &secret());
    assert_eq!(many.devices[ADA].follow(&event), Err(Unreadable::NotAuthentic));
    assert_eq!(many.devices[ADA].groups.epoch(CONVERSATION), Some(3));
}

#[test]
fn a_revoked_an_expired_and_a_used_up_invite_let_nobody_in() {
    let all = [ADA, BOB, CAROL, DAN];
    let mut many = inviting(1, later(), &all);
    let pending = many.amend(BOB, |charter| charter.invites.clear()).expect("an admin may");
    many.take(BOB, &pending, &[ADA, CAROL, DAN]);
    let (_, _, event) = join(&mut many, "eve", &secret());
    assert_eq!(many.devices[ADA].follow(&event), Err(Unreadable::EpochAhead), "its key is gone");

    let mut many = inviting(1, NOW, &all);
    let (_, _, event) = join(&mut many, "eve", &secret());
    assert_eq!(many.devices[ADA].follow(&event), Err(Unreadable::Refused(Refusal::Invite)), "expired");

    let mut many = inviting(1, later(), &all);
    let (eve, pending, event) = join(&mut many, "eve", &secret());
    many.devices[eve].groups.confirm(CONVERSATION).expect("its own commit");
    for device in all {
        many.devices[device].follow(&event).expect("the first");
    }
    many.state = pending.state;
    let (_, _, event) = join(&mut many, "fay", &secret());
    for device in [ADA, BOB, CAROL, DAN, eve] {
        let followed = many.devices[device].follow(&event);
        assert_eq!(followed, Err(Unreadable::Refused(Refusal::Invite)), "used up, {device}");
    }
    many.all_talk(&[ADA, BOB, CAROL, DAN, eve]);
}

#[test]
fn without_the_newest_card_a_join_cannot_be_followed_and_a_rejoin_heals_it() {
    let mut many = inviting(2, later(), &[ADA, BOB]);
    let (eve, pending, event) = join(&mut many, "eve", &secret());
    many.devices[eve].groups.confirm(CONVERSATION).expect("its own commit");
    many.devices[ADA].follow(&event).expect("she has the card");
    assert_eq!(many.devices[CAROL].follow(&event), Err(Unreadable::EpochAhead));
    let loaded = loaded_as(&pending.state, Kind::Group);
    let again = many.devices[CAROL].groups.rejoin(CONVERSATION, &loaded, ClientId([9; 16])).expect("her own leaf");
    many.devices[CAROL].groups.confirm(CONVERSATION).expect("its own commit");
    let event = committed(many.devices[CAROL].device(), &again);
    for device in [ADA, eve] {
        many.devices[device].follow(&event).expect("she replaces herself");
    }
    many.all_talk(&[ADA, CAROL, eve]);
}

#[test]
fn who_joined_by_an_invite_keeps_counting_after_a_new_device_took_over() {
    let mut many = inviting(1, later(), &[ADA, BOB, CAROL, DAN]);
    let (eve, pending, event) = join(&mut many, "eve", &secret());
    many.devices[eve].groups.confirm(CONVERSATION).expect("its own commit");
    for device in [ADA, BOB, CAROL, DAN] {
        many.devices[device].follow(&event).expect("the first");
    }
    let mut new = many.accounts[eve].device(2);
    let loaded = loaded_as(&pending.state, Kind::Group);
    let pending = new.groups.rejoin(CONVERSATION, &loaded, ClientId([9; 16])).expect("an older device");
    new.groups.confirm(CONVERSATION).expect("its own commit");
    let event = committed(new.device(), &pending);
    many.devices[ADA].follow(&event).expect("her new device");
    assert_eq!(many.devices[ADA].groups.uses(CONVERSATION, secret().id()), 1);
}

#[test]
fn a_card_is_taken_by_its_hash_alone() {
    let mut many = inviting(1, later(), &[]);
    let other = Card { name: "Other".to_owned(), ..card(&[secret()]) };
    assert!(!many.devices[ADA].groups.learn(CONVERSATION, &other));
    assert!(many.devices[ADA].groups.learn(CONVERSATION, &card(&[secret()])));
    many.devices[ADA].persist_and_restart();
    let (_, _, event) = join(&mut many, "eve", &secret());
    many.devices[ADA].follow(&event).expect("the key survived the restart");
}
