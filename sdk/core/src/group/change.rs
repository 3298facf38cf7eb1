//! Changing a group: who is in it and its charter, each change one commit; and joining one by an invite.
//!
//! The rule: a change that other members would refuse is refused here first, so nothing of it ever leaves.

use super::charter::Charter;
use super::commit::{Followed, PendingCommit, publish};
use super::config::{context_extensions, time};
use super::entry::{Current, members};
use super::invite::InviteSecret;
use super::policy::Amendment;
use super::row::{Pending, PendingKind, Row};
use super::trust::{Origin, People, Pin, Pins, Refusal, Roster, Trust};
use super::{Card, GroupError, Groups};
use crate::identity::fingerprint;
use crate::sorted::SortedSet;
use mls_rs::MlsMessage;
use mls_rs::error::MlsError;
use mls_rs::group::CommitSecrets;
use serde::{Deserialize, Serialize};
use sotto_wire::account::UserFound;
use sotto_wire::conversation::{GroupState, Welcome};
use sotto_wire::group::{PersonRole, Role};
use sotto_wire::key::ClaimedKey;
use sotto_wire::{ClientId, ConversationId, DeviceRef, InviteId, Millis, UserId};

/// What is to become of a group.
#[derive(Debug)]
pub(crate) struct GroupChange<'a> {
    /// Its charter from then on.
    pub(crate) charter: Charter,
    /// Who is added, with key packages of all devices to be added.
    pub(crate) add: (&'a [UserFound], &'a [ClaimedKey]),
    /// Who is removed, with all devices.
    pub(crate) remove: &'a [UserId],
}

/// What goes to the server beside a commit, as it is kept with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beside {
    /// For those that it adds.
    pub(crate) welcome: Option<(Vec<DeviceRef>, sotto_wire::Base64)>,
    /// Owners and admins from then on, when it changes them.
    #[serde(default)]
    pub(crate) roles: Option<Vec<PersonRole>>,
    /// The invite that it joins by.
    pub(crate) invite: Option<InviteSecret>,
    /// What the client wants sent along; not read here.
    pub(crate) along: String,
}

impl Beside {
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has string keys and no failing serializer")
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The Welcome, as the server takes it.
    pub(crate) fn welcome(&self) -> Option<Welcome> {
        self.welcome.clone().map(|(to, welcome)| Welcome { to, welcome })
    }
}

impl Groups {
    /// What the members of a group agree on.
    pub(crate) fn charter(&self, conversation: ConversationId) -> Option<&Charter> {
        self.current(conversation)?.charter.as_ref()
    }

    /// Everybody in a group, once each, with their roles.
    pub(crate) fn people(&self, conversation: ConversationId) -> Vec<(UserId, Role)> {
        let Some(current) = self.current(conversation) else { return Vec::new() };
        let users: SortedSet<UserId> = current.roster.values().map(|seat| seat.device.user).collect();
        let role = |user| current.charter.as_ref().map_or(Role::Member, |charter| charter.role(user));
        users.into_iter().map(|user| (user, role(user))).collect()
    }

    /// So many devices in a group joined by this invite.
    #[cfg_attr(not(test), expect(dead_code, reason = "the client does not join by links yet"))]
    pub(crate) fn uses(&self, conversation: ConversationId, invite: InviteId) -> usize {
        let roster = self.current(conversation).map(|current| &current.roster);
        roster.map_or(0, |roster| roster.values().filter(|seat| seat.invite == Some(invite)).count())
    }

    /// Changes a group. Pending. `along` is kept with it for who sends it.
    pub(crate) fn change(
        &mut self,
        conversation: ConversationId,
        change: &GroupChange<'_>,
        (client_id, along): (ClientId, String),
        now: Millis,
    ) -> Result<PendingCommit, GroupError> {
        let own = self.device();
        let entry = self.entries.get(&conversation).ok_or(GroupError::NotLoaded)?;
        let current = entry.current.as_ref().ok_or(GroupError::NotLoaded)?;
        if entry.pending.is_some() {
            return Err(GroupError::CommitPending);
        }
        let before = current.charter.as_ref().ok_or(Refusal::Charter)?;
        let (people, claimed) = change.add;
        let has_key = |person: &UserFound| claimed.iter().any(|key| key.owner.user == person.user);
        if !people.iter().all(has_key) {
            return Err(GroupError::KeyPackageMissing);
        }
        // On a copy: what is refused leaves no trace, not even a used-up key.
        let mut trial = current.group.clone();
        let mut commit = trial.commit_builder().authenticated_data(client_id.0.to_vec()).commit_time(time(now));
        for key in claimed {
            commit = commit.add_member(MlsMessage::from_bytes(key.key_package.as_slice())?)?;
        }
        for (index, _) in current.roster.iter().filter(|(_, seat)| change.remove.contains(&seat.device.user)) {
            commit = commit.remove_member(*index)?;
        }
        if *before != change.charter {
            commit = commit.set_group_context_ext(context_extensions(&change.charter)?)?;
        }
        let (output, secrets) = commit.build_detached()?;
        let used = trial.clone();
        trial.apply_detached_commit(secrets.clone())?;
        let mut trust = Trust::new(&self.pins, &People::Anyone);
        for person in people {
            let fingerprint = fingerprint(&person.identity).map_err(Refusal::from)?;
            trust.expect(person.user, Pin { fingerprint, newest_sequence: 0 })?;
        }
        let roster = trust.seat_changed((&current.group, &current.roster), &trial)?;
        let amendment = Amendment {
            rosters: (&current.roster, &roster),
            charters: (before, &change.charter),
            leaving: &current.circle.leaving,
            keys: &[],
            at: now,
        };
        let difference = amendment.check(current.group.current_member_index(), Origin::Member)?;
        let added = roster.iter().filter(|(_, seat)| difference.added.contains(&seat.device));
        trust.check_newest(&added.map(|(index, seat)| (*index, *seat)).collect())?;
        let wanted: SortedSet<DeviceRef> = claimed.iter().map(|key| key.owner).collect();
        if wanted != difference.added.iter().copied().collect() || difference.removed.contains(&own) {
            return Err(Refusal::WrongDevice.into());
        }
        let fresh = trust.into_fresh();
        let (info, tree) = (output.external_commit_group_info, output.ratchet_tree);
        let (info, tree) = info.zip(tree).ok_or(MlsError::RatchetTreeNotFound)?;
        let state = GroupState {
            epoch: trial.current_epoch(),
            group_info: info.to_bytes()?.into(),
            ratchet_tree: tree.to_bytes()?.into(),
            members: members(&roster),
        };
        let is_same = before.person_roles() == change.charter.person_roles();
        let roles = (!is_same).then(|| change.charter.person_roles());
        let welcome = output.welcome_messages.first().map(MlsMessage::to_bytes).transpose()?;
        let welcome = welcome.map(|welcome| (wanted.into_iter().collect(), welcome.into()));
        let pending = Pending {
            client_id,
            kind: PendingKind::Change,
            commit: output.commit_message.to_bytes()?,
            state,
            secret: secrets.to_bytes()?.into(),
            people: People::Anyone,
            beside: Beside { welcome, roles, invite: None, along },
        };
        let published = publish(&pending);
        let entry = self.entries.get_mut(&conversation).ok_or(GroupError::NotLoaded)?;
        let current = entry.current.as_mut().ok_or(GroupError::NotLoaded)?;
        // The commit used up a handshake key.
        current.group = used;
        let mut rows = current.save_step()?;
        rows.push((Row::Pending, Some(pending.encode())));
        entry.pending = Some(pending);
        self.put_rows(conversation, rows);
        self.keep_pins(fresh);
        Ok(published)
    }

    /// Applies a pending change that the server has taken.
    pub(super) fn apply_change(
        &self,
        current: &Current,
        pending: &Pending,
    ) -> Result<(mls_rs::Group<super::Config>, Roster, Followed, Pins), GroupError> {
        let mut group = current.group.clone();
        group.apply_detached_commit(CommitSecrets::from_bytes(&pending.secret)?)?;
        let mut trust = Trust::new(&self.pins, &current.about.people);
        let roster = trust.seat_changed((&current.group, &current.roster), &group)?;
        let difference = super::trust::difference(&current.roster, &roster)?;
        let after = super::entry::stored_charter(&group)?;
        let amended = current.charter.clone().zip(after).filter(|(before, after)| before != after).map(Box::new);
        let followed = Followed {
            by: self.device(),
            epoch: pending.state.epoch,
            added: difference.added,
            removed: difference.removed,
            amended,
            invite: None,
        };
        Ok((group, roster, followed, trust.into_fresh()))
    }

    /// Remembers that somebody has said that they leave.
    pub(crate) fn note_left(&mut self, conversation: ConversationId, user: UserId) {
        let current = self.entries.get_mut(&conversation).and_then(|entry| entry.current.as_mut());
        let Some(current) = current.filter(|current| current.charter.is_some()) else { return };
        let sits = current.roster.values().any(|seat| seat.device.user == user);
        if sits && current.circle.leaving.insert(user) {
            let row = (Row::Circle, Some(current.circle.encode()));
            self.put_rows(conversation, vec![row]);
        }
    }

    /// Who has said that they leave and is still in the group.
    pub(crate) fn leaving(&self, conversation: ConversationId) -> Vec<UserId> {
        self.current(conversation).map(|current| current.circle.leaving.iter().copied().collect()).unwrap_or_default()
    }

    /// Takes a card when it is the one that the charter binds; tells whether it is. From then on who joins by one of its
    /// invites can be followed.
    pub(crate) fn learn(&mut self, conversation: ConversationId, card: &Card) -> bool {
        let current = self.entries.get_mut(&conversation).and_then(|entry| entry.current.as_mut());
        let Some(current) = current else { return false };
        let Some(charter) = current.charter.as_ref().filter(|charter| charter.card == card.hash()) else {
            return false;
        };
        let known = current.circle.invites.len();
        for secret in card.invites.iter().filter(|secret| charter.invite(secret.id()).is_some()) {
            current.circle.invites.insert(secret.id(), secret.psk());
        }
        if current.circle.invites.len() > known {
            current.shelf.set_invites(&current.circle.invites);
            let row = (Row::Circle, Some(current.circle.encode()));
            self.put_rows(conversation, vec![row]);
        }
        true
    }

    /// Notes that somebody took rights in a group that they do not have.
    pub(super) fn note_usurped(&mut self, conversation: ConversationId) {
        let current = self.entries.get_mut(&conversation).and_then(|entry| entry.current.as_mut());
        let Some(current) = current.filter(|current| current.charter.is_some()) else { return };
        current.circle.usurped = true;
        let row = (Row::Circle, Some(current.circle.encode()));
        self.put_rows(conversation, vec![row]);
    }
}
