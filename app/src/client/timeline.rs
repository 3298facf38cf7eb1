//! The open timeline as signals: one for which rows there are, one for each row's item. Owns them; places and states
//! are the SDK's. Rule: an item that changes where it stands touches its own signal only.

use super::{ConversationId, Item, Older};
use leptos::prelude::*;
use sotto::view::{MessageKey, Position, TimelineChange};
use std::collections::HashMap;

/// The items of one conversation that are in memory.
pub(crate) struct Timeline {
    /// Which.
    pub conversation: ConversationId,
    /// Ascending.
    pub rows: Vec<Row>,
    /// What is before them.
    pub paging: Paging,
    by_key: HashMap<MessageKey, Row>,
    next_number: u64,
}

/// What is before the oldest row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    /// More, not asked for.
    More,
    /// A page is on its way.
    Loading,
    /// Nothing.
    Complete,
}

/// An item's place in the page: keeps its number while the item changes.
#[derive(Clone)]
pub(crate) struct Row {
    /// Names the row within this timeline; of no order.
    pub number: u64,
    /// What stands in it.
    pub item: ArcRwSignal<Item>,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Row {
    fn position(&self) -> Position {
        self.item.with_untracked(|item| item.position)
    }
}

impl Timeline {
    fn new(conversation: ConversationId, items: &[Item], older: Older, first_number: u64) -> Self {
        let mut timeline = Timeline {
            conversation,
            rows: Vec::new(),
            paging: paging(older),
            by_key: HashMap::new(),
            next_number: first_number,
        };
        timeline.rows = timeline.rows_of(items);
        timeline
    }

    fn rows_of(&mut self, items: &[Item]) -> Vec<Row> {
        items.iter().filter_map(|item| self.row_of(item)).collect()
    }

    /// A new row, unless the item has one.
    fn row_of(&mut self, item: &Item) -> Option<Row> {
        if self.by_key.contains_key(&item.key) {
            return None;
        }
        let row = Row { number: self.next_number, item: ArcRwSignal::new(item.clone()) };
        self.next_number += 1;
        self.by_key.insert(item.key, row.clone());
        Some(row)
    }

    fn index_of(&self, row: &Row) -> Option<usize> {
        let near = self.rows.partition_point(|other| other.position() < row.position());
        self.rows[near..].iter().position(|other| other == row).map(|after| near + after)
    }

    fn insert(&mut self, row: Row) {
        let index = self.rows.partition_point(|other| other.position() <= row.position());
        self.rows.insert(index, row);
    }
}

fn paging(older: Older) -> Paging {
    match older {
        Older::More => Paging::More,
        Older::None => Paging::Complete,
    }
}

/// Carries one change over into the signals.
pub(super) fn apply(timeline: RwSignal<Option<Timeline>>, change: &TimelineChange) {
    match change {
        TimelineChange::Opened { conversation, items, older } => {
            // Numbers go on, so that no row of the one is taken for a row of the other.
            let first = timeline.with_untracked(|old| old.as_ref().map_or(0, |old| old.next_number));
            timeline.set(Some(Timeline::new(*conversation, items, *older, first)));
        }
        TimelineChange::OlderLoaded { conversation, items, older } => timeline.update(|timeline| {
            if let Some(timeline) = timeline.as_mut().filter(|timeline| timeline.conversation == *conversation) {
                let mut rows = timeline.rows_of(items);
                rows.append(&mut timeline.rows);
                timeline.rows = rows;
                timeline.paging = paging(*older);
            }
        }),
        TimelineChange::Put(item) => put(timeline, item),
        TimelineChange::Gone(key) => timeline.update(|timeline| {
            if let Some(timeline) = timeline
                && let Some(row) = timeline.by_key.remove(key)
                && let Some(index) = timeline.index_of(&row)
            {
                timeline.rows.remove(index);
            }
        }),
    }
}

/// What is to be done for an item.
enum Put {
    /// It is of another conversation.
    Skip,
    /// It stands where it stood.
    Change(Row),
    /// It is new or has moved.
    Place,
}

fn put(timeline: RwSignal<Option<Timeline>>, item: &Item) {
    let step = timeline.with_untracked(|timeline| {
        let Some(timeline) = timeline.as_ref().filter(|timeline| timeline.conversation == item.key.conversation) else {
            return Put::Skip;
        };
        match timeline.by_key.get(&item.key) {
            Some(row) if row.position() == item.position => Put::Change(row.clone()),
            Some(_) | None => Put::Place,
        }
    });
    match step {
        Put::Skip => {}
        Put::Change(row) => row.item.set(item.clone()),
        Put::Place => timeline.update(|timeline| {
            let Some(timeline) = timeline else { return };
            match timeline.by_key.get(&item.key).cloned() {
                Some(row) => {
                    if let Some(index) = timeline.index_of(&row) {
                        timeline.rows.remove(index);
                    }
                    row.item.set(item.clone());
                    timeline.insert(row);
                }
                None => {
                    if let Some(row) = timeline.row_of(item) {
                        timeline.insert(row);
                    }
                }
            }
        }),
    }
}

/// Whether a page is to be asked for; notes that it is under way.
pub(super) fn begin_paging(timeline: RwSignal<Option<Timeline>>, conversation: ConversationId) -> bool {
    let wanted = timeline.with_untracked(|timeline| {
        timeline.as_ref().is_some_and(|open| open.conversation == conversation && open.paging == Paging::More)
    });
    if wanted {
        timeline.update_untracked(|timeline| {
            if let Some(timeline) = timeline {
                timeline.paging = Paging::Loading;
            }
        });
    }
    wanted
}
