//! Conversations as MLS groups (RFC 9420): who is in them, what is sealed in them, how they move on.
//!
//! Owns everything that touches mls-rs, and the rows of the tables `group` and `key_package`. Does not know what a
//! message says, nor when to send one. Pure: each call gives values, and leaves what must be written in
//! [`Groups::take_writes`].
//!
//! The rule: a call that fails changes nothing that is kept, and what a call gives out must not leave the device before
//! the writes of that call are on disk.

mod card;
mod change;
mod charter;
mod commit;
mod config;
mod entry;
#[cfg_attr(not(test), expect(dead_code, reason = "the client does not join by links yet"))]
mod invite;
mod key_package;
mod member;
mod message;
mod policy;
mod row;
mod storage;
#[cfg(test)]
mod tests;
mod trust;

pub(crate) use card::{Card, is_name, is_picture};
pub(crate) use change::GroupChange;
pub(crate) use charter::Charter;
pub(crate) use commit::Followed;
pub(crate) use policy::{is_staff, may_remove};
pub(crate) use trust::{Pin, Refusal};

use crate::contract::{Place, Record, Wanted};
use crate::identity::{Certificate, DeviceKeys};
use crate::sorted::SortedMap;
use bytes::Bytes;
use config::Config;
use entry::{Current, Entry};
use mls_rs::Client;
use mls_rs::error::MlsError;
use row::{Row, Rows};
use sotto_suite::Provider;
use sotto_wire::{ConversationId, DeviceRef, UserId};
use storage::{KeyShelf, Shelf};
use trust::Pins;

/// The groups of this device: those in memory, and what waits to be written.
pub(crate) struct Groups {
    provider: Provider,
    device: DeviceKeys,
    keys: KeyShelf,
    pins: Pins,
    fresh_pins: Pins,
    entries: SortedMap<ConversationId, Entry>,
    writes: SortedMap<Place, Option<Bytes>>,
}

/// What must be on disk before anything of the calls that led to it leaves the device.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Writes {
    /// Rows that come or change.
    pub(crate) puts: Vec<Record>,
    /// Rows that go.
    pub(crate) deletes: Vec<Place>,
    /// Users seen for the first time or with a newer device, and what they are known by from now on.
    pub(crate) pins: Pins,
}

/// Why a group could not do what was asked. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupError {
    /// The group is not in memory.
    #[error("use a group: not loaded")]
    NotLoaded,
    /// The group exists here already.
    #[error("create or join a group: it exists here")]
    Exists,
    /// A commit is pending: confirm or abandon it first.
    #[error("commit to a group: a commit is pending")]
    CommitPending,
    /// A device is to be added and no key package of it is there, or the package is for none of this device's.
    #[error("use a key package: there is none")]
    KeyPackageMissing,
    /// This device has no older leaf in the group that it could replace.
    #[error("join a group from outside: no own leaf to replace")]
    NothingToReplace,
    /// A leaf, a commit or an announcement is not trusted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A stored row cannot be read.
    #[error("load a group: a row cannot be read")]
    Stored,
    /// What came from outside is no valid MLS, or does not fit the group.
    #[error("run the mls protocol")]
    Mls(#[from] MlsError),
}

/// Why a message or a commit was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The group is not in memory.
    #[error("open a message: the group is not loaded")]
    NotLoaded,
    /// This device sent it.
    #[error("open a message: it is an own one")]
    Own,
    /// It was taken before.
    #[error("open a message: it was taken before")]
    Repeated,
    /// Of an epoch before this device joined.
    #[error("open a message: from before this device joined")]
    BeforeJoining,
    /// Of an epoch whose keys are gone.
    #[error("open a message: the keys of its epoch are gone")]
    EpochGone,
    /// Of an epoch that this device has not reached: it missed a commit.
    #[error("open a message: its epoch is not reached yet")]
    EpochAhead,
    /// Changed or moved on its way, or sealed by somebody else than the server says.
    #[error("open a message: not authentic")]
    NotAuthentic,
    /// A commit that is authentic and does what its author may not do, or brings in who is not trusted. Following it
    /// is refused for good.
    #[error("follow a commit: refused")]
    Refused(#[source] Refusal),
}

impl Groups {
    /// Groups of `device`, none of them loaded.
    pub(crate) fn new(provider: Provider, device: DeviceKeys) -> Self {
        let mut pins = Pins::default();
        if let Ok(certificate) = Certificate::parse(device.certificate()) {
            let pin = Pin { fingerprint: certificate.fingerprint(), newest_sequence: certificate.claim.sequence };
            pins.insert(device.device().user, pin);
        }
        Self {
            provider,
            device,
            keys: KeyShelf::new(),
            pins,
            fresh_pins: Pins::default(),
            entries: SortedMap::default(),
            writes: SortedMap::default(),
        }
    }

    /// Which device this is.
    pub(crate) fn device(&self) -> DeviceRef {
        self.device.device()
    }

    /// Pins what `user` is known by, as it stands in the local store.
    pub(crate) fn pin(&mut self, user: UserId, pin: Pin) {
        self.pins.insert(user, pin);
    }

    /// What must be written now, in one batch with all that depends on it.
    pub(crate) fn take_writes(&mut self) -> Writes {
        let mut writes = Writes { pins: std::mem::take(&mut self.fresh_pins), ..Writes::default() };
        for (reference, key) in self.keys.take_changed() {
            let value = key.map(|key| row::encode_key(&key).into());
            self.writes.insert(row::key_place(&reference), value);
        }
        for (place, value) in std::mem::take(&mut self.writes) {
            match value {
                Some(value) => writes.puts.push(Record { place, value }),
                None => writes.deletes.push(place),
            }
        }
        writes
    }

    /// The rows from which [`Groups::load`] loads a group.
    pub(crate) fn wanted(conversation: ConversationId) -> Wanted {
        row::wanted(conversation)
    }

    /// Loads a group from its rows. Tells whether there is one.
    pub(crate) fn load(&mut self, conversation: ConversationId, records: Vec<Record>) -> Result<bool, GroupError> {
        let entry = Entry::load(conversation, records, |shelf| self.client(shelf))?;
        let found = entry.is_some();
        self.entries.extend(entry.map(|entry| (conversation, entry)));
        Ok(found)
    }

    /// Whether the group, or a pending commit that leads into it, is in memory.
    pub(crate) fn is_loaded(&self, conversation: ConversationId) -> bool {
        self.entries.contains_key(&conversation)
    }

    /// Forgets the group and its rows. It must be loaded, so that its rows are known.
    pub(crate) fn drop_group(&mut self, conversation: ConversationId) {
        if let Some(entry) = self.entries.remove(&conversation) {
            self.delete_rows(conversation, entry.rows());
        }
    }

    /// The current epoch; `None` when this device is not (yet) in the group, or it is not loaded.
    pub(crate) fn epoch(&self, conversation: ConversationId) -> Option<u64> {
        self.current(conversation).map(Current::epoch)
    }

    /// Whether this device joined by a Welcome and should put a fresh key into its leaf when idle.
    pub(crate) fn needs_update(&self, conversation: ConversationId) -> bool {
        self.current(conversation).is_some_and(|current| current.about.needs_update)
    }

    fn current(&self, conversation: ConversationId) -> Option<&Current> {
        self.entries.get(&conversation).and_then(|entry| entry.current.as_ref())
    }

    fn client(&self, shelf: &Shelf) -> Client<Config> {
        config::client(&self.provider, &self.device, &self.keys, shelf)
    }

    fn keep_pins(&mut self, fresh: Pins) {
        self.pins.extend(fresh.iter().map(|(user, pin)| (*user, *pin)));
        let own = self.device().user;
        self.fresh_pins.extend(fresh.into_iter().filter(|(user, _)| *user != own));
    }

    fn put_rows(&mut self, conversation: ConversationId, rows: Rows) {
        let rows = rows.into_iter().map(|(row, value)| (row.place(conversation), value.map(Bytes::from)));
        self.writes.extend(rows);
    }

    fn delete_rows(&mut self, conversation: ConversationId, rows: Vec<Row>) {
        self.put_rows(conversation, rows.into_iter().map(|row| (row, None)).collect());
    }
}
