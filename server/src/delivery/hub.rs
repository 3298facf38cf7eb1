//! Who is connected and what goes to whom: the routes from streams of the log to subscribers of this node.
//!
//! The rule: routes change only together with [`Hub::tail`]. A subscriber is routed once it has read the log up to the
//! tail, and from then on gets every later row, each once, because it counts their numbers.

use crate::delivery::frame::Page;
use crate::delivery::subscriber::Subscriber;
use crate::store::log::{LogNumber, Row, RowKind, Stream};
use crate::store::member::Membership;
use sotto_wire::DeviceId;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// A way from a stream to a subscriber, for the events `first` to `last`.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) subscriber: Arc<Subscriber>,
    pub(crate) first: LogNumber,
    pub(crate) last: LogNumber,
}

/// The routes of one stream. Shared, so that a page is sent without holding up who comes and goes.
pub(crate) type Routes = Arc<Vec<Route>>;

/// Most bytes of pages that are kept for sockets that could not take them at once: a second of 10 000 messages.
const RECENT_MAX_BYTES: usize = 16 * 1_024 * 1_024;

/// The newest pages. Subscribers refer to them weakly, so this alone decides how much memory slow sockets cost.
#[derive(Default)]
struct Recent {
    /// Each with the size that was counted: a page grows when another codec is read.
    pages: VecDeque<(Arc<Page>, usize)>,
    bytes: usize,
}

impl Recent {
    fn keep(&mut self, page: Arc<Page>) {
        let size = page.size_bytes();
        self.bytes += size;
        self.pages.push_back((page, size));
        // The newest stays, however large it is.
        while self.bytes > RECENT_MAX_BYTES && self.pages.len() > 1 {
            self.bytes -= self.pages.pop_front().map_or(0, |(_, size)| size);
        }
    }
}

/// The subscribers of this node and their routes.
#[derive(Default)]
pub(crate) struct Hub {
    recent: Recent,
    tail: LogNumber,
    newest_id: u64,
    subscribers: HashMap<u64, Registration>,
    routes: HashMap<Stream, Routes>,
}

struct Registration {
    subscriber: Arc<Subscriber>,
    streams: Vec<Stream>,
}

/// Whether a subscriber may be routed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joining {
    /// It is; rows after those that it has read come by themselves.
    Live,
    /// The tail is ahead of it: read on.
    Behind,
    /// It was removed meanwhile.
    Gone,
}

impl Hub {
    /// A hub whose tail is at `tail`: what stands in the log up to there is for readers only.
    pub(crate) fn new(tail: LogNumber) -> Self {
        Self { tail, ..Self::default() }
    }

    /// The newest row that was claimed for routing.
    pub(crate) fn tail(&self) -> LogNumber {
        self.tail
    }

    /// An id for the next subscriber.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.newest_id += 1;
        self.newest_id
    }

    /// Adds a subscriber without routes.
    pub(crate) fn add(&mut self, subscriber: Arc<Subscriber>) {
        self.subscribers.insert(subscriber.id(), Registration { subscriber, streams: Vec::new() });
    }

    /// Routes a subscriber that has read everything up to `read`, when the tail is not ahead of that.
    pub(crate) fn join(&mut self, id: u64, read: LogNumber, memberships: &[Membership]) -> Joining {
        if read < self.tail {
            return Joining::Behind;
        }
        self.unroute(id);
        let Some(registration) = self.subscribers.get(&id) else { return Joining::Gone };
        let subscriber = registration.subscriber.clone();
        let own = Stream::Device(subscriber.device().device);
        self.route(own, Route { subscriber: subscriber.clone(), first: LogNumber(0), last: LogNumber::END });
        for membership in memberships {
            let route = Route { subscriber: subscriber.clone(), first: membership.first, last: membership.last };
            self.route(Stream::Conversation(membership.conversation), route);
        }
        Joining::Live
    }

    /// Removes a subscriber and its routes; gives the streams that it was routed from.
    pub(crate) fn remove(&mut self, id: u64) -> Vec<Stream> {
        let streams = self.unroute(id);
        self.subscribers.remove(&id);
        if self.subscribers.is_empty() {
            // Give the memory of a storm back.
            self.subscribers.shrink_to_fit();
            self.routes.shrink_to_fit();
            self.recent = Recent::default();
        }
        streams
    }

    /// All subscribers.
    pub(crate) fn subscribers(&self) -> impl Iterator<Item = &Arc<Subscriber>> {
        self.subscribers.values().map(|registration| &registration.subscriber)
    }

    /// Keeps a page for those who could not take it at once.
    pub(crate) fn remember(&mut self, page: Arc<Page>) {
        if !self.subscribers.is_empty() {
            self.recent.keep(page);
        }
    }

    /// The pages that are kept, oldest first.
    #[cfg(test)]
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Page> {
        self.recent.pages.iter().map(|(page, _)| &**page)
    }

    /// The streams that a subscriber is routed from, and those that it was.
    pub(crate) fn streams(&self, id: u64) -> &[Stream] {
        self.subscribers.get(&id).map_or(&[], |registration| &registration.streams)
    }

    /// The routes of `stream` now.
    pub(crate) fn routes(&self, stream: Stream) -> Option<Routes> {
        self.routes.get(&stream).cloned()
    }

    /// Takes the next rows of the log, which are all up to `upto`: moves the tail there, follows the changes of membership that they made,
    /// and says which of them go where, in their order. `changes` belong to the row whose place is beside them.
    pub(crate) fn claim(
        &mut self,
        (rows, upto): (&[Row], LogNumber),
        changes: &[(usize, Vec<Membership>)],
    ) -> Vec<(usize, Routes)> {
        let mut changes = changes.iter().peekable();
        let mut deliveries = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            let changed = changes.next_if(|(of, _)| *of == place).map_or(&[][..], |(_, changed)| changed);
            changed.iter().for_each(|membership| self.follow(membership));
            if !matches!(row.kind, RowKind::Created | RowKind::Left)
                && let Some(routes) = self.routes.get(&row.stream)
            {
                deliveries.push((place, routes.clone()));
            }
            if changed.iter().any(|membership| membership.last <= row.n) {
                self.retain(row.stream, |route| route.last > row.n);
            }
        }
        self.tail = upto;
        deliveries
    }

    fn follow(&mut self, membership: &Membership) {
        let stream = Stream::Conversation(membership.conversation);
        let live = self.routes.get(&Stream::Device(membership.device)).cloned().unwrap_or_default();
        for own in live.iter() {
            let id = own.subscriber.id();
            self.retain(stream, |route| !(route.subscriber.id() == id && route.first == membership.first));
            let route = Route { subscriber: own.subscriber.clone(), first: membership.first, last: membership.last };
            self.route(stream, route);
        }
    }

    fn route(&mut self, stream: Stream, route: Route) {
        let Some(registration) = self.subscribers.get_mut(&route.subscriber.id()) else { return };
        if !registration.streams.contains(&stream) {
            registration.streams.push(stream);
        }
        Arc::make_mut(self.routes.entry(stream).or_default()).push(route);
    }

    fn unroute(&mut self, id: u64) -> Vec<Stream> {
        let Some(registration) = self.subscribers.get_mut(&id) else { return Vec::new() };
        let streams = std::mem::take(&mut registration.streams);
        for stream in &streams {
            self.retain(*stream, |route| route.subscriber.id() != id);
        }
        streams
    }

    fn retain(&mut self, stream: Stream, keep: impl Fn(&Route) -> bool) {
        let Some(routes) = self.routes.get_mut(&stream) else { return };
        if routes.iter().all(&keep) {
            return;
        }
        let routes = Arc::make_mut(routes);
        routes.retain(&keep);
        if routes.is_empty() {
            self.routes.remove(&stream);
        }
    }

    /// Whether `device` has a live route from `stream`.
    pub(crate) fn is_routed(&self, stream: Stream, device: DeviceId) -> bool {
        self.routes.get(&stream).is_some_and(|routes| {
            routes.iter().any(|route| route.subscriber.device().device == device && route.last == LogNumber::END)
        })
    }
}

/// Joins deliveries that follow one another to the same routes into runs of places.
pub(crate) fn runs(deliveries: Vec<(usize, Routes)>) -> Vec<(Range<usize>, Routes)> {
    let mut runs: Vec<(Range<usize>, Routes)> = Vec::new();
    for (place, routes) in deliveries {
        match runs.last_mut() {
            Some((run, of)) if run.end == place && Arc::ptr_eq(of, &routes) => run.end += 1,
            _ => runs.push((place..place + 1, routes)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::cursor::CursorKey;
    use crate::delivery::frame::Codec;
    use sotto_wire::event::{Durable, MessageReceived};
    use sotto_wire::{Base64, ClientId, ConversationId, DeviceRef, Millis, UserId};

    fn page(ciphertext_bytes: usize) -> Arc<Page> {
        let event = MessageReceived {
            cursor: CursorKey::new(&[0; 32]).write(LogNumber(1)),
            conversation: ConversationId([1; 16]),
            sender: DeviceRef { user: UserId([2; 16]), device: DeviceId([3; 16]) },
            client_id: ClientId([4; 16]),
            epoch: 5,
            ciphertext: Base64(vec![6; ciphertext_bytes]),
            sent_at: Millis(8),
        };
        Arc::new(Page::new(vec![(LogNumber(1), Durable::MessageReceived(event))], Millis(8)))
    }

    #[test]
    fn page_that_grows_while_it_is_kept_is_taken_off_as_it_was_counted() {
        let mut recent = Recent::default();
        let (grown, large) = (page(1_000), page(RECENT_MAX_BYTES));
        recent.keep(grown.clone());
        grown.frames(Codec::Sse);
        recent.keep(large.clone());
        assert_eq!((recent.pages.len(), recent.bytes), (1, large.size_bytes()));
    }
}
