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
    order_of: StoredValue<OrderOf>,
}

/// Of what the order is the order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OrderOf {
    /// Of nothing yet: the store was not read.
    Nothing,
    /// Of the rows as they are.
    These,
    /// Of the rows as they were.
    Older,
}

impl List {
    pub(super) fn new() -> Self {
        Self {
            order: RwSignal::new(None),
            rows: StoredValue::new(HashMap::new()),
            unread: RwSignal::new(0),
            order_of: StoredValue::new(OrderOf::Nothing),
        }
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
        self.order_of.set_value(OrderOf::Nothing);
        self.order.set(None);
        self.unread.set(0);
    }

    /// Takes over all rows that there are. Order and count follow with [`List::settle`].
    pub(super) fn replace(self, conversations: Vec<Conversation>) {
        self.rows.update_value(|rows| {
            let mut old = std::mem::take(rows);
            for conversation in conversations {
                let id = conversation.id;
                let row = match old.remove(&id) {
                    Some(row) => assign(row, conversation),
                    None => ArcRwSignal::new(conversation),
                };
                rows.insert(id, row);
            }
        });
        self.order_of.set_value(OrderOf::Older);
    }

    /// Takes over one row. Order and count follow with [`List::settle`].
    pub(super) fn put(self, conversation: Conversation) {
        self.rows.update_value(|rows| {
            let id = conversation.id;
            let row = match rows.remove(&id) {
                Some(row) => assign(row, conversation),
                None => ArcRwSignal::new(conversation),
            };
            rows.insert(id, row);
        });
        self.order_of.set_value(OrderOf::Older);
    }

    /// Brings order and count up to date and tells of them only when they changed.
    pub(super) fn settle(self) {
        if self.order_of.get_value() != OrderOf::Older {
            return;
        }
        self.order_of.set_value(OrderOf::These);
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
        if self.order.with_untracked(|old| old.as_ref() != Some(&order)) {
            self.order.set(Some(order));
        }
        if self.unread.get_untracked() != unread {
            self.unread.set(unread);
        }
    }
}

fn assign(row: ArcRwSignal<Conversation>, conversation: Conversation) -> ArcRwSignal<Conversation> {
    if row.with_untracked(|old| *old != conversation) {
        row.set(conversation);
    }
    row
}
