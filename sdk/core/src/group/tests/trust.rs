//! Leaves that are not certified by the pinned account of an expected user are refused on every way in.

use super::*;
use crate::group::Pin;
use crate::group::config;
use crate::group::storage::Shelf;
use crate::identity::{CertificateError, Claim, fingerprint};
use mls_rs::{ExtensionList, MlsMessage};

const LIAR_SECRET: [u8; 32] = [0x77; 32];

/// Keys of a would-be device of `account`, each with what is wrong about it.
pub(super) fn forgeries(account: &Account) -> Vec<(DeviceKeys, Refusal)> {
    let honest = account.device(3).keys;
    let device = honest.device();
    let mls_public = ed25519_dalek::SigningKey::from_bytes(&LIAR_SECRET).verifying_key().to_bytes();
    let claim = Claim { device, mls_public, created_at: NOW, sequence: 3 };
    let certificate = account.keys.certify(&claim);
    let forged = |certificate: Vec<u8>| DeviceKeys::forged(device, LIAR_SECRET, certificate);
    let flipped = |at: usize| {
        let mut certificate = certificate.clone();
        certificate[at] ^= 1;
        forged(certificate)
    };
    let mut other_device = claim.clone();
    other_device.device.device.0[0] ^= 1;
    let mut other_user = claim.clone();
    other_user.device.user = UserId([0xDA; 16]);
    let impostor = Account { keys: AccountKeys::generate(&Provider::new([0x66; 32])), ..Account::new("zed") };
    let ed25519_at = certificate.len() - 3_309 - 64;
    vec![
        (flipped(ed25519_at), Refusal::Certificate(CertificateError::Ed25519)),
        (flipped(ed25519_at + 64), Refusal::Certificate(CertificateError::MlDsa65)),
        (forged(vec![1, 2, 3]), Refusal::Certificate(CertificateError::Malformed)),
        // A true certificate of the account, for another key.
        (forged(honest.certificate().to_vec()), Refusal::WrongKey),
        // The key is certified, but as another device, or as one of another user.
        (forged(account.keys.certify(&other_device)), Refusal::WrongDevice),
        (forged(account.keys.certify(&other_user)), Refusal::WrongDevice),
        // All is in order, but for an account that is not the user's.
        (forged(impostor.keys.certify(&claim)), Refusal::IdentityChanged(account.user)),
    ]
}

#[test]
fn uncertified_leaf_cannot_be_added() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    for (keys, refusal) in forgeries(&bob_account) {
        let mut liar = Device::new(keys, 9);
        let mut ada = ada_account.device(1);
        let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[liar.claim()], NOW);
        assert!(matches!(&created, Err(GroupError::Refused(found)) if *found == refusal), "{created:?} {refusal:?}");
        assert!(!ada.groups.is_loaded(CONVERSATION));
        assert_eq!(ada.groups.pins.get(&bob_account.user).copied(), None, "a failed call pins nobody");
    }
}

#[test]
fn package_of_another_device_than_the_claimed_one_is_refused() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut ada, mut bob) = (ada_account.device(1), bob_account.device(1));
    let mut claimed = bob.claim();
    claimed.owner = bob_account.device(2).device();
    let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[claimed], NOW);
    assert!(matches!(created, Err(GroupError::Refused(Refusal::WrongDevice))), "{created:?}");
}

#[test]
fn package_of_an_unexpected_user_is_refused() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut bob, mut carol) = (bob_account.device(1), Account::new("carol").device(1));
    let claimed = [bob.claim(), carol.claim()];
    let created = ada_account.device(1).groups.create(CONVERSATION, &[bob_account.found()], &claimed, NOW);
    assert!(matches!(created, Err(GroupError::Refused(Refusal::Stranger))), "{created:?}");
}

#[test]
fn replaced_device_is_not_seated_beside_the_newer_one() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut ada_before, mut bob_before) = (ada_account.device(1), bob_account.device(1));
    let (mut ada, mut bob) = (ada_account.device(2), bob_account.device(2));
    for ghost in [bob_before.claim(), ada_before.claim()] {
        let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[bob.claim(), ghost], NOW);
        assert!(matches!(created, Err(GroupError::Refused(Refusal::Replaced))), "{created:?}");
        assert!(!ada.groups.is_loaded(CONVERSATION));
    }
}

/// A group that somebody with `keys` created without checking itself, with `victim` in it; and the invitation.
fn wild_invitation(keys: &DeviceKeys, victim: &mut Device, leaf: ExtensionList) -> (ConversationWelcome, Base64) {
    let liar = Device::new(keys.clone(), 9);
    let client = config::client(&liar.groups.provider, keys, &liar.groups.keys, &Shelf::default());
    let group = client.create_group_with_id(CONVERSATION.0.to_vec(), ExtensionList::default(), leaf, None);
    let mut group = group.expect("mls itself allows it");
    let package = MlsMessage::from_bytes(victim.claim().key_package.as_slice()).expect("a package");
    let commit = group.commit_builder().commit_time(config::time(NOW)).add_member(package).expect("an add");
    let output = commit.build().expect("mls itself allows it");
    group.apply_pending_commit().expect("own commit");
    let created = Created {
        state: GroupState {
            epoch: 1,
            group_info: Base64::default(),
            ratchet_tree: group.export_tree().to_bytes().expect("bytes").into(),
            members: Vec::new(),
        },
        welcome: Some(sotto_wire::conversation::Welcome {
            to: vec![victim.device()],
            welcome: output.welcome_messages[0].to_bytes().expect("bytes").into(),
        }),
    };
    let tree = created.state.ratchet_tree.clone();
    (welcomed(keys.device(), &[], &created), tree)
}

#[test]
fn group_with_an_uncertified_leaf_is_not_joined() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let mut cases = forgeries(&ada_account);
    cases.push((ada_account.device(1).keys, Refusal::CertificateMissing));
    for (keys, refusal) in cases {
        let mut bob = bob_account.device(1);
        let fingerprint = fingerprint(&ada_account.keys.public()).expect("an identity");
        bob.groups.pin(ada_account.user, Pin { fingerprint, newest_sequence: 1 });
        let missing = refusal == Refusal::CertificateMissing;
        let leaf = if missing { ExtensionList::default() } else { config::leaf_extensions(&keys) };
        let (mut event, tree) = wild_invitation(&keys, &mut bob, leaf);
        event.people = vec![ada_account.member(), bob_account.member()];
        let joined = bob.groups.join(&event, &tree);
        assert!(matches!(&joined, Err(GroupError::Refused(found)) if *found == refusal), "{joined:?} {refusal:?}");
        assert_eq!(bob.groups.take_writes(), super::super::Writes::default());
    }
}

#[test]
fn third_user_in_a_direct_conversation_is_refused() {
    let (ada_account, bob_account, carol_account) = (Account::new("ada"), Account::new("bob"), Account::new("carol"));
    let (mut ada, mut bob, mut carol) = (ada_account.device(1), bob_account.device(1), carol_account.device(1));
    let found = [bob_account.found(), carol_account.found()];
    let created =
        ada.groups.create(CONVERSATION, &found, &[bob.claim(), carol.claim()], NOW).expect("a group of three");
    let event = welcomed(ada.device(), &[&ada_account, &bob_account], &created);
    let joined = bob.groups.join(&event, &created.state.ratchet_tree);
    assert!(matches!(joined, Err(GroupError::Refused(Refusal::Stranger))), "{joined:?}");
}

#[test]
fn third_user_cannot_be_added_later() {
    let Pair { mut ada, mut bob, .. } = pair();
    let mut carol = Account::new("carol").device(1);
    let event = wild_commit(&mut bob, |commit| {
        let package = MlsMessage::from_bytes(carol.claim().key_package.as_slice()).expect("a package");
        commit.add_member(package).expect("an add")
    });
    assert_eq!(ada.follow(&event), Err(Unreadable::Refused(Refusal::Stranger)));
}

type Commit<'a> = mls_rs::group::CommitBuilder<'a, config::Config>;

/// A commit of a member that is made with no regard for the rules.
fn wild_commit(by: &mut Device, build: impl FnOnce(Commit<'_>) -> Commit<'_>) -> ConversationCommitted {
    let entry = by.groups.entries.get_mut(&CONVERSATION).expect("a group");
    let group = &mut entry.current.as_mut().expect("a group").group;
    let client_id = ClientId([0xDD; 16]);
    let epoch = group.current_epoch() + 1;
    let commit = build(group.commit_builder().commit_time(config::time(NOW))).authenticated_data(client_id.0.to_vec());
    let commit = commit.build().expect("mls itself allows it").commit_message;
    ConversationCommitted {
        cursor: cursor(),
        conversation: CONVERSATION,
        sender: by.device(),
        client_id,
        epoch,
        commit: commit.to_bytes().expect("bytes").into(),
        sent_at: NOW,
    }
}

#[test]
fn update_without_a_valid_certificate_is_refused() {
    let bob_account = Account::new("bob");
    let mut leaves: Vec<(ExtensionList, Refusal)> =
        forgeries(&bob_account).into_iter().map(|(keys, refusal)| (config::leaf_extensions(&keys), refusal)).collect();
    // The leaf's credential and key stay Bob's true ones, so a certificate for the liar's is for another device first.
    for (_, refusal) in &mut leaves[3..] {
        *refusal = Refusal::WrongDevice;
    }
    leaves.push((ExtensionList::default(), Refusal::CertificateMissing));
    for (leaf, refusal) in leaves {
        let Pair { mut ada, mut bob, .. } = pair();
        let event = wild_commit(&mut bob, |commit| commit.set_leaf_node_extensions(leaf));
        assert_eq!(ada.follow(&event), Err(Unreadable::Refused(refusal)));
    }
}

#[test]
fn member_cannot_remove_another_user() {
    let Pair { mut ada, mut bob, .. } = pair();
    let event = wild_commit(&mut bob, |commit| commit.remove_member(0).expect("a removal"));
    assert_eq!(ada.follow(&event), Err(Unreadable::Refused(Refusal::RemovesOthers)));
    assert!(ada.groups.is_loaded(CONVERSATION));
}

#[test]
fn member_can_add_a_second_own_device() {
    let Pair { bob_account, mut ada, mut bob, .. } = pair();
    let mut second = bob_account.device(2);
    let event = wild_commit(&mut bob, |commit| {
        let package = MlsMessage::from_bytes(second.claim().key_package.as_slice()).expect("a package");
        commit.add_member(package).expect("an add")
    });
    assert_eq!(ada.follow(&event).map(|followed| followed.added), Ok(vec![second.device()]));
}

#[test]
fn second_device_of_another_identity_is_refused() {
    let Pair { bob_account, mut ada, mut bob, .. } = pair();
    let impostor = Account { keys: AccountKeys::generate(&Provider::new([0x66; 32])), ..Account::new("bob") };
    assert_eq!(impostor.user, bob_account.user);
    let mut second = impostor.device(2);
    let event = wild_commit(&mut bob, |commit| {
        let package = MlsMessage::from_bytes(second.claim().key_package.as_slice()).expect("a package");
        commit.add_member(package).expect("an add")
    });
    assert_eq!(ada.follow(&event), Err(Unreadable::Refused(Refusal::IdentityChanged(bob_account.user))));
}

#[test]
fn pinned_identity_that_changed_is_refused_and_stays_pinned() {
    let Pair { bob_account, mut ada, .. } = pair();
    let pinned = ada.groups.pins.get(&bob_account.user).copied();
    let known = Some(fingerprint(&bob_account.keys.public()).expect("an identity"));
    assert_eq!(pinned.map(|pin| pin.fingerprint), known);
    let impostor = Account { keys: AccountKeys::generate(&Provider::new([0x66; 32])), ..Account::new("bob") };
    let mut claimed = impostor.device(1);
    ada.persist_and_restart();
    ada.groups.drop_group(CONVERSATION);
    let created = ada.groups.create(CONVERSATION, &[impostor.found()], &[claimed.claim()], NOW);
    let changed = Refusal::IdentityChanged(bob_account.user);
    assert!(matches!(&created, Err(GroupError::Refused(refusal)) if *refusal == changed), "{created:?}");
    assert_eq!(ada.groups.pins.get(&bob_account.user).copied(), pinned);
}

#[test]
fn replaced_device_is_refused_in_a_new_group_also_after_a_restart() {
    let Pair { bob_account, mut ada, .. } = pair();
    let mut newer = bob_account.device(2);
    ada.persist();
    ada.groups.drop_group(CONVERSATION);
    ada.groups.create(CONVERSATION, &[bob_account.found()], &[newer.claim()], NOW).expect("a group");
    ada.persist_and_restart();
    ada.groups.drop_group(CONVERSATION);
    let mut older = bob_account.device(1);
    let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[older.claim()], NOW);
    assert!(matches!(created, Err(GroupError::Refused(Refusal::Replaced))), "{created:?}");
    ada.groups.create(CONVERSATION, &[bob_account.found()], &[newer.claim()], NOW).expect("a group");
}

#[test]
fn first_sight_pins_on_both_sides() {
    let Pair { ada, bob, ada_account, bob_account, .. } = pair();
    let pin = |device: &Device, user: UserId| {
        device.rows(Table::Contact).into_iter().find(|record| record.place.row == user.0).map(|record| record.value)
    };
    let ada_pin = fingerprint(&ada_account.keys.public()).expect("an identity");
    let bob_pin = fingerprint(&bob_account.keys.public()).expect("an identity");
    let known = |pin: [u8; 32]| Some([pin.as_slice(), &1_u64.to_be_bytes()].concat());
    assert_eq!(pin(&ada, bob_account.user).as_deref(), known(bob_pin).as_deref());
    assert_eq!(pin(&bob, ada_account.user).as_deref(), known(ada_pin).as_deref());
    assert_eq!(pin(&ada, ada_account.user), None, "oneself is no contact");
}

#[test]
fn commit_with_a_forbidden_proposal_is_refused() {
    // No rule of the sender's own stands in the way here: the sender's rules are the ones that refuse.
    let Pair { mut bob, .. } = pair();
    let entry = bob.groups.entries.get_mut(&CONVERSATION).expect("a group");
    let group = &mut entry.current.as_mut().expect("a group").group;
    let commit = group.commit_builder().set_group_context_ext(ExtensionList::default()).expect("a proposal");
    assert!(commit.build().is_err());
}

#[test]
fn welcome_that_names_another_sender_or_epoch_is_refused() {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut ada, mut bob) = (ada_account.device(1), bob_account.device(1));
    let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[bob.claim()], NOW).expect("a group");
    let event = welcomed(ada.device(), &[&ada_account, &bob_account], &created);
    let changes: [fn(&mut ConversationWelcome); 3] =
        [|event| event.sender.device.0[0] ^= 1, |event| event.epoch += 1, |event| event.conversation.0[0] ^= 1];
    for change in changes {
        let mut changed = event.clone();
        change(&mut changed);
        let joined = bob.groups.join(&changed, &created.state.ratchet_tree);
        assert!(matches!(joined, Err(GroupError::Refused(Refusal::WrongGroup))), "{joined:?}");
    }
    assert!(bob.groups.join(&event, &created.state.ratchet_tree).is_ok());
}
