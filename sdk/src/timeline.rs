//! The open timeline, put together from the core's differences. Owns order and paging state; decides nothing.

use sotto_core::view::{Item, MessageKey, Older, TimelineChange};
use sotto_core::wire::ConversationId;

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
