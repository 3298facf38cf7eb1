//! Invite links of a group: how they are published and revoked with a commit, and what somebody who holds one gets.
//!
//! The rule: the server never has the secret of an invite. It compares the SHA-256 of what was derived from it to be
//! shown, and keeps a card that it cannot open.

use crate::conversation::{GroupState, Kind};
use crate::endpoint::endpoints;
use crate::{Base64, ConversationId, Cursor, InviteId, Millis};
use serde::{Deserialize, Serialize};

endpoints! {
    /// What an invite leads to: the state that an external commit starts from, and the sealed card. Wrong, expired, used
    /// up, revoked and of no group are the same refusal, [`crate::Code::InviteInvalid`]. It uses nothing up.
    OpenInvite = Device "/api/invites/open" "open_invite"(OpenInviteRequest) => "invite_opened"(InviteOpened);
}

/// What a commit does to the invites of its group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteChange {
    /// New ones, and those whose card has changed: these keep their count of uses. At most
    /// [`crate::limit::INVITES_MAX`] stand afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<PublishedInvite>,
    /// Those that open nothing from now on. One that is not there is passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoke: Vec<InviteId>,
}

/// An invite as the server keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishedInvite {
    /// Which.
    pub id: InviteId,
    /// SHA-256 of the 32 bytes that a joiner shows; 32 bytes.
    pub access_hash: Base64,
    /// The card, sealed for who holds the secret; at most [`crate::limit::INVITE_CARD_MAX_BYTES`].
    pub sealed_card: Base64,
    /// From when on it opens nothing, by the server's clock.
    pub expires_at: Millis,
    /// How many people may join by it, 1 and more.
    pub uses_max: u32,
}

/// By which invite somebody joins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteAccess {
    /// The 32 bytes that were derived from its secret to be shown.
    pub access: Base64,
}

/// Payload of [`OpenInvite`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OpenInviteRequest {
    /// Of which group.
    pub conversation: ConversationId,
    /// The 32 bytes that were derived from its secret to be shown.
    pub access: Base64,
}

/// Answer to [`OpenInvite`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InviteOpened {
    /// The group's newest state.
    pub state: GroupState,
    /// What sort of conversation: a group.
    pub kind: Kind,
    /// [`PublishedInvite::sealed_card`].
    pub sealed_card: Base64,
    /// How many people are in it.
    pub people_count: u32,
    /// The event that led to this state: who joins gets everything after it.
    pub cursor: Cursor,
}
