//! What must be true after everything went wrong. Owns the invariants: no acknowledged message lost, none shown twice, one
//! order, no send in limbo, epochs equal; on the screens of both sides and in the server's log.
//!
//! A device that has taken another's place can read what was sealed since it joined, and shows all of that. What its
//! predecessor had an acknowledgement for is in the log; what it had none for may have gone with it.

use crate::{Person, Talk};
use sotto_core::contract::Command;
use sotto_core::view::{Body, Item, MessageKey, MessageState, UnreadableCause};
use sotto_tests::{Caller, LogRow, LogRowKind, Seen, Server};
use sotto_wire::ConversationId;
use sotto_wire::conversation::{LoadGroup, LoadGroupRequest};
use std::collections::{BTreeMap, BTreeSet};

/// Words of both sides until the second of them are in the epoch that all commits of before have led to.
const ROUNDS: usize = 2;

/// What stands on the screens of both sides of a conversation when all is quiet.
pub(crate) struct Screens {
    talk: Talk,
    /// In the order of [`Talk::pair`].
    items: [Vec<Item>; 2],
}

/// A text and what names it.
type Named = (MessageKey, String);

/// Lets both sides of a conversation write once more, waits until all is quiet, and reads their screens.
pub(crate) async fn last_words(people: &mut [Person], talk: Talk) -> Screens {
    let (one, other) = talk.pair;
    for place in [one, other] {
        people[place].device.input(Command::Reconnect);
        people[place].enter(talk.id).await;
    }
    for _ in 0..ROUNDS {
        let last = [people[one].write_in(talk.id).await, people[other].write_in(talk.id).await];
        for place in [one, other] {
            people[place].device.wait_for("quiet", |seen| is_quiet(seen, &last).then_some(())).await;
        }
    }
    let items = [people[one].device.load_all(talk.id).await, people[other].device.load_all(talk.id).await];
    Screens { talk, items }
}

/// Compares the screens with the server's log. Ends the devices. Gives how many texts were given up, with a cause.
pub(crate) async fn all(server: &Server, people: &mut [Person], screens: &[Screens]) -> usize {
    let mut callers = Vec::new();
    for person in &mut *people {
        person.device.kill().await;
        let mut caller = Caller::to(&server.origin());
        caller.cookies = person.device.cookies.clone();
        caller.refresh().await.unwrap_or_else(|problem| panic!("{}: {:?}", person.name, problem.code));
        callers.push(caller);
    }
    let mut failed = 0;
    for Screens { talk: Talk { id, pair }, items } in screens {
        let log = Log::of(server, *id, [&people[pair.0], &people[pair.1]]).await;
        let mut epochs = Vec::new();
        for (place, items) in [pair.0, pair.1].into_iter().zip(items) {
            failed += screen(&people[place], &log, items);
            let request = LoadGroupRequest { conversation: *id, epoch: None };
            let group = callers[place].call::<LoadGroup>(&request).await.expect("a member may read it");
            epochs.push(group.state.epoch);
        }
        // The last two texts are one of each side.
        epochs.extend(log.texts().rev().take(2).map(|(row, _)| row.epoch));
        assert_eq!(epochs, vec![epochs[0]; 4], "server and both sides are in one epoch");
    }
    failed
}

/// A conversation as the server has it, with the texts as their authors know them.
struct Log {
    id: ConversationId,
    rows: Vec<LogRow>,
    written: BTreeMap<MessageKey, String>,
}

impl Log {
    async fn of(server: &Server, id: ConversationId, pair: [&Person; 2]) -> Self {
        let rows = server.log_of(id).await;
        let written = pair.into_iter().flat_map(|person| person.written[&id].iter().cloned()).collect();
        let log = Self { id, rows, written };
        let keys: BTreeSet<MessageKey> = log.rows.iter().map(|row| log.key(row)).collect();
        assert_eq!(keys.len(), log.rows.len(), "nothing is in the log twice");
        log
    }

    fn key(&self, row: &LogRow) -> MessageKey {
        MessageKey { conversation: self.id, sender: row.sender, client_id: row.client_id }
    }

    /// The texts in their order.
    fn texts(&self) -> impl DoubleEndedIterator<Item = (&LogRow, Named)> {
        self.rows.iter().filter(|row| row.kind == LogRowKind::Message).filter_map(|row| {
            let key = self.key(row);
            self.written.get(&key).map(|text| (row, (key, text.clone())))
        })
    }
}

/// Compares one screen with the log. Gives how many texts were given up there.
fn screen(person: &Person, log: &Log, items: &[Item]) -> usize {
    let name = person.name;
    let written = &person.written[&log.id];
    let me = written.last().expect("everybody has written at least once, at the end").0.sender;
    // The first device was there from the beginning; another one has joined by a commit of its own.
    let joins = |row: &&LogRow| row.kind == LogRowKind::Commit && row.sender == me;
    let joined_in = (person.moves > 0).then(|| log.rows.iter().find(joins).expect("it has joined").epoch);
    let is_readable = |row: &LogRow| joined_in.is_none_or(|epoch| row.epoch >= epoch);

    let (mut shown, mut given_up, mut joined_here) = (Vec::new(), BTreeSet::new(), 0);
    for item in items {
        match (&item.body, item.state) {
            (_, MessageState::Sending) => panic!("{name}: in limbo: {item:?}"),
            (_, MessageState::Failed(_)) => drop(given_up.insert(item.key)),
            (Body::Text(text), MessageState::Sent | MessageState::Delivered | MessageState::Read) => {
                shown.push((item.key, text.clone()));
            }
            (Body::JoinedHere, _) => joined_here += 1,
            (Body::Unreadable(UnreadableCause::WrongEpoch), _) => {
                let row = log.rows.iter().find(|row| log.key(row) == item.key).expect("it came from the server");
                assert!(!is_readable(row), "{name}: cannot read what was sealed for it: {item:?}");
            }
            (Body::Unreadable(_) | Body::HistoryLost | Body::Missing | Body::Note(_) | Body::Deleted, _) => {
                panic!("{name}: no text: {item:?}")
            }
        }
    }
    assert_eq!(joined_here > 0, person.moves > 0, "{name}: a device that came later says so");
    let expected: Vec<Named> = log.texts().filter(|(row, _)| is_readable(row)).map(|(_, text)| text).collect();
    assert_same(&shown, &expected, &format!("{name}: the screen shows what it can read, once, in the log's order"));

    let arrived: Vec<Named> = log.texts().filter(|(row, _)| row.sender.user == me.user).map(|(_, text)| text).collect();
    let there: BTreeSet<MessageKey> = arrived.iter().map(|(key, _)| *key).collect();
    assert!(there.is_disjoint(&given_up), "{name}: given up, and yet there");
    let must = |key: &MessageKey| key.sender == me && !given_up.contains(key) || person.acknowledged.contains(key);
    let expected: Vec<Named> = written.iter().filter(|(key, _)| must(key) || there.contains(key)).cloned().collect();
    assert_same(&arrived, &expected, &format!("{name}: what was not given up arrives in the order of writing"));
    given_up.len()
}

/// Compares two orders, and names the first place where they part: whole, they would fill the screen.
fn assert_same(left: &[Named], right: &[Named], what: &str) {
    let parted = (0..left.len().max(right.len())).find(|at| left.get(*at) != right.get(*at));
    let around = |order: &[Named], at: usize| {
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
