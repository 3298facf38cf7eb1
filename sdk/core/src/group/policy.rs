//! What the members of a group let each other do: who may add, remove, give roles and amend the charter, and who may
//! join by a link.
//!
//! Owns the comparison of a finished commit with the charter before it. Certificates and pins were checked by `trust`.
//!
//! The rule: every member checks every commit, so what a modified client does beyond its role nobody follows.

use super::charter::Charter;
use super::trust::{Difference, Origin, Refusal, Roster, Seat, difference, replaced};
use crate::sorted::SortedSet;
use sotto_wire::group::Role;
use sotto_wire::{InviteId, Millis, UserId, limit};

/// A finished commit of a group.
pub(super) struct Amendment<'a> {
    /// Who sat in it before and after.
    pub(super) rosters: (&'a Roster, &'a Roster),
    /// The charter before and after.
    pub(super) charters: (&'a Charter, &'a Charter),
    /// Who has said that they leave.
    pub(super) leaving: &'a SortedSet<UserId>,
    /// Invites whose keys it used.
    pub(super) keys: &'a [InviteId],
    /// When the server took it.
    pub(super) at: Millis,
}

impl Amendment<'_> {
    /// Checks what the leaf `committer` did.
    pub(super) fn check(&self, committer: u32, origin: Origin) -> Result<Difference, Refusal> {
        let (before, after) = self.rosters;
        let difference = difference(before, after)?;
        let by = after.get(&committer).ok_or(Refusal::WrongDevice)?;
        check_seats(self.charters.1, after)?;
        // What a device that stays joined by is not to be rewritten.
        let stays = |seat: &&Seat| !difference.added.contains(&seat.device);
        let same = |now: &Seat| before.values().any(|seat| seat.device == now.device && seat.invite == now.invite);
        if !after.values().filter(stays).all(same) {
            return Err(Refusal::Invite);
        }
        match origin {
            Origin::Outside => self.check_joiner(&difference, by)?,
            Origin::Member => {
                if before.get(&committer).is_none_or(|seat| seat.device != by.device) || !self.keys.is_empty() {
                    return Err(Refusal::WrongDevice);
                }
                self.check_member(&difference, by.device.user)?;
            }
        }
        Ok(difference)
    }

    /// Who comes from outside takes the place of an own older device, or has an invite.
    fn check_joiner(&self, difference: &Difference, by: &Seat) -> Result<(), Refusal> {
        let ((before, after), (was, is)) = (self.rosters, self.charters);
        if was != is {
            return Err(Refusal::NotAllowed);
        }
        if let Some(old) = replaced(difference, before, by) {
            let is_quiet = self.keys.is_empty() && old.invite == by.invite;
            return is_quiet.then_some(()).ok_or(Refusal::Invite);
        }
        let id = by.invite.ok_or(Refusal::NotAReplacement)?;
        if difference.added != [by.device] || !difference.removed.is_empty() || sits(before, by.device.user) {
            return Err(Refusal::NotAReplacement);
        }
        let invite = is.invite(id).ok_or(Refusal::Invite)?;
        let uses = after.values().filter(|seat| seat.invite == Some(id)).count();
        let is_live = self.at < invite.expires_at && u32::try_from(uses).is_ok_and(|uses| uses <= invite.uses_max);
        if is_live && self.keys == [id] { Ok(()) } else { Err(Refusal::Invite) }
    }

    /// A member does what its role allows.
    fn check_member(&self, difference: &Difference, by: UserId) -> Result<(), Refusal> {
        let ((before, after), (was, is)) = (self.rosters, self.charters);
        let role = was.role(by);
        for device in &difference.removed {
            let user = device.user;
            let is_whole = !sits(after, user);
            let allowed =
                self.leaving.contains(&user) && is_whole || user == by || is_whole && may_remove(role, was.role(user));
            if !allowed {
                return Err(Refusal::RemovesOthers);
            }
        }
        for device in &difference.added {
            let is_own = device.user == by;
            if !is_own && (!is_staff(role) || sits(before, device.user)) {
                return Err(Refusal::NotAllowed);
            }
            if after.values().any(|seat| seat.device == *device && seat.invite.is_some()) {
                return Err(Refusal::Invite);
            }
        }
        let named: SortedSet<UserId> = was.staff().chain(is.staff()).map(|(user, _)| user).collect();
        for user in named.into_iter().filter(|user| was.role(*user) != is.role(*user)) {
            // Who goes takes no role along.
            let has_gone = sits(before, user) && !sits(after, user) && is.role(user) == Role::Member;
            if !has_gone && role != Role::Owner {
                return Err(Refusal::NotAllowed);
            }
        }
        let is_amended = was.invites != is.invites || was.card != is.card;
        if is_amended && !is_staff(role) { Err(Refusal::NotAllowed) } else { Ok(()) }
    }
}

/// Whether somebody of this role may remove somebody of that one, who has not said that they leave.
pub(crate) fn may_remove(by: Role, of: Role) -> bool {
    match (by, of) {
        (Role::Owner, Role::Admin | Role::Member) | (Role::Admin, Role::Member) => true,
        (Role::Owner | Role::Admin | Role::Member | Role::Unknown, _) => false,
    }
}

/// Whether somebody of this role may add people, amend card and invites.
pub(crate) fn is_staff(role: Role) -> bool {
    match role {
        Role::Owner | Role::Admin => true,
        Role::Member | Role::Unknown => false,
    }
}

/// Checks that a roster is one that a group of this charter can have.
pub(super) fn check_seats(charter: &Charter, roster: &Roster) -> Result<(), Refusal> {
    if roster.len() > limit::MEMBERS_MAX {
        return Err(Refusal::TooLarge);
    }
    let users: SortedSet<UserId> = roster.values().map(|seat| seat.device.user).collect();
    if charter.staff().all(|(user, _)| users.contains(&user)) { Ok(()) } else { Err(Refusal::Charter) }
}

fn sits(roster: &Roster, user: UserId) -> bool {
    roster.values().any(|seat| seat.device.user == user)
}
