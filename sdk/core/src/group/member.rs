//! Becoming a member: creating a group with its first members, and joining one by its Welcome.

use super::config::{leaf_extensions, time};
use super::entry::{Current, Entry, members};
use super::key_package::SLACK;
use super::row::About;
use super::storage::Shelf;
use super::trust::{Pin, Refusal, Trust};
use super::{GroupError, Groups};
use crate::identity::fingerprint;
use crate::sorted::SortedSet;
use mls_rs::error::MlsError;
use mls_rs::group::ExportedTree;
use mls_rs::{ExtensionList, MlsMessage};
use sotto_wire::account::UserFound;
use sotto_wire::conversation::{GroupState, Kind, Welcome};
use sotto_wire::event::ConversationWelcome;
use sotto_wire::key::ClaimedKey;
use sotto_wire::{Base64, ConversationId, DeviceRef, Millis, UserId};

/// Longest ratchet tree for each person of a conversation: nine leaves with their certificates. Decoded, a byte of it
/// can take 280 (a blank node), so what others send must not decide how long it is.
const PERSON_TREE_MAX_BYTES: usize = 64 * 1_024;

/// A group as it is to be published.
#[derive(Debug)]
pub(crate) struct Created {
    /// The group with its first members.
    pub(crate) state: GroupState,
    /// For those that were added; `None` when there are none.
    pub(crate) welcome: Option<Welcome>,
}

/// A group that was joined by its Welcome.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The epoch that it led to.
    pub(crate) epoch: u64,
    /// The devices in it.
    pub(crate) members: Vec<DeviceRef>,
}

impl Groups {
    /// Creates the group of `conversation` with `people` besides the own user, at `now` by the server's clock. `claimed`
    /// are key packages of all devices to be added. Nobody knows the group until its state is published.
    pub(crate) fn create(
        &mut self,
        conversation: ConversationId,
        people: &[UserFound],
        claimed: &[ClaimedKey],
        now: Millis,
    ) -> Result<Created, GroupError> {
        if self.is_loaded(conversation) {
            return Err(GroupError::Exists);
        }
        let has_key = |person: &UserFound| claimed.iter().any(|key| key.owner.user == person.user);
        if !people.iter().all(has_key) {
            return Err(GroupError::KeyPackageMissing);
        }
        let own = self.device();
        let users: SortedSet<UserId> = people.iter().map(|person| person.user).chain([own.user]).collect();
        let shelf = Shelf::default();
        let not_before = time(now.since(SLACK));
        let client = self.client(&shelf);
        let leaf = leaf_extensions(&self.device);
        let mut group =
            client.create_group_with_id(conversation.0.to_vec(), ExtensionList::default(), leaf, Some(not_before))?;
        let mut welcome = None;
        if !claimed.is_empty() {
            let mut commit = group.commit_builder().commit_time(time(now));
            for key in claimed {
                commit = commit.add_member(MlsMessage::from_bytes(key.key_package.as_slice())?)?;
            }
            let output = commit.build()?;
            group.apply_pending_commit()?;
            let message = output.welcome_messages.first().ok_or(GroupError::KeyPackageMissing)?;
            let to = claimed.iter().map(|key| key.owner).collect();
            welcome = Some(Welcome { to, welcome: message.to_bytes()?.into() });
        }
        let mut trust = Trust::new(&self.pins, &users);
        for person in people {
            let fingerprint = fingerprint(&person.identity).map_err(Refusal::from)?;
            trust.expect(person.user, Pin { fingerprint, newest_sequence: 0 })?;
        }
        let roster = trust.seat_all(&group)?;
        trust.check_newest(&roster)?;
        let fresh = trust.into_fresh();
        let seated: SortedSet<DeviceRef> = members(&roster).into_iter().collect();
        // An account has one device for now: one more would be an older one that somebody else may hold.
        let is_one_each = seated.len() == users.len();
        if !is_one_each || seated != claimed.iter().map(|key| key.owner).chain([own]).collect() {
            return Err(Refusal::WrongDevice.into());
        }
        let state = GroupState {
            epoch: group.current_epoch(),
            group_info: group.group_info_message_allowing_ext_commit(false)?.to_bytes()?.into(),
            ratchet_tree: group.export_tree().to_bytes()?.into(),
            members: members(&roster),
        };
        let about = About { people: users, joined_epoch: state.epoch, needs_update: false };
        self.keep_new(conversation, Current { group, shelf, about, roster })?;
        self.keep_pins(fresh);
        Ok(Created { state, welcome })
    }

    /// Joins the group that `event` invites to; `tree` is the ratchet tree of the event's epoch. The key package that
    /// the Welcome is for is used up.
    pub(crate) fn join(&mut self, event: &ConversationWelcome, tree: &Base64) -> Result<Joined, GroupError> {
        if self.current(event.conversation).is_some() {
            return Err(GroupError::Exists);
        }
        let users = users(event.kind, self.device().user);
        let welcome = MlsMessage::from_bytes(event.welcome.as_slice())?;
        let tree = read_tree(tree, &users)?;
        let shelf = Shelf::default();
        // No time: the lifetimes of key packages were checked by who added their devices, and a member whose package
        // has run out since must not keep others from joining.
        let (group, about) = match self.client(&shelf).join_group(Some(tree), &welcome, None) {
            Err(MlsError::WelcomeKeyPackageNotFound) => return Err(GroupError::KeyPackageMissing),
            joined => joined?,
        };
        let mut trust = Trust::new(&self.pins, &users);
        let roster = trust.seat_all(&group)?;
        let fresh = trust.into_fresh();
        let sender = roster.get(&about.sender).map(|seat| seat.device);
        let announced = group.group_id() == event.conversation.0 && group.current_epoch() == event.epoch;
        if !announced || sender != Some(event.sender) {
            return Err(Refusal::WrongGroup.into());
        }
        let joined = Joined { epoch: event.epoch, members: members(&roster) };
        let about = About { people: users, joined_epoch: event.epoch, needs_update: true };
        self.keep_new(event.conversation, Current { group, shelf, about, roster })?;
        self.keep_pins(fresh);
        Ok(joined)
    }

    /// Keeps a group that is new here.
    pub(super) fn keep_new(&mut self, conversation: ConversationId, mut current: Current) -> Result<(), GroupError> {
        let rows = current.save_new()?;
        self.drop_group(conversation);
        self.put_rows(conversation, rows);
        self.entries.insert(conversation, Entry { current: Some(current), pending: None });
        Ok(())
    }
}

/// Reads a ratchet tree that came from outside, of a conversation of `people`.
pub(super) fn read_tree(tree: &Base64, people: &SortedSet<UserId>) -> Result<ExportedTree<'static>, GroupError> {
    if tree.len() > PERSON_TREE_MAX_BYTES.saturating_mul(people.len()) {
        return Err(Refusal::TooLarge.into());
    }
    Ok(ExportedTree::from_bytes(tree.as_slice())?)
}

/// The users who may sit in a conversation of this kind, seen from `own`.
pub(super) fn users(kind: Kind, own: UserId) -> SortedSet<UserId> {
    match kind {
        Kind::Direct { peer } => [own, peer].into_iter().collect(),
        // Not followed yet: nobody else may sit there.
        Kind::Notes | Kind::Group => [own].into_iter().collect(),
    }
}
