//! Who may do what by a commit of a group. Pure: told of the people and leaves before and after, it allows or refuses.
//!
//! The rule: a member changes nothing but its own account's devices and those of who has left; an admin adds people and
//! removes members; an owner does everything but remove another owner. The members check the same, more closely.

use crate::store::party::Parties;
use sotto_wire::group::{PersonRole, Role};
use sotto_wire::{DeviceRef, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// The leaves of a group before and after a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaves<'a> {
    pub(crate) before: &'a BTreeSet<DeviceRef>,
    pub(crate) after: &'a BTreeSet<DeviceRef>,
}

/// What a commit does to the people of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct People {
    /// Those who come, or come back.
    pub(crate) added: Vec<UserId>,
    /// Those who are gone.
    pub(crate) removed: Vec<UserId>,
}

/// Why a commit is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The committer's role does not allow it.
    Forbidden,
    /// The roles name somebody twice, somebody who is not there, no owner, or a role that is none.
    WrongRoles,
    /// The committer is not among the members, or adds more than itself from outside.
    WrongMembers,
}

/// What happens to the people.
pub(crate) fn people(parties: &Parties, leaves: Leaves<'_>) -> People {
    let after: BTreeSet<UserId> = leaves.after.iter().map(|leaf| leaf.user).collect();
    let comes = |user: &UserId| {
        let is_new = parties.get(user).is_none_or(|party| party.has_left);
        is_new && leaves.after.difference(leaves.before).any(|leaf| leaf.user == *user)
    };
    People {
        added: after.iter().copied().filter(comes).collect(),
        removed: parties.keys().copied().filter(|user| !after.contains(user)).collect(),
    }
}

/// Owners and admins out of a list that a client has sent.
pub(crate) fn staff(roles: &[PersonRole], people: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, Role>, Denial> {
    let staff: BTreeMap<UserId, Role> = roles.iter().map(|person| (person.user, person.role)).collect();
    let is_role = |role: &Role| matches!(role, Role::Owner | Role::Admin);
    let is_right = staff.len() == roles.len()
        && staff.values().all(is_role)
        && staff.values().any(|role| *role == Role::Owner)
        && staff.keys().all(|user| people.contains(user));
    is_right.then_some(staff).ok_or(Denial::WrongRoles)
}

/// Whether a member may commit this. Gives the roles that hold from now on, where they change.
pub(crate) fn check_member(
    (sender, parties): (DeviceRef, &Parties),
    (leaves, people): (Leaves<'_>, &People),
    roles: Option<&[PersonRole]>,
) -> Result<Option<BTreeMap<UserId, Role>>, Denial> {
    if !leaves.after.contains(&sender) {
        return Err(Denial::WrongMembers);
    }
    let own = parties.get(&sender.user).map_or(Role::Member, |party| party.role);
    let may_add = matches!(own, Role::Owner | Role::Admin);
    if !people.added.is_empty() && !may_add {
        return Err(Denial::Forbidden);
    }
    let may_remove = |user: &UserId| match parties.get(user) {
        None => true,
        Some(party) if party.has_left => true,
        Some(party) => match own {
            Role::Owner => party.role != Role::Owner,
            Role::Admin => party.role == Role::Member,
            Role::Member | Role::Unknown => false,
        },
    };
    if !people.removed.iter().all(may_remove) {
        return Err(Denial::Forbidden);
    }
    let Some(roles) = roles else { return Ok(None) };
    let after: BTreeSet<UserId> = leaves.after.iter().map(|leaf| leaf.user).collect();
    let wanted = staff(roles, &after)?;
    let stands = |(user, party): (&UserId, &crate::store::party::Party)| {
        let is_staff = party.role != Role::Member && after.contains(user);
        is_staff.then_some((*user, party.role))
    };
    let standing: BTreeMap<UserId, Role> = parties.iter().filter_map(stands).collect();
    match (wanted == standing, own) {
        (true, _) => Ok(None),
        (false, Role::Owner) => Ok(Some(wanted)),
        (false, Role::Admin | Role::Member | Role::Unknown) => Err(Denial::Forbidden),
    }
}

/// Whether a device may add itself from outside: nothing else changes but the other devices of its account.
pub(crate) fn check_external(sender: DeviceRef, leaves: Leaves<'_>) -> Result<(), Denial> {
    let others = |leaves: &BTreeSet<DeviceRef>| -> BTreeSet<DeviceRef> {
        leaves.iter().copied().filter(|leaf| leaf.user != sender.user).collect()
    };
    let own: Vec<&DeviceRef> = leaves.after.iter().filter(|leaf| leaf.user == sender.user).collect();
    let adds_more = own.iter().any(|leaf| **leaf != sender && !leaves.before.contains(leaf));
    let is_right = leaves.after.contains(&sender) && !adds_more && others(leaves.before) == others(leaves.after);
    if is_right { Ok(()) } else { Err(Denial::WrongMembers) }
}
