//! Who may do what in a group: every role and every action; a client that does more is followed by nobody.

use super::many::{ADA, BOB, CAROL, DAN, Many, many};
use super::*;
use crate::group::charter::Charter;
use crate::group::config::{CHARTER, context_extensions, time};
use mls_rs::group::CommitBuilder;
use mls_rs::{Extension, ExtensionList, MlsMessage};
use sotto_wire::InviteId;
use sotto_wire::group::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Update,
    Add,
    RemoveMember,
    RemoveAdmin,
    RemoveOwner,
    RemoveWhoLeaves,
    Rename,
    Invite,
    Promote,
    TakeOwnership,
    DemoteOwner,
    EmptyCharter,
}

use Action::*;

const ACTIONS: [Action; 12] = [
    Update,
    Add,
    RemoveMember,
    RemoveAdmin,
    RemoveOwner,
    RemoveWhoLeaves,
    Rename,
    Invite,
    Promote,
    TakeOwnership,
    DemoteOwner,
    EmptyCharter,
];

/// What somebody of this role may do, as the contract says.
fn may(role: Role) -> &'static [Action] {
    match role {
        Role::Owner => &[
            Update,
            Add,
            RemoveMember,
            RemoveAdmin,
            RemoveWhoLeaves,
            Rename,
            Invite,
            Promote,
            TakeOwnership,
            DemoteOwner,
        ],
        Role::Admin => &[Update, Add, RemoveMember, RemoveWhoLeaves, Rename, Invite],
        Role::Member | Role::Unknown => &[Update, RemoveWhoLeaves],
    }
}

/// A commit that a device makes whatever its own checks say.
fn wild(
    device: &mut Device,
    build: impl FnOnce(CommitBuilder<'_, crate::group::Config>, &Charter) -> Vec<u8>,
) -> ConversationCommitted {
    let current = device.groups.current(CONVERSATION).expect("a group");
    let (mut group, charter) = (current.group.clone(), current.charter.clone().expect("a charter"));
    let client_id = ClientId([0x77; 16]);
    let epoch = group.current_epoch() + 1;
    let commit = group.commit_builder().authenticated_data(client_id.0.to_vec()).commit_time(time(NOW));
    let commit = build(commit, &charter);
    ConversationCommitted {
        cursor: cursor(),
        conversation: CONVERSATION,
        sender: device.device(),
        client_id,
        epoch,
        commit: commit.into(),
        sent_at: NOW,
    }
}

fn finish(commit: CommitBuilder<'_, crate::group::Config>) -> Vec<u8> {
    commit.build_detached().expect("mls itself allows it").0.commit_message.to_bytes().expect("bytes")
}

fn index(many: &Many, of: usize) -> u32 {
    let current = many.devices[ADA].groups.current(CONVERSATION).expect("a group");
    let seat = current.roster.iter().find(|(_, seat)| seat.device == many.devices[of].device());
    *seat.expect("they sit in it").0
}

fn act(many: &mut Many, by: usize, action: Action) -> ConversationCommitted {
    let eve = many.newcomer("eve");
    let package = MlsMessage::from_bytes(many.devices[eve].claim().key_package.as_slice()).expect("a package");
    let users: Vec<UserId> = many.accounts.iter().map(|account| account.user).collect();
    // Somebody else than the one who acts.
    let other_member = if by == CAROL { DAN } else { CAROL };
    let [member, admin, owner] = [other_member, BOB, ADA].map(|of| index(many, of));
    let other_admin = users[BOB];
    wild(&mut many.devices[by], |commit, charter| {
        let mut charter = charter.clone();
        let amend = |commit: CommitBuilder<'_, crate::group::Config>, charter: &Charter| {
            let extensions = context_extensions(charter).expect("extensions");
            finish(commit.set_group_context_ext(extensions).expect("mls itself allows it"))
        };
        let remove = |commit: CommitBuilder<'_, crate::group::Config>, at, charter: &Charter| {
            let commit = commit.remove_member(at).expect("mls itself allows it");
            let extensions = context_extensions(charter).expect("extensions");
            finish(commit.set_group_context_ext(extensions).expect("mls itself allows it"))
        };
        match action {
            Update => finish(commit),
            Add => finish(commit.add_member(package).expect("a package")),
            RemoveMember | RemoveWhoLeaves => finish(commit.remove_member(member).expect("a member")),
            RemoveAdmin => {
                charter.set_role(other_admin, Role::Member);
                remove(commit, admin, &charter)
            }
            RemoveOwner => {
                charter.set_role(users[by], Role::Owner);
                charter.set_role(users[ADA], Role::Member);
                remove(commit, owner, &charter)
            }
            Rename => {
                charter.card = [9; 32];
                amend(commit, &charter)
            }
            Invite => {
                let (id, by) = (InviteId([1; 16]), users[by]);
                charter.invites.push(crate::group::charter::Invite { id, expires_at: NOW, uses_max: 1, by });
                amend(commit, &charter)
            }
            Promote => {
                charter.set_role(users[other_member], Role::Admin);
                amend(commit, &charter)
            }
            TakeOwnership => {
                charter.set_role(users[by], Role::Owner);
                charter.card = [8; 32];
                amend(commit, &charter)
            }
            DemoteOwner => {
                charter.set_role(users[CAROL], Role::Owner);
                charter.set_role(users[ADA], Role::Admin);
                amend(commit, &charter)
            }
            EmptyCharter => {
                let mut extensions = context_extensions(&charter).expect("extensions");
                extensions.set(Extension::new(CHARTER, vec![1]));
                let _: &ExtensionList = &extensions;
                // mls-rs asks the rules of who commits, too; a client without them is not to be had here.
                let refused = commit.set_group_context_ext(extensions).expect("a proposal").build_detached();
                assert!(refused.is_err());
                Vec::new()
            }
        }
    })
}

#[test]
fn every_role_can_do_what_it_may_and_what_it_may_not_is_followed_by_nobody() {
    for (by, role) in [(ADA, Role::Owner), (BOB, Role::Admin), (CAROL, Role::Member)] {
        for action in ACTIONS {
            if (action, by) == (RemoveAdmin, BOB) || (action, by) == (RemoveOwner, ADA) {
                // One cannot remove oneself by a commit.
                continue;
            }
            let mut many = many();
            let leaver = many.accounts[if by == CAROL { DAN } else { CAROL }].user;
            if action == RemoveWhoLeaves {
                many.devices.iter_mut().for_each(|device| device.groups.note_left(CONVERSATION, leaver));
            }
            let event = act(&mut many, by, action);
            for other in (0..4).filter(|other| *other != by) {
                let device = &mut many.devices[other];
                let before = (device.groups.epoch(CONVERSATION), device.groups.charter(CONVERSATION).cloned());
                let followed = device.follow(&event);
                assert_eq!(followed.is_ok(), may(role).contains(&action), "{role:?} {action:?} {other} {followed:?}");
                if followed.is_err() {
                    let after = (device.groups.epoch(CONVERSATION), device.groups.charter(CONVERSATION).cloned());
                    assert_eq!(before, after, "{role:?} {action:?} {other}");
                }
            }
        }
    }
}

#[test]
fn an_honest_device_refuses_its_own_change_beyond_its_role_and_nothing_is_left_of_it() {
    let mut many = many();
    let (user, bob) = (many.accounts[CAROL].user, many.accounts[BOB].user);
    let before = many.devices[CAROL].disk.clone();
    let refused = many.amend(CAROL, |charter| charter.set_role(user, Role::Owner));
    assert!(matches!(refused, Err(GroupError::Refused(Refusal::NotAllowed))), "{refused:?}");
    let charter = many.charter(CAROL);
    let change = crate::group::GroupChange { charter, add: (&[], &[]), remove: &[bob] };
    let refused = many.change(CAROL, change);
    assert!(matches!(refused, Err(GroupError::Refused(Refusal::Charter))), "{refused:?}");
    many.devices[CAROL].persist();
    assert_eq!(many.devices[CAROL].disk, before);
    many.all_talk(&[ADA, BOB, CAROL, DAN]);
}

#[test]
fn rights_that_were_taken_are_not_to_be_had_by_a_rejoin() {
    let mut many = many();
    let event = act(&mut many, CAROL, TakeOwnership);
    assert_eq!(many.devices[ADA].follow(&event), Err(Unreadable::Refused(Refusal::NotAllowed)));
    many.devices[ADA].persist_and_restart();
    let loaded = loaded_as(&many.state, Kind::Group);
    let rejoined = many.devices[ADA].groups.rejoin(CONVERSATION, &loaded, ClientId([9; 16]));
    assert!(matches!(rejoined, Err(GroupError::Refused(Refusal::NotAllowed))), "{rejoined:?}");
}

#[test]
fn a_charter_has_no_place_in_a_direct_conversation() {
    let Pair { mut ada, mut bob, .. } = pair();
    let mut group = ada.groups.current(CONVERSATION).expect("a group").group.clone();
    let charter = Charter::new(ada.device().user, [1; 32]);
    let extensions = context_extensions(&charter).expect("extensions");
    let commit = group.commit_builder().set_group_context_ext(extensions).expect("a proposal");
    assert!(commit.build_detached().is_err());
    talk(&mut ada, &mut bob);
}
