//! The list of every text. Owns the keys, no words. A text with a value in it is a function, so that each language
//! puts the value where its grammar wants it.

use crate::client::{
    Check, CloseCause, Code, Failure, LogKind, Missing, SessionEndCause, Severity, StoreFailure, Topic, Transport,
    UnreadableCause,
};

/// A text that depends on a number; the number comes written. Categories are those of CLDR; one that is absent is as
/// `other`.
pub(crate) struct Plural {
    /// Category `zero`.
    pub zero: Option<fn(&str) -> String>,
    /// Category `one`.
    pub one: Option<fn(&str) -> String>,
    /// Category `two`.
    pub two: Option<fn(&str) -> String>,
    /// Category `few`.
    pub few: Option<fn(&str) -> String>,
    /// Category `many`.
    pub many: Option<fn(&str) -> String>,
    /// Category `other`, which every language has.
    pub other: fn(&str) -> String,
}

/// Declares structs of texts without a line of documentation for each: the key is its documentation.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { $($key:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[allow(missing_docs)]
        pub(crate) struct $name { $(pub $key: $kind,)* }
    )*};
}

type Words = &'static str;

texts! {
    /// Every text.
    Text {
        language: Words,
        direction: Words,
        app: App,
        account: Account,
        status: Status,
        list: List,
        start: Start,
        conversation: Conversation,
        composer: Composer,
        message: Message,
        presence: Presence,
        settings: Settings,
        privacy: Privacy,
        link: Link,
        journal: Journal,
        self_test: SelfTest,
        later: Later,
        place: Place,
        time: Time,
        failure: fn(Failure) -> Words,
        code: fn(Code) -> Words,
        missing: fn(Missing) -> Words,
        store_failure: fn(StoreFailure) -> Words,
        unreadable: fn(UnreadableCause) -> Words,
        transport: fn(Transport) -> Words,
        close_cause: fn(CloseCause) -> Words,
        session_end: fn(SessionEndCause) -> Words,
    }

    /// Of the whole app.
    App {
        name: Words,
        skip: Words,
        close: Words,
        cancel: Words,
        title_with_count: fn(&str, &str) -> String,
        title_of: fn(&str) -> String,
    }

    /// Sign-up and sign-in.
    Account {
        tagline: Words,
        promise: Words,
        sign_up_title: Words,
        sign_up_button: Words,
        signing_up: Words,
        sign_up_question: Words,
        sign_up_link: Words,
        sign_in_title: Words,
        sign_in_lead: Words,
        sign_in_button: Words,
        signing_in: Words,
        sign_in_question: Words,
        sign_in_link: Words,
        name: Words,
        name_hint: Words,
        display_name: Words,
        display_name_hint: Words,
        password: Words,
        password_hint: Words,
        password_warning: Words,
        show_password: Words,
        hide_password: Words,
        working_hint: Words,
        strength: Words,
        strength_too_short: Words,
        strength_weak: Words,
        strength_fair: Words,
        strength_strong: Words,
        store_unreadable: Words,
    }

    /// The connection.
    Status {
        online: Words,
        catching_up: Words,
        connecting: Words,
        reconnecting_in: fn(&str, &str) -> String,
        reconnecting_now: fn(&str) -> String,
        reconnecting_short: Words,
        pausing: fn(&str, &str) -> String,
        offline_hint: Words,
        signed_out: Words,
        try_now: Words,
    }

    /// The list of conversations.
    List {
        title: Words,
        new: Words,
        settings: Words,
        empty_title: Words,
        empty_text: Words,
        unread: Plural,
        nothing_yet: Words,
        notes_nothing_yet: Words,
        you: fn(&str) -> String,
        typing: Words,
        notes: Words,
        choose_title: Words,
        choose_text: Words,
        loading: Words,
    }

    /// Starting a conversation.
    Start {
        title: Words,
        lead: Words,
        name_label: Words,
        name_hint: Words,
        button: Words,
        working: Words,
        or: Words,
        notes: Words,
        notes_hint: Words,
        not_found: Words,
    }

    /// One conversation.
    Conversation {
        back: Words,
        messages: Words,
        keys: Words,
        sign_in_name: fn(&str) -> String,
        encrypted: Words,
        encrypted_notes: Words,
        beginning: fn(&str) -> String,
        beginning_notes: Words,
        beginning_text: fn(&str) -> String,
        beginning_notes_text: Words,
        loading_older: Words,
        jump: Words,
        jump_count: Plural,
        typing: fn(&str) -> String,
        typing_many: Words,
        gone_title: Words,
        gone_text: Words,
        news: fn(&str, &str) -> String,
    }

    /// Where a message is written.
    Composer {
        label: Words,
        placeholder: Words,
        placeholder_notes: Words,
        send: Words,
        left: Plural,
        over: Plural,
    }

    /// A message.
    Message {
        you: Words,
        sending: Words,
        sent: Words,
        delivered: Words,
        read: Words,
        failed: Words,
        retry: Words,
        discard: Words,
        spoiler: Words,
        actions: Words,
        copy: Words,
        copied: Words,
        not_copied: Words,
        deleted: Words,
        joined_here: Words,
        history_lost: Words,
        missing: Words,
    }

    /// Whether somebody is there.
    Presence {
        online: Words,
        away: Words,
        busy: Words,
        last_seen_today: fn(&str) -> String,
        last_seen_yesterday: Words,
        last_seen_on: fn(&str) -> String,
        shown_online: Words,
        shown_busy: Words,
    }

    /// What others are shown.
    Privacy {
        title: Words,
        status: Words,
        available: Words,
        busy: Words,
        audience: Words,
        audience_hint: Words,
        people: Words,
        nobody: Words,
        receipts: Words,
        receipts_hint: Words,
        receipts_on: Words,
        receipts_off: Words,
        told_later: Words,
    }

    /// Settings.
    Settings {
        title: Words,
        profile: Words,
        name: Words,
        display_name: Words,
        display_name_hint: Words,
        save: Words,
        saving: Words,
        saved: Words,
        appearance: Words,
        theme: Words,
        theme_system: Words,
        theme_light: Words,
        theme_dark: Words,
        privacy: Words,
        privacy_device: Words,
        privacy_server: Words,
        privacy_password: Words,
        session: Words,
        sign_out: Words,
        sign_out_hint: Words,
        sign_out_title: Words,
        sign_out_text: Words,
        sign_out_waiting: Words,
        sign_out_confirm: Words,
        signing_out: Words,
    }

    /// The page of the connection.
    Link {
        title: Words,
        open: Words,
        hint: Words,
        transport: Words,
        round_trip: Words,
        since: Words,
        attempt: Words,
        streams: Words,
        received: Words,
        sent: Words,
        last_close: Words,
        better_try: Words,
        milliseconds: fn(&str) -> String,
        kilobytes: fn(&str) -> String,
        reconnect: Words,
        way: Words,
        way_hint: Words,
        automatic: Words,
    }

    /// The test of encryption in this browser.
    SelfTest {
        title: Words,
        lead: Words,
        start: Words,
        progress: fn(&str, &str) -> String,
        passed: Words,
        failed: Words,
        check: fn(Check) -> Words,
        check_failed: Words,
    }

    /// The log of the connection.
    Journal {
        title: Words,
        severities: Words,
        severity: fn(Severity) -> Words,
        topics: Words,
        topic: fn(Topic) -> Words,
        all: Words,
        search: Words,
        pause: Words,
        resume: Words,
        export: Words,
        empty: Words,
        kind: fn(&LogKind) -> String,
    }

    /// Pages that are loaded later.
    Later {
        title: Words,
        loading: Words,
        failed: Words,
        again: Words,
    }
    /// Where the app cannot run.
    Place {
        other_version_title: Words,
        other_version_text: Words,
        unsupported_title: Words,
        unsupported_text: Words,
        failed_title: Words,
        failed_text: Words,
        reload: Words,
    }

    /// Days.
    Time {
        today: Words,
        yesterday: Words,
        seconds: fn(&str) -> String,
    }
}
