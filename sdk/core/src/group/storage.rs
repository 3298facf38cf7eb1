//! Where mls-rs puts what it wants kept: in memory, marked as changed, until the groups write it out as records.
//!
//! Owns the three seams of mls-rs, group states, key packages and the keys of invites. Does no I/O and knows no tables.
//!
//! The rule: as many epochs before the current one are kept as the server takes messages for; older secrets are gone.

use crate::sorted::{SortedMap, SortedSet};
use mls_rs::mls_rs_codec::{MlsDecode, MlsEncode};
use mls_rs::psk::{ExternalPskId, PreSharedKey};
use mls_rs::storage_provider::KeyPackageData;
use mls_rs::{GroupStateStorage, KeyPackageStorage, PreSharedKeyStorage};
use mls_rs_core::group::{EpochRecord, GroupState};
use sotto_wire::{InviteId, Millis, limit};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

type Secret = Zeroizing<Vec<u8>>;

/// The stored state of one group.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Mutex<Held>>);

/// What a shelf holds.
#[derive(Clone, Default)]
pub(super) struct Held {
    state: Option<Secret>,
    prior: SortedMap<u64, Secret>,
    changed: SortedSet<u64>,
    /// PSKs of the group's invites.
    invites: SortedMap<InviteId, [u8; 32]>,
}

impl PreSharedKeyStorage for Shelf {
    type Error = Infallible;

    fn get(&self, id: &ExternalPskId) -> Result<Option<PreSharedKey>, Infallible> {
        let id: Option<[u8; 16]> = id.as_ref().try_into().ok();
        let key = id.and_then(|id| self.held().invites.get(&InviteId(id)).copied());
        Ok(key.map(|key| PreSharedKey::new(key.to_vec())))
    }
}

impl Shelf {
    /// What was read from the local store.
    pub(super) fn new(state: Secret, prior: SortedMap<u64, Secret>) -> Self {
        Self(Arc::new(Mutex::new(Held { state: Some(state), prior, ..Held::default() })))
    }

    /// The newest state.
    pub(super) fn newest(&self) -> Secret {
        self.held().state.clone().unwrap_or_default()
    }

    /// Which epochs before the current one are kept.
    pub(super) fn prior(&self) -> Vec<u64> {
        self.held().prior.keys().copied().collect()
    }

    /// Which epochs before the current one have changed since this was last asked, each with what it is now; `None`
    /// when it is gone.
    pub(super) fn take_changed(&self) -> Vec<(u64, Option<Secret>)> {
        let mut held = self.held();
        let changed = std::mem::take(&mut held.changed);
        changed.into_iter().map(|epoch| (epoch, held.prior.get(&epoch).cloned())).collect()
    }

    /// Forgets the epochs before the current one, as if they had never been.
    pub(super) fn forget_prior(&self) {
        let mut held = self.held();
        held.prior.clear();
        held.changed.clear();
    }

    /// These are the keys of the group's invites.
    pub(super) fn set_invites(&self, invites: &SortedMap<InviteId, [u8; 32]>) {
        self.held().invites = invites.clone();
    }

    /// All that it holds now.
    pub(super) fn copy(&self) -> Held {
        self.held().clone()
    }

    /// Back to what it held.
    pub(super) fn put_back(&self, before: Held) {
        *self.held() = before;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic under the lock leaves whole values: go on with them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GroupStateStorage for Shelf {
    type Error = Infallible;

    fn state(&self, _: &[u8]) -> Result<Option<Secret>, Infallible> {
        Ok(self.held().state.clone())
    }

    fn epoch(&self, _: &[u8], epoch: u64) -> Result<Option<Secret>, Infallible> {
        Ok(self.held().prior.get(&epoch).cloned())
    }

    fn write(
        &mut self,
        state: GroupState,
        inserts: Vec<EpochRecord>,
        updates: Vec<EpochRecord>,
    ) -> Result<(), Infallible> {
        let mut held = self.held();
        held.state = Some(state.data);
        for record in inserts.into_iter().chain(updates) {
            held.changed.insert(record.id);
            held.prior.insert(record.id, record.data);
        }
        // The current epoch is the one after the newest of these.
        let newest = held.prior.last().map_or(0, |(&epoch, _)| epoch);
        let gone: Vec<u64> =
            held.prior.keys().copied().filter(|epoch| epoch + limit::EPOCHS_BEFORE <= newest).collect();
        for epoch in gone {
            held.prior.remove(&epoch);
            held.changed.insert(epoch);
        }
        Ok(())
    }

    fn max_epoch_id(&self, _: &[u8]) -> Result<Option<u64>, Infallible> {
        Ok(self.held().prior.last().map(|(&epoch, _)| epoch))
    }
}

/// Whether a key package may be used once or again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Deleted by the first join.
    Once,
    /// The last resort (RFC 9420 §16.8).
    Again,
}

/// The secrets of a published key package.
#[derive(Clone)]
pub(super) struct StoredKey {
    pub(super) usage: Use,
    pub(super) created_at: Millis,
    /// `KeyPackageData` as mls-rs encodes it.
    pub(super) secret: Secret,
}

/// The secrets of all published key packages of this device, by key package reference.
#[derive(Clone)]
pub(super) struct KeyShelf(Arc<Mutex<Keys>>);

struct Keys {
    stored: SortedMap<Vec<u8>, StoredKey>,
    changed: SortedSet<Vec<u8>>,
    /// What the next ones are marked with.
    mark: (Use, Millis),
}

impl KeyShelf {
    /// None yet.
    pub(super) fn new() -> Self {
        let mark = (Use::Once, Millis(0));
        Self(Arc::new(Mutex::new(Keys { stored: SortedMap::default(), changed: SortedSet::default(), mark })))
    }

    /// Takes in one that was read from the local store.
    pub(super) fn restore(&self, reference: Vec<u8>, key: StoredKey) {
        self.keys().stored.insert(reference, key);
    }

    /// Marks those that mls-rs makes next.
    pub(super) fn mark(&self, usage: Use, created_at: Millis) {
        self.keys().mark = (usage, created_at);
    }

    /// Forgets those of `usage` that were made before `oldest`.
    pub(super) fn prune(&self, usage: Use, oldest: Millis) {
        let keys = &mut *self.keys();
        let gone = keys.stored.extract_if(|_, key| key.usage == usage && key.created_at < oldest);
        keys.changed.extend(gone.map(|(reference, _)| reference));
    }

    /// Forgets all but the `count` newest of `usage`.
    pub(super) fn keep_newest(&self, usage: Use, count: usize) {
        let keys = &mut *self.keys();
        let of_usage = keys.stored.iter().filter(|(_, key)| key.usage == usage);
        let mut by_age: Vec<_> = of_usage.map(|(reference, key)| (key.created_at, reference.clone())).collect();
        by_age.sort_unstable();
        by_age.truncate(by_age.len().saturating_sub(count));
        for (_, reference) in by_age {
            keys.stored.remove(&reference);
            keys.changed.insert(reference);
        }
    }

    /// When the newest of `usage` was made.
    pub(super) fn newest(&self, usage: Use) -> Option<Millis> {
        self.keys().stored.values().filter(|key| key.usage == usage).map(|key| key.created_at).max()
    }

    /// Which have come or gone since this was last asked; `None` when gone.
    pub(super) fn take_changed(&self) -> Vec<(Vec<u8>, Option<StoredKey>)> {
        let mut keys = self.keys();
        let changed = std::mem::take(&mut keys.changed);
        changed
            .into_iter()
            .map(|reference| {
                let key = keys.stored.get(&reference).cloned();
                (reference, key)
            })
            .collect()
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyPackageStorage for KeyShelf {
    type Error = mls_rs::mls_rs_codec::Error;

    fn delete(&mut self, reference: &[u8]) -> Result<(), Self::Error> {
        let mut keys = self.keys();
        if keys.stored.remove(reference).is_some() {
            keys.changed.insert(reference.to_vec());
        }
        Ok(())
    }

    fn insert(&mut self, reference: Vec<u8>, package: KeyPackageData) -> Result<(), Self::Error> {
        let secret = Zeroizing::new(package.mls_encode_to_vec()?);
        let mut keys = self.keys();
        let (usage, created_at) = keys.mark;
        keys.changed.insert(reference.clone());
        keys.stored.insert(reference, StoredKey { usage, created_at, secret });
        Ok(())
    }

    fn get(&self, reference: &[u8]) -> Result<Option<KeyPackageData>, Self::Error> {
        let keys = self.keys();
        keys.stored.get(reference).map(|key| KeyPackageData::mls_decode(&mut key.secret.as_slice())).transpose()
    }
}
