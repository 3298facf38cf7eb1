//! What waits to be sent (T11). Owns order, stages and retries; seals nothing and sends nothing itself.
//!
//! The rule: **within a conversation one after the other, and the same bytes again until the server has answered.** An
//! item goes when its own event has come back, so it survives every crash before that.

use crate::backoff;
use crate::content::{Content, MessageRef, Text};
use crate::contract::{Record, SENDS_KNOWN_MAX};
use crate::random::Random;
use crate::record;
use crate::sorted::SortedMap;
use serde::{Deserialize, Serialize};
use sotto_wire::message::MessageSent;
use sotto_wire::ticket::RetryPolicy;
use sotto_wire::{Base64, ClientId, Code, ConversationId, Millis, Problem, Retry};
use std::collections::VecDeque;

/// Most conversations that are sent to at once: enough to hide a round trip, few enough not to crowd others out.
const UNDER_WAY_MAX: usize = 8;

/// Everything that waits, by number.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    items: SortedMap<u64, Item>,
    under_way: SortedMap<ConversationId, UnderWay>,
    next_sequence: u64,
    /// Ids of the texts that were asked for last, oldest first: at most [`SENDS_KNOWN_MAX`].
    known: VecDeque<ClientId>,
}

/// Something that waits to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Where to.
    pub(crate) conversation: ConversationId,
    /// This message's id, the same however often it is sent.
    pub(crate) client_id: ClientId,
    /// What it says.
    pub(crate) content: Content,
    /// When it was written.
    pub(crate) at: Millis,
    /// How far it has come.
    pub(crate) stage: Stage,
}

/// How far an item has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Not sealed yet.
    Waiting,
    /// Sealed: these bytes and no others may be sent.
    Sealed { epoch: u64, ciphertext: Base64 },
    /// The server has it; its event is still to come.
    Taken { sent_at: Millis },
    /// It is not tried any more.
    Failed { code: Code },
}

/// An item as it stands on disk.
#[derive(Serialize, Deserialize)]
struct Row {
    conversation: ConversationId,
    client_id: ClientId,
    kind: u8,
    content: Base64,
    at: Millis,
    stage: Stage,
}

/// What stops a conversation's next item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    /// The server is asked.
    Asked { sequence: u64, failed: u32 },
    /// It is asked again then.
    Pausing { until: Millis, failed: u32 },
    /// The group has to leave this epoch first.
    Stale { epoch: u64 },
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    /// Seal this item.
    Seal(u64),
    /// Send this item, which is sealed.
    Send(u64),
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing that is to be seen or written.
    Unchanged,
    /// The item's stage, in memory only.
    Shown,
    /// The item's stage, also on disk.
    Changed,
}

/// Whether a conversation can be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// Not now.
    Not,
    /// It can.
    Send {
        /// Where its group stands; `None` when that is not in memory.
        epoch: Option<u64>,
    },
}

impl Outbox {
    /// The ids that [`Outbox::known_record`] has written.
    pub(crate) fn load_known(&mut self, record: &Record) {
        self.known = record.value.chunks_exact(16).filter_map(|id| id.try_into().ok().map(ClientId)).collect();
    }

    /// Whether a text was asked for under this id.
    pub(crate) fn knows(&self, client_id: ClientId) -> bool {
        self.known.contains(&client_id)
    }

    /// A text is asked for under this id; what is to be written of that, in one batch with the text.
    pub(crate) fn known_record(&mut self, client_id: ClientId) -> Record {
        self.known.push_back(client_id);
        let surplus = self.known.len().saturating_sub(SENDS_KNOWN_MAX);
        self.known.drain(..surplus);
        let ids: Vec<u8> = self.known.iter().flat_map(|id| id.0).collect();
        Record { place: record::account(record::SENDS), value: ids.into() }
    }

    /// What stood on disk. Rows of another shape are left out.
    pub(crate) fn load(&mut self, records: &[Record], next_sequence: u64) {
        self.next_sequence = self.next_sequence.max(next_sequence).max(1);
        for record in records {
            let item = record::read::<Row>(record).and_then(Item::from_row);
            if let (Some(sequence), Some(item)) = (record::number(record), item) {
                self.items.insert(sequence, item);
                self.next_sequence = self.next_sequence.max(sequence.saturating_add(1));
            }
        }
    }

    /// The number that the next item gets.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// An item by its number.
    pub(crate) fn item(&self, sequence: u64) -> Option<&Item> {
        self.items.get(&sequence)
    }

    /// The number of an item.
    pub(crate) fn find(&self, conversation: ConversationId, client_id: ClientId) -> Option<u64> {
        let mut items = self.items.iter();
        items.find(|(_, item)| item.conversation == conversation && item.client_id == client_id).map(|(n, _)| *n)
    }

    /// What waits for a conversation, in order.
    pub(crate) fn of(&self, conversation: ConversationId) -> impl DoubleEndedIterator<Item = (u64, &Item)> {
        self.items.iter().filter(move |(_, item)| item.conversation == conversation).map(|(n, item)| (*n, item))
    }

    /// Adds an item at the end; its number is [`Outbox::next_sequence`].
    pub(crate) fn add(&mut self, item: Item) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.items.insert(sequence, item);
        sequence
    }

    /// Takes an item out.
    pub(crate) fn remove(&mut self, sequence: u64) -> Option<Item> {
        let item = self.items.remove(&sequence)?;
        let asked = |way: &UnderWay| matches!(way, UnderWay::Asked { sequence: asked, .. } if *asked == sequence);
        if self.under_way.get(&item.conversation).is_some_and(asked) {
            self.under_way.remove(&item.conversation);
        }
        Some(item)
    }

    /// Says something else in an item that is not sealed yet.
    pub(crate) fn reword(&mut self, sequence: u64, content: Content) {
        if let Some(item) = self.items.get_mut(&sequence).filter(|item| item.stage == Stage::Waiting) {
            item.content = content;
        }
    }

    /// A message is deleted: its words go from the answers to it. Gives the numbers of the items back that are to be
    /// written; what is sealed already keeps its bytes.
    pub(crate) fn strip(&mut self, conversation: ConversationId, of: MessageRef) -> Vec<u64> {
        let mut changed = Vec::new();
        for (sequence, item) in self.items.iter_mut().filter(|(_, item)| item.conversation == conversation) {
            if let Content::Text(Text { reply: Some(reply), .. }) = &mut item.content
                && reply.of == of
                && !reply.excerpt.is_empty()
            {
                reply.excerpt.clear();
                changed.push(*sequence);
            }
        }
        changed
    }

    /// What to do next, in conversations that `may` be sent to. To be answered by [`Outbox::sealed`] or
    /// [`Outbox::fail`], and [`Outbox::asked`], before it is asked again.
    pub(crate) fn next(&self, now: Millis, may: impl Fn(ConversationId) -> May) -> Option<Next> {
        let asked = self.under_way.values().filter(|way| matches!(way, UnderWay::Asked { .. })).count();
        if asked >= UNDER_WAY_MAX {
            return None;
        }
        let mut passed = Vec::new();
        for (sequence, item) in self.items.iter() {
            if passed.contains(&item.conversation) {
                continue;
            }
            match item.stage {
                Stage::Taken { .. } | Stage::Failed { .. } => continue,
                Stage::Waiting | Stage::Sealed { .. } => passed.push(item.conversation),
            }
            let May::Send { epoch } = may(item.conversation) else { continue };
            let is_free = match self.under_way.get(&item.conversation) {
                None => true,
                Some(UnderWay::Pausing { until, .. }) => *until <= now,
                // One that is not in memory is read first.
                Some(UnderWay::Stale { epoch: left }) => epoch.is_none_or(|epoch| epoch > *left),
                Some(UnderWay::Asked { .. }) => false,
            };
            if is_free {
                let sealed = matches!(item.stage, Stage::Sealed { .. });
                return Some(if sealed { Next::Send(*sequence) } else { Next::Seal(*sequence) });
            }
        }
        None
    }

    /// An item is sealed.
    pub(crate) fn sealed(&mut self, sequence: u64, epoch: u64, ciphertext: Base64) {
        if let Some(item) = self.items.get_mut(&sequence) {
            item.stage = Stage::Sealed { epoch, ciphertext };
        }
    }

    /// An item is not tried any more.
    pub(crate) fn fail(&mut self, sequence: u64, code: Code) {
        if let Some(item) = self.items.get_mut(&sequence) {
            item.stage = Stage::Failed { code };
        }
    }

    /// An item is on its way.
    pub(crate) fn asked(&mut self, sequence: u64) {
        let Some(item) = self.items.get(&sequence) else { return };
        let failed = match self.under_way.get(&item.conversation) {
            Some(UnderWay::Pausing { failed, .. } | UnderWay::Asked { failed, .. }) => *failed,
            Some(UnderWay::Stale { .. }) | None => 0,
        };
        self.under_way.insert(item.conversation, UnderWay::Asked { sequence, failed });
    }

    /// The server's answer about an item. `epoch` is the group's own now.
    pub(crate) fn answered(
        &mut self,
        (conversation, sequence): (ConversationId, u64),
        answer: Result<MessageSent, Problem>,
        epoch: Option<u64>,
        (now, random): (Millis, &Random),
    ) -> Outcome {
        let failed = match self.under_way.get(&conversation) {
            Some(UnderWay::Asked { sequence: asked, failed }) if *asked == sequence => *failed,
            // Its event came before the answer.
            _ => return Outcome::Unchanged,
        };
        self.under_way.remove(&conversation);
        let Some(item) = self.items.get_mut(&sequence) else { return Outcome::Unchanged };
        match answer {
            Ok(sent) => {
                item.stage = Stage::Taken { sent_at: sent.sent_at };
                Outcome::Shown
            }
            Err(problem) if problem.code == Code::StaleEpoch => {
                if let Stage::Sealed { epoch: sealed, .. } = item.stage
                    && epoch.is_none_or(|epoch| epoch <= sealed)
                {
                    self.under_way.insert(conversation, UnderWay::Stale { epoch: sealed });
                }
                // The server never took these bytes: others, under the same id, are no second message.
                item.stage = Stage::Waiting;
                Outcome::Changed
            }
            Err(problem) if problem.retry == Retry::Never => {
                item.stage = Stage::Failed { code: problem.code };
                Outcome::Changed
            }
            Err(problem) => {
                let wait = backoff::wait(RetryPolicy::default(), failed, random);
                let until = now.after(backoff::asked(problem.retry_after_ms).max(wait));
                self.under_way.insert(conversation, UnderWay::Pausing { until, failed: failed.saturating_add(1) });
                Outcome::Unchanged
            }
        }
    }

    /// There is a connection again: what pauses goes on.
    pub(crate) fn wake(&mut self) {
        self.under_way.retain(|_, way| !matches!(way, UnderWay::Pausing { .. }));
    }

    /// Nobody is signed in: what was on its way is not.
    pub(crate) fn pause(&mut self) {
        self.under_way.clear();
    }

    /// This store becomes another device: what it has sealed is of no use any more, and may have arrived or not. Gives
    /// the numbers of the items back that are to be written.
    pub(crate) fn disown(&mut self, code: Code) -> Vec<u64> {
        let mut changed = Vec::new();
        for (sequence, item) in self.items.iter_mut() {
            match item.stage {
                Stage::Waiting | Stage::Failed { .. } => {}
                // What the server has taken is no more than not yet in its place. That stood in memory only: read again
                // after a restart it would be sealed bytes of another device, and go out a second time.
                Stage::Taken { .. } => changed.push(*sequence),
                Stage::Sealed { .. } => {
                    item.stage = Stage::Failed { code };
                    changed.push(*sequence);
                }
            }
        }
        changed
    }

    /// When something pauses no longer, after `now`.
    pub(crate) fn deadline(&self, now: Millis) -> Option<Millis> {
        let until = |way: &UnderWay| match way {
            UnderWay::Pausing { until, .. } => Some(*until),
            UnderWay::Asked { .. } | UnderWay::Stale { .. } => None,
        };
        self.under_way.values().filter_map(until).filter(|until| *until > now).min()
    }

    /// Items that the server has taken and whose event has not come.
    pub(crate) fn taken(&self) -> Vec<u64> {
        let taken = self.items.iter().filter(|(_, item)| matches!(item.stage, Stage::Taken { .. }));
        taken.map(|(sequence, _)| *sequence).collect()
    }

    /// The row of an item.
    pub(crate) fn record(&self, sequence: u64) -> Option<Record> {
        let item = self.items.get(&sequence)?;
        let row = Row {
            conversation: item.conversation,
            client_id: item.client_id,
            kind: item.content.kind(),
            content: item.content.encode().into(),
            at: item.at,
            stage: item.stage.clone(),
        };
        Some(record::write(record::outbox(sequence), &row))
    }
}

impl Item {
    fn from_row(row: Row) -> Option<Self> {
        let content = Content::decode(row.kind, row.content.as_slice()).ok()?;
        let Row { conversation, client_id, at, stage, .. } = row;
        Some(Self { conversation, client_id, content, at, stage })
    }
}

#[cfg(test)]
#[path = "outbox/tests.rs"]
mod tests;
