//! The open timeline as signals: one for which rows there are, one for each row's item. Owns them; places and states
//! are the SDK's. Rule: an item that changes where it stands touches its own signal only.

use super::{ConversationId, Item, Older};
use leptos::prelude::*;
use sotto::view::{MessageKey, Position, TimelineChange};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
    fn new(conversation: ConversationId, items: Vec<Item>, older: Older, first_number: u64) -> Self {
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

    fn rows_of(&mut self, items: Vec<Item>) -> Vec<Row> {
        items.into_iter().filter_map(|item| self.row_of(item)).collect()
    }

    /// A new row, unless the item has one.
    fn row_of(&mut self, item: Item) -> Option<Row> {
        let Entry::Vacant(place) = self.by_key.entry(item.key) else { return None };
        let row = Row { number: self.next_number, item: ArcRwSignal::new(item) };
        self.next_number += 1;
        Some(place.insert(row).clone())
    }

    fn put(&mut self, item: Item) -> Rows {
        let Some(row) = self.by_key.get(&item.key).cloned() else {
            if let Some(row) = self.row_of(item) {
                self.insert(row);
            }
            return Rows::Changed;
        };
        if row.position() == item.position {
            row.item.set(item);
            return Rows::Same;
        }
        if let Some(index) = self.index_of(&row) {
            self.rows.remove(index);
        }
        row.item.set(item);
        self.insert(row);
        Rows::Changed
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

/// Whether other rows stand there than before, or elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Same,
    Changed,
}

impl Rows {
    /// After both.
    pub(super) fn and(self, then: Rows) -> Rows {
        if self == Rows::Changed { self } else { then }
    }
}

/// Carries one change over into the rows; who follows the timeline is to be told when they have changed.
pub(super) fn apply(open: &mut Option<Timeline>, change: TimelineChange) -> Rows {
    match change {
        TimelineChange::Opened { conversation, items, older } => {
            // Numbers go on, so that no row of the one is taken for a row of the other.
            let first = open.as_ref().map_or(0, |old| old.next_number);
            *open = Some(Timeline::new(conversation, items, older, first));
            Rows::Changed
        }
        TimelineChange::OlderLoaded { conversation, items, older } => {
            let Some(timeline) = of(open, conversation) else { return Rows::Same };
            let mut rows = timeline.rows_of(items);
            rows.append(&mut timeline.rows);
            timeline.rows = rows;
            timeline.paging = paging(older);
            Rows::Changed
        }
        TimelineChange::Put(item) => of(open, item.key.conversation).map_or(Rows::Same, |timeline| timeline.put(item)),
        TimelineChange::Gone(key) => {
            let Some(timeline) = of(open, key.conversation) else { return Rows::Same };
            let Some(index) = timeline.by_key.remove(&key).and_then(|row| timeline.index_of(&row)) else {
                return Rows::Same;
            };
            timeline.rows.remove(index);
            Rows::Changed
        }
    }
}

fn of(open: &mut Option<Timeline>, conversation: ConversationId) -> Option<&mut Timeline> {
    open.as_mut().filter(|timeline| timeline.conversation == conversation)
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
