//! Presence: whether somebody is there. Ephemeral, but for when they were last seen and who may know.
//!
//! The rule: it goes both ways. Who shows nobody whether they are there is shown nobody's.

use crate::endpoint::endpoints;
use crate::{Millis, UserId};
use serde::{Deserialize, Serialize};

endpoints! {
    /// Says whether the owner of this device is there, changes what the account shows of that, and reads how it is with
    /// the people of its conversations. Asked at the beginning of each stream, at each change, after a new conversation,
    /// and after 5 minutes while somebody looks; changes of others come as `user_online` and `user_offline`.
    Attend = Device "/api/presence" "presence"(PresenceRequest) => "presence_noted"(PresenceNoted);
}

/// Payload of [`Attend`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PresenceRequest {
    /// Whether somebody looks at this device. Holds as long as the device has a stream.
    pub attention: Attention,
    /// What the account says of itself from now on; as before when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Who is shown the account's presence from now on; as before when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
}

/// Whether somebody looks at a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Somebody does.
    Here,
    /// Nobody does; the device still gets what comes.
    Away,
}

/// What an account says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing out of the ordinary.
    #[default]
    Available,
    /// Not to be disturbed.
    Busy,
    /// A status that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Who is shown an account's presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The people of its conversations.
    #[default]
    People,
    /// Nobody; and the account is shown nobody's.
    Nobody,
    /// An audience that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Answer to [`Attend`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PresenceNoted {
    /// What the account says of itself.
    pub status: Status,
    /// Who is shown its presence.
    pub audience: Audience,
    /// The people of its conversations who show theirs, [`crate::limit::PRESENCE_PEOPLE_MAX`] at most. Of others nothing
    /// is known.
    pub people: Vec<PersonPresence>,
}

/// How it is with a person; payload of `user_online` and `user_offline` too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PersonPresence {
    /// Who.
    pub user: UserId,
    /// How.
    pub presence: Presence,
    /// Of who is offline: when they were there last, down to the minute, milliseconds since the Unix epoch.
    /// Up to ten minutes too early after a crash of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Millis>,
}

/// Whether a person is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Looks at one of their devices.
    Online,
    /// Is reached, but does not look.
    Away,
    /// Is there and does not want to be disturbed.
    Busy,
    /// Has no device that is reached, or shows it no more.
    Offline,
    /// A presence that this version does not know.
    #[serde(other)]
    Unknown,
}
