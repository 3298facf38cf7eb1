//! The list of conversations as signals: one for the order, one for each row. Owns them; the SDK decides what is in them.

use super::{Conversation, ConversationId, Millis};
use leptos::prelude::*;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Rows by id, and their order.
#[derive(Clone, Copy)]
pub(super) struct List {
    /// Newest first; `None` until the store was read.
    order: RwSignal<Option<Vec<ConversationId>>>,
    rows: StoredValue<HashMap<ConversationId, ArcRwSignal<Conversation>>>,
    unread: RwSignal<u32>,
}

impl List {
    pub(super) fn new() -> Self {
        Self { order: RwSignal::new(None), rows: StoredValue::new(HashMap::new()), unread: RwSignal::new(0) }
    }

    pub(super) fn order(self) -> Option<Vec<ConversationId>> {
        self.order.get()
    }

    /// The row. Whoever wants to know of rows that come follows the order.
    pub(super) fn row(self, id: ConversationId) -> Option<ArcRwSignal<Conversation>> {
        self.rows.with_value(|rows| rows.get(&id).cloned())
    }

    pub(super) fn unread(self) -> u32 {
        self.unread.get()
    }

    pub(super) fn clear(self) {
        self.rows.set_value(HashMap::new());
        self.order.set(None);
        self.unread.set(0);
    }

    pub(super) fn replace(self, conversations: &[Conversation]) {
        self.rows.update_value(|rows| {
            let mut old = std::mem::take(rows);
            for conversation in conversations {
                let row = old.remove(&conversation.id);
                let row = row.unwrap_or_else(|| ArcRwSignal::new(conversation.clone()));
                assign(&row, conversation);
                rows.insert(conversation.id, row);
            }
        });
        self.settle(true);
    }

    pub(super) fn put(self, conversation: &Conversation) {
        match self.row(conversation.id) {
            Some(row) => assign(&row, conversation),
            None => self.rows.update_value(|rows| {
                rows.insert(conversation.id, ArcRwSignal::new(conversation.clone()));
            }),
        }
        self.settle(false);
    }

    /// Brings order and count up to date and tells of them only when they changed.
    fn settle(self, known: bool) {
        let mut order: Vec<(Reverse<Millis>, ConversationId)> = Vec::new();
        let mut unread: u32 = 0;
        self.rows.with_value(|rows| {
            for (id, row) in rows {
                row.with_untracked(|row| {
                    order.push((Reverse(row.active_at), *id));
                    unread = unread.saturating_add(row.unread);
                });
            }
        });
        order.sort_unstable();
        let order: Vec<ConversationId> = order.into_iter().map(|(_, id)| id).collect();
        // Before the store was read a single row is not the list yet.
        let listed = known || !order.is_empty() || self.order.with_untracked(Option::is_some);
        if listed && self.order.with_untracked(|old| old.as_ref() != Some(&order)) {
            self.order.set(Some(order));
        }
        if self.unread.get_untracked() != unread {
            self.unread.set(unread);
        }
    }
}

fn assign(row: &ArcRwSignal<Conversation>, conversation: &Conversation) {
    if row.with_untracked(|old| old != conversation) {
        row.set(conversation.clone());
    }
}
