//! What changes items that are there, on its way to them. Owns order and reading; what a change does is the item's affair.
//!
//! The rule: **a change is on disk in the batch of the event that brought it, and goes in the batch that holds what it
//! has changed.** So it is done once, in the order of the log, though its message is read only afterwards.

use crate::content::{Content, Mention, MessageRef};
use crate::contract::{Place, Record};
use crate::record;
use crate::sorted::{SortedMap, SortedSet};
use crate::timeline::Logged;
use crate::view::MessageKey;
use serde::{Deserialize, Serialize};
use sotto_wire::{ConversationId, Millis, UserId};

/// Over so many the inbox waits.
const QUEUE_MAX: usize = 1_024;
/// Changes that are done in one go: a batch each, so not one by one, and each has its items in memory.
const ROUND_MAX: usize = 64;
/// Answers of which a message knows, so that its words go from them with it.
pub(crate) const QUOTED_MAX: usize = 256;

/// A change of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Where.
    pub(crate) conversation: ConversationId,
    /// Of which message.
    pub(crate) of: MessageRef,
    /// By whom.
    pub(crate) by: UserId,
    /// When, by the server's clock.
    pub(crate) at: Millis,
    /// What.
    pub(crate) what: What,
}

/// What a change is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// It says something else.
    Edit { text: String, mentions: Vec<Mention> },
    /// It is gone for all.
    Delete,
    /// Somebody thinks something of it, or no longer.
    React(Option<String>),
    /// It goes from this device.
    Forget,
    /// The item at this position answers it.
    Quoted { by: u64 },
}

impl What {
    /// What a content changes, and of which message.
    pub(crate) fn of(content: Content) -> Option<(MessageRef, What)> {
        match content {
            Content::Edit(edit) => Some((edit.of, What::Edit { text: edit.text, mentions: edit.mentions })),
            Content::Delete(delete) => Some((delete.of, What::Delete)),
            Content::Reaction(reaction) => Some((reaction.of, What::React(reaction.emoji))),
            Content::Text(_)
            | Content::Profile(_)
            | Content::Receipt(_)
            | Content::Card(_)
            | Content::AskCard(_)
            | Content::Leave(_) => None,
        }
    }
}

/// Where a message stands, by its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its position; none when it is not on this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u64>,
    /// Positions of the answers to it, the newest [`QUOTED_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) quoted_by: Vec<u64>,
    /// Whether its author has deleted it for all.
    #[serde(default)]
    pub(crate) deleted: bool,
}

impl Entry {
    /// The row of a message.
    pub(crate) fn record(&self, conversation: ConversationId, of: MessageRef) -> Record {
        record::write(record::index(conversation, of), self)
    }
}

/// Names an entry.
pub(crate) type Name = (ConversationId, MessageRef);

/// What is read of the store for the changes under way.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// The changes, in order.
    pub(crate) steps: Vec<(u64, Step)>,
    /// Messages that are to be shown anew.
    pub(crate) looks: Vec<MessageKey>,
    /// Where the messages stand.
    pub(crate) entries: SortedMap<Name, Entry>,
    /// The items.
    pub(crate) items: SortedMap<(ConversationId, u64), Logged>,
}

/// Changes that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    queue: SortedMap<u64, Step>,
    looks: SortedSet<MessageKey>,
    next: u64,
    round: Option<Round>,
    /// Items that came while a round is read.
    came: SortedMap<Name, u64>,
}

impl Changes {
    /// What stood on disk. Rows of another shape are left out.
    pub(crate) fn load(&mut self, records: &[Record]) {
        let pair = |record: &Record| Some((record::number(record)?, record::read(record)?));
        self.queue.extend(records.iter().filter_map(pair));
        self.next = self.queue.last().map_or(0, |(number, _)| number.saturating_add(1));
    }

    /// Whether the inbox is to wait.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= QUEUE_MAX
    }

    /// A change comes; its row.
    pub(crate) fn add(&mut self, step: Step) -> Record {
        let number = self.next;
        self.next += 1;
        let record = record::write(record::change(number), &step);
        self.queue.insert(number, step);
        record
    }

    /// A message is to be shown anew.
    pub(crate) fn look(&mut self, message: MessageKey) {
        self.looks.insert(message);
    }

    /// The changes of a conversation, in order.
    pub(crate) fn of(&self, conversation: ConversationId) -> impl Iterator<Item = &Step> {
        self.queue.values().filter(move |step| step.conversation == conversation)
    }

    /// A message has come.
    pub(crate) fn came(&mut self, name: Name, position: u64) {
        if self.round.is_some() {
            self.came.insert(name, position);
        }
    }

    /// Begins a round, when none is under way and there is something to do: the rows that say where its messages stand.
    pub(crate) fn begin(&mut self) -> Option<Vec<Place>> {
        if self.round.is_some() || (self.queue.is_empty() && self.looks.is_empty()) {
            return None;
        }
        let steps: Vec<_> = self.queue.iter().take(ROUND_MAX).map(|(number, step)| (*number, step.clone())).collect();
        let looks: Vec<_> = std::mem::take(&mut self.looks).into_iter().collect();
        let mut names: SortedSet<Name> = steps.iter().map(|(_, step)| (step.conversation, step.of)).collect();
        names.extend(looks.iter().map(|key| (key.conversation, key.message())));
        let entries: SortedMap<_, _> = names.iter().map(|name| (*name, Entry::default())).collect();
        let places = entries.keys().map(|(conversation, of)| record::index(*conversation, *of)).collect();
        self.round = Some(Round { steps, looks, entries, items: SortedMap::default() });
        Some(places)
    }

    /// Where the messages stand has been read: the rows of the items.
    pub(crate) fn found(&mut self, records: &[Record]) -> Vec<Place> {
        let Some(round) = &mut self.round else { return Vec::new() };
        for ((conversation, of), entry) in round.entries.iter_mut() {
            let place = record::index(*conversation, *of);
            if let Some(read) = records.iter().find(|record| record.place == place).and_then(record::read) {
                *entry = read;
            }
        }
        let mut wanted: SortedSet<(ConversationId, u64)> = SortedSet::default();
        for ((conversation, _), entry) in round.entries.iter() {
            wanted.extend(entry.position.map(|position| (*conversation, position)));
        }
        for (_, step) in &round.steps {
            let id = step.conversation;
            match step.what {
                What::Quoted { by } => wanted.extend([(id, by)]),
                What::Delete => {
                    let entry = round.entries.get(&(id, step.of));
                    wanted.extend(entry.iter().flat_map(|entry| &entry.quoted_by).map(|by| (id, *by)));
                }
                What::Edit { .. } | What::React(_) | What::Forget => {}
            }
        }
        wanted.iter().map(|(conversation, position)| record::message(*conversation, *position)).collect()
    }

    /// The items have been read: all that the changes need is there, and the changes are taken for done.
    pub(crate) fn end(&mut self, records: &[Record]) -> Option<Round> {
        let mut round = self.round.take()?;
        for record in records {
            let id = record.place.row.first_chunk().map(|id| ConversationId(*id));
            if let (Some(id), Some(position), Some(logged)) = (id, record::number(record), record::read(record)) {
                round.items.insert((id, position), logged);
            }
        }
        for (name, position) in std::mem::take(&mut self.came) {
            if let Some(entry) = round.entries.get_mut(&name) {
                entry.position = Some(position);
            }
        }
        for (number, _) in &round.steps {
            self.queue.remove(number);
        }
        Some(round)
    }

    /// What was to be read could not be: it is begun anew.
    pub(crate) fn give_up(&mut self) {
        self.came.clear();
        if let Some(round) = self.round.take() {
            self.looks.extend(round.looks);
        }
    }
}
