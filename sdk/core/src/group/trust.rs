//! Who may sit in a group: every leaf is certified by the account that was pinned for its user, and commits change only
//! what their author may change.
//!
//! Owns the checks on finished trees: after creating, joining, following a commit or joining from outside, before
//! anything of it is kept. One place for all ways in, so none is forgotten.
//!
//! The rule: a leaf that was not checked is never kept, and a user once seen keeps its identity (trust on first use).

use super::config::{CERTIFICATE, Config, INVITED_BY, credential_device};
use crate::identity::{Certificate, CertificateError, Fingerprint};
use crate::sorted::{SortedMap, SortedSet};
use mls_rs::ExtensionList;
use mls_rs::Group;
use mls_rs::group::{LeafNode, Member};
use mls_rs::identity::SigningIdentity;
use sotto_wire::{DeviceRef, InviteId, UserId};

/// Why a leaf or a commit is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// A leaf has no certificate.
    #[error("check a leaf: it carries no certificate")]
    CertificateMissing,
    /// A certificate does not hold.
    #[error("check a leaf: its certificate does not hold")]
    Certificate(#[from] CertificateError),
    /// The certificate is for another device than the leaf's credential or the claim names.
    #[error("check a leaf: its certificate is for another device")]
    WrongDevice,
    /// The leaf is signed by another key than the certified one.
    #[error("check a leaf: its key is not the certified one")]
    WrongKey,
    /// The account is certified by other keys than those pinned for this user.
    #[error("check a leaf: the identity of its user has changed")]
    IdentityChanged(UserId),
    /// The user is not one of the conversation's.
    #[error("check a leaf: its user is not of this conversation")]
    Stranger,
    /// A commit from outside replaces no older leaf of the same user.
    #[error("check a commit: who joins from outside replaces no own older device")]
    NotAReplacement,
    /// A device is to be added that another one of its user has replaced.
    #[error("check a leaf: its device has been replaced")]
    Replaced,
    /// A commit removes somebody else's device.
    #[error("check a commit: it removes a device of another user")]
    RemovesOthers,
    /// A commit carries a proposal that is forbidden here.
    #[error("check a commit: it carries a forbidden proposal")]
    ForbiddenProposal,
    /// A ratchet tree is larger than the people of the conversation can make it.
    #[error("check a group: its tree is too large")]
    TooLarge,
    /// A charter is none, is missing, is where none belongs, or gives a role to who is not in the group.
    #[error("check a group: its charter does not hold")]
    Charter,
    /// A commit does what the role of its author does not allow.
    #[error("check a commit: its author may not do that")]
    NotAllowed,
    /// Who joins by an invite has not its key, or it is none, or is expired or used up.
    #[error("check a commit: the invite does not hold")]
    Invite,
    /// A Welcome or a GroupInfo is of another group, or its sender is another one than it says.
    #[error("check a group: not the one that was announced")]
    WrongGroup,
}

/// A leaf that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) device: DeviceRef,
    /// Sequence number of its certificate.
    pub(super) sequence: u64,
    /// The invite that it, or the device that it replaced, joined by.
    pub(super) invite: Option<InviteId>,
}

/// Who may sit in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum People {
    /// These users and nobody else.
    These(SortedSet<UserId>),
    /// Whoever was added as the charter allows.
    Anyone,
}

/// The leaves of an epoch, by leaf index.
pub(super) type Roster = SortedMap<u32, Seat>;

/// What a user is known by from the first sight on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// Of the account identity.
    pub(crate) fingerprint: Fingerprint,
    /// The highest sequence number of a device certificate that was seen.
    pub(crate) newest_sequence: u64,
}

/// The pins of all users that were seen.
pub(crate) type Pins = SortedMap<UserId, Pin>;

/// Checks leaves against pins and against the people of one conversation.
pub(super) struct Trust<'a> {
    pins: &'a Pins,
    people: &'a People,
    /// Users seen for the first time, or with a newer device.
    fresh: Pins,
}

impl<'a> Trust<'a> {
    pub(super) fn new(pins: &'a Pins, people: &'a People) -> Self {
        Self { pins, people, fresh: SortedMap::default() }
    }

    /// The pins that were made, to be kept once everything else holds.
    pub(super) fn into_fresh(self) -> Pins {
        self.fresh
    }

    /// Pins `user`, or compares with the pin; remembers the newest certificate of who is the same.
    pub(super) fn expect(&mut self, user: UserId, seen: Pin) -> Result<(), Refusal> {
        match self.fresh.get(&user).or_else(|| self.pins.get(&user)) {
            Some(pin) if pin.fingerprint != seen.fingerprint => Err(Refusal::IdentityChanged(user)),
            Some(pin) if pin.newest_sequence >= seen.newest_sequence => Ok(()),
            Some(_) | None => {
                self.fresh.insert(user, seen);
                Ok(())
            }
        }
    }

    /// Checks that no seat of `roster` is of a device that a newer one is known to have replaced. For a group that is
    /// made here: in an older one it may sit until its user has replaced it there.
    pub(super) fn check_newest(&self, roster: &Roster) -> Result<(), Refusal> {
        let newest = |user: &UserId| self.fresh.get(user).or_else(|| self.pins.get(user));
        let is_old = |seat: &Seat| newest(&seat.device.user).is_some_and(|pin| seat.sequence < pin.newest_sequence);
        if roster.values().any(is_old) { Err(Refusal::Replaced) } else { Ok(()) }
    }

    /// Checks every leaf of `group`.
    pub(super) fn seat_all(&mut self, group: &Group<Config>) -> Result<Roster, Refusal> {
        group.roster().members_iter().map(|member| Ok((member.index, self.seat_member(&member)?))).collect()
    }

    /// Checks the leaves of `after` that are not in `before`, whose roster is `known`.
    pub(super) fn seat_changed(
        &mut self,
        (before, known): (&Group<Config>, &Roster),
        after: &Group<Config>,
    ) -> Result<Roster, Refusal> {
        let unchanged = |member: &Member| {
            let old = before.member_at_index(member.index)?;
            let same = old.signing_identity == member.signing_identity && old.extensions == member.extensions;
            known.get(&member.index).copied().filter(|_| same)
        };
        let seat = |member: Member| match unchanged(&member) {
            Some(seat) => Ok((member.index, seat)),
            None => Ok((member.index, self.seat_member(&member)?)),
        };
        after.roster().members_iter().map(seat).collect()
    }

    /// Checks one leaf.
    pub(super) fn seat_leaf(&mut self, leaf: &LeafNode) -> Result<Seat, Refusal> {
        self.seat(&leaf.signing_identity, &leaf.extensions)
    }

    fn seat_member(&mut self, member: &Member) -> Result<Seat, Refusal> {
        self.seat(&member.signing_identity, &member.extensions)
    }

    fn seat(&mut self, identity: &SigningIdentity, extensions: &ExtensionList) -> Result<Seat, Refusal> {
        let extension = extensions.get(CERTIFICATE).ok_or(Refusal::CertificateMissing)?;
        let certificate = Certificate::verify(&extension.extension_data)?;
        let claim = &certificate.claim;
        if credential_device(identity) != Some(claim.device) {
            return Err(Refusal::WrongDevice);
        }
        if identity.signature_key.as_bytes() != claim.mls_public {
            return Err(Refusal::WrongKey);
        }
        match self.people {
            People::These(users) if !users.contains(&claim.device.user) => return Err(Refusal::Stranger),
            People::These(_) | People::Anyone => {}
        }
        let invite = invited_by(extensions)?;
        let seen = Pin { fingerprint: certificate.fingerprint(), newest_sequence: claim.sequence };
        self.expect(claim.device.user, seen)?;
        Ok(Seat { device: claim.device, sequence: claim.sequence, invite })
    }
}

/// The invite that the device of a leaf joined by.
pub(super) fn invited_by(extensions: &ExtensionList) -> Result<Option<InviteId>, Refusal> {
    let Some(extension) = extensions.get(INVITED_BY) else { return Ok(None) };
    let id = extension.extension_data.as_slice().try_into();
    id.map(|id| Some(InviteId(id))).map_err(|_| Refusal::Invite)
}

/// What a commit did to the roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) added: Vec<DeviceRef>,
    pub(super) removed: Vec<DeviceRef>,
}

/// Where a commit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A member.
    Member,
    /// Somebody who joins by it.
    Outside,
}

/// Checks what the commit of the leaf `committer` changed: a member may add, and remove only devices of its own user;
/// who joins from outside takes the place of an older device of the same user, or its own.
pub(super) fn check_commit(
    (before, after): (&Roster, &Roster),
    committer: u32,
    origin: Origin,
) -> Result<Difference, Refusal> {
    let difference = difference(before, after)?;
    let by = after.get(&committer).ok_or(Refusal::WrongDevice)?;
    if difference.removed.iter().any(|device| device.user != by.device.user) {
        return Err(Refusal::RemovesOthers);
    }
    match origin {
        Origin::Member => {
            let same = before.get(&committer).is_some_and(|seat| seat.device == by.device);
            same.then_some(difference).ok_or(Refusal::WrongDevice)
        }
        Origin::Outside => replaced(&difference, before, by).map(|_| difference).ok_or(Refusal::NotAReplacement),
    }
}

/// Who came and who went. A device that stays never goes back to an older certificate.
pub(super) fn difference(before: &Roster, after: &Roster) -> Result<Difference, Refusal> {
    let old: SortedMap<DeviceRef, u64> = before.values().map(|seat| (seat.device, seat.sequence)).collect();
    let new: SortedMap<DeviceRef, u64> = after.values().map(|seat| (seat.device, seat.sequence)).collect();
    if old.iter().any(|(device, sequence)| new.get(device).is_some_and(|now| now < sequence)) {
        return Err(Refusal::NotAReplacement);
    }
    Ok(Difference {
        added: new.keys().filter(|device| !old.contains_key(device)).copied().collect(),
        removed: old.keys().filter(|device| !new.contains_key(device)).copied().collect(),
    })
}

/// The seat that the device of `by`, which came from outside, has taken the place of: its own, or the one of an older
/// device of the same user.
pub(super) fn replaced<'a>(difference: &Difference, before: &'a Roster, by: &Seat) -> Option<&'a Seat> {
    let seat = |device: DeviceRef| before.values().find(|seat| seat.device == device);
    match (difference.added.as_slice(), difference.removed.as_slice()) {
        ([], []) => seat(by.device),
        ([added], [removed]) if *added == by.device => {
            seat(*removed).filter(|old| old.device.user == by.device.user && old.sequence < by.sequence)
        }
        _ => None,
    }
}

/// Checks what happened between the roster that this device last knew and the one that it rejoins: nobody has gone, and
/// nobody's devices are older ones. Else commits that [`check_commit`] refuses could be had by way of a rejoin.
pub(super) fn check_rejoin(before: &Roster, after: &Roster) -> Result<(), Refusal> {
    for seat in before.values() {
        let newest = after.values().filter(|now| now.device.user == seat.device.user).map(|now| now.sequence).max();
        match newest {
            None => return Err(Refusal::RemovesOthers),
            Some(sequence) if sequence < seat.sequence => return Err(Refusal::NotAReplacement),
            Some(_) => {}
        }
    }
    Ok(())
}
