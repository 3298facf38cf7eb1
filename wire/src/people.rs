//! People: searching for them by name, blocking them.

use crate::account::Name;
use crate::endpoint::endpoints;
use crate::{UserId, limit};
use serde::{Deserialize, Serialize};

endpoints! {
    /// Blocks somebody, or does so no more, for the whole account. Who is blocked can create no direct conversation with
    /// the account, their messages in the one that is there are refused ([`crate::Code::NotAccepted`]), and neither is
    /// shown the other's presence. Sent again it gets the same answer.
    Block = Device "/api/people/block" "block_person"(BlockRequest) => "person_blocked"(PersonBlocked);
    /// Whom the account blocks: asked by a new device.
    LoadBlocks = Device "/api/people/blocks" "load_blocks"(LoadBlocksRequest) => "blocks_loaded"(BlocksLoaded);
    /// People whose sign-in name begins with a text, in the order of their names. Who asks is not among them, and neither
    /// is who blocks them.
    FindPeople = Device "/api/users/search" "find_people"(FindPeopleRequest) => "people_found"(PeopleFound);
}

/// Payload of [`Block`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockRequest {
    /// Whom. At most [`limit::BLOCKS_MAX`] at a time.
    pub user: UserId,
    /// Whether they are blocked from now on.
    pub blocked: bool,
}

/// Answer to [`Block`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonBlocked {}

/// Payload of [`LoadBlocks`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadBlocksRequest {}

/// Answer to [`LoadBlocks`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlocksLoaded {
    /// All of them, at most [`limit::BLOCKS_MAX`].
    pub blocked: Vec<UserId>,
}

/// Payload of [`FindPeople`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FindPeopleRequest {
    /// How the names begin: [`limit::FIND_PREFIX_MIN_CHARS`] characters at least. Small and capital letters are the same.
    pub prefix: String,
}

/// Answer to [`FindPeople`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PeopleFound {
    /// At most [`limit::FIND_PEOPLE_MAX`].
    pub people: Vec<FoundPerson>,
}

/// Somebody who was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FoundPerson {
    /// The account.
    pub user: UserId,
    /// Its sign-in name.
    pub name: Name,
}

const _: () = assert!(limit::FIND_PREFIX_MIN_CHARS <= limit::NAME_MIN_CHARS);
