//! What a person sees on a device: the core's differences put together again. Owns the folding, decides nothing.

use sotto_core::view::{
    Body, Change, Connection, Conversation, Item, MessageKey, MessageState, Older, Session, TimelineChange,
};
use sotto_wire::ConversationId;
use std::collections::BTreeMap;

/// The screen of a device, and what went over it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Who uses it.
    pub session: Session,
    /// Its connection.
    pub connection: Connection,
    /// The list of conversations.
    pub conversations: BTreeMap<ConversationId, Conversation>,
    /// The open conversation.
    pub timeline: Option<Timeline>,
    /// How often a conversation was opened, the same one too.
    pub opened: u64,
    /// Every state that an item of the open timeline was shown in, in order.
    pub states: BTreeMap<MessageKey, Vec<MessageState>>,
    /// Every connection that was shown, in order.
    pub connections: Vec<Connection>,
    /// Where a message was announced, in order.
    pub notified: Vec<ConversationId>,
}

/// The open conversation.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Which.
    pub conversation: ConversationId,
    /// Its items by name; [`Seen::items`] has them in order.
    pub items: BTreeMap<MessageKey, Item>,
    /// Whether there are older ones on disk.
    pub older: Older,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            session: Session::Starting,
            connection: Connection::None,
            conversations: BTreeMap::new(),
            timeline: None,
            opened: 0,
            states: BTreeMap::new(),
            connections: Vec::new(),
            notified: Vec::new(),
        }
    }
}

impl Seen {
    /// The items of the open timeline in their order.
    pub fn items(&self) -> Vec<Item> {
        let mut items: Vec<Item> = self.timeline.iter().flat_map(|timeline| timeline.items.values().cloned()).collect();
        items.sort_by_key(|item| (item.position, item.key));
        items
    }

    /// The texts of the open timeline in their order. What cannot be read or stands for itself shows as such.
    pub fn texts(&self) -> Vec<String> {
        let text = |item: Item| match item.body {
            Body::Text(text) => text,
            Body::Unreadable(cause) => format!("<unreadable: {cause:?}>"),
            Body::Deleted => "<deleted>".to_owned(),
            Body::JoinedHere => "<joined here>".to_owned(),
            Body::HistoryLost => "<history lost>".to_owned(),
            Body::Missing => "<missing>".to_owned(),
            Body::Note(note) => format!("<note: {note:?}>"),
        };
        self.items().into_iter().map(text).collect()
    }

    pub(super) fn note(&mut self, change: Change) {
        match change {
            Change::Session(session) => self.session = session,
            Change::Connection(connection) => {
                self.connection = connection;
                self.connections.push(connection);
            }
            Change::Link(_) | Change::Logged(_) => {}
            Change::Presence(_) | Change::Privacy(_) | Change::TakenBack { .. } => {}
            Change::Conversation(conversation) => {
                self.conversations.insert(conversation.id, conversation);
            }
            Change::Conversations(list) => {
                self.conversations = list.into_iter().map(|conversation| (conversation.id, conversation)).collect();
            }
            Change::Timeline(_, change) => self.note_timeline(change),
        }
    }

    fn note_timeline(&mut self, change: TimelineChange) {
        match change {
            TimelineChange::Opened { conversation, items, older } => {
                self.timeline = Some(Timeline { conversation, items: BTreeMap::new(), older });
                self.opened += 1;
                self.put(items);
            }
            TimelineChange::OlderLoaded { conversation, items, older } => {
                let open = self.timeline.as_mut().filter(|timeline| timeline.conversation == conversation);
                let Some(timeline) = open else { return };
                timeline.older = older;
                self.put(items);
            }
            TimelineChange::Put(item) => self.put(vec![item]),
            TimelineChange::Gone(key) => {
                if let Some(timeline) = &mut self.timeline {
                    timeline.items.remove(&key);
                }
            }
        }
    }

    fn put(&mut self, items: Vec<Item>) {
        let Some(timeline) = &mut self.timeline else { return };
        for item in items {
            let states = self.states.entry(item.key).or_default();
            if states.last() != Some(&item.state) {
                states.push(item.state);
            }
            timeline.items.insert(item.key, item);
        }
    }
}
