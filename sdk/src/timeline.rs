//! The open timeline, put together from the core's differences. Owns order and paging state; decides nothing.

use sotto_core::view::{Item, MessageKey, Older, TimelineChange};
use sotto_core::wire::ConversationId;
use std::collections::{BTreeMap, BTreeSet};

/// The open timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its items as far as they were loaded, ascending by position.
    pub items: Vec<Item>,
    /// Whether there are older ones in the local store.
    pub older: Older,
    /// Whether they are being loaded.
    pub loading_older: Loading,
}

/// Whether something is being loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loading {
    /// No.
    Idle,
    /// Yes.
    UnderWay,
}

impl Timeline {
    /// The timeline after `change`; one of another conversation than the open one changes nothing.
    pub(crate) fn apply(open: &mut Option<Timeline>, change: TimelineChange) {
        match change {
            TimelineChange::Opened { conversation, items, older } => {
                *open = Some(Timeline { conversation, items, older, loading_older: Loading::Idle });
            }
            TimelineChange::OlderLoaded { conversation, mut items, older } => {
                if let Some(timeline) = of(open, conversation) {
                    items.retain(|item| timeline.item(item.key).is_none());
                    items.append(&mut timeline.items);
                    *timeline = Timeline { conversation, items, older, loading_older: Loading::Idle };
                }
            }
            TimelineChange::Put(item) => {
                if let Some(timeline) = of(open, item.key.conversation) {
                    timeline.put(item);
                }
            }
            TimelineChange::Gone(key) => {
                if let Some(timeline) = of(open, key.conversation) {
                    timeline.items.retain(|item| item.key != key);
                }
            }
        }
    }

    /// What has changed when the conversation that is open here is opened once more, by another lead: so that whoever
    /// reads stays where they are. `None` when what is here and what is new do not meet.
    pub(crate) fn reopened(&self, items: &[Item], older: Older) -> Option<Vec<TimelineChange>> {
        let (first, before) = (items.first()?, self.items.first()?);
        let (mut known, mut new) = (BTreeMap::new(), BTreeSet::new());
        // Not `collect`, which brings a sort of its own into the module.
        known.extend(self.items.iter().map(|item| (item.key, item)));
        new.extend(items.iter().map(|item| item.key));
        new.iter().find(|key| known.contains_key(key))?;
        let gone = self.items.iter().filter(|item| item.position >= first.position && !new.contains(&item.key));
        let put = items.iter().filter(|item| known.get(&item.key) != Some(item));
        let gone = gone.map(|item| TimelineChange::Gone(item.key));
        let mut changes: Vec<_> = gone.chain(put.cloned().map(TimelineChange::Put)).collect();
        // Whatever was asked of the lead before is not under way any more.
        let older = if first.position <= before.position { older } else { self.older };
        changes.push(TimelineChange::OlderLoaded { conversation: self.conversation, items: Vec::new(), older });
        Some(changes)
    }

    fn put(&mut self, item: Item) {
        // From the end: what changes is nearly always new.
        if let Some(at) = self.items.iter().rposition(|other| other.key == item.key) {
            if self.items[at].position == item.position {
                self.items[at] = item;
                return;
            }
            self.items.remove(at);
        }
        let at = self.items.partition_point(|other| other.position <= item.position);
        self.items.insert(at, item);
    }

    /// The item of this name.
    pub fn item(&self, key: MessageKey) -> Option<&Item> {
        self.items.iter().rfind(|item| item.key == key)
    }
}

fn of(open: &mut Option<Timeline>, conversation: ConversationId) -> Option<&mut Timeline> {
    open.as_mut().filter(|timeline| timeline.conversation == conversation)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use sotto_core::view::{Author, Body, MessageState, Position};
    use sotto_core::wire::{ClientId, DeviceId, DeviceRef, Millis, UserId};
    use wasm_bindgen_test::wasm_bindgen_test;

    pub(crate) const HERE: ConversationId = ConversationId([1; 16]);
    pub(crate) const THERE: ConversationId = ConversationId([2; 16]);

    pub(crate) fn item(conversation: ConversationId, name: u8, position: u64) -> Item {
        let sender = DeviceRef { user: UserId([0; 16]), device: DeviceId([0; 16]) };
        Item {
            key: MessageKey { conversation, sender, client_id: ClientId([name; 16]) },
            position: Position(position),
            author: Author::Me,
            at: Millis(0),
            body: Body::Text(name.to_string()),
            state: MessageState::Sending,
            reply: None,
            edited_at: None,
            reactions: Vec::new(),
            mentions: Vec::new(),
            forwarded: false,
        }
    }

    fn opened(items: Vec<Item>) -> Option<Timeline> {
        let mut open = None;
        Timeline::apply(&mut open, TimelineChange::Opened { conversation: HERE, items, older: Older::More });
        open
    }

    fn names(open: &Option<Timeline>) -> Vec<u8> {
        let items = open.iter().flat_map(|timeline| &timeline.items);
        items.map(|item| item.key.client_id.0[0]).collect()
    }

    #[wasm_bindgen_test]
    fn items_stand_by_position_and_move_when_it_changes() {
        let mut open = opened(vec![item(HERE, 1, 10), item(HERE, 2, 20)]);
        Timeline::apply(&mut open, TimelineChange::Put(item(HERE, 3, 1_000)));
        Timeline::apply(&mut open, TimelineChange::Put(item(HERE, 4, 1_001)));
        assert_eq!(names(&open), [1, 2, 3, 4]);
        Timeline::apply(&mut open, TimelineChange::Put(item(HERE, 5, 21)));
        Timeline::apply(&mut open, TimelineChange::Put(item(HERE, 4, 22)));
        assert_eq!(names(&open), [1, 2, 5, 4, 3]);
        let sent = Item { state: MessageState::Sent, ..item(HERE, 3, 23) };
        Timeline::apply(&mut open, TimelineChange::Put(sent.clone()));
        assert_eq!(open.as_ref().and_then(|timeline| timeline.item(sent.key)), Some(&sent));
        Timeline::apply(&mut open, TimelineChange::Gone(sent.key));
        assert_eq!(names(&open), [1, 2, 5, 4]);
    }

    #[wasm_bindgen_test]
    fn older_items_come_before_the_others() {
        let mut open = opened(vec![item(HERE, 3, 30)]);
        let items = vec![item(HERE, 1, 10), item(HERE, 2, 20)];
        let change = |conversation, items| TimelineChange::OlderLoaded { conversation, items, older: Older::None };
        Timeline::apply(&mut open, change(THERE, vec![item(THERE, 9, 9)]));
        assert_eq!(open.as_ref().map(|timeline| timeline.older), Some(Older::More));
        Timeline::apply(&mut open, change(HERE, items));
        assert_eq!(names(&open), [1, 2, 3]);
        assert_eq!(open.map(|timeline| timeline.older), Some(Older::None));
    }

    #[wasm_bindgen_test]
    fn a_timeline_that_is_opened_again_keeps_what_is_older_and_changes_what_differs() {
        // 1 was paged in, 9 waited to be sent and was discarded, 3 was logged and 4 has come meanwhile.
        let mut open = opened(vec![item(HERE, 1, 10), item(HERE, 2, 20), item(HERE, 9, 900), item(HERE, 3, 901)]);
        let items = vec![item(HERE, 2, 20), item(HERE, 3, 30), item(HERE, 4, 40)];
        let changes = open.as_ref().and_then(|timeline| timeline.reopened(&items, Older::None)).expect("they meet");
        let older = TimelineChange::OlderLoaded { conversation: HERE, items: Vec::new(), older: Older::More };
        let put = |name, position| TimelineChange::Put(item(HERE, name, position));
        assert_eq!(changes, [TimelineChange::Gone(item(HERE, 9, 0).key), put(3, 30), put(4, 40), older]);
        changes.into_iter().for_each(|change| Timeline::apply(&mut open, change));
        assert_eq!(names(&open), [1, 2, 3, 4]);
        // The new lead begins to page where its own page begins.
        let items = vec![item(HERE, 0, 5), item(HERE, 1, 10)];
        Timeline::apply(&mut open, TimelineChange::OlderLoaded { conversation: HERE, items, older: Older::None });
        assert_eq!(names(&open), [0, 1, 2, 3, 4]);
    }

    #[wasm_bindgen_test]
    fn a_timeline_that_has_moved_on_by_more_than_a_page_is_opened_afresh() {
        let open = opened(vec![item(HERE, 1, 10)]).expect("opened");
        assert_eq!(open.reopened(&[item(HERE, 7, 70)], Older::More), None);
        assert_eq!(open.reopened(&[], Older::None), None);
    }

    #[wasm_bindgen_test]
    fn changes_of_another_conversation_change_nothing() {
        let before = opened(vec![item(HERE, 1, 10)]);
        let mut open = before.clone();
        Timeline::apply(&mut open, TimelineChange::Put(item(THERE, 2, 20)));
        Timeline::apply(&mut open, TimelineChange::Gone(item(THERE, 1, 10).key));
        assert_eq!(open, before);
        let mut closed = None;
        Timeline::apply(&mut closed, TimelineChange::Put(item(HERE, 2, 20)));
        assert_eq!(closed, None);
    }
}
