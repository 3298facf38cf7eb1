//! The open timelines, one for each viewer. Owns what is on screen of them and how items stand on disk; reads and writes
//! nothing itself.
//!
//! The rule: what changes while a page is being read is not lost, and each item is told in the place that it has now.

use crate::content::{Content, Text};
use crate::contract::{Record, VIEWERS_MAX, ViewerKey};
use crate::conversation::{self, Row};
use crate::outbox;
use crate::record;
use crate::sorted::SortedMap;
use crate::view::{
    Body, Item, MessageKey, MessageState, Note, Older, Position, Sharing, TimelineChange, UnreadableCause,
};
use serde::{Deserialize, Serialize};
use sotto_wire::{ClientId, ConversationId, DeviceRef, Millis};

/// Items of a page: more than a tall screen shows.
pub(crate) const PAGE: usize = 50;
/// Positions from here on are of what is not yet in the log. Under 2⁵³, so that it is a number in JavaScript too.
const WAITING_FROM: u64 = 1 << 52;

/// An item as it stands on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Logged {
    /// Who sent it.
    pub(crate) sender: DeviceRef,
    /// The sender's id of it.
    pub(crate) client_id: ClientId,
    /// When the server took it.
    pub(crate) at: Millis,
    /// Number of it, when this device sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<u64>,
    /// What it is.
    pub(crate) body: LoggedBody,
}

/// What an item on disk is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LoggedBody {
    /// A text.
    Text(String),
    /// Not readable: keys that are gone or were never here.
    WrongEpoch,
    /// Not readable: somebody has changed it.
    NotAuthentic,
    /// Not readable: of a kind that was not known when it came.
    UnknownContent,
    /// The device joined here.
    JoinedHere,
    /// Events were lost here.
    HistoryLost,
    /// The sender wrote something here that the server has kept back.
    Missing,
    /// Something happened in the group.
    Note(Note),
}

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
}

#[derive(Debug)]
enum Page {
    /// The first one is being read; what came meanwhile.
    First(SortedMap<u64, Logged>),
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
}

impl Timeline {
    /// Opens a conversation for a viewer and says what to read.
    pub(crate) fn open(&mut self, viewer: ViewerKey, conversation: ConversationId) -> Wish {
        self.next_number += 1;
        let (number, page) = (self.next_number, Page::First(SortedMap::default()));
        let open = Open { conversation, number, page, lowest: u64::MAX, own: SortedMap::default() };
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
            Page::First(_) | Page::Older => None,
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
        let page = std::mem::replace(&mut open.page, Page::Shown);
        let first = match page {
            Page::First(came) => {
                logged.extend(came);
                true
            }
            Page::Older | Page::Shown => false,
        };
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
            if let Page::First(came) = &mut open.page {
                came.insert(position, logged.clone());
                continue;
            }
            open.lowest = open.lowest.min(position);
            open.keep(position, logged.clone(), eyes);
            told.push((viewer, TimelineChange::Put(item(conversation, position, logged, eyes))));
        }
        told
    }

    /// An item of the outbox has come or changed.
    pub(crate) fn waiting(&mut self, conversation: ConversationId, item: &Item) -> Vec<Told> {
        let told = self.of(conversation).filter(|(_, open)| !matches!(open.page, Page::First(_)));
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

fn state(logged: &Logged, eyes: Eyes<'_>) -> MessageState {
    let state = logged.sequence.map_or(MessageState::Sent, |sequence| eyes.row.state_of(sequence));
    eyes.reads.shown(state)
}

fn item(conversation: ConversationId, position: u64, logged: &Logged, eyes: Eyes<'_>) -> Item {
    let key = MessageKey { conversation, sender: logged.sender, client_id: logged.client_id };
    let body = match &logged.body {
        LoggedBody::Text(text) => Body::Text(text.clone()),
        LoggedBody::WrongEpoch => Body::Unreadable(UnreadableCause::WrongEpoch),
        LoggedBody::NotAuthentic => Body::Unreadable(UnreadableCause::NotAuthentic),
        LoggedBody::UnknownContent => Body::Unreadable(UnreadableCause::UnknownContent),
        LoggedBody::JoinedHere => Body::JoinedHere,
        LoggedBody::HistoryLost => Body::HistoryLost,
        LoggedBody::Missing => Body::Missing,
        LoggedBody::Note(note) => Body::Note(note.clone()),
    };
    let author = conversation::author(logged.sender.user, eyes.me.user);
    Item { key, position: Position(position), author, at: logged.at, body, state: state(logged, eyes) }
}

/// What a person sees of an item of the outbox; nothing of one that is not for eyes.
pub(crate) fn waiting_item(me: DeviceRef, item: &outbox::Item) -> Option<Item> {
    let Content::Text(Text { sequence, text, .. }) = &item.content else { return None };
    let (at, state) = match &item.stage {
        outbox::Stage::Waiting | outbox::Stage::Sealed { .. } => (item.at, MessageState::Sending),
        outbox::Stage::Taken { sent_at } => (*sent_at, MessageState::Sent),
        outbox::Stage::Failed { code } => (item.at, MessageState::Failed(*code)),
    };
    let key = MessageKey { conversation: item.conversation, sender: me, client_id: item.client_id };
    let author = conversation::author(me.user, me.user);
    let position = Position(WAITING_FROM.saturating_add(*sequence));
    Some(Item { key, position, author, at, body: Body::Text(text.clone()), state })
}
