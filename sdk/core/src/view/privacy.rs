//! Who is there, and what others are shown of the user.

use super::MessageState;
use serde::{Deserialize, Serialize};
use sotto_wire::presence::{Audience, PersonPresence, Status};
use sotto_wire::{UserId, limit};

/// What others are shown of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// Whether others learn what was read here. It goes both ways: who keeps it to themselves is not shown what others
    /// have read. A choice of this device.
    pub read_receipts: Sharing,
    /// Who learns whether the user is there. It goes both ways too. A choice of the account.
    pub presence: Audience,
    /// What the account says of itself to whom it shows its presence.
    pub status: Status,
}

/// Whether others are told something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// They are.
    #[default]
    Shared,
    /// They are not.
    Kept,
}

impl Sharing {
    /// How far a message has come as far as it is shown.
    pub(crate) fn shown(self, state: MessageState) -> MessageState {
        match (self, state) {
            (Sharing::Kept, MessageState::Read) => MessageState::Delivered,
            (Sharing::Shared | Sharing::Kept, _) => state,
        }
    }
}

/// How it is with people, in the order of their ids: [`limit::PRESENCE_PEOPLE_MAX`] at most. Of others nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People(Vec<PersonPresence>);

impl People {
    /// How it is with somebody; `None` when it is not known.
    pub fn of(&self, user: UserId) -> Option<&PersonPresence> {
        self.0.get(self.place(user).ok()?)
    }

    /// Everybody of whom it is known.
    pub fn as_slice(&self) -> &[PersonPresence] {
        &self.0
    }

    /// Whether it is known of nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in a [`super::Change::Presence`].
    pub fn apply(&mut self, told: &[PersonPresence]) {
        if told.is_empty() {
            self.0.clear();
        }
        told.iter().for_each(|person| self.put(*person));
    }

    pub(crate) fn put(&mut self, person: PersonPresence) {
        match self.place(person.user) {
            Ok(at) => self.0[at] = person,
            Err(at) if self.0.len() < limit::PRESENCE_PEOPLE_MAX => self.0.insert(at, person),
            Err(_) => {}
        }
    }

    fn place(&self, user: UserId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&user, |person| person.user)
    }
}
