//! What must hold (design §2): nothing acknowledged is lost, nothing is shown twice, one order for each conversation,
//! all devices reach one epoch, no key is used twice, nothing is left in limbo.

use crate::browser::{Browser, Past};
use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sotto_core::Command;
use sotto_core::contract::{Request, Table, ViewerKey};
use sotto_core::view::{Author, Body, Connection, Item, MessageKey, MessageState, Older, People, Progress, Session};
use sotto_core::wire::conversation::{Commit, CreateConversation};
use sotto_core::wire::message::SendMessage;
use sotto_core::wire::ping::Ping;
use sotto_core::wire::presence::{Attend, Presence};
use sotto_core::wire::{ClientId, ConversationId, DeviceRef, Endpoint};
use std::collections::{BTreeMap, BTreeSet};

/// Most rings of a browser's timer in the four minutes of a run: over it, something waits for time in vain.
const RINGS_MAX: u64 = 1_500;

/// Nothing that is sealed leaves before it, and so its ratchet step, is on disk; and no more is acknowledged.
/// Nor is a wish told.
pub(crate) fn request_is_on_disk(browser: &Browser, request: &Request) {
    let (table, field) = match request.path {
        Ping::PATH => (Table::Account, "/payload/cursor"),
        SendMessage::PATH => (Table::Outbox, "/payload/ciphertext"),
        Commit::PATH => (Table::Group, "/payload/commit"),
        CreateConversation::PATH => (Table::Conversation, "/payload/state/group_info"),
        Attend::PATH => return wish_is_on_disk(browser, request),
        _ => return,
    };
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("clients send JSON");
    let sealed = body.pointer(field).and_then(|field| field.as_str());
    let Some(sealed) = sealed else { return assert_eq!(request.path, Ping::PATH, "the wire says so") };
    // The table of groups holds bytes, the others text.
    let sealed = if table == Table::Group { STANDARD.decode(sealed).expect("base64") } else { sealed.into() };
    assert!(browser.has_had_on_disk(table, &sealed), "{} left before it was on disk", request.path);
}

fn wish_is_on_disk(browser: &Browser, request: &Request) {
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("clients send JSON");
    for field in ["status", "audience"] {
        if let Some(wish) = body["payload"].get(field) {
            let wish = format!("\"wished_{field}\":{wish}");
            assert!(browser.has_had_on_disk(Table::Account, wish.as_bytes()), "{wish} was told before it was on disk");
        }
    }
}

/// A timeline as it is read from the disk, whole.
type Timelines = BTreeMap<(usize, ConversationId), Vec<Item>>;

/// Reads every timeline; what was on screen before must be what is read anew.
fn timelines(world: &mut World) -> Timelines {
    let mut timelines = Timelines::new();
    for browser in 0..world.browsers.len() {
        if !world.browsers[browser].is_signed_in() {
            continue;
        }
        let live = world.browsers[browser].screen.timeline.as_ref();
        let live = live.map(|it| (it.conversation, it.ordered().into_iter().cloned().collect::<Vec<_>>()));
        let ids: Vec<_> = world.browsers[browser].screen.conversations.keys().copied().collect();
        for id in ids {
            world.command(browser, Command::OpenConversation(ViewerKey(0), id));
            world.run_for(100);
            loop {
                let shown = world.browsers[browser].screen.timeline.as_ref().expect("it was opened");
                assert_eq!(shown.conversation, id);
                if shown.older == Older::None {
                    break;
                }
                world.command(browser, Command::LoadOlder(ViewerKey(0), id));
                world.run_for(100);
            }
            let shown = world.browsers[browser].screen.timeline.as_ref().expect("it was opened");
            let items: Vec<Item> = shown.ordered().into_iter().cloned().collect();
            if let Some((_, live)) = live.as_ref().filter(|(open, _)| *open == id) {
                let newest = items.len() - live.len().min(items.len());
                assert_eq!(*live, items[newest..], "what is on screen is what is on disk");
            }
            timelines.insert((browser, id), items);
        }
    }
    timelines
}

/// Checks everything, in a world that has come to rest.
pub(crate) fn all(world: &mut World) {
    let timelines = timelines(world);
    let texts = texts(world, &timelines);
    rest(world);
    nothing_twice(&timelines);
    promises(world, &timelines);
    for ((browser, id), items) in &timelines {
        let log = world.server.messages(*id);
        one_order(items, &log);
        order_of_writing(items);
        everything_read(&world.browsers[*browser], items, &texts, &log);
    }
}

/// Nobody waits for anything any more.
fn rest(world: &World) {
    for browser in world.browsers.iter().filter(|browser| browser.is_signed_in()) {
        assert!(browser.rings < RINGS_MAX, "{} was woken {} times", browser.name, browser.rings);
        let connection = browser.screen.connection;
        assert!(
            matches!(connection, Some(Connection::Online { progress: Progress::CaughtUp, .. })),
            "{} is not online but {connection:?}",
            browser.name
        );
        let failed: usize = browser.disk.iter().filter(|(_, row)| has_failed(row)).count();
        assert_eq!(browser.waiting(), failed, "{} has left something in limbo", browser.name);
        assert!(browser.past == Past::Broken || failed == 0, "{} has failed to send", browser.name);
        assert!(browser.asked.is_empty(), "{} has left commands without an answer: {:?}", browser.name, browser.asked);
    }
    for (id, _, members) in world.server.groups() {
        for device in members {
            assert_eq!(world.server.accounts.current(device.user), Some(device.device), "an old device is in {id}");
        }
    }
}

/// Everybody who looks is shown what is true of the others, as far as both show it, and all have the settings that the
/// server has.
pub(crate) fn presence(world: &World) {
    for browser in world.browsers.iter().filter(|browser| browser.is_signed_in()) {
        let Some(Session::SignedIn(me)) = &browser.screen.session else { continue };
        let (truth, privacy) = world.server.truth(me.user, world.now);
        let shown = &browser.screen.privacy;
        assert_eq!((shown.presence, shown.status), (privacy.presence, privacy.status), "{}", browser.name);
        if !world.server.is_looked_at(me.user) {
            continue;
        }
        // Who shows it no more is told of once as offline, and then of nothing.
        let known = |people: &People| {
            let known = people.as_slice().iter().filter(|it| (it.presence, it.last_seen) != (Presence::Offline, None));
            known.copied().collect::<Vec<_>>()
        };
        assert_eq!(known(&browser.screen.people), known(&truth), "{} is shown what is not true", browser.name);
    }
}

fn has_failed(row: &[u8]) -> bool {
    let row = serde_json::from_slice::<serde_json::Value>(row).unwrap_or_default();
    row.pointer("/stage/failed").is_some()
}

/// Every text that anybody knows of.
fn texts(world: &World, timelines: &Timelines) -> BTreeMap<MessageKey, String> {
    let mut texts = BTreeMap::new();
    let shown = timelines.values().flatten().filter_map(|item| match &item.body {
        Body::Text(text) => Some((item.key, text.clone())),
        _ => None,
    });
    let promised = world.browsers.iter().flat_map(|browser| browser.promised.clone());
    for (key, text) in shown.chain(promised) {
        let before = texts.insert(key, text.clone());
        assert!(before.is_none_or(|before| before == text), "one message says the same everywhere");
    }
    texts
}

fn nothing_twice(timelines: &Timelines) {
    for items in timelines.values() {
        let mut seen = BTreeSet::new();
        for item in items {
            assert!(seen.insert(item.key), "an item is shown twice");
            if let Body::Text(text) = &item.body {
                // Every text of a run is another.
                let twice = items.iter().filter(|other| other.body == Body::Text(text.clone())).count();
                assert_eq!(twice, 1, "{text} is shown twice: {items:#?}");
            }
        }
    }
}

/// What a browser has answered for is in its timeline, in the log, and has come to the other side.
fn promises(world: &World, timelines: &Timelines) {
    for (number, browser) in world.browsers.iter().enumerate() {
        if browser.past == Past::Broken {
            continue;
        }
        for (key, text) in &browser.promised {
            let items = timelines.get(&(number, key.conversation)).expect("a conversation stays");
            let item = items.iter().find(|item| item.key == *key).expect("what was promised is there");
            assert_eq!(item.body, Body::Text(text.clone()));
            assert_eq!(item.author, Author::Me);
            let came = [MessageState::Sent, MessageState::Delivered, MessageState::Read].contains(&item.state);
            assert!(came, "what was promised is {:?}", item.state);
            let log = world.server.messages(key.conversation);
            let times = log.iter().filter(|it| **it == (key.sender, key.client_id)).count();
            assert_eq!(times, 1, "what was promised is in the log once");
        }
    }
}

/// Items stand in the order of the log.
fn one_order(items: &[Item], log: &[(DeviceRef, ClientId)]) {
    let place = |item: &Item| log.iter().position(|it| *it == (item.key.sender, item.key.client_id));
    let places: Vec<usize> = items.iter().filter_map(place).collect();
    assert!(places.is_sorted(), "a timeline is in another order than the log: {places:?}");
}

/// What a device has sent stands in the order in which it was written: texts of a run end in ascending numbers.
fn order_of_writing(items: &[Item]) {
    let mut newest: BTreeMap<DeviceRef, u64> = BTreeMap::new();
    for item in items {
        let Body::Text(text) = &item.body else { continue };
        if matches!(item.state, MessageState::Failed(_)) {
            continue;
        }
        let number = text.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("texts end in a number");
        let before = newest.insert(item.key.sender, number);
        assert!(before.is_none_or(|before| before < number), "{text:?} has overtaken another");
    }
}

/// A device that was there all the time has every text of the log. One that came later has, from its coming on, every
/// text or a line that says that it cannot be read.
fn everything_read(
    browser: &Browser,
    items: &[Item],
    texts: &BTreeMap<MessageKey, String>,
    log: &[(DeviceRef, ClientId)],
) {
    let Some(first) = items.first() else { return };
    let conversation = first.key.conversation;
    let known: BTreeMap<MessageKey, &Item> = items.iter().map(|item| (item.key, item)).collect();
    let logged =
        log.iter().map(|(sender, client_id)| MessageKey { conversation, sender: *sender, client_id: *client_id });
    for key in logged.filter(|key| texts.contains_key(key)) {
        match (known.get(&key), browser.past) {
            (Some(item), Past::Clean) => assert_eq!(item.body, Body::Text(texts[&key].clone())),
            (Some(item), Past::Broken) => {
                let said = matches!(item.body, Body::Text(_) | Body::Unreadable(_));
                assert!(said, "a message is {:?}", item.body);
            }
            (None, Past::Clean) => panic!("{} has lost {:?}", browser.name, texts[&key]),
            (None, Past::Broken) => {}
        }
    }
}

/// The last texts, sent when all was calm, are read by everybody who is there: all are in one epoch.
pub(crate) fn last_words(world: &mut World, words: &BTreeMap<(usize, ConversationId), String>) {
    let timelines = timelines(world);
    for ((speaker, id), text) in words {
        for (reader, browser) in world.browsers.iter().enumerate().filter(|(_, browser)| browser.is_signed_in()) {
            let Some(items) = timelines.get(&(reader, *id)) else { continue };
            let heard = items.iter().any(|item| item.body == Body::Text(text.clone()));
            assert!(heard, "{} does not hear {} in {id}", browser.name, world.browsers[*speaker].name);
        }
    }
}
