//! The path update that a device owes a group after joining: it makes the tree small again and puts a fresh key into the
//! device's leaf.

use super::Client;
use crate::alarms::Alarm;
use crate::conversation::{Stage, Update};
use sotto_wire::{ClientId, ConversationId, Millis};

/// Within this time a commit that lost is made anew: the others who lost do so too.
const AGAIN_MS: Millis = Millis(4_000);

impl Client {
    /// Sends the update that is owed, or the one that was under way before a restart.
    pub(super) fn update(&mut self, id: ConversationId) {
        let owed = self.list.row(id).is_some_and(|row| {
            matches!(row.stage, Stage::Member) && matches!(row.update, Update::Due | Update::UnderWay)
        });
        if !owed || !self.stream.is_open() || !self.has_group(id) {
            return;
        }
        let client_id = ClientId(self.random.id());
        let Some(groups) = &mut self.groups else { return };
        if let Some(pending) = groups.pending(id) {
            return self.commit_again(id, pending.client_id);
        }
        if !groups.needs_update(id) {
            return self.forgive_update(id);
        }
        match groups.update(id, client_id) {
            Ok(_) => {
                self.set_update(id, Update::UnderWay);
                self.commit_again(id, client_id);
            }
            Err(_) => self.forgive_update(id),
        }
    }

    /// The update has lost against another commit: it is made anew.
    pub(super) fn owe_update(&mut self, id: ConversationId) {
        self.set_update(id, Update::Due);
        self.soon(Alarm::Update(id), AGAIN_MS);
    }

    /// There is no update to be made any more.
    pub(super) fn forgive_update(&mut self, id: ConversationId) {
        self.set_update(id, Update::None);
    }

    fn set_update(&mut self, id: ConversationId, update: Update) {
        if let Some(row) = self.list.row_mut(id).filter(|row| row.update != update) {
            row.update = update;
        }
    }
}
