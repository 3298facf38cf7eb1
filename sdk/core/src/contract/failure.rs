//! Why a command was not carried out: one variant for each thing that a caller can do about it. Owns the words, not when
//! they are said. The rule: nothing has changed.

use sotto_wire::Code;

/// Why a command was not carried out. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server refused.
    #[error("the server refused: {}", .0.as_str())]
    Refused(Code),
    /// A sign-in name breaks the rule of [`sotto_wire::account::Name`].
    #[error("check a sign-in name: not 3 to 32 of a-z 0-9 . _ -")]
    NameInvalid,
    /// Under [`sotto_wire::limit::PASSWORD_MIN_CHARS`].
    #[error("check a password: too short")]
    PasswordTooShort,
    /// Over [`sotto_wire::limit::PASSWORD_MAX_BYTES`].
    #[error("check a password: too long")]
    PasswordTooLong,
    /// Over [`sotto_wire::limit::DISPLAY_NAME_MAX_BYTES`].
    #[error("check a display name: too long")]
    DisplayNameTooLong,
    /// Nothing but white space, or over [`sotto_wire::limit::GROUP_NAME_MAX_BYTES`].
    #[error("check the name of a group: empty or too long")]
    GroupNameInvalid,
    /// Over [`sotto_wire::limit::GROUP_DESCRIPTION_MAX_BYTES`].
    #[error("check the description of a group: too long")]
    DescriptionTooLong,
    /// No WebP, JPEG or PNG, or over [`sotto_wire::limit::GROUP_PICTURE_MAX_BYTES`].
    #[error("check the picture of a group: not one, or too large")]
    PictureInvalid,
    /// Over [`sotto_wire::limit::CLAIM_USERS_MAX`] at once.
    #[error("add people to a group: too many at once")]
    TooManyPeople,
    /// The role of the user does not allow it.
    #[error("change a group: the role does not allow it")]
    NotAllowed,
    /// The last owner hands the group over first.
    #[error("leave a group: its last owner cannot")]
    LastOwner,
    /// Nothing but white space.
    #[error("check a text: empty")]
    TextEmpty,
    /// Over [`sotto_wire::limit::TEXT_MAX_BYTES`].
    #[error("check a text: too long")]
    TextTooLong,
    /// Mentions that are no places in their text, or over [`crate::content::MENTIONS_MAX`].
    #[error("check the mentions of a text: no places in it")]
    MentionsInvalid,
    /// Not one emoji.
    #[error("check an emoji: not one")]
    EmojiInvalid,
    /// The message is somebody else's.
    #[error("change a message: somebody else's")]
    NotYours,
    /// The command needs an account, and nobody is signed in; or the other way round.
    #[error("carry out a command: not in this state of the session")]
    WrongState,
    /// No such conversation or message here.
    #[error("carry out a command: no such conversation or message")]
    NotFound,
    /// Oneself cannot be the other side of a direct conversation.
    #[error("start a conversation: with oneself")]
    Yourself,
    /// The outbox is full: [`crate::contract::OUTBOX_MAX`].
    #[error("send a text: the outbox is full")]
    OutboxFull,
    /// What the server says of the other side or of the conversation does not hold (a certificate, a key package, a name
    /// that is somebody else's, another conversation than the wanted one): somebody lies.
    #[error("start a conversation: what the server says of the other side does not hold")]
    Untrusted,
    /// The local store could not be written.
    #[error("write the local store")]
    Storage,
    /// The account's vault does not open with this password's key.
    #[error("open the account's vault")]
    VaultUnreadable,
}
