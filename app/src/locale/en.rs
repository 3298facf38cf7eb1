//! English. Owns the words.

use super::text::*;
use crate::client::{
    Check, CloseCause, Code, EncryptionCheck, Failure, LogKind, Missing, SessionEndCause, Severity, StoreFailure,
    Topic, Transport, UnreadableCause,
};

/// Every text in English.
pub(super) static TEXT: Text = Text {
    language: "en",
    direction: "ltr",
    app: App {
        name: "Sotto",
        skip: "Skip to the conversation",
        close: "Close",
        cancel: "Cancel",
        title_with_count: |count, title| format!("({count}) {title}"),
        title_of: |title| format!("{title} · Sotto"),
    },
    account: Account {
        tagline: "Say it quietly.",
        promise: "Only you and the people you write to can read your messages. Not us, and not tomorrow’s computers.",
        sign_up_title: "Create your account",
        sign_up_button: "Create account",
        signing_up: "Creating your account…",
        sign_up_question: "New to Sotto?",
        sign_up_link: "Create account",
        sign_in_title: "Welcome back",
        sign_in_lead: "Sign in with your name and password.",
        sign_in_button: "Sign in",
        signing_in: "Signing in…",
        sign_in_question: "Have an account?",
        sign_in_link: "Sign in",
        name: "Name",
        name_hint: "How people find you: a–z, 0–9, dot or dash",
        display_name: "Display name (optional)",
        display_name_hint: "What people see. It is encrypted too.",
        password: "Password",
        password_hint: "8 characters or more. A few words work well.",
        password_warning: "Keep it safe: nobody can reset it for you.",
        show_password: "Show password",
        hide_password: "Hide password",
        working_hint: "Making keys on this device takes a moment.",
        strength: "Password strength",
        strength_too_short: "Too short",
        strength_weak: "Weak: longer is better",
        strength_fair: "Fair: add a word",
        strength_strong: "Strong",
        store_unreadable: "What was stored on this device cannot be read any more. Sign in to start afresh here.",
    },
    status: Status {
        online: "Online",
        catching_up: "Catching up…",
        connecting: "Connecting…",
        reconnecting_in: |attempt, wait| format!("Reconnecting: attempt {attempt}, next try in {wait}"),
        reconnecting_now: |attempt| format!("Reconnecting: attempt {attempt}…"),
        reconnecting_short: "Reconnecting",
        pausing: |attempt, wait| format!("Pausing after {attempt} failed tries; the next one is in {wait}"),
        offline_hint: "Offline. Messages wait on this device.",
        signed_out: "Signed out",
        try_now: "Try now",
    },
    list: List {
        title: "Conversations",
        new: "New conversation",
        settings: "Settings",
        empty_title: "It’s quiet here",
        empty_text: "Write to somebody by their name, or keep a few notes for yourself.",
        unread: Plural {
            zero: None,
            one: Some(|count| format!("{count} unread message")),
            two: None,
            few: None,
            many: None,
            other: |count| format!("{count} unread messages"),
        },
        nothing_yet: "Say hello",
        notes_nothing_yet: "Only you can see these",
        you: |text| format!("You: {text}"),
        typing: "typing…",
        notes: "Notes to self",
        choose_title: "Nothing open",
        choose_text: "Choose a conversation, or start a new one.",
        loading: "Loading conversations",
    },
    start: Start {
        title: "New conversation",
        lead: "Everything you write is end-to-end encrypted from the first word.",
        name_label: "Name",
        name_hint: "The exact name they signed up with.",
        button: "Start conversation",
        working: "Looking for them…",
        or: "or",
        notes: "Notes to self",
        notes_hint: "A place for yourself, encrypted all the same.",
        not_found: "Nobody has this name. Check the spelling.",
    },
    conversation: Conversation {
        back: "Back to conversations",
        messages: "Messages",
        keys: "Enter goes to the newest message, arrow keys go from message to message.",
        sign_in_name: |name| format!("@{name}"),
        encrypted: "End-to-end encrypted",
        encrypted_notes: "Only you can read these",
        beginning: |name| format!("You and {name}"),
        beginning_notes: "Notes to self",
        beginning_text: |name| format!("This is where it begins. Only you and {name} can read what is written here."),
        beginning_notes_text: "Lists, links, things to remember. Encrypted; only you can read them.",
        loading_older: "Loading older messages",
        jump: "Jump to newest",
        jump_count: Plural {
            zero: None,
            one: Some(|count| format!("Jump to newest, {count} new message")),
            two: None,
            few: None,
            many: None,
            other: |count| format!("Jump to newest, {count} new messages"),
        },
        typing: |name| format!("{name} is typing…"),
        typing_many: "Several people are typing…",
        gone_title: "Not on this device",
        gone_text: "This conversation does not exist here, or it belongs to another account.",
        news: |author, text| format!("{author}: {text}"),
    },
    composer: Composer {
        label: "Message",
        placeholder: "Write a message",
        placeholder_notes: "Write a note",
        send: "Send",
        left: Plural {
            zero: None,
            one: Some(|count| format!("{count} character left")),
            two: None,
            few: None,
            many: None,
            other: |count| format!("{count} characters left"),
        },
        over: Plural {
            zero: None,
            one: Some(|count| format!("{count} character too many")),
            two: None,
            few: None,
            many: None,
            other: |count| format!("{count} characters too many"),
        },
    },
    message: Message {
        you: "You",
        sending: "Sending",
        sent: "Sent",
        delivered: "Delivered",
        read: "Read",
        failed: "Not sent",
        retry: "Try again",
        discard: "Discard",
        spoiler: "Spoiler",
        actions: "Message actions",
        copy: "Copy text",
        copied: "Copied",
        not_copied: "Your browser does not allow copying here.",
        deleted: "This message was deleted.",
        joined_here: "This device joined here. Older messages stay on the devices they were sent to.",
        missing: "A message was sent here that the server has not delivered.",
        history_lost: "Messages are missing here: this device was away for longer than the server keeps them.",
    },
    presence: Presence {
        online: "online",
        away: "away",
        busy: "busy",
        last_seen_today: |time| format!("last seen today at {time}"),
        last_seen_yesterday: "last seen yesterday",
        last_seen_on: |date| format!("last seen {date}"),
        shown_online: "You are shown as online",
        shown_busy: "You are shown as busy",
    },
    privacy: Privacy {
        title: "Privacy",
        status: "Your status",
        available: "Available",
        busy: "Busy",
        audience: "Who sees when you are online",
        audience_hint: "It goes both ways: while nobody sees it of you, you do not see it of anybody.",
        people: "People in my conversations",
        nobody: "Nobody",
        receipts: "Read receipts",
        receipts_hint: "It goes both ways: without them, you do not see who has read your messages either. \
                        Holds for this device.",
        receipts_on: "On",
        receipts_off: "Off",
        told_later: "Saved. Others are told when you are online again.",
    },
    settings: Settings {
        title: "Settings",
        profile: "Profile",
        name: "Name",
        display_name: "Display name",
        display_name_hint: "What people you write to see. Encrypted: the server never learns it.",
        save: "Save",
        saving: "Saving…",
        saved: "Saved",
        appearance: "Appearance",
        theme: "Theme",
        theme_system: "System",
        theme_light: "Light",
        theme_dark: "Dark",
        privacy: "Where your data lives",
        privacy_device: "Your messages and keys are on this device, sealed. They are nowhere else in readable form.",
        privacy_server: "The server carries sealed messages and knows your name, who talks with whom, and when. It \
                         cannot read a word, also not with a quantum computer.",
        privacy_password: "Your password never leaves this device. Nobody can reset it, us included.",
        session: "This device",
        sign_out: "Sign out",
        sign_out_hint: "Erases every message on this device.",
        sign_out_title: "Sign out?",
        sign_out_text: "All messages on this device will be erased. Signing in again does not bring them back.",
        sign_out_waiting: "Messages that were not sent yet will be lost as well.",
        sign_out_confirm: "Sign out and erase",
        signing_out: "Signing out…",
    },
    link: Link {
        title: "Connection",
        open: "Connection and log",
        hint: "How this device reaches the server, and what befell it.",
        transport: "Carried by",
        round_trip: "Round trip",
        since: "Since",
        attempt: "Attempt",
        streams: "Streams opened",
        received: "Received",
        sent: "Sent",
        last_close: "Last end",
        better_try: "Better one tried at",
        milliseconds: |count| format!("{count} ms"),
        kilobytes: |count| format!("{count} kB"),
        reconnect: "Reconnect now",
        way: "Carried by",
        way_hint: "Automatic takes the best that works here. The others are for testing, until the app is reloaded.",
        automatic: "Automatic",
    },
    self_test: SelfTest {
        title: "Self-test",
        lead: "Checks in a moment whether encryption and storage work in this browser. Nothing of it leaves the device.",
        start: "Run the self-test",
        progress: |done, all| format!("{done} of {all} checks done…"),
        passed: "Everything works.",
        failed: "Something does not work. Update the browser, or use another one, before you write.",
        check: |check| match check {
            Check::Encryption(EncryptionCheck::Random) => "Random numbers",
            Check::Encryption(EncryptionCheck::Hash) => "Hash (SHA-384)",
            Check::Encryption(EncryptionCheck::KeyDerivation) => "Key derivation (HKDF)",
            Check::Encryption(EncryptionCheck::Cipher) => "Cipher (AES-256-GCM)",
            Check::Encryption(EncryptionCheck::Signature) => "Signature (Ed25519)",
            Check::Encryption(EncryptionCheck::PostQuantumSignature) => "Post-quantum signature (ML-DSA-65)",
            Check::Encryption(EncryptionCheck::KeyAgreement) => "Post-quantum key agreement (ML-KEM-768 + X25519)",
            Check::Encryption(EncryptionCheck::Conversation) => "A conversation of two devices (MLS)",
            Check::LocalStore => "Sealed storage",
        },
        check_failed: "Failed",
    },
    journal: Journal {
        title: "Log",
        severities: "Show",
        severity: |severity| match severity {
            Severity::Debug => "Detail",
            Severity::Info => "Info",
            Severity::Warning => "Warning",
            Severity::Error => "Error",
        },
        topics: "About",
        topic: |topic| match topic {
            Topic::Stream => "Stream",
            Topic::Transport => "Transport",
            Topic::System => "Device",
            Topic::Request => "Requests",
        },
        all: "Everything",
        search: "Search",
        pause: "Pause",
        resume: "Go on",
        export: "Export",
        empty: "Nothing to show. Entries hold no messages, names or keys.",
        kind: log_kind,
    },
    later: Later {
        title: "One moment",
        loading: "Loading this page",
        failed: "This page could not be loaded. Check your connection and try again.",
        again: "Try again",
    },
    place: Place {
        other_version_title: "Sotto has been updated",
        other_version_text: "Another tab runs a newer version. Load this one again to go on here.",
        unsupported_title: "This browser is missing something",
        unsupported_text: "A current version of Chrome, Edge, Firefox or Safari has all that Sotto needs.",
        failed_title: "Sotto cannot open its storage",
        failed_text: "Reloading the page tries again.",
        reload: "Reload",
    },
    time: Time { today: "Today", yesterday: "Yesterday", seconds: |count| format!("{count} s") },
    failure,
    code,
    missing,
    store_failure,
    unreadable,
    transport,
    close_cause,
    session_end,
};

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Sse => "Server-sent events",
        Transport::WebSocket => "WebSocket",
        Transport::LongPoll => "Long polling",
        Transport::Unknown => "Unknown",
    }
}

fn close_cause(cause: CloseCause) -> &'static str {
    match cause {
        CloseCause::Ended => "ended by the other side",
        CloseCause::Disabled => "not offered here",
        CloseCause::NoFirstFrame => "nothing came through",
        CloseCause::Silent => "silent for too long",
        CloseCause::NoPong => "no answer",
        CloseCause::Overrun => "faster than this device",
        CloseCause::Shutdown => "server going away",
        CloseCause::SessionEnded => "session ended",
        CloseCause::Offline => "no network",
        CloseCause::Woke => "device woke up",
        CloseCause::Replaced => "replaced by another way",
        CloseCause::NotWanted => "signed out",
    }
}

fn log_kind(kind: &LogKind) -> String {
    let with = |words: &str, more: &str| format!("{words}: {more}");
    match kind {
        LogKind::Asked(_) => "Asked to connect".to_owned(),
        LogKind::Refused(refusal) => with("Refused", code(*refusal)),
        LogKind::Opening(way) => with("Opening", transport(*way)),
        LogKind::Opened { transport: way, .. } => with("Opened", transport(*way)),
        LogKind::Resumed { events, .. } => format!("Caught up: {events} events"),
        LogKind::FellBehind => "Fell behind; the rest comes from the server’s log".to_owned(),
        LogKind::TransportChanged { to, .. } => with("Changed over", transport(*to)),
        LogKind::TransportDoubted { transport: way, .. } => with("Does not work here", transport(*way)),
        LogKind::TransportPinned(way) => with("Chosen", way.map_or("automatic", transport)),
        LogKind::Closed { cause, .. } => with("Closed", close_cause(*cause)),
        LogKind::Waiting { attempt, .. } => format!("Waiting before attempt {attempt}"),
        LogKind::NetworkFound => "Network found".to_owned(),
        LogKind::NetworkLost => "Network lost".to_owned(),
        LogKind::Woke(_) => "Device woke up".to_owned(),
        LogKind::HistoryLost(_) => "Events are lost: older than the server keeps them".to_owned(),
        LogKind::RequestFailed { code: refusal, .. } => with("Request failed", code(*refusal)),
        LogKind::SentAgain(count) => format!("{count} requests sent again"),
        LogKind::TokenRenewed => "Access renewed".to_owned(),
        LogKind::SessionEnded(_) => "Session ended".to_owned(),
    }
}

fn failure(failure: Failure) -> &'static str {
    match failure {
        Failure::Refused(refusal) => code(refusal),
        Failure::NameInvalid => "A name has 3 to 32 letters a–z, digits, . _ or -, and begins with a letter or digit.",
        Failure::PasswordTooShort => "The password needs at least 8 characters.",
        Failure::PasswordTooLong => "The password is too long.",
        Failure::DisplayNameTooLong => "The display name is too long.",
        Failure::TextEmpty => "There is nothing to send.",
        Failure::GroupNameInvalid => "A group needs a name, of 128 bytes at most.",
        Failure::DescriptionTooLong => "The description is too long.",
        Failure::PictureInvalid => "The picture is not one, or is too large.",
        Failure::TooManyPeople => "So many people cannot be added at once.",
        Failure::NotAllowed => "Your role in this group does not allow it.",
        Failure::LastOwner => "Make somebody else an owner first.",
        Failure::TextTooLong => "The message is too long.",
        Failure::MentionsInvalid => "Too many people are named in this message.",
        Failure::EmojiInvalid => "A reaction is one emoji.",
        Failure::NotYours => "Only who wrote a message can change it.",
        Failure::WrongState => "This cannot be done right now.",
        Failure::NotFound => "It is not on this device any more.",
        Failure::Yourself => "That is you. Notes to self are the place to write to yourself.",
        Failure::OutboxFull => "Too many messages are waiting to be sent. Go online first.",
        Failure::Untrusted => {
            "What the server says of this person does not fit what this device knows, so nothing was sent. Somebody may be interfering."
        }
        Failure::Storage => "This device’s storage could not be written. Free some space and try again.",
        Failure::VaultUnreadable => "Your account’s keys could not be opened with this password.",
    }
}

fn code(code: Code) -> &'static str {
    match code {
        Code::SignInRefused => "The name or the password is wrong.",
        Code::NameTaken => "This name is taken. Try another one.",
        Code::DeviceOvertaken => "Another device signed in at the same moment. Sign in again to use this one.",
        Code::NotFound => "Nobody has this name. Check the spelling.",
        Code::RateLimited => "Too many tries. Wait a minute and try again.",
        Code::TooManyStreams => "Your account is open in too many places. Close one of them and try again.",
        Code::Unreachable => "The server does not answer. Check your connection and try again.",
        Code::Unavailable => "The server is busy or restarting. Try again in a moment.",
        Code::Internal => "The server had a problem. Nothing was changed; try again.",
        Code::NotSotto => "Something else answered in place of the server: perhaps this network wants a login first.",
        Code::ProtocolUnsupported => "This version of Sotto is too old for the server. Reload to update.",
        Code::ServerTooOld => "The server is too old for this version of Sotto. It has to be updated.",
        Code::Unauthorized | Code::SessionEnded | Code::BadTicket => "Your session has ended. Sign in again.",
        Code::DeviceNeeded => "This device is not registered with your account. Sign in again.",
        Code::NotAMember => "You are not part of this conversation any more.",
        Code::NoKeyPackage => "This person’s devices have never been online. Try again later.",
        Code::TooLarge => "It is too large for the server.",
        Code::Invalid => "The server did not accept a value.",
        Code::StaleEpoch | Code::StaleDevices => "The conversation has moved on meanwhile. Try again.",
        Code::ConversationExists => "This conversation exists already.",
        Code::Forbidden => "You are not allowed to do this here.",
        Code::InviteInvalid => "This invite opens nothing: it may be wrong, used up or over.",
        Code::NotAccepted => "This person does not accept messages from you.",
        Code::WrongOrigin => "The server does not accept this address.",
        Code::Malformed
        | Code::UnknownCommand
        | Code::WrongMethod
        | Code::WrongMediaType
        | Code::UpgradeRequired
        | Code::IdTaken
        | Code::BadCursor
        | Code::Unknown => "Something unexpected happened. Reload and try again.",
    }
}

fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::SecureContext => "This page was not loaded over a secure connection (https).",
        Missing::Locks => "It has no Web Locks.",
        Missing::Crypto => "It has no Web Crypto.",
        Missing::Database => "It has no storage for pages (IndexedDB). Private windows of some browsers have none.",
        Missing::EventSource => "It has no server-sent events.",
        Missing::Random => "It has no secure random numbers.",
    }
}

fn store_failure(failure: StoreFailure) -> &'static str {
    match failure {
        StoreFailure::Unopenable => {
            "The browser does not let Sotto open it. A setting or a private window may forbid it."
        }
        StoreFailure::Full => "This device has no space left. Free some and reload.",
        StoreFailure::Deleted => "It was deleted while Sotto was running.",
        StoreFailure::Superseded => "Another window has taken it over.",
        StoreFailure::Broken => "Reading or writing it did not work.",
    }
}

fn unreadable(cause: UnreadableCause) -> &'static str {
    match cause {
        UnreadableCause::WrongEpoch => "Cannot be read here: this device does not have its key.",
        UnreadableCause::NotAuthentic => "Not shown: it was changed on its way or is not from who it claims.",
        UnreadableCause::UnknownContent => "Of a kind that this version of Sotto does not know. Reload to update.",
    }
}

fn session_end(cause: SessionEndCause) -> &'static str {
    match cause {
        SessionEndCause::SignedOut => "You were signed out.",
        SessionEndCause::DeviceReplaced => "Another device has taken this one’s place. Sign in to use this one again.",
        SessionEndCause::TokenReused => "You were signed out because somebody may have copied your session.",
        SessionEndCause::Unknown => "Your session has ended. Sign in to go on.",
    }
}
