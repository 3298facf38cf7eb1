//! The open timelines, one for each viewer. Owns what is on screen of them and how items stand on disk; reads and writes
//! nothing itself.
//!
//! The rule: what changes while a page is being read is not lost, and each item is told in the place that it has now.

mod item;

pub(crate) use item::{Effect, Logged, LoggedBody, waiting_item};

use crate::changes::Step;
use crate::contract::{Record, VIEWERS_MAX, ViewerKey};
use crate::conversation::Row;
use crate::record;
use crate::sorted::SortedMap;
use crate::view::{Item, MessageKey, MessageState, Older, Sharing, TimelineChange};
use item::{item, state};
use sotto_wire::{ConversationId, DeviceRef};

/// Items of a page: more than a tall screen shows.
pub(crate) const PAGE: usize = 50;
/// Positions from here on are of what is not yet in the log. Under 2⁵³, so that it is a number in JavaScript too.
const WAITING_FROM: u64 = 1 << 52;

/// The open timelines: at most [`VIEWERS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    open: SortedMap<ViewerKey, Open>,
    next_number: u64,
}

/// A change, and who is to be told.
type Told = (ViewerKey, TimelineChange);

#[derive(Debug)]
struct Open {
    conversation: ConversationId,
    number: u64,
    page: Page,
    /// The lowest position on screen.
    lowest: u64,
    /// This device's items on screen and how far each was last told to have come: that may still change.
    own: SortedMap<u64, (Logged, MessageState)>,
    /// What came, changed or went while a page is being read.
    came: SortedMap<u64, Option<Logged>>,
}

#[derive(Debug)]
enum Page {
    /// The first one is being read.
    First,
    /// Nothing is being read.
    Shown,
    /// An older one is being read.
    Older,
}

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Whose items.
    pub(crate) conversation: ConversationId,
    /// The opening that it is for.
    pub(crate) number: u64,
    /// Only items under this position.
    pub(crate) below: Option<u64>,
}

/// What it takes to show an item.
#[derive(Clone, Copy)]
pub(crate) struct Eyes<'a> {
    /// Whose device this is.
    pub(crate) me: DeviceRef,
    /// The conversation's row.
    pub(crate) row: &'a Row,
    /// Whether it is shown what others have read.
    pub(crate) reads: Sharing,
    /// What is to be changed in the conversation's items and is not yet, in order.
    pub(crate) pending: &'a [Step],
}

impl Timeline {
    /// Opens a conversation for a viewer and says what to read.
    pub(crate) fn open(&mut self, viewer: ViewerKey, conversation: ConversationId) -> Wish {
        self.next_number += 1;
        let (number, page) = (self.next_number, Page::First);
        let (own, came) = (SortedMap::default(), SortedMap::default());
        let open = Open { conversation, number, page, lowest: u64::MAX, own, came };
        self.open.insert(viewer, open);
        if self.open.len() > VIEWERS_MAX
            && let Some((&first, _)) = self.open.iter().min_by_key(|(_, open)| open.number)
        {
            self.open.remove(&first);
        }
        Wish { conversation, number, below: None }
    }

    /// A viewer follows no conversation any more.
    pub(crate) fn close(&mut self, viewer: ViewerKey) {
        self.open.remove(&viewer);
    }

    /// The conversations that are followed.
    pub(crate) fn conversations(&self) -> Vec<ConversationId> {
        self.open.values().map(|open| open.conversation).collect()
    }

    /// Nobody follows any conversation.
    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }

    fn of(&mut self, conversation: ConversationId) -> impl Iterator<Item = (ViewerKey, &mut Open)> {
        let open = self.open.iter_mut().map(|(viewer, open)| (*viewer, open));
        open.filter(move |(_, open)| open.conversation == conversation)
    }

    /// What to read for one page further back; nothing when a page is being read already.
    pub(crate) fn older(&mut self, viewer: ViewerKey, conversation: ConversationId) -> Option<Wish> {
        let open = self.open.get_mut(&viewer).filter(|open| open.conversation == conversation)?;
        match open.page {
            Page::First | Page::Older => None,
            Page::Shown => {
                open.page = Page::Older;
                Some(Wish { conversation, number: open.number, below: Some(open.lowest) })
            }
        }
    }

    /// What was read, newest first, as asked for with one more than [`PAGE`]; `waiting` is what the outbox holds.
    pub(crate) fn loaded(
        &mut self,
        wish: Wish,
        records: &[Record],
        waiting: Vec<Item>,
        eyes: Eyes<'_>,
    ) -> Option<Told> {
        let (viewer, open) = self.open.iter_mut().find(|(_, open)| open.number == wish.number)?;
        let older = if records.len() > PAGE { Older::More } else { Older::None };
        let read = records.iter().take(PAGE);
        let mut logged: SortedMap<u64, Logged> =
            read.filter_map(|record| Some((record::number(record)?, record::read(record)?))).collect();
        let first = matches!(std::mem::replace(&mut open.page, Page::Shown), Page::First);
        for (position, came) in std::mem::take(&mut open.came) {
            let is_read = logged.remove(&position).is_some();
            if let Some(came) = came.filter(|_| first || is_read) {
                logged.insert(position, came);
            }
        }
        open.lowest = logged.keys().next().copied().unwrap_or(open.lowest).min(open.lowest);
        let mut items: Vec<Item> = Vec::new();
        for (position, logged) in logged {
            items.push(item(wish.conversation, position, &logged, eyes));
            open.keep(position, logged, eyes);
        }
        let conversation = wish.conversation;
        if first {
            items.extend(waiting);
            return Some((*viewer, TimelineChange::Opened { conversation, items, older }));
        }
        Some((*viewer, TimelineChange::OlderLoaded { conversation, items, older }))
    }

    /// An item has come into the log.
    pub(crate) fn logged(
        &mut self,
        conversation: ConversationId,
        position: u64,
        logged: &Logged,
        eyes: Eyes<'_>,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        for (viewer, open) in self.of(conversation) {
            if matches!(open.page, Page::First) {
                open.came.insert(position, Some(logged.clone()));
                continue;
            }
            open.lowest = open.lowest.min(position);
            open.keep(position, logged.clone(), eyes);
            told.push((viewer, TimelineChange::Put(item(conversation, position, logged, eyes))));
        }
        told
    }

    /// An item of the log looks different, or has gone when there is none.
    pub(crate) fn changed(
        &mut self,
        (key, position): (MessageKey, u64),
        logged: Option<&Logged>,
        eyes: Eyes<'_>,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        for (viewer, open) in self.of(key.conversation) {
            if !matches!(open.page, Page::Shown) {
                open.came.insert(position, logged.cloned());
            }
            if matches!(open.page, Page::First) || position < open.lowest {
                continue;
            }
            open.own.remove(&position);
            told.push(match logged {
                Some(logged) => {
                    open.keep(position, logged.clone(), eyes);
                    (viewer, TimelineChange::Put(item(key.conversation, position, logged, eyes)))
                }
                None => (viewer, TimelineChange::Gone(key)),
            });
        }
        told
    }

    /// An item of the outbox has come or changed.
    pub(crate) fn waiting(&mut self, conversation: ConversationId, item: &Item) -> Vec<Told> {
        let told = self.of(conversation).filter(|(_, open)| !matches!(open.page, Page::First));
        told.map(|(viewer, _)| (viewer, TimelineChange::Put(item.clone()))).collect()
    }

    /// An item of the outbox has gone for good.
    pub(crate) fn gone(&mut self, key: MessageKey) -> Vec<Told> {
        self.of(key.conversation).map(|(viewer, _)| (viewer, TimelineChange::Gone(key))).collect()
    }

    /// The other side has come further, or it is shown how far, or no longer.
    pub(crate) fn marked(&mut self, conversation: ConversationId, eyes: Eyes<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        for (viewer, open) in self.of(conversation) {
            for (position, (logged, last)) in open.own.iter_mut() {
                let state = state(logged, eyes);
                if std::mem::replace(last, state) != state {
                    told.push((viewer, TimelineChange::Put(item(conversation, *position, logged, eyes))));
                }
            }
        }
        told
    }
}

impl Open {
    fn keep(&mut self, position: u64, logged: Logged, eyes: Eyes<'_>) {
        if logged.sequence.is_some() {
            let state = state(&logged, eyes);
            self.own.insert(position, (logged, state));
        }
    }
}
