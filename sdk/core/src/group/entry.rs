//! A group in memory: its state, and the commit that may be pending.
//!
//! Owns loading from rows and the rows that a change makes.

use super::GroupError;
use super::charter::Charter;
use super::config::Config;
use super::row::{About, Circle, Pending, Row, Rows};
use super::storage::Shelf;
use super::trust::{Roster, Seat};
use crate::contract::Record;
use crate::identity::Certificate;
use crate::sorted::SortedMap;
use mls_rs::error::MlsError;
use mls_rs::group::ExportedTree;
use mls_rs::{Client, Group};
use sotto_wire::{ConversationId, DeviceRef, UserId};
use zeroize::Zeroizing;

/// A group, or the way into one.
pub(super) struct Entry {
    /// What this device is in. `None` while it is only about to join from outside.
    pub(super) current: Option<Current>,
    /// A commit that the server has not yet accepted.
    pub(super) pending: Option<Pending>,
}

/// A group that this device is in.
pub(super) struct Current {
    pub(super) group: Group<Config>,
    pub(super) shelf: Shelf,
    pub(super) about: About,
    pub(super) roster: Roster,
    /// What its members agree on; `None` where there is nothing to agree on.
    pub(super) charter: Option<Charter>,
    pub(super) circle: Circle,
}

impl Entry {
    /// Reads a group from its rows; `None` when there are none.
    pub(super) fn load(
        conversation: ConversationId,
        records: Vec<Record>,
        client: impl FnOnce(&Shelf) -> Client<Config>,
    ) -> Result<Option<Self>, GroupError> {
        let (mut about, mut state, mut tree, mut pending) = (None, None, None, None);
        let (mut prior, mut circle) = (SortedMap::default(), Circle::default());
        for Record { place, value } in records {
            match Row::at(conversation, &place).ok_or(GroupError::Stored)? {
                Row::About => about = Some(About::decode(&value).ok_or(GroupError::Stored)?),
                Row::State => state = Some(Zeroizing::new(value.to_vec())),
                Row::Tree => tree = Some(ExportedTree::from_bytes(&value)?),
                Row::Pending => pending = Some(Pending::decode(&value).ok_or(GroupError::Stored)?),
                Row::Circle => circle = Circle::decode(&value).ok_or(GroupError::Stored)?,
                Row::Prior(epoch) => {
                    prior.insert(epoch, Zeroizing::new(value.to_vec()));
                }
            }
        }
        let current = match (about, state, tree) {
            (None, None, None) => None,
            (Some(about), Some(state), Some(tree)) => {
                let shelf = Shelf::new(state, prior);
                let group = client(&shelf).load_group_with_ratchet_tree(&conversation.0, tree)?;
                let roster = stored_roster(&group)?;
                shelf.set_invites(&circle.invites);
                let charter = stored_charter(&group)?;
                Some(Current { group, shelf, about, roster, charter, circle })
            }
            _ => return Err(GroupError::Stored),
        };
        let found = current.is_some() || pending.is_some();
        Ok(found.then_some(Self { current, pending }))
    }

    /// The rows that it has.
    pub(super) fn rows(&self) -> Vec<Row> {
        let current = self.current.iter().flat_map(Current::rows);
        current.chain(self.pending.iter().map(|_| Row::Pending)).collect()
    }
}

impl Current {
    pub(super) fn epoch(&self) -> u64 {
        self.group.current_epoch()
    }

    pub(super) fn members(&self) -> Vec<DeviceRef> {
        members(&self.roster)
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let prior = self.shelf.prior().into_iter().map(Row::Prior);
        let circle = self.charter.iter().map(|_| Row::Circle);
        [Row::About, Row::State, Row::Tree].into_iter().chain(circle).chain(prior).collect()
    }

    /// The rows to write after a step within the epoch: the state, and an epoch before when a late message was opened.
    pub(super) fn save_step(&mut self) -> Result<Rows, MlsError> {
        self.group.write_to_storage_without_ratchet_tree()?;
        let mut rows = vec![(Row::State, Some(self.shelf.newest().to_vec()))];
        let prior = self.shelf.take_changed().into_iter();
        rows.extend(prior.map(|(epoch, secret)| (Row::Prior(epoch), secret.map(|secret| secret.to_vec()))));
        Ok(rows)
    }

    /// The rows to write after the group has moved to the epoch of `roster`.
    pub(super) fn save_epoch(&mut self, roster: Roster) -> Result<Rows, MlsError> {
        self.roster = roster;
        self.charter = stored_charter(&self.group).unwrap_or_default();
        let gone = |user: &UserId| !self.roster.values().any(|seat| seat.device.user == *user);
        let stayed = self.circle.leaving.iter().filter(|user| !gone(user)).copied().collect();
        self.circle.leaving = stayed;
        if let Some(charter) = &self.charter {
            self.circle.invites.retain(|id, _| charter.invite(*id).is_some());
            self.shelf.set_invites(&self.circle.invites);
        }
        let mut rows = self.save_step()?;
        rows.extend(self.whole()?);
        Ok(rows)
    }

    /// The rows to write for a group that is new here.
    pub(super) fn save_new(&mut self) -> Result<Rows, MlsError> {
        self.group.write_to_storage_without_ratchet_tree()?;
        // The epoch of before, in which nobody could write to this device.
        self.shelf.forget_prior();
        let mut rows = self.save_step()?;
        rows.extend(self.whole()?);
        Ok(rows)
    }

    fn whole(&self) -> Result<Rows, MlsError> {
        let tree = self.group.export_tree().to_bytes()?;
        let circle = self.charter.iter().map(|_| (Row::Circle, Some(self.circle.encode())));
        let rows = vec![(Row::Tree, Some(tree)), (Row::About, Some(self.about.encode()))];
        Ok(rows.into_iter().chain(circle).collect())
    }

    /// Back to what was last saved. mls-rs uses up a key even when what it opens turns out to be forged; without this,
    /// a forged message would make the true one unreadable.
    pub(super) fn restore(
        &mut self,
        conversation: ConversationId,
        client: impl FnOnce(&Shelf) -> Client<Config>,
    ) -> Result<(), MlsError> {
        let tree = self.group.export_tree().into_owned();
        self.group = client(&self.shelf).load_group_with_ratchet_tree(&conversation.0, tree)?;
        Ok(())
    }
}

/// The devices of a roster, in the order of their leaves.
pub(super) fn members(roster: &Roster) -> Vec<DeviceRef> {
    roster.values().map(|seat| seat.device).collect()
}

/// The roster of a group that was checked before it was stored.
fn stored_roster(group: &Group<Config>) -> Result<Roster, GroupError> {
    let seat = |member: mls_rs::group::Member| {
        let extension = member.extensions.get(super::config::CERTIFICATE).ok_or(GroupError::Stored)?;
        let claim = Certificate::parse(&extension.extension_data).map_err(|_| GroupError::Stored)?.claim;
        let invite = super::trust::invited_by(&member.extensions).map_err(|_| GroupError::Stored)?;
        Ok((member.index, Seat { device: claim.device, sequence: claim.sequence, invite }))
    };
    group.roster().members_iter().map(seat).collect()
}

/// The charter of a group that was checked before.
pub(super) fn stored_charter(group: &Group<Config>) -> Result<Option<Charter>, GroupError> {
    super::config::charter(&group.context().extensions).map_err(|_| GroupError::Stored)
}
