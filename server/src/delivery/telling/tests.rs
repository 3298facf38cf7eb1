//! Who receives a change, of those that a hub has routes to.

use super::*;
use crate::delivery::frame::Codec;
use crate::delivery::outlet::Outlet;
use crate::delivery::testing::{Bench, NOW, Reader, bytes, start, until};
use crate::store::member::Membership;
use sotto_wire::ConversationId;
use sotto_wire::event::Event;
use std::sync::Mutex;

/// When those who come at [`NOW`] are told of.
const SETTLED: Millis = Millis(NOW.0 + limit::PRESENCE_EVERY_MS);

/// A hub and who is there.
struct Node {
    hub: Hub,
    presences: Presences,
}

fn device(number: usize) -> DeviceRef {
    DeviceRef { user: UserId(bytes(number)), device: DeviceId(bytes(number)) }
}

/// `who`'s place in room `number` up to event `last`.
fn place(number: usize, who: usize, last: LogNumber) -> Membership {
    let conversation = ConversationId(bytes(number));
    Membership { conversation, device: device(who).device, first: LogNumber(1), last }
}

impl Node {
    fn new() -> Self {
        Self { hub: Hub::new(LogNumber(0)), presences: Presences::default() }
    }

    /// Opens a stream of `who` with these places; gives its id.
    fn open(&mut self, who: usize, places: &[Membership]) -> u64 {
        let id = self.hub.next_id();
        let (device, outlet) = (device(who), Outlet::Memory(Mutex::default()));
        self.hub.add(Arc::new(Subscriber::new(id, start(device, LogNumber(0)), (Codec::List, outlet), NOW)));
        self.hub.join(id, LogNumber(0), places);
        self.presences.learn(device.user, Settings::default(), NOW);
        self.presences.open((device, id), NOW);
        self.presences.route((device, id), NOW);
        id
    }

    /// Whose streams receive what is due, and how much each does.
    fn settle(&mut self) -> Vec<(u64, usize)> {
        let mut receivers = HashMap::new();
        for (at, change) in self.presences.settle(SETTLED).iter().enumerate() {
            let places = places(&self.hub, &change.rooms);
            receive(&self.presences, (at, reached(change, &places, &Apart::default())), &mut receivers);
        }
        let mut counts: Vec<(u64, usize)> = receivers.iter().map(|(id, (_, told))| (*id, told.len())).collect();
        counts.sort_unstable();
        counts
    }
}

#[test]
fn receiver_of_several_shared_conversations_is_told_once_on_each_stream() {
    let mut node = Node::new();
    let shared = |who| [place(1, who, LogNumber::END), place(2, who, LogNumber::END)];
    let (one, other) = (node.open(2, &shared(2)), node.open(2, &shared(2)));
    node.settle();
    node.open(1, &shared(1));
    assert_eq!(node.settle(), [(one, 1), (other, 1)]);
}

#[test]
fn conversation_over_the_bound_is_told_nothing() {
    for (members, expected) in [(limit::PRESENCE_MEMBERS_MAX, limit::PRESENCE_MEMBERS_MAX - 1), (257, 0)] {
        let mut node = Node::new();
        for who in 2..=members {
            node.open(who, &[place(1, who, LogNumber::END)]);
        }
        while !node.settle().is_empty() {}
        node.open(1, &[place(1, 1, LogNumber::END)]);
        assert_eq!(node.settle().len(), expected, "{members} members");
    }
}

#[test]
fn people_are_counted_and_not_their_streams() {
    let mut node = Node::new();
    for who in 2..=limit::PRESENCE_MEMBERS_MAX {
        for _ in 0..2 {
            node.open(who, &[place(1, who, LogNumber::END)]);
        }
    }
    while !node.settle().is_empty() {}
    node.open(1, &[place(1, 1, LogNumber::END)]);
    assert_eq!(node.settle().len(), 2 * (limit::PRESENCE_MEMBERS_MAX - 1));
}

#[test]
fn who_has_left_is_told_nothing_and_tells_nothing() {
    let mut node = Node::new();
    let (here, gone) = (LogNumber::END, LogNumber(5));
    let left = node.open(2, &[place(1, 2, gone), place(2, 2, here)]);
    let other = node.open(3, &[place(2, 3, here), place(1, 3, here)]);
    node.settle();
    let comes = node.open(1, &[place(1, 1, here)]);
    assert_eq!(node.settle(), [(other, 1)], "not {left}");
    node.presences.attend(device(2), Attention::Away, NOW);
    let told = node.presences.settle(SETTLED.after(Millis(limit::PRESENCE_EVERY_MS)));
    let mut receivers = HashMap::new();
    let places = places(&node.hub, &told[0].rooms);
    receive(&node.presences, (0, reached(&told[0], &places, &Apart::default())), &mut receivers);
    assert_eq!(receivers.keys().copied().collect::<Vec<_>>(), [other], "not {comes}");
}

#[test]
fn who_is_shown_nobody_receives_nothing() {
    let mut node = Node::new();
    node.open(2, &[place(1, 2, LogNumber::END)]);
    let revision = node.presences.next_revision();
    let hidden = Settings { audience: Audience::Nobody, ..Settings::default() };
    node.presences.set(device(2).user, (hidden, revision), NOW);
    node.settle();
    node.open(1, &[place(1, 1, LogNumber::END)]);
    assert_eq!(node.settle(), []);
}

#[tokio::test]
async fn batch_without_a_change_ends_no_tick_while_more_is_due() {
    let bench = Bench::new().await;
    let delivery = bench.deliver().await;
    // Its own task must not look at them first.
    delivery.stop().await;
    for number in 0..1_000 {
        delivery.learn_settings(UserId(bytes(number)), Settings::default());
    }
    bench.clock.advance(Millis(60_000));
    let mut batches = 1;
    while tell(&delivery.0).await {
        batches += 1;
    }
    assert_eq!((batches, delivery.known_settings(UserId(bytes(999)))), (4, None), "all are forgotten");
}

#[tokio::test]
async fn conversation_that_begins_in_the_grace_is_told_who_has_gone() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let delivery = bench.deliver().await;
    for user in [one.user, other.user] {
        delivery.learn_settings(user, Settings::default());
    }
    let (mut goes, mut stays) =
        (Reader::open(&delivery, one, LogNumber(0)).await, Reader::open(&delivery, other, LogNumber(0)).await);
    goes.catch_up().await;
    stays.catch_up().await;
    bench.clock.advance(Millis(limit::PRESENCE_EVERY_MS));
    until(|| delivery.0.presences().told(one.user).is_some()).await;
    drop(goes);
    until(|| delivery.streams_count() == 1).await;
    bench.direct(9, (one, other)).await;
    delivery.appended();
    stays.durable().await;
    bench.clock.advance(Millis(limit::PRESENCE_GRACE_MS));
    let told = loop {
        if let Event::Ephemeral(Ephemeral::UserOffline(person)) = stays.frame().await.expect("the stream goes on") {
            break person;
        }
    };
    assert_eq!(told.user, one.user);
}
