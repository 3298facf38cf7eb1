//! Becoming a member: creating a group with its first members, and joining one by its Welcome.

use super::charter::Charter;
use super::config::{Config, context_extensions, leaf_extensions, time};
use super::entry::{Current, Entry, members};
use super::key_package::SLACK;
use super::policy::check_seats;
use super::row::{About, Circle};
use super::storage::Shelf;
use super::trust::{People, Pin, Refusal, Roster, Trust};
use super::{GroupError, Groups};
use crate::identity::fingerprint;
use crate::sorted::SortedSet;
use mls_rs::MlsMessage;
use mls_rs::error::MlsError;
use mls_rs::group::ExportedTree;
use sotto_wire::account::UserFound;
use sotto_wire::conversation::{GroupState, Kind, Welcome};
use sotto_wire::event::ConversationWelcome;
use sotto_wire::key::ClaimedKey;
use sotto_wire::{Base64, ConversationId, DeviceRef, Millis, UserId, limit};

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
        self.make(conversation, None, (people, claimed), now)
    }

    /// The same for a group of many, with its charter.
    pub(crate) fn create_group(
        &mut self,
        conversation: ConversationId,
        charter: &Charter,
        added: (&[UserFound], &[ClaimedKey]),
        now: Millis,
    ) -> Result<Created, GroupError> {
        self.make(conversation, Some(charter), added, now)
    }

    fn make(
        &mut self,
        conversation: ConversationId,
        charter: Option<&Charter>,
        (people, claimed): (&[UserFound], &[ClaimedKey]),
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
        let context = charter.map(context_extensions).transpose()?.unwrap_or_default();
        let mut group = client.create_group_with_id(conversation.0.to_vec(), context, leaf, Some(not_before))?;
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
        let users = if charter.is_some() { People::Anyone } else { People::These(users) };
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
        let is_one_each = seated.len() == people.len() + 1;
        if !is_one_each || seated != claimed.iter().map(|key| key.owner).chain([own]).collect() {
            return Err(Refusal::WrongDevice.into());
        }
        let state = GroupState {
            epoch: group.current_epoch(),
            group_info: group.group_info_message_allowing_ext_commit(false)?.to_bytes()?.into(),
            ratchet_tree: group.export_tree().to_bytes()?.into(),
            members: members(&roster),
        };
        let charter = chartered(&group, &users, &roster)?;
        let about = About { people: users, joined_epoch: state.epoch, needs_update: false };
        let circle = Circle::default();
        self.keep_new(conversation, Current { group, shelf, about, roster, charter, circle })?;
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
        let charter = chartered(&group, &users, &roster)?;
        let sender = roster.get(&about.sender).map(|seat| seat.device);
        let announced = group.group_id() == event.conversation.0 && group.current_epoch() == event.epoch;
        if !announced || sender != Some(event.sender) {
            return Err(Refusal::WrongGroup.into());
        }
        let joined = Joined { epoch: event.epoch, members: members(&roster) };
        let about = About { people: users, joined_epoch: event.epoch, needs_update: true };
        let circle = Circle::default();
        self.keep_new(event.conversation, Current { group, shelf, about, roster, charter, circle })?;
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
pub(super) fn read_tree(tree: &Base64, people: &People) -> Result<ExportedTree<'static>, GroupError> {
    let most_bytes = match people {
        People::These(users) => PERSON_TREE_MAX_BYTES.saturating_mul(users.len()),
        People::Anyone => limit::TREE_MAX_BYTES,
    };
    if tree.len() > most_bytes {
        return Err(Refusal::TooLarge.into());
    }
    Ok(ExportedTree::from_bytes(tree.as_slice())?)
}

/// The users who may sit in a conversation of this kind, seen from `own`.
pub(super) fn users(kind: Kind, own: UserId) -> People {
    match kind {
        Kind::Direct { peer } => People::These([own, peer].into_iter().collect()),
        Kind::Notes => People::These([own].into_iter().collect()),
        Kind::Group => People::Anyone,
    }
}

/// The charter of a group, which has one exactly when it is one of many, and gives roles only to who sits in it.
pub(super) fn chartered(
    group: &mls_rs::Group<Config>,
    people: &People,
    roster: &Roster,
) -> Result<Option<Charter>, Refusal> {
    let charter = super::config::charter(&group.context().extensions).map_err(|_| Refusal::Charter)?;
    match (people, charter) {
        (People::These(_), None) => Ok(None),
        (People::Anyone, Some(charter)) => check_seats(&charter, roster).map(|()| Some(charter)),
        (People::These(_), Some(_)) | (People::Anyone, None) => Err(Refusal::Charter),
    }
}
