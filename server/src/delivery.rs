//! Delivery: from the log to the streams of those whom it concerns.
//!
//! [`writer`](self) appends, `tail` reads what was appended and gives it out, `life` runs one stream, `hub` knows who
//! gets what, `catch_up` reads the log for the streams that are behind. Beside the log `telling` tells who is there, of
//! what `presence` knows, and `noted` writes once a minute what need not be on disk at once. The rule: the log is the
//! truth. What is in memory here can be lost at any time without losing an event.

pub(crate) mod catch_up;
pub(crate) mod cursor;
pub(crate) mod ear;
pub(crate) mod event;
pub(crate) mod frame;
pub(crate) mod hub;
pub(crate) mod life;
pub(crate) mod mls;
pub(crate) mod noted;
pub(crate) mod outlet;
pub(crate) mod poll;
pub(crate) mod presence;
pub(crate) mod pulse;
#[cfg(test)]
mod slow_tests;
pub(crate) mod subscriber;
pub(crate) mod tail;
pub(crate) mod telling;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub(crate) mod ticket;
pub(crate) mod typing;
pub(crate) mod writer;

use crate::clock::Clock;
use crate::delivery::catch_up::Line;
use crate::delivery::cursor::CursorKey;
use crate::delivery::frame::Notice;
use crate::delivery::hub::Hub;
use crate::delivery::life::Opening;
use crate::delivery::noted::Notes;
use crate::delivery::poll::Polled;
use crate::delivery::presence::Presences;
use crate::delivery::subscriber::Subscriber;
use crate::delivery::ticket::{Start, TicketError, Tickets};
use crate::delivery::typing::Typing;
use crate::delivery::writer::{AppendError, Appender};
use crate::store::append::{Append, Appended};
use crate::store::log::{self, LogNumber, Stream};
use crate::store::session::SessionId;
use crate::store::{Store, StoreError};
use sotto_wire::event::{Ephemeral, SessionEndCause, SessionOver, Shutdown, TypingUpdate};
use sotto_wire::websocket::{CLOSE_RESTART, CLOSE_SESSION_ENDED};
use sotto_wire::{ConversationId, DeviceId, Millis, Ticket, UserId};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;

/// Streams that read the log at a time. Fewer than the store has readers, so that a storm of streams that resume leaves
/// room for everyone else; the others wait in line.
const REPLAYS_MAX: usize = 3;

/// What the operator decides about streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The longest silence of a stream.
    pub(crate) heartbeat_ms: Millis,
    /// Over how long clients are told to spread their return after a shutdown.
    pub(crate) shutdown_spread_ms: Millis,
    /// How long rows are kept; for good without.
    pub(crate) retention_ms: Option<Millis>,
    /// How long a long poll is held when there is nothing to say.
    pub(crate) poll_hold_ms: Millis,
}

/// Delivery of this node. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Delivery(Arc<Inner>);

pub(crate) struct Inner {
    store: Store,
    clock: Clock,
    terms: Terms,
    cursors: CursorKey,
    appender: Appender,
    /// Wakes the tail reader.
    appended: Arc<Notify>,
    /// Rows up to here were offered to all live subscribers.
    delivered: AtomicI64,
    is_closing: AtomicBool,
    /// Turns of those who read the log.
    replays: Arc<Semaphore>,
    /// Those who wait for a turn.
    line: Mutex<Line>,
    /// Locked before those below, where it is locked together with one.
    hub: Mutex<Hub>,
    tickets: Mutex<Tickets>,
    typing: Mutex<Typing>,
    presences: Mutex<Presences>,
    notes: Mutex<Notes>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Inner {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        lock(&self.hub)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        lock(&self.tickets)
    }

    fn presences(&self) -> MutexGuard<'_, Presences> {
        lock(&self.presences)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }

    fn typing(&self) -> MutexGuard<'_, Typing> {
        lock(&self.typing)
    }

    /// Adds a subscriber, whose person is there from now on.
    fn enter(&self, subscriber: &Arc<Subscriber>) {
        let mut hub = self.hub();
        hub.add(subscriber.clone());
        self.presences().open((subscriber.device(), subscriber.id()), self.clock.now());
    }

    /// Removes a subscriber. Without another the person stays for the grace of presence.
    fn leave(&self, subscriber: &Subscriber) {
        let mut hub = self.hub();
        let rooms = hub.remove(subscriber.id());
        self.presences().close((subscriber.device(), subscriber.id()), rooms, self.clock.now());
    }

    /// Says goodbye to a subscriber that came when its session had just ended, or the server was closing its streams.
    fn greet_late(&self, subscriber: &Subscriber) {
        if let Some(cause) = self.tickets().cause_of_end(subscriber.session()) {
            self.say_over(subscriber, cause);
        }
        if self.is_closing.load(Ordering::SeqCst) {
            self.say_shutdown(subscriber);
        }
    }

    fn say_over(&self, subscriber: &Subscriber, cause: SessionEndCause) {
        let now = self.clock.now();
        let notice = Notice::new(Ephemeral::SessionEnded(SessionOver { cause }), now);
        subscriber.end(Some(&notice), CLOSE_SESSION_ENDED, now);
    }

    fn say_shutdown(&self, subscriber: &Subscriber) {
        let now = self.clock.now();
        let retry_in_ms = Millis(random_below(self.terms.shutdown_spread_ms.0));
        let notice = Notice::new(Ephemeral::Shutdown(Shutdown { retry_in_ms }), now);
        subscriber.end(Some(&notice), CLOSE_RESTART, now);
    }
}

/// Locks what no holder leaves half changed, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number from 0 to `bound`, from the operating system; half of it where there is no randomness.
fn random_below(bound: u64) -> u64 {
    getrandom::u64().map_or(bound / 2, |random| random % bound.saturating_add(1).max(1))
}

impl Delivery {
    /// Starts delivery behind the newest row of the log. Ended by [`Delivery::stop`].
    pub(crate) async fn start(store: Store, clock: Clock, terms: Terms) -> Result<Self, StoreError> {
        let tail = log::bounds(store.read()).await?.head;
        let (stop, stopped) = watch::channel(false);
        let (appender, news, writer) = writer::start((store.clone(), clock.clone()), stopped.clone());
        let inner = Arc::new(Inner {
            cursors: CursorKey::new(store.secret()),
            store,
            clock,
            terms,
            appender,
            appended: news.hint.clone(),
            delivered: AtomicI64::new(tail.0),
            is_closing: AtomicBool::new(false),
            replays: Arc::new(Semaphore::new(REPLAYS_MAX)),
            line: Mutex::default(),
            hub: Mutex::new(Hub::new(tail)),
            tickets: Mutex::default(),
            typing: Mutex::default(),
            presences: Mutex::default(),
            notes: Mutex::default(),
            stop,
            tasks: Mutex::default(),
        });
        let mut tasks = vec![
            writer,
            tokio::spawn(tail::run(inner.clone(), news, stopped.clone())),
            tokio::spawn(pulse::beat(inner.clone(), stopped.clone())),
            tokio::spawn(noted::keep(inner.clone(), stopped.clone())),
            tokio::spawn(telling::run(inner.clone(), stopped.clone())),
        ];
        if let Some(keep) = terms.retention_ms {
            tasks.push(tokio::spawn(pulse::retain(inner.clone(), keep, stopped)));
        }
        *lock(&inner.tasks) = tasks;
        Ok(Self(inner))
    }

    /// Appends a message and waits until it is on disk.
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let (device, conversation) = (append.sender.device, append.conversation);
        let appended = self.0.appender.append(append).await;
        if let Ok(Appended::Stored { .. }) = appended {
            let now = self.0.clock.now();
            self.0.typing().sent(device, conversation, now);
        }
        appended
    }

    /// Says that rows were appended in another way than by [`Delivery::append`].
    pub(crate) fn appended(&self) {
        self.0.appended.notify_one();
    }

    /// Writes and reads the cursors of this deployment.
    pub(crate) fn cursors(&self) -> &CursorKey {
        &self.0.cursors
    }

    /// What the operator decided.
    pub(crate) fn terms(&self) -> Terms {
        self.0.terms
    }

    /// Rows up to here were offered to all live subscribers. The log may be further.
    pub(crate) fn delivered(&self) -> LogNumber {
        LogNumber(self.0.delivered.load(Ordering::Acquire))
    }

    /// Gives out a ticket for a stream.
    pub(crate) fn issue_ticket(&self, start: Start) -> Result<Ticket, TicketError> {
        let now = self.0.clock.now();
        self.0.tickets().issue(start, now)
    }

    /// What a ticket opens, while it is not spent.
    pub(crate) fn read_ticket(&self, ticket: &str) -> Option<Start> {
        let now = self.0.clock.now();
        self.0.tickets().read(ticket, now)
    }

    /// Spends a ticket.
    pub(crate) fn spend_ticket(&self, ticket: &str) -> Option<Start> {
        let now = self.0.clock.now();
        self.0.tickets().spend(ticket, now)
    }

    /// Runs a stream on `socket` until it ends.
    pub(crate) async fn run(self, start: Start, socket: TcpStream, opening: Opening) {
        life::run(self.0, start, socket, opening).await;
    }

    /// Answers one long poll, which begins with `first_words`.
    pub(crate) async fn poll(&self, start: Start, first_words: Option<Notice>) -> Polled {
        poll::hold(&self.0, start, first_words).await
    }

    /// Notes that `device` has stored everything up to `n`.
    pub(crate) fn acknowledge(&self, device: DeviceId, n: LogNumber) {
        self.0.notes().acknowledge(device, n);
    }

    /// Whether it is to be told that somebody writes, or has stopped, on this device. Said once.
    pub(crate) fn is_news(&self, update: TypingUpdate, device: DeviceId) -> bool {
        let (now, conversation) = (self.0.clock.now(), update.conversation);
        let mut typing = self.0.typing();
        if update.typing { typing.begin(device, conversation, now) } else { typing.end(device, conversation) }
    }

    /// Tells the other people of a conversation, but for those who are shut out, that somebody writes, or has stopped.
    pub(crate) fn tell_typing(&self, update: TypingUpdate, shut_out: &HashSet<UserId>) {
        let now = self.0.clock.now();
        let is_shown = !shut_out.contains(&update.user);
        let routes = self.0.hub().routes(Stream::Conversation(update.conversation)).filter(|_| is_shown);
        let Some(routes) = routes else { return };
        let notice = Notice::new(Ephemeral::TypingUpdate(update), now);
        for route in routes.iter().filter(|route| route.last == LogNumber::END) {
            let user = route.subscriber.device().user;
            if user != update.user && !shut_out.contains(&user) {
                route.subscriber.give_ephemeral(&notice, now);
            }
        }
    }

    /// Whether a stream of `device` is live and gets `conversation`'s events: then it is a member, without asking the
    /// store.
    pub(crate) fn is_live_member(&self, conversation: ConversationId, device: DeviceId) -> bool {
        self.0.hub().is_routed(Stream::Conversation(conversation), device)
    }

    /// Tells two people, of whom one blocks the other from now on, that the other is there no more.
    pub(crate) fn part(&self, (one, other): (UserId, UserId)) {
        let now = self.0.clock.now();
        let gone = |user| Notice::new(Ephemeral::UserOffline(presence::offline(user, None)), now);
        let (one_is_gone, other_is_gone) = (gone(one), gone(other));
        for subscriber in self.subscribers() {
            let user = subscriber.device().user;
            if user == one {
                subscriber.give_ephemeral(&other_is_gone, now);
            } else if user == other {
                subscriber.give_ephemeral(&one_is_gone, now);
            }
        }
    }

    /// Closes the streams of a session that has ended and takes its tickets back.
    pub(crate) fn end_session(&self, session: SessionId, cause: SessionEndCause) {
        let now = self.0.clock.now();
        self.0.tickets().revoke(session, cause, now);
        for subscriber in self.subscribers().iter().filter(|subscriber| subscriber.session() == session) {
            self.0.say_over(subscriber, cause);
        }
    }

    /// Tells every stream that the server goes away and when to come back, and ends it (T15). Streams that open later
    /// are told the same.
    pub(crate) fn close_streams(&self) {
        self.0.is_closing.store(true, Ordering::SeqCst);
        for subscriber in self.subscribers() {
            self.0.say_shutdown(&subscriber);
        }
    }

    /// Finishes what is queued for the log, then ends every task of delivery. Streams that did not take their last
    /// words by now are cut.
    pub(crate) async fn stop(&self) {
        self.close_streams();
        self.0.stop.send_replace(true);
        let tasks = std::mem::take(&mut *lock(&self.0.tasks));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "failed to end a task of delivery");
            }
        }
        for subscriber in self.subscribers() {
            subscriber.break_now();
        }
    }

    /// How many streams are open.
    #[cfg(test)]
    pub(crate) fn streams_count(&self) -> usize {
        self.0.hub().subscribers().count()
    }

    fn subscribers(&self) -> Vec<Arc<Subscriber>> {
        self.0.hub().subscribers().cloned().collect()
    }
}
