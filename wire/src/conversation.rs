//! Conversations: each one MLS group (E1). The server keeps members, epoch, and the newest GroupInfo and ratchet tree.

use crate::endpoint::endpoints;
use crate::group::{PersonRole, Role};
use crate::invite::{InviteAccess, InviteChange};
use crate::{Base64, ClientId, ConversationId, Cursor, DeviceRef, Millis, UserId, limit};
use serde::{Deserialize, Serialize};

endpoints! {
    /// Creates a conversation with its first members. A direct one exists once for each pair (G1), notes once each.
    CreateConversation = Device "/api/conversations/create"
        "create_conversation"(CreateConversationRequest) => "conversation_created"(ConversationCreated)
        max limit::GROUP_BODY_MAX_BYTES;
    /// The conversations of the account, in pages.
    LoadConversations = Device "/api/conversations/load"
        "load_conversations"(LoadConversationsRequest) => "conversations_loaded"(ConversationsLoaded);
    /// Moves the group to its next epoch: accepted only as `epoch = n → n + 1` (RFC 9420 §14).
    Commit = Device "/api/conversations/commit"
        "commit_conversation"(CommitRequest) => "conversation_committed"(Committed)
        max limit::GROUP_BODY_MAX_BYTES;
    /// The newest GroupInfo and ratchet tree: what a Welcome leaves out and what an external commit starts from.
    LoadGroup = Device "/api/conversations/group" "load_group"(LoadGroupRequest) => "group_loaded"(GroupLoaded);
}

/// What sort of conversation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// Two people; once for each pair.
    Direct {
        /// The other one, seen from who creates it.
        peer: UserId,
    },
    /// Notes to self; once for each account.
    Notes,
    /// A group, of as many people as its devices are of.
    Group,
}

/// The state of an MLS group after a commit, as its committer publishes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupState {
    /// The epoch that this is the state of.
    pub epoch: u64,
    /// MLS `GroupInfo` message (RFC 9420 §12.4.3) with `external_pub`, without the ratchet tree.
    pub group_info: Base64,
    /// The ratchet tree (RFC 9420 §12.4.3.3).
    pub ratchet_tree: Base64,
    /// The devices that are members: the server delivers to these.
    pub members: Vec<DeviceRef>,
}

/// A Welcome (RFC 9420 §12.4.3.1), without the ratchet tree, for those it adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Welcome {
    /// Who is added.
    pub to: Vec<DeviceRef>,
    /// MLS `Welcome` message.
    pub welcome: Base64,
}

/// Payload of [`CreateConversation`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateConversationRequest {
    /// This command's id.
    pub client_id: ClientId,
    /// The wanted id, which is the MLS group id.
    pub conversation: ConversationId,
    /// What sort.
    pub kind: Kind,
    /// The group after its first members were added.
    pub state: GroupState,
    /// Their Welcome; none for notes on a single device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome: Option<Welcome>,
    /// Owners and admins of a group; the creator is the owner when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<PersonRole>,
}

/// Answer to [`CreateConversation`]. When the conversation exists already the answer is the problem
/// [`crate::Code::ConversationExists`], which names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationCreated {
    /// The conversation.
    pub conversation: ConversationId,
    /// The newest event of the log then.
    pub cursor: Cursor,
}

/// Payload of [`LoadConversations`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadConversationsRequest {
    /// Go on after this one; from the start without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ConversationId>,
}

/// Answer to [`LoadConversations`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationsLoaded {
    /// At most [`limit::PAGE_MAX`], in the order of their ids.
    pub conversations: Vec<ConversationSummary>,
    /// Whether there are more.
    pub more: bool,
}

/// What the server knows of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConversationSummary {
    /// Which.
    pub conversation: ConversationId,
    /// What sort, seen from who asks.
    pub kind: Kind,
    /// Its current epoch.
    pub epoch: u64,
    /// The people in it; none of a group: `conversations/group` has them.
    pub members: Vec<Member>,
    /// How many people are in it; 0 from a server that does not say.
    #[serde(default)]
    pub people_count: u32,
    /// The role of who asks.
    #[serde(default, skip_serializing_if = "Role::is_member")]
    pub role: Role,
    /// Whether who asks has accepted it.
    #[serde(default = "is_accepted")]
    pub accepted: bool,
    /// Its newest event.
    pub head: Cursor,
}

/// A person in a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Member {
    /// The account.
    pub user: UserId,
    /// Its sign-in name.
    pub name: crate::account::Name,
    /// Its role.
    #[serde(default, skip_serializing_if = "Role::is_member")]
    pub role: Role,
}

/// What a server meant that did not say: then nothing had to be accepted.
pub(crate) fn is_accepted() -> bool {
    true
}

/// Payload of [`Commit`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CommitRequest {
    /// This command's id.
    pub client_id: ClientId,
    /// Which group.
    pub conversation: ConversationId,
    /// MLS message with the commit. Its group id and epoch are read and must be the group's.
    pub commit: Base64,
    /// The group after it.
    pub state: GroupState,
    /// Those it adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub welcome: Option<Welcome>,
    /// The owners and admins from now on, of a group; as before without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<PersonRole>>,
    /// The invites that it publishes and revokes, of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invites: Option<InviteChange>,
    /// The invite by which the committer joins, by an external commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<InviteAccess>,
}

/// Answer to [`Commit`]: it is durable and every member will get it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Committed {
    /// Its place in the log.
    pub cursor: Cursor,
    /// When the server took it.
    pub sent_at: Millis,
}

/// Payload of [`LoadGroup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadGroupRequest {
    /// Which group. Who asks must be a member, or a device of a user who is one.
    pub conversation: ConversationId,
    /// The epoch whose tree a Welcome needs; the newest without. The server keeps the newest few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// Answer to [`LoadGroup`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupLoaded {
    /// The group's state.
    pub state: GroupState,
    /// What sort of conversation, seen from who asks.
    pub kind: Kind,
    /// The people in it, in the order of their ids.
    pub people: Vec<Member>,
    /// Whether who asks has accepted it.
    #[serde(default = "is_accepted")]
    pub accepted: bool,
    /// The event that led to this state: everything after it is of this epoch or later.
    pub cursor: Cursor,
}
