//! Who uses this device: the account as it stands on disk, and the steps of signing up and in. Owns the state and what
//! it may become; sends nothing and derives no key itself.
//!
//! The rule: the store of a session that has ended is kept, and goes only when its user signs out or another signs in.

use crate::contract::CommandKey;
use crate::presence::Settings;
use crate::view::{self, Me, SignedOutCause};
use serde::{Deserialize, Serialize};
use sotto_wire::account::Name;
use sotto_wire::event::SessionEndCause;
use sotto_wire::ticket::Transport;
use sotto_wire::{Cursor, Millis, UserId};

/// The account of this store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Account.
    pub(crate) user: UserId,
    /// Sign-in name.
    pub(crate) name: Name,
    /// What others see.
    pub(crate) display_name: String,
    /// How far it has come.
    pub(crate) stage: Stage,
    /// Whether the account's conversations have been asked for since this device was registered.
    pub(crate) conversations: Conversations,
    /// When the package of last resort was made.
    pub(crate) last_resort_at: Millis,
    /// What others are shown of it.
    #[serde(default)]
    pub(crate) settings: Settings,
}

/// How far an account has come on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The server knows this device.
    Active,
    /// The server has ended the session.
    Ended(SessionEndCause),
}

/// Whether the account's conversations are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Conversations {
    /// They are to be asked for.
    Wanted,
    /// They are known; new ones come by the stream.
    Known,
}

/// How far the client has come, in every batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The newest event that is on disk.
    pub(crate) cursor: Option<Cursor>,
    /// The next number of the outbox.
    pub(crate) next_sequence: u64,
    /// What carried the events last, so that the next start does not begin with what does not work here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) transport: Option<Transport>,
}

/// Who uses this device. `Step` is what signing up or in waits for, which is its doer's own affair.
pub(crate) enum Session<Step> {
    /// The local store is being read.
    Starting,
    /// The local store cannot be read.
    Unreadable,
    /// Nobody; the store of `kept` may still be there.
    SignedOut { kept: Option<Account>, cause: Option<SessionEndCause> },
    /// Signing up or in.
    Authenticating { command: CommandKey, kept: Option<Account>, step: Step },
    /// This account.
    SignedIn(Account),
    /// The session is being ended; the store goes when the server has answered or has had its time.
    SigningOut(CommandKey),
}

impl<Step> Session<Step> {
    /// What a person is told.
    pub(crate) fn view(&self) -> view::Session {
        match self {
            Session::Starting => view::Session::Starting,
            Session::Unreadable => view::Session::SignedOut(Some(SignedOutCause::StoreUnreadable)),
            Session::SignedOut { cause, .. } => view::Session::SignedOut(cause.map(SignedOutCause::SessionEnded)),
            Session::Authenticating { .. } => view::Session::Authenticating,
            Session::SignedIn(account) => view::Session::SignedIn(account.me()),
            Session::SigningOut(_) => view::Session::Authenticating,
        }
    }

    /// The account that is signed in.
    pub(crate) fn account(&self) -> Option<&Account> {
        match self {
            Session::SignedIn(account) => Some(account),
            _ => None,
        }
    }
}

impl Account {
    fn me(&self) -> Me {
        Me { user: self.user, name: self.name.clone(), display_name: self.display_name.clone() }
    }
}
