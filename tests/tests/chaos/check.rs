//! What must be true after everything went wrong. Owns the invariants: no acknowledged message lost, none shown twice, one
//! order, no send in limbo, epochs equal; on the screens of both sides and in the server's log.

use crate::{Person, Talk};
use sotto_core::contract::Command;
use sotto_core::view::{Body, Item, MessageKey, MessageState, Older};
use sotto_tests::{Caller, Device, Seen, Server};
use sotto_wire::conversation::{LoadGroup, LoadGroupRequest};
use sotto_wire::event::{Durable, MessageReceived};
use sotto_wire::message::{LoadMessages, LoadMessagesRequest};
use sotto_wire::{ClientId, ConversationId};
use std::collections::BTreeSet;

/// Messages of one page of the server's log.
const PAGE: usize = 100;

/// What the screens agree on.
#[derive(Default)]
pub(crate) struct Checked {
    /// The order that both sides show, for each conversation, its last message from each side at the end.
    orders: Vec<(Talk, Vec<ClientId>)>,
    /// How many texts were given up, with a cause.
    pub(crate) failed: usize,
}

impl Checked {
    pub(crate) fn add(&mut self, other: Self) {
        self.orders.extend(other.orders);
        self.failed += other.failed;
    }
}

/// Lets both sides of a conversation write once more, waits until all is quiet, and compares their screens.
pub(crate) async fn talk(people: &mut [Person], talk: Talk) -> Checked {
    let (one, other) = talk.pair;
    let mut last = Vec::new();
    for place in [one, other] {
        let person = &mut people[place];
        person.device.input(Command::Reconnect);
        last.push(person.write_in(talk.id).await);
    }
    for place in [one, other] {
        people[place].device.wait_for("quiet", |seen| is_quiet(seen, &last).then_some(())).await;
    }
    let (at_one, at_other) = (all(&people[one].device, talk.id).await, all(&people[other].device, talk.id).await);
    let (shown, failed_at_one) = split(&at_one);
    let (shown_at_other, failed_at_other) = split(&at_other);
    let texts = |items: &[&Item]| items.iter().map(|item| (item.key, text(item))).collect::<Vec<_>>();
    assert_same(&texts(&shown), &texts(&shown_at_other), "both show the same in the same order");
    let keys: BTreeSet<MessageKey> = shown.iter().map(|item| item.key).collect();
    let distinct: BTreeSet<String> = shown.iter().map(|item| text(item)).collect();
    assert_eq!((keys.len(), distinct.len()), (shown.len(), shown.len()), "nothing is shown twice");
    for (place, failed) in [(one, &failed_at_one), (other, &failed_at_other)] {
        let person = &people[place];
        let given_up: BTreeSet<MessageKey> = failed.iter().map(|item| item.key).collect();
        let written = person.written[&talk.id].iter().filter(|(key, _)| !given_up.contains(key));
        let written: Vec<(MessageKey, String)> = written.cloned().collect();
        let own: Vec<_> = texts(&shown).into_iter().filter(|(key, _)| key.sender == last_sender(&written)).collect();
        assert_same(&own, &written, "everything that was not given up arrives in the order of writing");
        assert!(keys.is_disjoint(&given_up), "{}: given up, and yet there", person.name);
    }
    let order = shown.iter().map(|item| item.key.client_id).collect();
    Checked { orders: vec![(talk, order)], failed: failed_at_one.len() + failed_at_other.len() }
}

/// Compares the server's log with what the screens agreed on. Ends the devices.
pub(crate) async fn server(server: &Server, people: &mut [Person], checked: &Checked) {
    let mut callers = Vec::new();
    for person in people {
        person.device.kill().await;
        let mut caller = Caller::to(&server.origin());
        caller.cookies = person.device.cookies.clone();
        caller.refresh().await.unwrap_or_else(|problem| panic!("{}: {:?}", person.name, problem.code));
        callers.push(caller);
    }
    for (Talk { id, pair }, order) in &checked.orders {
        let log = log(&callers[pair.0], *id).await;
        let ids: BTreeSet<ClientId> = log.iter().map(|message| message.client_id).collect();
        assert_eq!(ids.len(), log.len(), "nothing is in the log twice");
        let on_screen: BTreeSet<ClientId> = order.iter().copied().collect();
        let is_shown = |message: &&MessageReceived| on_screen.contains(&message.client_id);
        let shown: Vec<&MessageReceived> = log.iter().filter(is_shown).collect();
        assert!(shown.iter().map(|message| &message.client_id).eq(order), "screens show the order of the log");
        let mut epochs = Vec::new();
        for place in [pair.0, pair.1] {
            let request = LoadGroupRequest { conversation: *id, epoch: None };
            let group = callers[place].call::<LoadGroup>(&request).await.expect("a member may read it");
            epochs.push(group.state.epoch);
        }
        // The last two texts are one of each side.
        epochs.extend(shown.iter().rev().take(2).map(|message| message.epoch));
        assert_eq!(epochs, vec![epochs[0]; 4], "server and both sides are in one epoch");
    }
}

/// Compares two orders, and names the first place where they part: whole, they would fill the screen.
fn assert_same(left: &[(MessageKey, String)], right: &[(MessageKey, String)], what: &str) {
    let parted = (0..left.len().max(right.len())).find(|at| left.get(*at) != right.get(*at));
    let around = |order: &[(MessageKey, String)], at: usize| {
        let texts = order.iter().skip(at.saturating_sub(2)).take(5);
        texts.map(|(_, text)| text.clone()).collect::<Vec<_>>()
    };
    if let Some(at) = parted {
        panic!("{what}: from place {at} on it is {:?} and {:?}", around(left, at), around(right, at));
    }
}

/// Whether the open timeline has these messages and nothing that waits.
fn is_quiet(seen: &Seen, last: &[MessageKey]) -> bool {
    let items = seen.items();
    let has = |key: &MessageKey| items.iter().any(|item| item.key == *key);
    last.iter().all(has) && items.iter().all(|item| item.state != MessageState::Sending)
}

/// The whole timeline of a conversation, which is open.
async fn all(device: &Device, conversation: ConversationId) -> Vec<Item> {
    loop {
        let seen = device.seen();
        let timeline = seen.timeline.as_ref().filter(|timeline| timeline.conversation == conversation);
        let timeline = timeline.expect("the conversation is open");
        if timeline.older == Older::None {
            return seen.items();
        }
        let before = timeline.items.len();
        device.load_older(conversation);
        let more = |seen: &Seen| {
            let timeline = seen.timeline.as_ref()?;
            (timeline.items.len() > before || timeline.older == Older::None).then_some(())
        };
        device.wait_for("older messages", more).await;
    }
}

/// What has been sent, and what was given up. Nothing may be in between.
fn split(items: &[Item]) -> (Vec<&Item>, Vec<&Item>) {
    let (mut shown, mut failed) = (Vec::new(), Vec::new());
    for item in items {
        match item.state {
            MessageState::Sending => panic!("in limbo: {item:?}"),
            MessageState::Sent | MessageState::Delivered | MessageState::Read => shown.push(item),
            MessageState::Failed(_) => failed.push(item),
        }
    }
    (shown, failed)
}

fn text(item: &Item) -> String {
    match &item.body {
        Body::Text(text) => text.clone(),
        Body::Unreadable(_) | Body::JoinedHere | Body::HistoryLost | Body::Missing => panic!("no text: {item:?}"),
    }
}

fn last_sender(written: &[(MessageKey, String)]) -> sotto_wire::DeviceRef {
    written.last().expect("everybody has written at least once, at the end").0.sender
}

/// The messages of a conversation, oldest first.
async fn log(caller: &Caller, conversation: ConversationId) -> Vec<MessageReceived> {
    let (mut messages, mut before) = (Vec::new(), None);
    loop {
        let request = LoadMessagesRequest { conversation, before, limit: PAGE };
        let page = caller.call::<LoadMessages>(&request).await.expect("a member may read it");
        before = page.events.first().map(|event| event.cursor().clone());
        messages.extend(page.events.into_iter().rev().filter_map(|event| match event {
            Durable::MessageReceived(message) => Some(message),
            Durable::ConversationCommitted(_) | Durable::ConversationWelcome(_) => None,
        }));
        if !page.more {
            messages.reverse();
            return messages;
        }
    }
}
