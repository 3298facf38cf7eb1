//! A group as a person sees it: its name, its people, what the user may do in it, and what happened in it.

use super::Person;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sotto_wire::UserId;
use sotto_wire::group::Role;

/// What a group's title and pages are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// What it is called; empty while this device does not know.
    pub name: String,
    /// What it is about; may be empty.
    pub description: String,
    /// WebP, JPEG or PNG.
    pub picture: Option<Bytes>,
    /// Everybody in it whose name is known, the user too: owners, then admins, then members, each by title.
    pub people: Vec<Participant>,
    /// How many are in it.
    pub count: u32,
    /// What the user is in it.
    pub role: Role,
}

/// Somebody in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub person: Person,
    /// What they are.
    pub role: Role,
}

/// Something to be done in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Add people.
    Add,
    /// Remove somebody of this role.
    Remove(Role),
    /// Change name, description and picture.
    Rename,
    /// Give and take roles.
    SetRoles,
}

impl GroupView {
    /// Whether the user may do that here.
    pub fn may(&self, deed: Deed) -> bool {
        match deed {
            Deed::Add | Deed::Rename => matches!(self.role, Role::Owner | Role::Admin),
            Deed::Remove(role) => {
                matches!((self.role, role), (Role::Owner, Role::Admin | Role::Member) | (Role::Admin, Role::Member))
            }
            Deed::SetRoles => self.role == Role::Owner,
        }
    }
}

/// How the user stands to a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// In it.
    #[default]
    Accepted,
    /// Left it; what is here can be read.
    Left,
    /// Removed from it, by whom if that is known; what is here can be read.
    Removed(Option<UserId>),
}

/// What happened in a group, by the item's author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// It was made.
    Created,
    /// It is called so now.
    Renamed(String),
    /// It has another description.
    Described,
    /// It has another picture, or none any more.
    Pictured,
    /// These people were added.
    Added(Vec<UserId>),
    /// The author joined by a link.
    Joined,
    /// These people were removed.
    Removed(Vec<UserId>),
    /// This person left.
    Left(UserId),
    /// This person is an owner now.
    MadeOwner(UserId),
    /// This person is an admin now.
    MadeAdmin(UserId),
    /// This person is a member like others now.
    MadeMember(UserId),
}
