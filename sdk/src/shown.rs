//! What is to be seen: the typed stores, put together from the core's differences. Owns their consistency; the driver, or
//! the tab that leads, feeds it and the face hands it out.

use crate::lead::Lead;
use crate::listeners::{Listeners, Subscription};
use crate::place::Place;
use crate::store::Store;
use crate::timeline::{Loading, Timeline};
use sotto_core::contract::ViewerKey;
use sotto_core::view::{Change, Connection, Conversation, Link, People, Privacy, Session, TimelineChange};
use sotto_core::wire::ConversationId;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;

/// One piece of news.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Where this tab stands now.
    Place(Place),
    /// What is to be seen has changed.
    Changed(Change),
    /// A message came that a person who does not look should be told of.
    Notify(ConversationId),
}

/// Most changes that are told in one task, here and in another tab: drawing what they change is part of it. With this
/// many and the CPU slowed six times, that is 70 ms.
pub(crate) const TOLD_MAX: usize = 32;

/// What is to be seen in this tab.
pub(crate) struct Shown {
    viewer: ViewerKey,
    place: Cell<Place>,
    /// The conversation that is open here, whether or not its timeline has come.
    open: Cell<Option<ConversationId>>,
    /// The connection's figures as they were last told.
    link: Cell<Link>,
    /// The lead of this tab, while it leads: passes on what the other tabs are to show.
    lead: RefCell<Option<Rc<Lead>>>,
    pub(crate) session: Store<Session>,
    pub(crate) connection: Store<Connection>,
    pub(crate) conversations: Store<Vec<Conversation>>,
    pub(crate) timeline: Store<Option<Timeline>>,
    pub(crate) presence: Store<People>,
    pub(crate) privacy: Store<Privacy>,
    listeners: Rc<Listeners<Told>>,
    /// News of this turn, told by [`Shown::flush`]; the driver's turn ends with one.
    news: RefCell<Vec<Told>>,
}

impl Shown {
    /// Nothing yet. The core knows this tab by `viewer`.
    pub(crate) fn new(viewer: ViewerKey) -> Self {
        Self {
            viewer,
            place: Cell::new(Place::Starting),
            open: Cell::new(None),
            link: Cell::new(Link::default()),
            lead: RefCell::new(None),
            session: Store::new(Session::Starting),
            connection: Store::new(Connection::None),
            conversations: Store::new(Vec::new()),
            timeline: Store::new(None),
            presence: Store::new(People::default()),
            privacy: Store::new(Privacy::default()),
            listeners: Rc::default(),
            news: RefCell::default(),
        }
    }

    /// This tab, as the core knows it.
    pub(crate) fn viewer(&self) -> ViewerKey {
        self.viewer
    }

    pub(crate) fn place(&self) -> Place {
        self.place.get()
    }

    pub(crate) fn set_place(&self, place: Place) {
        if self.place.replace(place) != place {
            self.note(&Told::Place(place));
            self.listeners.tell(&Told::Place(place));
        }
    }

    /// From now on what is taken in is passed on by `lead`, or by nobody.
    pub(crate) fn set_lead(&self, lead: Option<Rc<Lead>>) {
        *self.lead.borrow_mut() = lead;
    }

    fn note(&self, told: &Told) {
        if let Some(lead) = &*self.lead.borrow() {
            lead.note(told);
        }
    }

    /// The conversation that is open here.
    pub(crate) fn open(&self) -> Option<ConversationId> {
        self.open.get()
    }

    /// A conversation is open here from now on.
    pub(crate) fn set_open(&self, conversation: ConversationId) {
        self.open.set(Some(conversation));
    }

    /// All but the timeline, as it would have been told.
    pub(crate) fn present(&self) -> Vec<Told> {
        let people = self.presence.get().as_slice().to_vec();
        let mut present = vec![
            Told::Place(self.place()),
            Told::Changed(Change::Session(Session::clone(&self.session.get()))),
            Told::Changed(Change::Connection(*self.connection.get())),
            Told::Changed(Change::Link(self.link.get())),
            Told::Changed(Change::Conversations(Vec::clone(&self.conversations.get()))),
            Told::Changed(Change::Privacy(*self.privacy.get())),
            // Whoever was told before forgets that first.
            Told::Changed(Change::Presence(Vec::new())),
        ];
        if !people.is_empty() {
            present.push(Told::Changed(Change::Presence(people)));
        }
        present
    }

    pub(crate) fn subscribe(&self, run: impl FnMut(&Told) + 'static) -> Subscription {
        let mut present = self.present();
        if let Some(Timeline { conversation, items, older, .. }) = Option::clone(&self.timeline.get()) {
            let opened = TimelineChange::Opened { conversation, items, older };
            present.push(Told::Changed(Change::Timeline(self.viewer, opened)));
        }
        self.listeners.add(&present.iter().collect::<Vec<_>>(), run)
    }

    /// Takes a difference in; told by the next [`Shown::flush`].
    pub(crate) fn apply(&self, change: Change) {
        match &change {
            // A core that takes over reads the store anew; to whoever looks nothing has happened.
            Change::Session(Session::Starting) if *self.session.get() != Session::Starting => return,
            Change::Timeline(viewer, _) if *viewer != self.viewer => return self.note(&Told::Changed(change)),
            Change::Timeline(_, TimelineChange::Opened { conversation, items, older }) => {
                let timeline = self.timeline.get();
                let same = timeline.as_ref().as_ref().filter(|open| open.conversation == *conversation);
                if let Some(changes) = same.and_then(|open| open.reopened(items, *older)) {
                    return changes.into_iter().for_each(|change| self.take_in(Change::Timeline(self.viewer, change)));
                }
            }
            Change::Timeline(..) => {}
            Change::Session(_)
            | Change::Connection(_)
            | Change::Link(_)
            | Change::Logged(_)
            | Change::Presence(_)
            | Change::Privacy(_)
            | Change::TakenBack { .. }
            | Change::Conversation(_)
            | Change::Conversations(_) => {
                self.note(&Told::Changed(change.clone()));
            }
        }
        self.take_in(change);
    }

    fn take_in(&self, change: Change) {
        if !self.listeners.is_empty() {
            self.news.borrow_mut().push(Told::Changed(change.clone()));
        }
        match change {
            Change::Session(session) => {
                if session == Session::SignedOut(None) {
                    self.conversations.change(Vec::clear);
                    self.timeline.change(|timeline| *timeline = None);
                }
                self.session.change(|shown| *shown = session);
            }
            Change::Connection(connection) => self.connection.change(|shown| *shown = connection),
            // For those who listen: no store keeps it.
            Change::Link(link) => self.link.set(link),
            Change::Logged(_) | Change::TakenBack { .. } => {}
            Change::Presence(told) => self.presence.change(|people| people.apply(&told)),
            Change::Privacy(privacy) => self.privacy.change(|shown| *shown = privacy),
            Change::Conversations(conversations) => self.conversations.change(|shown| {
                *shown = conversations;
                shown.sort_unstable_by_key(order);
            }),
            Change::Conversation(conversation) => self.conversations.change(|shown| {
                shown.retain(|other| other.id != conversation.id);
                let at = shown.partition_point(|other| order(other) < order(&conversation));
                shown.insert(at, conversation);
            }),
            Change::Timeline(_, change) => self.timeline.change(|shown| Timeline::apply(shown, change)),
        }
    }

    pub(crate) fn notify(&self, conversation: ConversationId) {
        self.note(&Told::Notify(conversation));
        self.news.borrow_mut().push(Told::Notify(conversation));
    }

    /// Nothing is open any more.
    pub(crate) fn close_timeline(&self) {
        self.open.set(None);
        self.timeline.change(|timeline| *timeline = None);
        self.timeline.flush();
    }

    /// Older items of `conversation` are being loaded.
    pub(crate) fn loading_older(&self, conversation: ConversationId) {
        let idle = |open: &Timeline| open.conversation == conversation && open.loading_older == Loading::Idle;
        if self.timeline.get().as_ref().as_ref().is_some_and(idle) {
            let under_way = |open: &mut Timeline| open.loading_older = Loading::UnderWay;
            self.timeline.change(|timeline| timeline.iter_mut().for_each(under_way));
            self.timeline.flush();
        }
    }

    /// Tells what was taken in since the last time: the stores first, so that whoever hears news finds them new.
    pub(crate) fn flush(&self) {
        self.session.flush();
        self.connection.flush();
        self.conversations.flush();
        self.timeline.flush();
        self.presence.flush();
        self.privacy.flush();
        let news = self.news.take();
        news.iter().for_each(|told| self.listeners.tell(told));
        let lead = self.lead.borrow().clone();
        if let Some(lead) = lead {
            lead.flush(self.open());
        }
    }
}

/// Newest first; the id makes it one order.
fn order(conversation: &Conversation) -> (Reverse<u64>, ConversationId) {
    (Reverse(conversation.active_at.0), conversation.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::tests::{HERE, THERE, item};
    use sotto_core::view::{ConversationKind, Older, Standing};
    use sotto_core::wire::Millis;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn conversation(id: ConversationId, active_at: u64) -> Conversation {
        let (kind, active_at) = (ConversationKind::Notes, Millis(active_at));
        let (typing, standing) = (Vec::new(), Standing::Accepted);
        Conversation { id, kind, last: None, unread: 0, mentions: 0, active_at, typing, standing }
    }

    const ME: ViewerKey = ViewerKey(7);
    const LINK: Link =
        Link { bytes_in: 1, bytes_out: 2, streams: 3, last_close: None, pinned: None, better_try_at: None };

    fn opened(conversation: ConversationId) -> Change {
        let items = vec![item(conversation, 1, 1)];
        Change::Timeline(ME, TimelineChange::Opened { conversation, items, older: Older::More })
    }

    /// What a store tells.
    fn history<T: Clone + 'static>(store: &Store<T>) -> (Rc<RefCell<Vec<T>>>, Subscription) {
        let history = Rc::new(RefCell::new(Vec::new()));
        let subscription = store.subscribe({
            let history = Rc::clone(&history);
            move |value| history.borrow_mut().push(value.clone())
        });
        (history, subscription)
    }

    #[wasm_bindgen_test]
    fn conversations_stand_newest_first_and_changes_of_a_turn_are_told_as_one() {
        let shown = Shown::new(ME);
        let (told, _subscription) = history(&shown.conversations);
        shown.apply(Change::Conversations(vec![conversation(HERE, 1), conversation(THERE, 2)]));
        shown.apply(Change::Conversation(conversation(HERE, 3)));
        shown.flush();
        shown.flush();
        assert_eq!(*told.borrow(), [vec![], vec![conversation(HERE, 3), conversation(THERE, 2)]]);
    }

    #[wasm_bindgen_test]
    fn who_subscribes_is_told_the_present_state_and_then_the_news_in_order() {
        let shown = Shown::new(ME);
        shown.set_place(Place::Leading);
        shown.apply(Change::Link(LINK));
        shown.apply(opened(HERE));
        shown.flush();
        let told = Rc::new(RefCell::new(Vec::new()));
        let subscription = shown.subscribe({
            let told = Rc::clone(&told);
            move |news| told.borrow_mut().push(news.clone())
        });
        let present = [
            Told::Place(Place::Leading),
            Told::Changed(Change::Session(Session::Starting)),
            Told::Changed(Change::Connection(Connection::None)),
            Told::Changed(Change::Link(LINK)),
            Told::Changed(Change::Conversations(Vec::new())),
            Told::Changed(Change::Privacy(Privacy::default())),
            Told::Changed(Change::Presence(Vec::new())),
            Told::Changed(opened(HERE)),
        ];
        assert_eq!(told.take(), present);
        shown.notify(THERE);
        shown.apply(Change::Connection(Connection::Offline));
        assert_eq!(told.take(), []);
        shown.flush();
        assert_eq!(told.take(), [Told::Notify(THERE), Told::Changed(Change::Connection(Connection::Offline))]);
        drop(subscription);
        shown.set_place(Place::Following);
        shown.notify(THERE);
        shown.flush();
        assert_eq!(told.take(), []);
    }

    #[wasm_bindgen_test]
    fn a_subscription_that_ends_another_while_told_is_heard() {
        let shown = Shown::new(ME);
        let (told, other) = history(&shown.connection);
        let other = RefCell::new(Some(other));
        let before = shown.connection.subscribe(|_| {});
        drop(before);
        let _ending = shown.session.subscribe(move |session| {
            if *session == Session::Authenticating {
                drop(other.take());
            }
        });
        shown.apply(Change::Session(Session::Authenticating));
        shown.apply(Change::Connection(Connection::Offline));
        shown.flush();
        assert_eq!(*told.borrow(), [Connection::None]);
    }

    #[wasm_bindgen_test]
    fn signing_out_leaves_nothing_to_be_seen() {
        let shown = Shown::new(ME);
        shown.apply(Change::Conversations(vec![conversation(HERE, 1)]));
        shown.apply(opened(HERE));
        shown.apply(Change::Session(Session::SignedOut(None)));
        shown.flush();
        assert_eq!((shown.conversations.get().len(), Option::clone(&shown.timeline.get())), (0, None));
    }

    #[wasm_bindgen_test]
    fn a_take_over_is_not_to_be_seen() {
        let shown = Shown::new(ME);
        shown.apply(Change::Session(Session::Authenticating));
        shown.apply(opened(HERE));
        shown.flush();
        let (sessions, _sessions) = history(&shown.session);
        shown.loading_older(HERE);
        shown.apply(Change::Session(Session::Starting));
        shown.apply(opened(HERE));
        shown.flush();
        assert_eq!(*sessions.borrow(), [Session::Authenticating]);
        let open = Option::clone(&shown.timeline.get()).expect("it is open");
        assert_eq!((open.items.len(), open.older, open.loading_older), (1, Older::More, Loading::Idle));
    }

    #[wasm_bindgen_test]
    fn the_timeline_of_another_tab_is_not_shown_here() {
        let shown = Shown::new(ME);
        let (items, older) = (vec![item(THERE, 1, 1)], Older::None);
        let change = TimelineChange::Opened { conversation: THERE, items, older };
        shown.apply(Change::Timeline(ViewerKey(8), change));
        shown.flush();
        assert_eq!(Option::clone(&shown.timeline.get()), None);
    }

    #[wasm_bindgen_test]
    fn older_items_are_under_way_until_they_come() {
        let shown = Shown::new(ME);
        shown.apply(opened(HERE));
        let loading = || shown.timeline.get().as_ref().as_ref().map(|timeline| timeline.loading_older);
        shown.loading_older(THERE);
        assert_eq!(loading(), Some(Loading::Idle));
        shown.loading_older(HERE);
        assert_eq!(loading(), Some(Loading::UnderWay));
        let change = TimelineChange::OlderLoaded { conversation: HERE, items: Vec::new(), older: Older::None };
        shown.apply(Change::Timeline(ME, change));
        assert_eq!(loading(), Some(Loading::Idle));
        shown.close_timeline();
        assert_eq!(loading(), None);
    }
}
