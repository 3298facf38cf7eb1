//! A group as it stands on disk besides its conversation's row: its card, its people, and what the user wishes of it.
//!
//! Owns the values, not what is done about them. In a row of its own: a card is 32 kB, and the conversation's row is
//! written with each message.
//!
//! The rule: a wish is on disk before it is answered, and stays until the group has taken or refused it.

use crate::group::Card;
use serde::{Deserialize, Serialize};
use sotto_wire::account::Name;
use sotto_wire::group::{PersonRole, Role};
use sotto_wire::{Base64, ClientId, DeviceRef, Millis, UserId};

/// Most wishes of a group that wait: more than a person makes while offline.
pub(crate) const WISHES_MAX: usize = 64;

/// A group besides its conversation's row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Membership {
    /// The newest card that was bound by its charter.
    #[serde(default)]
    pub(crate) card: Option<Card>,
    /// Who is in it.
    #[serde(default)]
    pub(crate) people: Vec<PersonRole>,
    /// What is to become of it, oldest first: at most [`WISHES_MAX`].
    #[serde(default)]
    pub(crate) wishes: Vec<Wish>,
    /// Who has last bound another card, and when: its changes are theirs when it comes.
    #[serde(default)]
    pub(crate) renamed: Option<(DeviceRef, Millis)>,
    /// Whether the user wishes to leave.
    #[serde(default)]
    pub(crate) leaving: Leaving,
}

/// Whether the user wishes to leave a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Leaving {
    /// No.
    #[default]
    No,
    /// Yes: first the others are told, then the server.
    Wished,
}

/// Something that is to become of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// What.
    pub(crate) deed: Deed,
    /// The commit that is to bring it about, once it is made.
    #[serde(default)]
    pub(crate) commit: Option<ClientId>,
    /// The card that is to be sent after that commit.
    #[serde(default)]
    pub(crate) card: Option<Card>,
}

/// What is to be done in a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// Add these people.
    Add(Vec<Name>),
    /// Remove somebody.
    Remove(UserId),
    /// Give somebody a role.
    SetRole(UserId, Role),
    /// Change what is on the card; what is left out stays.
    Describe {
        name: Option<String>,
        description: Option<String>,
        /// `Some(None)` takes it away.
        #[serde(default)]
        picture: Option<Picture>,
    },
    /// Remove those who have said that they leave.
    Tidy,
    /// Bind the newest card that is known here again: the one that was bound has gone with who made it.
    Restore,
}

/// What becomes of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Picture {
    /// This one.
    Set(Base64),
    /// None.
    Gone,
}

impl Wish {
    /// Whether it is nobody's in particular: a device makes it by itself.
    pub(crate) fn is_upkeep(&self) -> bool {
        matches!(self.deed, Deed::Tidy | Deed::Restore)
    }
}

impl Membership {
    /// A group of one.
    pub(crate) fn new(owner: UserId, card: Card) -> Self {
        let people = vec![PersonRole { user: owner, role: Role::Owner }];
        Self { card: Some(card), people, ..Self::default() }
    }

    /// What somebody is in it; `None` when they are not.
    pub(crate) fn role(&self, user: UserId) -> Option<Role> {
        self.people.iter().find(|person| person.user == user).map(|person| person.role)
    }

    /// How many own it.
    pub(crate) fn owners(&self) -> usize {
        self.people.iter().filter(|person| person.role == Role::Owner).count()
    }
}
