//! What is to be written and what may be done only then. Owns the order of batches, not their content.
//!
//! The rule: **one batch is under way at a time, and what depends on anything not yet on disk waits for it.** What
//! happens meanwhile gathers in the next batch, so a burst of events costs one write.

use crate::calls::Call;
use crate::contract::{Batch, BatchKey, CommandKey, Erase, Failure, Output, Place, Record, Reply, Wanted};
use crate::sorted::SortedMap;
use bytes::Bytes;
use std::collections::VecDeque;

/// Over how many records the next batch is full: the inbox waits until the one under way is on disk.
pub(crate) const DRAFT_MAX_RECORDS: usize = 1_024;

/// Something to be done once everything before it is on disk.
#[derive(Debug)]
pub(crate) enum Effect {
    /// To be told.
    Tell(Output),
    /// To be asked of the server.
    Call(Box<Call>),
    /// To be read.
    Load(crate::client::Sought, Wanted),
}

/// Outputs, and the batches that they wait for.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    outputs: VecDeque<Output>,
    draft: Draft,
    effects: Vec<Effect>,
    under_way: Option<UnderWay>,
    next_batch: u64,
    health: Health,
}

/// Whether the store takes what it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    /// It does.
    #[default]
    Well,
    /// A batch has failed: what is in memory is ahead of the disk, and nothing may leave any more.
    Failed,
}

#[derive(Debug, Default)]
struct Draft {
    erase: Option<()>,
    records: SortedMap<Place, Option<Bytes>>,
}

#[derive(Debug)]
struct UnderWay {
    key: BatchKey,
    effects: Vec<Effect>,
}

impl Ledger {
    /// The next output, if any.
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the store takes what it is given.
    pub(crate) fn health(&self) -> Health {
        self.health
    }

    /// Whether the next batch should not grow.
    pub(crate) fn is_full(&self) -> bool {
        self.draft.records.len() >= DRAFT_MAX_RECORDS
    }

    /// A record comes or changes.
    pub(crate) fn put(&mut self, record: Record) {
        self.draft.records.insert(record.place, Some(record.value));
    }

    /// A record goes.
    pub(crate) fn delete(&mut self, place: Place) {
        self.draft.records.insert(place, None);
    }

    /// Everything goes.
    pub(crate) fn erase(&mut self) {
        self.draft = Draft { erase: Some(()), records: SortedMap::default() };
    }

    /// Says something that depends on nothing.
    pub(crate) fn tell(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Says or asks something once everything up to now is on disk.
    pub(crate) fn after(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Answers a command once everything up to now is on disk.
    pub(crate) fn answer(&mut self, key: CommandKey, result: Result<Reply, Failure>) {
        self.after(Effect::Tell(Output::Answer { key, result }));
    }

    /// Gives the next batch out when none is under way; gives back what may be done now.
    pub(crate) fn flush(&mut self) -> Vec<Effect> {
        if self.health == Health::Failed || self.under_way.is_some() {
            return Vec::new();
        }
        let effects = std::mem::take(&mut self.effects);
        let draft = std::mem::take(&mut self.draft);
        if draft.erase.is_none() && draft.records.is_empty() {
            return effects;
        }
        let key = BatchKey(self.next_batch);
        self.next_batch += 1;
        let erase = if draft.erase.is_some() { Erase::Everything } else { Erase::Nothing };
        let (mut deletes, mut puts) = (Vec::new(), Vec::new());
        for (place, value) in draft.records {
            match value {
                Some(value) => puts.push(Record { place, value }),
                None => deletes.push(place),
            }
        }
        self.outputs.push_back(Output::Persist(Batch { key, erase, deletes, puts }));
        self.under_way = Some(UnderWay { key, effects });
        Vec::new()
    }

    /// A batch is on disk: what waited for it.
    pub(crate) fn persisted(&mut self, key: BatchKey) -> Vec<Effect> {
        match self.under_way.take_if(|batch| batch.key == key) {
            Some(batch) => batch.effects,
            None => Vec::new(),
        }
    }

    /// A batch is not on disk: nothing that waited for it is done, now or later. Gives the commands back whose answers
    /// waited.
    pub(crate) fn failed(&mut self, key: BatchKey) -> Vec<CommandKey> {
        let Some(batch) = self.under_way.take_if(|batch| batch.key == key) else { return Vec::new() };
        self.health = Health::Failed;
        self.draft = Draft::default();
        let effects = batch.effects.into_iter().chain(std::mem::take(&mut self.effects));
        effects
            .filter_map(|effect| match effect {
                Effect::Tell(Output::Answer { key, .. }) => Some(key),
                _ => None,
            })
            .collect()
    }
}
