//! Moving a group to its next epoch: own commits, which wait for the server, and those of others.
//!
//! The rule: a commit of others is run on a copy, checked whole, and only then kept; an own one is kept aside until the
//! server has said which commit won the epoch.

use super::change::Beside;
use super::charter::Charter;
use super::config::invited_leaf_extensions;
use super::entry::{Current, Entry, members};
use super::invite::InviteSecret;
use super::member::{chartered, read_tree, users};
use super::policy::{self, Amendment};
use super::row::{About, Circle, Pending, PendingKind, Row};
use super::storage::Shelf;
use super::trust::{
    Difference, Origin, People, Pins, Refusal, Roster, Seat, Trust, check_commit, check_rejoin, invited_by,
};
use super::{GroupError, Groups, Unreadable};
use crate::sorted::{SortedMap, SortedSet};
use mls_rs::error::MlsError;
use mls_rs::group::proposal::Proposal;
use mls_rs::group::{
    CommitEffect, CommitMessageDescription, CommitSecrets, ContentType, ExportedTree, ReceivedMessage, Sender,
};
use mls_rs::mls_rules::ProposalInfo;
use mls_rs::psk::ExternalPskId;
use mls_rs::{Group, MlsMessage, MlsMessageDescription};
use sotto_wire::conversation::{GroupLoaded, GroupState};
use sotto_wire::event::ConversationCommitted;
use sotto_wire::{Base64, ClientId, ConversationId, DeviceRef, InviteId};

/// A commit to be sent to the server, as often as it takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PendingCommit {
    /// The id under which it was made.
    pub(crate) client_id: ClientId,
    /// MLS message.
    pub(crate) commit: Base64,
    /// The group after it.
    pub(crate) state: GroupState,
    /// What goes to the server beside it.
    pub(crate) beside: Beside,
}

/// A commit that was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    /// Who committed.
    pub(crate) by: DeviceRef,
    /// The epoch that it led to.
    pub(crate) epoch: u64,
    /// Devices that are now in the group.
    pub(crate) added: Vec<DeviceRef>,
    /// Devices that no longer are. When this device is among them the group is gone here.
    pub(crate) removed: Vec<DeviceRef>,
    /// The charter before and after, when it was amended.
    pub(crate) amended: Option<Box<(Charter, Charter)>>,
    /// The invite that the one added joined by.
    pub(crate) invite: Option<InviteId>,
}

/// What a commit makes of this device's group.
enum Outcome {
    /// It moved on.
    Moved { group: Box<Group<super::Config>>, roster: Roster, fresh: Pins },
    /// This device is no longer in it.
    Out,
}

impl Groups {
    /// Puts a fresh key into this device's leaf: a commit that heals the group after a theft of keys. Pending.
    pub(crate) fn update(
        &mut self,
        conversation: ConversationId,
        client_id: ClientId,
    ) -> Result<PendingCommit, GroupError> {
        let entry = self.entries.get_mut(&conversation).ok_or(GroupError::NotLoaded)?;
        let current = entry.current.as_mut().ok_or(GroupError::NotLoaded)?;
        if entry.pending.is_some() {
            return Err(GroupError::CommitPending);
        }
        let commit = current.group.commit_builder().authenticated_data(client_id.0.to_vec());
        let (output, secrets) = commit.build_detached()?;
        let (info, tree) = (output.external_commit_group_info, output.ratchet_tree);
        let (info, tree) = info.zip(tree).ok_or(MlsError::RatchetTreeNotFound)?;
        let state = GroupState {
            epoch: current.epoch() + 1,
            group_info: info.to_bytes()?.into(),
            ratchet_tree: tree.to_bytes()?.into(),
            members: current.members(),
        };
        let pending = Pending {
            client_id,
            kind: PendingKind::Update,
            commit: output.commit_message.to_bytes()?,
            state,
            secret: secrets.to_bytes()?.into(),
            people: People::These(SortedSet::default()),
            beside: Beside::default(),
        };
        // The commit used up a handshake key.
        let mut rows = current.save_step()?;
        rows.push((Row::Pending, Some(pending.encode())));
        let published = publish(&pending);
        entry.pending = Some(pending);
        self.put_rows(conversation, rows);
        Ok(published)
    }

    /// Joins a group from outside, from its published state, in the place of this device's own leaf or else of an older
    /// device of the same user. Pending: until it is confirmed, what this device has of the group goes on as it was.
    pub(crate) fn rejoin(
        &mut self,
        conversation: ConversationId,
        loaded: &GroupLoaded,
        client_id: ClientId,
    ) -> Result<PendingCommit, GroupError> {
        let people = users(loaded.kind, self.device().user);
        self.enter(conversation, (&loaded.state, people), None, client_id)
    }

    /// Joins a group by an invite, from its published state. Pending.
    #[cfg_attr(not(test), expect(dead_code, reason = "the client does not join by links yet"))]
    pub(crate) fn join_by_invite(
        &mut self,
        conversation: ConversationId,
        state: &GroupState,
        secret: &InviteSecret,
        client_id: ClientId,
    ) -> Result<PendingCommit, GroupError> {
        if self.current(conversation).is_some() {
            return Err(GroupError::Exists);
        }
        self.enter(conversation, (state, People::Anyone), Some(secret), client_id)
    }

    fn enter(
        &mut self,
        conversation: ConversationId,
        (state, people): (&GroupState, People),
        secret: Option<&InviteSecret>,
        client_id: ClientId,
    ) -> Result<PendingCommit, GroupError> {
        if self.entries.get(&conversation).is_some_and(|entry| entry.pending.is_some()) {
            return Err(GroupError::CommitPending);
        }
        let own = self.device();
        let known = self.current(conversation);
        if known.is_some_and(|current| current.circle.usurped) {
            return Err(Refusal::NotAllowed.into());
        }
        let info = MlsMessage::from_bytes(state.group_info.as_slice())?;
        if info.group_id() != Some(&conversation.0) || info.epoch() != Some(state.epoch) {
            return Err(Refusal::WrongGroup.into());
        }
        let tree = read_tree(&state.ratchet_tree, &people)?;
        let stale = own_leaf(&tree, own);
        let shelf = Shelf::default();
        let mut external = self.client(&shelf).external_commit_builder()?;
        let invite = match (stale, secret) {
            (Some((index, invite)), None) => {
                external = external.with_removal(index);
                invite
            }
            (None, Some(secret)) => {
                shelf.set_invites(&[(secret.id(), secret.psk())].into_iter().collect());
                external = external.with_external_psk(ExternalPskId::new(secret.id().0.to_vec()));
                Some(secret.id())
            }
            (Some(_), Some(_)) => return Err(GroupError::Exists),
            (None, None) => return Err(GroupError::NothingToReplace),
        };
        let (mut group, commit) = external
            .with_tree_data(tree)
            .with_leaf_node_extensions(invited_leaf_extensions(&self.device, invite))
            .with_authenticated_data(client_id.0.to_vec())
            .build(info)?;
        let mut trust = Trust::new(&self.pins, &people);
        let roster = trust.seat_all(&group)?;
        chartered(&group, &people, &roster)?;
        match (&people, known) {
            (People::These(_), Some(current)) => check_rejoin(&current.roster, &roster)?,
            (People::These(_) | People::Anyone, _) => {}
        }
        let fresh = trust.into_fresh();
        let state = GroupState {
            epoch: group.current_epoch(),
            group_info: group.group_info_message_allowing_ext_commit(false)?.to_bytes()?.into(),
            ratchet_tree: group.export_tree().to_bytes()?.into(),
            members: members(&roster),
        };
        group.write_to_storage_without_ratchet_tree()?;
        let invite_secret = secret.cloned();
        let (kind, commit, secret) = (PendingKind::Rejoin, commit.to_bytes()?, shelf.newest());
        let beside = Beside { invite: invite_secret, ..Beside::default() };
        let pending = Pending { client_id, kind, commit, state, secret, people, beside };
        self.put_rows(conversation, vec![(Row::Pending, Some(pending.encode()))]);
        self.keep_pins(fresh);
        let published = publish(&pending);
        self.entries.get_or_insert(conversation, Entry { current: None, pending: None }).pending = Some(pending);
        Ok(published)
    }

    /// The pending commit: after a restart it is to be sent again.
    pub(crate) fn pending(&self, conversation: ConversationId) -> Option<PendingCommit> {
        self.entries.get(&conversation)?.pending.as_ref().map(publish)
    }

    /// The server accepted the pending commit. Without one, it was confirmed before by [`Groups::follow`]. Tells what the
    /// commit did.
    pub(crate) fn confirm(&mut self, conversation: ConversationId) -> Result<Followed, GroupError> {
        let by = self.device();
        let entry = self.entries.get_mut(&conversation).ok_or(GroupError::NotLoaded)?;
        let still = |epoch| Followed { by, epoch, added: Vec::new(), removed: Vec::new(), amended: None, invite: None };
        let Some(pending) = entry.pending.clone() else {
            return entry.current.as_ref().map(|current| still(current.epoch())).ok_or(GroupError::NotLoaded);
        };
        let mut followed = still(pending.state.epoch);
        match pending.kind {
            PendingKind::Change => {
                let entry = self.entries.get(&conversation).ok_or(GroupError::NotLoaded)?;
                let current = entry.current.as_ref().ok_or(GroupError::NotLoaded)?;
                let (group, roster, done, fresh) = self.apply_change(current, &pending)?;
                let entry = self.entries.get_mut(&conversation).ok_or(GroupError::NotLoaded)?;
                let current = entry.current.as_mut().ok_or(GroupError::NotLoaded)?;
                current.group = group;
                let mut rows = current.save_epoch(roster)?;
                rows.push((Row::Pending, None));
                entry.pending = None;
                self.put_rows(conversation, rows);
                self.keep_pins(fresh);
                followed = done;
            }
            PendingKind::Update => {
                let current = entry.current.as_mut().ok_or(GroupError::NotLoaded)?;
                let mut group = current.group.clone();
                group.apply_detached_commit(CommitSecrets::from_bytes(&pending.secret)?)?;
                current.group = group;
                current.about.needs_update = false;
                let mut rows = current.save_epoch(current.roster.clone())?;
                rows.push((Row::Pending, None));
                entry.pending = None;
                self.put_rows(conversation, rows);
            }
            PendingKind::Rejoin => {
                let shelf = Shelf::new(pending.secret.clone(), SortedMap::default());
                let tree = ExportedTree::from_bytes(pending.state.ratchet_tree.as_slice())?;
                let group = self.client(&shelf).load_group_with_ratchet_tree(&conversation.0, tree)?;
                let roster = Trust::new(&self.pins, &pending.people).seat_all(&group)?;
                let charter = chartered(&group, &pending.people, &roster)?;
                let about = About { people: pending.people, joined_epoch: pending.state.epoch, needs_update: false };
                let mut circle = self.current(conversation).map_or_else(Circle::default, |old| old.circle.clone());
                if let Some(secret) = &pending.beside.invite {
                    circle.invites.insert(secret.id(), secret.psk());
                    (followed.added, followed.invite) = (vec![by], Some(secret.id()));
                }
                shelf.set_invites(&circle.invites);
                self.keep_new(conversation, Current { group, shelf, about, roster, charter, circle })?;
            }
        }
        Ok(followed)
    }

    /// Throws the pending commit away: another one won the epoch.
    pub(crate) fn abandon(&mut self, conversation: ConversationId) {
        let Some(entry) = self.entries.get_mut(&conversation) else { return };
        if entry.pending.take().is_some() {
            if entry.current.is_none() {
                self.entries.remove(&conversation);
            }
            self.delete_rows(conversation, vec![Row::Pending]);
        }
    }

    /// Follows a commit to the next epoch. The own pending one is confirmed by coming back; a pending one that lost to
    /// it is thrown away.
    pub(crate) fn follow(&mut self, event: &ConversationCommitted) -> Result<Followed, Unreadable> {
        let conversation = event.conversation;
        let entry = self.entries.get(&conversation).ok_or(Unreadable::NotLoaded)?;
        let pending = entry.pending.as_ref();
        if pending.is_some_and(|pending| pending.commit == event.commit.0) {
            return self.confirm(conversation).map_err(|_| Unreadable::NotAuthentic);
        }
        let lost = pending.is_some_and(|pending| pending.base() + 1 == event.epoch);
        let Some(current) = entry.current.as_ref() else {
            let ahead = pending.is_some_and(|pending| event.epoch > pending.base());
            if lost {
                self.abandon(conversation);
            }
            return Err(if ahead { Unreadable::EpochAhead } else { Unreadable::BeforeJoining });
        };
        let (followed, outcome) = match self.run(current, event) {
            Ok(done) => done,
            Err(refused) => {
                if let Unreadable::Refused(Refusal::NotAllowed | Refusal::Charter) = refused {
                    self.note_usurped(conversation);
                }
                return Err(refused);
            }
        };
        if lost {
            self.abandon(conversation);
        }
        match outcome {
            Outcome::Out => self.drop_group(conversation),
            Outcome::Moved { group, roster, fresh } => {
                let entry = self.entries.get_mut(&conversation).ok_or(Unreadable::NotLoaded)?;
                let current = entry.current.as_mut().ok_or(Unreadable::NotLoaded)?;
                current.group = *group;
                let rows = current.save_epoch(roster).map_err(|_| Unreadable::NotAuthentic)?;
                self.put_rows(conversation, rows);
                self.keep_pins(fresh);
            }
        }
        Ok(followed)
    }

    /// Runs a commit on a copy of the group and checks what it did.
    fn run(&self, current: &Current, event: &ConversationCommitted) -> Result<(Followed, Outcome), Unreadable> {
        let message = MlsMessage::from_bytes(event.commit.as_slice()).map_err(|_| Unreadable::NotAuthentic)?;
        let origin = origin(&message, event).ok_or(Unreadable::NotAuthentic)?;
        if event.epoch <= current.about.joined_epoch {
            return Err(Unreadable::BeforeJoining);
        }
        if event.epoch <= current.epoch() {
            return Err(Unreadable::Repeated);
        }
        if event.epoch > current.epoch() + 1 || event.sender == self.device() {
            // An own commit that is not the pending one: its secrets are lost, and with them the way to this epoch.
            return Err(Unreadable::EpochAhead);
        }
        let mut trust = Trust::new(&self.pins, &current.about.people);
        let joiner = match origin {
            Origin::Outside => {
                let leaf = message.commit_path_leaf_node().ok_or(Unreadable::NotAuthentic)?;
                Some(trust.seat_leaf(leaf).map_err(Unreadable::Refused)?)
            }
            Origin::Member => None,
        };
        let mut group = current.group.clone();
        let commit = match group.process_incoming_message(message) {
            Ok(ReceivedMessage::Commit(commit)) => commit,
            Ok(_) => return Err(Unreadable::NotAuthentic),
            Err(MlsError::MlsRulesError(_)) => return Err(Unreadable::Refused(Refusal::ForbiddenProposal)),
            Err(MlsError::ExternalCommitRemovesOtherIdentity) => {
                return Err(Unreadable::Refused(Refusal::RemovesOthers));
            }
            // An invite that this device does not know: it joins anew, as it would after a gap.
            Err(MlsError::MissingRequiredPsk) => return Err(Unreadable::EpochAhead),
            Err(_) => return Err(Unreadable::NotAuthentic),
        };
        let CommitMessageDescription { is_external, committer, effect, authenticated_data, .. } = commit;
        if is_external != (origin == Origin::Outside) || authenticated_data != event.client_id.0 {
            return Err(Unreadable::NotAuthentic);
        }
        match effect {
            CommitEffect::NewEpoch(epoch) => {
                let roster = trust.seat_changed((&current.group, &current.roster), &group);
                let roster = roster.map_err(Unreadable::Refused)?;
                let mut amended = None;
                let changed = match &current.charter {
                    None => check_commit((&current.roster, &roster), committer, origin),
                    Some(before) => {
                        let after = super::config::charter(&group.context().extensions).ok().flatten();
                        let after = after.ok_or(Unreadable::Refused(Refusal::Charter))?;
                        let amendment = Amendment {
                            rosters: (&current.roster, &roster),
                            charters: (before, &after),
                            leaving: &current.circle.leaving,
                            keys: &keys(&epoch.applied_proposals).map_err(Unreadable::Refused)?,
                            at: event.sent_at,
                        };
                        let changed = amendment.check(committer, origin);
                        amended = (*before != after).then(|| Box::new((before.clone(), after)));
                        changed
                    }
                };
                let Difference { added, removed } = changed.map_err(Unreadable::Refused)?;
                let invite = roster.get(&committer).and_then(|seat| seat.invite);
                let invite = invite.filter(|_| origin == Origin::Outside && !added.is_empty() && removed.is_empty());
                let by = roster.get(&committer).ok_or(Unreadable::NotAuthentic)?.device;
                if by != event.sender {
                    return Err(Unreadable::NotAuthentic);
                }
                let followed = Followed { by, epoch: event.epoch, added, removed, amended, invite };
                Ok((followed, Outcome::Moved { group: Box::new(group), roster, fresh: trust.into_fresh() }))
            }
            CommitEffect::Removed { .. } => {
                // mls-rs does not build the tree that this device is no longer in, so the roster cannot be compared.
                let member = || current.roster.get(&committer).copied();
                let Seat { device: by, sequence, .. } = joiner.or_else(member).ok_or(Unreadable::NotAuthentic)?;
                let me = self.device().user;
                let is_allowed = current.charter.as_ref().filter(|_| joiner.is_none()).is_some_and(|charter| {
                    policy::may_remove(charter.role(by.user), charter.role(me)) || current.circle.leaving.contains(&me)
                });
                if by.user != me && !is_allowed {
                    return Err(Unreadable::Refused(Refusal::RemovesOthers));
                }
                let own = current.roster.values().find(|seat| seat.device == self.device());
                if joiner.is_some() && own.is_some_and(|own| own.sequence >= sequence) {
                    return Err(Unreadable::Refused(Refusal::NotAReplacement));
                }
                if by != event.sender {
                    return Err(Unreadable::NotAuthentic);
                }
                let (added, removed) = (joiner.map(|seat| seat.device).into_iter().collect(), vec![self.device()]);
                let followed = Followed { by, epoch: event.epoch, added, removed, amended: None, invite: None };
                Ok((followed, Outcome::Out))
            }
            CommitEffect::ReInit(_) => Err(Unreadable::Refused(Refusal::ForbiddenProposal)),
        }
    }
}

/// Where a commit comes from; `None` when it is no commit, or not of the conversation and epoch that the event says.
fn origin(message: &MlsMessage, event: &ConversationCommitted) -> Option<Origin> {
    let (group, epoch, content, origin) = match message.description() {
        MlsMessageDescription::PrivateProtocolMessage { group_id, epoch_id, content_type } => {
            (group_id, epoch_id, content_type, Origin::Member)
        }
        MlsMessageDescription::PublicProtocolMessage {
            group_id,
            epoch_id,
            content_type,
            sender: Sender::NewMemberCommit,
            ..
        } => (group_id, epoch_id, content_type, Origin::Outside),
        _ => return None,
    };
    let announced = group == event.conversation.0 && Some(epoch) == event.epoch.checked_sub(1);
    (announced && content == ContentType::Commit).then_some(origin)
}

/// The invites whose keys a commit used.
fn keys(applied: &[ProposalInfo<Proposal>]) -> Result<Vec<InviteId>, Refusal> {
    let id = |key: &ProposalInfo<Proposal>| match &key.proposal {
        Proposal::Psk(key) => {
            let id = key.external_psk_id().and_then(|id| id.as_ref().try_into().ok());
            Some(id.map(InviteId).ok_or(Refusal::Invite))
        }
        _ => None,
    };
    applied.iter().filter_map(id).collect()
}

/// The leaf that `own` may replace: its own, or else the one of another device of its user; and the invite that it joined
/// by.
fn own_leaf(tree: &ExportedTree<'_>, own: DeviceRef) -> Option<(u32, Option<InviteId>)> {
    let leaf = |is_wanted: &dyn Fn(DeviceRef) -> bool| {
        let roster = tree.roster();
        let mut members = roster.members_iter();
        let device = |member: &mls_rs::group::Member| super::config::credential_device(&member.signing_identity);
        let found = members.find(|member| device(member).is_some_and(is_wanted))?;
        Some((found.index, invited_by(&found.extensions).ok()?))
    };
    leaf(&|device| device == own).or_else(|| leaf(&|device| device.user == own.user))
}

pub(super) fn publish(pending: &Pending) -> PendingCommit {
    let Pending { client_id, commit, state, beside, .. } = pending;
    let (commit, state, beside) = (Base64(commit.clone()), state.clone(), beside.clone());
    PendingCommit { client_id: *client_id, commit, state, beside }
}
