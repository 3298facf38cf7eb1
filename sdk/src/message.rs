//! What the tabs of one browser say to each other. Owns the words and the list of every type that they are made of; who
//! says what when is `tab`'s, `lead`'s and `follow`'s affair.
//!
//! The rule that it keeps: **a password has no form here.** Commands that carry one are carried out by the tab in which
//! it was typed, which takes the lead for it.

use crate::codec::{Coded, coded, shape, write_text};
use crate::place::{Missing, Place, StoreFailure};
use crate::shown::Told;
use sotto_core::content::{Mention, Origin};
use sotto_core::contract::{Command, Failure, Outgoing, Reply, ReplyTo, ViewerKey, Visibility};
use sotto_core::view::{
    Author, Body, Change, CloseCause, Connection, Conversation, ConversationKind, GroupView, Item, LastMessage,
    LastWhat, Link, LogEntry, LogKind, Me, MessageKey, MessageState, Note, Older, Pace, Participant, Person, Position,
    Privacy, Progress, QuoteStanding, QuoteView, ReactionCount, Session, Severity, Sharing, SignedOutCause, Standing,
    TimelineChange, UnreadableCause,
};
use sotto_core::wire::account::Name;
use sotto_core::wire::event::{LossCause, SessionEndCause};
use sotto_core::wire::group::Role;
use sotto_core::wire::presence::{Audience, PersonPresence, Presence, Status};
use sotto_core::wire::ticket::Transport;
use sotto_core::wire::{ClientId, Code, ConversationId, DeviceId, DeviceRef, Millis, UserId};
use std::borrow::Cow;

/// Names one lead: a tab that leads twice does so under two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeadKey(pub(crate) u64);

/// What a tab says. All tabs of the origin hear it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    /// By whoever leads.
    Lead(FromLead),
    /// To whoever leads.
    Follower(FromFollower),
}

/// What the tab that leads says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FromLead {
    /// This lead is there.
    Here {
        /// Its name.
        lead: LeadKey,
        /// Whether the store is read, so that it takes commands.
        readiness: Readiness,
        /// Number of the newest [`FromLead::News`].
        number: u64,
    },
    /// The answer to [`FromFollower::Hello`]: everything that is to be seen, but for the timeline, which follows.
    Welcome {
        /// To whom.
        to: ViewerKey,
        /// By which lead.
        lead: LeadKey,
        /// Number of the newest news that is in it.
        number: u64,
        /// The rest, in the order in which it is to be taken in.
        told: Vec<Told>,
    },
    /// What has changed since the news before.
    News {
        /// By which lead.
        lead: LeadKey,
        /// One more than the news before.
        number: u64,
        /// In order.
        told: Vec<Told>,
    },
    /// The answer to [`FromFollower::Command`].
    Answer {
        /// To whom.
        to: ViewerKey,
        /// To which command.
        number: u64,
        /// How it went.
        result: Result<Reply, Failure>,
    },
}

/// What a tab says that does not lead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FromFollower {
    /// Somebody new, or who has missed something.
    Hello {
        /// Who.
        from: ViewerKey,
        /// The conversation that is open there.
        open: Option<ConversationId>,
    },
    /// A person who looks there wants something.
    Command {
        /// Who.
        from: ViewerKey,
        /// Which lead it is for: one that takes over later is given it anew.
        lead: LeadKey,
        /// The tab's number of it.
        number: u64,
        /// What.
        command: Command,
    },
    /// Is there still somebody who leads? Asked only while this tab can be seen.
    Ask {
        /// By whom.
        from: ViewerKey,
    },
    /// This tab can be seen now, which is the time to see whether the connection lives; or no longer.
    Looks {
        /// Which tab.
        from: ViewerKey,
        /// Whether it can be seen.
        visibility: Visibility,
    },
    /// This tab is closing.
    Bye {
        /// Who.
        from: ViewerKey,
    },
}

/// Whether a lead takes commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It opens the store.
    Starting,
    /// It does.
    Ready,
    /// It does, and is about to be busy: [`crate::follow::PATIENCE_ASKS`].
    Busy,
}

/// Whether a command may be told to another tab.
pub(crate) fn may_cross(command: &Command) -> bool {
    !matches!(command, Command::SignUp { .. } | Command::SignIn { .. })
}

/// A message that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// A tab of another version leads.
    ForeignLead,
    /// A tab of another version follows.
    ForeignFollower,
    /// It is of no matter here.
    Foreign,
}

impl Message {
    /// Its bytes: the version, who speaks, and the rest, of which only the first two are for every version.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        FINGERPRINT.write(&mut bytes);
        Coded::write(self, &mut bytes);
        bytes
    }

    /// What these bytes say.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Result<Self, Unread> {
        let version = u64::read(&mut bytes);
        match (version, bytes.first()) {
            (Some(FINGERPRINT), _) => Coded::read(&mut bytes).ok_or(Unread::Foreign),
            (Some(_), Some(&FROM_LEAD)) => Err(Unread::ForeignLead),
            (Some(_), Some(&FROM_FOLLOWER)) => Err(Unread::ForeignFollower),
            _ => Err(Unread::Foreign),
        }
    }
}

/// Stands after the version when a lead speaks, in every version.
const FROM_LEAD: u8 = 0;
/// The same for one that follows.
const FROM_FOLLOWER: u8 = 1;

coded! {
    enum Message { 0 Lead(message), 1 Follower(message) }
    enum FromLead {
        0 Here { lead, readiness, number },
        1 Welcome { to, lead, number, told },
        2 News { lead, number, told },
        3 Answer { to, number, result },
    }
    enum FromFollower {
        0 Hello { from, open },
        1 Command { from, lead, number, command },
        2 Ask { from },
        3 Looks { from, visibility },
        4 Bye { from },
    }
    enum Readiness { 0 Starting, 1 Ready, 2 Busy }
    struct LeadKey(number);
    struct ViewerKey(number);
    enum Command without(SignUp, SignIn) {
        0 SignOut,
        1 StartDirect { name },
        2 StartNotes,
        3 OpenConversation(viewer, conversation),
        4 CloseConversation(viewer),
        5 LoadOlder(viewer, conversation),
        6 Send { conversation, message, client_id },
        7 Retry(message),
        8 Discard(message),
        9 MarkRead(conversation),
        10 Typing(conversation),
        11 SetDisplayName(name),
        12 Reconnect,
        13 UseTransport(transport),
        14 SetPrivacy(privacy),
        15 CreateGroup { name, people },
        16 AddPeople { conversation, people },
        17 RemovePerson { conversation, user },
        18 SetRole { conversation, user, role },
        19 SetGroup { conversation, name, description, picture },
        20 LeaveGroup(conversation),
        21 Edit { message, text, mentions },
        22 DeleteForAll(message),
        23 DeleteForMe(message),
        24 React(message, emoji),
    }
    struct Outgoing { text, reply, mentions, origin }
    struct ReplyTo { message, excerpt }
    struct Mention { user, start, end }
    enum Origin { 0 Written, 1 Forwarded }
    enum Visibility { 0 Visible, 1 Hidden }
    struct Privacy { read_receipts, presence, status }
    enum Sharing { 0 Shared, 1 Kept }
    enum Audience { 0 People, 1 Nobody, 2 Unknown }
    enum Status { 0 Available, 1 Busy, 2 Unknown }
    struct PersonPresence { user, presence, last_seen }
    enum Presence { 0 Online, 1 Away, 2 Busy, 3 Offline, 4 Unknown }
    enum Reply { 0 Done, 1 Conversation(id), 2 Message(key) }
    enum Failure {
        0 Refused(code),
        1 NameInvalid,
        2 PasswordTooShort,
        3 PasswordTooLong,
        4 DisplayNameTooLong,
        5 TextEmpty,
        6 TextTooLong,
        7 WrongState,
        8 NotFound,
        9 Yourself,
        10 OutboxFull,
        11 Untrusted,
        12 Storage,
        13 VaultUnreadable,
        14 GroupNameInvalid,
        15 DescriptionTooLong,
        16 PictureInvalid,
        17 TooManyPeople,
        18 NotAllowed,
        19 LastOwner,
        20 MentionsInvalid,
        21 EmojiInvalid,
        22 NotYours,
    }
    enum Told { 0 Place(place), 1 Changed(change), 2 Notify(conversation) }
    enum Place { 0 Starting, 1 Leading, 2 Following, 3 OtherVersion, 4 Unsupported(missing), 5 Failed(failure) }
    enum Missing { 0 SecureContext, 1 Locks, 2 Crypto, 3 Database, 4 EventSource, 5 Random }
    enum StoreFailure { 0 Unopenable, 1 Full, 2 Deleted, 3 Superseded, 4 Broken }
    enum Change {
        0 Session(session),
        1 Connection(connection),
        2 Conversation(conversation),
        3 Conversations(conversations),
        4 Timeline(viewer, change),
        5 Link(link),
        6 Logged(entry),
        7 Presence(people),
        8 Privacy(privacy),
        9 TakenBack { message, code },
    }
    enum Session { 0 Starting, 1 SignedOut(cause), 2 Authenticating, 3 SignedIn(me) }
    enum SignedOutCause { 0 SessionEnded(cause), 1 StoreUnreadable }
    enum SessionEndCause { 0 SignedOut, 1 DeviceReplaced, 2 TokenReused, 3 Unknown }
    struct Me { user, name, display_name }
    enum Connection {
        0 None,
        1 Connecting,
        2 Online { transport, progress, since, round_trip },
        3 Reconnecting { attempt, next_try_at, refusal, pace },
        4 Offline,
    }
    enum Pace { 0 Backoff, 1 Pause }
    struct Link { bytes_in, bytes_out, streams, last_close, pinned, better_try_at }
    enum CloseCause {
        0 Ended,
        1 Disabled,
        2 NoFirstFrame,
        3 Silent,
        4 NoPong,
        5 Overrun,
        6 Shutdown,
        7 SessionEnded,
        8 Offline,
        9 Woke,
        10 Replaced,
        11 NotWanted,
    }
    struct LogEntry { at, severity, kind }
    enum Severity { 0 Debug, 1 Info, 2 Warning, 3 Error }
    enum LogKind {
        0 Asked(attempt),
        1 Refused(code),
        2 Opening(transport),
        3 Opened { transport, took },
        4 Resumed { events, took },
        5 FellBehind,
        6 TransportChanged { from, to },
        7 TransportDoubted { transport, cause, until },
        8 TransportPinned(transport),
        9 Closed { transport, cause },
        10 Waiting { attempt, until, pace },
        11 NetworkFound,
        12 NetworkLost,
        13 Woke(slept),
        14 HistoryLost(cause),
        15 RequestFailed { path, code },
        16 SentAgain(count),
        17 TokenRenewed,
        18 SessionEnded(cause),
    }
    enum LossCause { 0 Retention, 1 Unknown }
    enum Progress { 0 CatchingUp, 1 CaughtUp }
    enum Transport { 0 Sse, 1 WebSocket, 2 LongPoll, 3 Unknown }
    struct Conversation { id, kind, last, unread, mentions, active_at, typing, standing }
    enum Standing { 0 Accepted, 1 Left, 2 Removed(by) }
    enum ConversationKind { 0 Direct(person), 1 Notes, 2 Group(group) }
    struct GroupView { name, description, picture, people, count, role }
    struct Participant { person, role }
    enum Role { 0 Owner, 1 Admin, 2 Member, 3 Unknown }
    enum Note {
        0 Created,
        1 Renamed(name),
        2 Described,
        3 Pictured,
        4 Added(people),
        5 Joined,
        6 Removed(people),
        7 Left(user),
        8 MadeOwner(user),
        9 MadeAdmin(user),
        10 MadeMember(user),
    }
    struct Person { user, name, display_name }
    struct LastMessage { author, what, text, at, state }
    enum LastWhat { 0 Text, 1 Deleted }
    enum Author { 0 Me, 1 Other(user) }
    enum MessageState { 0 Sending, 1 Sent, 2 Delivered, 3 Read, 4 Failed(code) }
    enum TimelineChange {
        0 Opened { conversation, items, older },
        1 OlderLoaded { conversation, items, older },
        2 Put(item),
        3 Gone(key),
    }
    struct Item { key, position, author, at, body, state, reply, edited_at, reactions, mentions, forwarded }
    struct QuoteView { message, author, excerpt, standing }
    enum QuoteStanding { 0 Here, 1 Deleted, 2 Elsewhere }
    struct ReactionCount { emoji, count, mine, who }
    enum Body { 0 Text(text), 1 Unreadable(cause), 2 JoinedHere, 3 HistoryLost, 4 Missing, 5 Note(note), 6 Deleted }
    enum UnreadableCause { 0 WrongEpoch, 1 NotAuthentic, 2 UnknownContent }
    enum Older { 0 More, 1 None }
    struct MessageKey { conversation, sender, client_id }
    struct DeviceRef { user, device }
    struct Position(number);
    struct Millis(number);
    struct ConversationId(bytes_of_it);
    struct UserId(bytes_of_it);
    struct DeviceId(bytes_of_it);
    struct ClientId(bytes_of_it);
}

impl Coded for Cow<'static, str> {
    const SHAPE: u64 = String::SHAPE;

    fn write(&self, bytes: &mut Vec<u8>) {
        write_text(self, bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        String::read(bytes).map(Cow::Owned)
    }
}

impl Coded for Name {
    const SHAPE: u64 = shape("name", &[]);

    fn write(&self, bytes: &mut Vec<u8>) {
        write_text(self.as_str(), bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Name::new(&String::read(bytes)?)
    }
}

impl Coded for Code {
    const SHAPE: u64 = shape("code", &[Code::ALL.len() as u64]);

    fn write(&self, bytes: &mut Vec<u8>) {
        write_text(self.as_str(), bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let text = String::read(bytes)?;
        Code::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

#[cfg(test)]
#[path = "message/tests.rs"]
mod tests;
