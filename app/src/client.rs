//! The only bridge to the SDK: turns what it tells into signals and its commands into plain methods. Owns the signals
//! and what this browser remembers of its own (the theme). Rule: a change touches only the signals of what changed, and
//! each of them once a frame.

mod journal;
mod list;
mod news;
mod theme;
mod timeline;

pub(crate) use sotto::view::{
    Author, Body, CloseCause, Connection, Conversation, ConversationKind, Item, LastWhat, Link, LogKind, Me,
    MessageKey, MessageState, Older, Pace, Privacy, Progress, Session, Severity, Sharing, SignedOutCause,
    UnreadableCause,
};

pub(crate) use journal::{Journal, Noted, Topic};
pub(crate) use sotto::wire::event::SessionEndCause;
pub(crate) use sotto::wire::presence::{Audience, PersonPresence, Presence, Status};
pub(crate) use sotto::wire::ticket::Transport;
pub(crate) use sotto::wire::{Code, ConversationId, Millis, UserId, limit};
pub(crate) use sotto::{
    Check, EncryptionCheck, Failure, Finding, Missing, Place, StoreFailure, Verdict, checks, self_test,
};
pub(crate) use theme::Theme;
pub(crate) use timeline::{Paging, Row, Timeline};

use leptos::prelude::*;
use list::List;
use news::News;
use sotto::view::{Change, People};
use sotto::{Options, Sotto, Subscription, Told};
use std::collections::HashMap;
use std::future::Future;
use timeline::Rows;

/// The name of this origin's local database.
const DATABASE: &str = "sotto";

/// Signals of what is, and commands. Copied into every closure that needs it.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    sotto: StoredValue<Sotto, LocalStorage>,
    drafts: StoredValue<HashMap<ConversationId, String>>,
    news: News,
    list: List,
    place: RwSignal<Place>,
    session: RwSignal<Session>,
    connection: RwSignal<Connection>,
    link: RwSignal<Link>,
    journal: Journal,
    timeline: RwSignal<Option<Timeline>>,
    people: RwSignal<People>,
    privacy: RwSignal<Privacy>,
    theme: RwSignal<Theme>,
}

impl Client {
    /// Starts the SDK over the server that this page came from. Once a page.
    pub(crate) fn start() -> Client {
        let sotto = Sotto::start(Options { server: String::new(), database: DATABASE.to_owned() });
        let client = Client {
            sotto: StoredValue::new_local(sotto.clone()),
            drafts: StoredValue::new(HashMap::new()),
            news: News::new(),
            list: List::new(),
            place: RwSignal::new(Place::Starting),
            session: RwSignal::new(Session::Starting),
            connection: RwSignal::new(Connection::None),
            link: RwSignal::new(Link::default()),
            journal: Journal::new(),
            timeline: RwSignal::new(None),
            people: RwSignal::new(People::default()),
            privacy: RwSignal::new(Privacy::default()),
            theme: RwSignal::new(theme::remembered()),
        };
        let carry = move || client.carry_over();
        let subscription: Subscription = sotto.subscribe(move |told| client.news.keep(told, carry));
        // Ends with the page, as the client does.
        StoredValue::new_local(subscription);
        client
    }

    /// Carries over into the signals what was told since the last time.
    fn carry_over(self) {
        self.timeline.maybe_update(|timeline| {
            let told = self.news.take().into_iter();
            told.fold(Rows::Same, |rows, told| rows.and(self.take(told, timeline))) == Rows::Changed
        });
        self.list.settle();
    }

    fn take(self, told: Told, timeline: &mut Option<Timeline>) -> Rows {
        match told {
            Told::Place(place) => self.place.set(place),
            Told::Changed(change) => return self.change(change, timeline),
            // A message for somebody who does not look: the document's title counts it.
            Told::Notify(_) => {}
        }
        Rows::Same
    }

    fn change(self, change: Change, timeline: &mut Option<Timeline>) -> Rows {
        match change {
            Change::Session(session) => {
                let ended = !matches!(session, Session::SignedIn(_));
                self.session.set(session);
                if ended {
                    // Nothing of one account stays for the next.
                    *timeline = None;
                    self.list.clear();
                    self.people.set(People::default());
                    self.drafts.set_value(HashMap::new());
                    return Rows::Changed;
                }
            }
            Change::Connection(connection) => self.connection.set(connection),
            Change::Link(link) => self.link.set(link),
            Change::TakenBack { .. } => {}
            Change::Logged(entry) => self.journal.note(&entry),
            Change::Presence(people) => self.people.update(|known| known.apply(&people)),
            Change::Privacy(privacy) => self.privacy.set(privacy),
            Change::Conversation(conversation) => self.list.put(conversation),
            Change::Conversations(conversations) => self.list.replace(conversations),
            Change::Timeline(_, change) => return timeline::apply(timeline, change),
        }
        Rows::Same
    }

    /// Answers when what the command has changed is in the signals: whoever goes on finds it there.
    async fn shown<T>(self, answer: impl Future<Output = T>) -> T {
        let answer = answer.await;
        self.carry_over();
        answer
    }

    /// Where this tab stands.
    pub(crate) fn place(self) -> Place {
        self.place.get()
    }

    /// Who uses this device.
    pub(crate) fn session(self) -> Session {
        self.session.get()
    }

    /// The account that is signed in, if one is.
    pub(crate) fn me(self) -> Option<Me> {
        match self.session.get() {
            Session::SignedIn(me) => Some(me),
            Session::Starting | Session::SignedOut(_) | Session::Authenticating => None,
        }
    }

    /// The connection to the server.
    pub(crate) fn connection(self) -> Connection {
        self.connection.get()
    }

    /// Figures of the connection.
    pub(crate) fn link(self) -> Link {
        self.link.get()
    }

    /// What befell the connection.
    pub(crate) fn journal(self) -> Journal {
        self.journal
    }

    /// Conversations, newest first; `None` until the local store was read.
    pub(crate) fn order(self) -> Option<Vec<ConversationId>> {
        self.list.order()
    }

    /// The row of one conversation.
    pub(crate) fn conversation(self, id: ConversationId) -> Option<ArcRwSignal<Conversation>> {
        self.list.row(id)
    }

    /// Unread messages of all conversations together.
    pub(crate) fn unread(self) -> u32 {
        self.list.unread()
    }

    /// The open timeline.
    pub(crate) fn timeline(self) -> ReadSignal<Option<Timeline>> {
        self.timeline.read_only()
    }

    /// How it is with somebody, as far as it is known.
    pub(crate) fn presence_of(self, user: UserId) -> Option<PersonPresence> {
        self.people.with(|people| people.of(user).copied())
    }

    /// What others are shown of me.
    pub(crate) fn privacy(self) -> Privacy {
        self.privacy.get()
    }

    /// Light, dark, or as the system says.
    pub(crate) fn theme(self) -> Theme {
        self.theme.get()
    }

    /// Shows and remembers a theme.
    pub(crate) fn set_theme(self, theme: Theme) {
        theme::show(theme);
        self.theme.set(theme);
    }

    /// The time by the SDK's clock.
    pub(crate) fn now(self) -> Millis {
        self.sotto.with_value(Sotto::now)
    }

    /// What was typed into a conversation and not sent.
    pub(crate) fn draft(self, conversation: ConversationId) -> String {
        self.drafts.with_value(|drafts| drafts.get(&conversation).cloned().unwrap_or_default())
    }

    /// Keeps what was typed into a conversation, until this page closes.
    pub(crate) fn keep_draft(self, conversation: ConversationId, text: String) {
        self.drafts.update_value(|drafts| {
            if text.is_empty() {
                drafts.remove(&conversation)
            } else {
                drafts.insert(conversation, text)
            };
        });
    }

    /// Makes an account, whose first device this is.
    pub(crate) fn sign_up(self, name: String, display_name: String, password: String) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        self.shown(async move { sotto.sign_up(&name, &display_name, &password).await })
    }

    /// Signs in.
    pub(crate) fn sign_in(self, name: String, password: String) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        self.shown(async move { sotto.sign_in(&name, &password).await })
    }

    /// Ends the session and erases this device's store.
    pub(crate) fn sign_out(self) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        self.shown(async move { sotto.sign_out().await })
    }

    /// The conversation with the person of this sign-in name, made if need be.
    pub(crate) fn start_direct(self, name: String) -> impl Future<Output = Result<ConversationId, Failure>> {
        let sotto = self.sotto.get_value();
        self.shown(async move { sotto.start_direct(&name).await })
    }

    /// The notes to self, made if need be.
    pub(crate) fn start_notes(self) -> impl Future<Output = Result<ConversationId, Failure>> {
        let sotto = self.sotto.get_value();
        self.shown(async move { sotto.start_notes().await })
    }

    /// Follows a conversation: its timeline comes into [`Client::timeline`].
    pub(crate) fn open(self, conversation: ConversationId) {
        self.sotto.with_value(|sotto| sotto.open_conversation(conversation));
    }

    /// Follows none any more.
    pub(crate) fn close(self) {
        self.timeline.set(None);
        self.sotto.with_value(Sotto::close_conversation);
    }

    /// Asks for the page before the oldest item, unless it is on its way or there is none.
    pub(crate) fn load_older(self, conversation: ConversationId) {
        if timeline::begin_paging(self.timeline, conversation) {
            self.sotto.with_value(|sotto| sotto.load_older(conversation));
        }
    }

    /// Sends a text; done as soon as it is in the outbox on disk.
    pub(crate) fn send(self, conversation: ConversationId, text: String) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        async move { sotto.send(conversation, &text).await.map(|_| ()) }
    }

    /// Tries a failed message again.
    pub(crate) fn retry(self, message: MessageKey) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        async move { sotto.retry(message).await }
    }

    /// Forgets a failed message.
    pub(crate) fn discard(self, message: MessageKey) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        async move { sotto.discard(message).await }
    }

    /// Everything in the open conversation has been seen; nothing is done when nothing is unread.
    pub(crate) fn mark_read(self, conversation: ConversationId) {
        let unread = self.list.row(conversation).is_some_and(|row| row.with_untracked(|row| row.unread > 0));
        if unread {
            self.sotto.with_value(|sotto| sotto.mark_read(conversation));
        }
    }

    /// The user is writing.
    pub(crate) fn typing(self, conversation: ConversationId) {
        self.sotto.with_value(|sotto| sotto.typing(conversation));
    }

    /// Changes what others see.
    pub(crate) fn set_display_name(self, display_name: String) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        self.shown(async move { sotto.set_display_name(&display_name).await })
    }

    /// Changes what others are shown; done when it is on disk, whether or not the server is reached.
    pub(crate) fn set_privacy(self, privacy: Privacy) -> impl Future<Output = Outcome> {
        let sotto = self.sotto.get_value();
        self.shown(async move { sotto.set_privacy(privacy).await })
    }

    /// Carries the events by this way and no other, or by the best again.
    pub(crate) fn use_transport(self, transport: Option<Transport>) {
        self.sotto.with_value(|sotto| sotto.use_transport(transport));
    }

    /// Tries to connect now.
    pub(crate) fn reconnect(self) {
        self.sotto.with_value(Sotto::reconnect);
    }
}

/// How a command went that answers nothing else.
pub(crate) type Outcome = Result<(), Failure>;

/// The client of this page.
pub(crate) fn use_client() -> Client {
    expect_context::<Client>()
}
