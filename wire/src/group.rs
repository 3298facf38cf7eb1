//! Groups: the roles of their people, leaving one, accepting an invitation.
//!
//! Rename, picture, adding and removing people are a [`crate::conversation::Commit`]; a group begins as a
//! [`crate::conversation::CreateConversation`] of [`crate::conversation::Kind::Group`].

use crate::endpoint::endpoints;
use crate::{ConversationId, UserId};
use serde::{Deserialize, Serialize};

endpoints! {
    /// Leaves a group, at once and with all devices: they get nothing more and may send nothing more. The others' devices
    /// remove them from the group by a commit. The last owner cannot leave while others are there. Sent again by who has
    /// left it gets the same answer.
    LeaveConversation = Device "/api/conversations/leave"
        "leave_conversation"(LeaveConversationRequest) => "conversation_left"(ConversationLeft);
    /// Accepts the invitation to a conversation: from then on presence and typing are told. Who creates a conversation,
    /// writes in it or joins it by an invite has accepted it. Sent again it gets the same answer.
    AcceptConversation = Device "/api/conversations/accept"
        "accept_conversation"(AcceptConversationRequest) => "conversation_accepted"(ConversationAccepted);
}

/// What a person may do in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything; a group has one at least.
    Owner,
    /// Adds people, removes members, makes and revokes invites, changes name and picture.
    Admin,
    /// Reads and writes. Everybody in a conversation that is no group.
    #[default]
    Member,
    /// A role that this version does not know; it may do what a member may.
    #[serde(other)]
    Unknown,
}

impl Role {
    /// Whether it is the role of those who are not listed.
    pub fn is_member(&self) -> bool {
        *self == Role::Member
    }
}

/// The role of a person: owners and admins are listed, everybody else is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonRole {
    /// Who.
    pub user: UserId,
    /// What they are.
    pub role: Role,
}

/// Payload of [`LeaveConversation`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeaveConversationRequest {
    /// Which group.
    pub conversation: ConversationId,
}

/// Answer to [`LeaveConversation`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationLeft {}

/// Payload of [`AcceptConversation`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptConversationRequest {
    /// Which.
    pub conversation: ConversationId,
}

/// Answer to [`AcceptConversation`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationAccepted {}
