//! What delivery promises (T7, T13, T15), on a real store and real sockets.

use crate::delivery::Delivery;
use crate::delivery::testing::{Bench, NOW, Reader, bytes, commit, direct, message, room_of_two, send, texts};
use crate::store::append::Append;
use crate::store::conversation::Creation;
use crate::store::group::{Commitment, Committer, NewCommit};
use crate::store::log::{self, LogNumber};
use crate::store::session::SessionId;
use sotto_wire::conversation::{Kind, Welcome};
use sotto_wire::event::{Durable, Ephemeral, Event, LossCause, SessionEndCause, TypingUpdate};
use sotto_wire::{Base64, ConversationId, Cursor, DeviceRef, Millis};
use std::collections::HashSet;

const START: LogNumber = LogNumber(0);

fn number(delivery: &Delivery, reader: &Reader) -> LogNumber {
    let cursor = Cursor::new(reader.cursor.clone().expect("a cursor")).expect("a cursor");
    delivery.cursors().read(&cursor).expect("a cursor of this deployment")
}

async fn read_texts(reader: &mut Reader, count: usize) -> Vec<String> {
    let mut texts = Vec::with_capacity(count);
    while texts.len() < count {
        texts.push(reader.text().await);
    }
    texts
}

#[tokio::test]
async fn every_member_gets_a_message_and_nobody_else_does() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let stranger = bench.person(3).await;
    let theirs = bench.direct(10, (stranger, one)).await;
    let delivery = bench.deliver().await;
    let mut readers = Vec::new();
    for device in [one, other, stranger] {
        let mut reader = Reader::open(&delivery, device, START).await;
        reader.catch_up().await;
        readers.push(reader);
    }
    let n = send(&delivery, message(room, one, 100)).await;
    send(&delivery, message(theirs, one, 101)).await;
    assert_eq!(read_texts(&mut readers[0], 2).await, ["100", "101"], "the sender gets its own");
    let Durable::MessageReceived(event) = readers[1].durable().await else { panic!("not a message") };
    assert_eq!((event.cursor, event.conversation), (delivery.cursors().write(n), room));
    assert_eq!((event.sender, event.epoch, event.sent_at), (one, 1, NOW));
    assert_eq!(readers[2].text().await, "101", "of the other room nothing comes first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cut_again_and_again_misses_nothing_and_repeats_nothing() {
    const MESSAGES: usize = 1_500;
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let sending = {
        let delivery = delivery.clone();
        tokio::spawn(async move {
            for number in 0..MESSAGES {
                send(&delivery, message(room, one, 1_000 + number)).await;
            }
        })
    };
    let (mut received, mut from, mut cuts) = (Vec::new(), START, 0);
    while received.len() < MESSAGES {
        let mut reader = Reader::open(&delivery, other, from).await;
        // Cut after a different number each time: in the replay, at its end, and live.
        let until_cut = 1 + cuts * 37 % 101;
        received.extend(read_texts(&mut reader, until_cut.min(MESSAGES - received.len())).await);
        from = number(&delivery, &reader);
        cuts += 1;
    }
    sending.await.expect("all sent");
    assert_eq!(received, texts(1_000..1_000 + MESSAGES));
    assert!(cuts > 10, "only {cuts} cuts");
}

#[tokio::test]
async fn a_heartbeat_tells_an_idle_stream_how_far_the_log_is() {
    let bench = Bench::new().await;
    let (room, one, _) = room_of_two(&bench).await;
    let stranger = bench.person(3).await;
    let delivery = bench.deliver_beating(Millis(200)).await;
    let mut idle = Reader::open(&delivery, stranger, START).await;
    idle.catch_up().await;
    let n = send(&delivery, message(room, one, 1_000)).await;
    let cursor = loop {
        match idle.ephemeral().await {
            Ephemeral::CaughtUp(caught_up) => break caught_up.cursor,
            Ephemeral::Heartbeat(_) => {}
            other => panic!("not expected: {other:?}"),
        }
    };
    assert_eq!(cursor, delivery.cursors().write(n));
    assert!(matches!(idle.ephemeral().await, Ephemeral::Heartbeat(_)));
}

#[tokio::test]
async fn a_conversation_created_while_streams_are_open_reaches_them_at_once() {
    let bench = Bench::new().await;
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    let delivery = bench.deliver().await;
    let mut creator = Reader::open(&delivery, one, START).await;
    let mut peer = Reader::open(&delivery, other, START).await;
    creator.catch_up().await;
    peer.catch_up().await;
    let Creation::Created { .. } = bench.create(&direct(9, (one, other))).await else { panic!("not created") };
    delivery.appended();
    let room = ConversationId(bytes(9));
    send(&delivery, message(room, one, 1_000)).await;
    send(&delivery, message(room, other, 1_001)).await;
    let Durable::ConversationWelcome(welcome) = peer.durable().await else { panic!("not a welcome") };
    assert_eq!((welcome.conversation, welcome.kind), (room, Kind::Direct { peer: one.user }));
    assert_eq!((welcome.sender, welcome.epoch, welcome.welcome), (one, 1, Base64(b"welcome".to_vec())));
    assert_eq!(welcome.people.iter().map(|person| person.user).collect::<Vec<_>>(), [one.user, other.user]);
    assert_eq!(read_texts(&mut peer, 2).await, ["1000", "1001"]);
    assert_eq!(read_texts(&mut creator, 2).await, ["1000", "1001"]);
}

/// A room whose second person moves to another device by event `n`, with a message before and after.
async fn moved(bench: &Bench, delivery: &Delivery) -> (ConversationId, [DeviceRef; 3], LogNumber) {
    let (room, one, old) = room_of_two(bench).await;
    send(delivery, message(room, one, 1_000)).await;
    let new = bench.replace(old, 12).await;
    let plain = commit((room, one), (2_000, 2), &[one, new]);
    let welcome = Some(Welcome { to: vec![new], welcome: Base64(vec![1]) });
    let Commitment::Stored { n, .. } = bench.commit(&NewCommit { welcome, ..plain }).await else {
        panic!("not stored");
    };
    delivery.appended();
    send(delivery, Append { epoch: 2, ..message(room, one, 1_001) }).await;
    (room, [one, old, new], n)
}

fn kind(event: &Durable) -> &'static str {
    match event {
        Durable::MessageReceived(_) => "message",
        Durable::ConversationCommitted(_) => "commit",
        Durable::ConversationWelcome(_) => "welcome",
    }
}

/// The kinds of durable events up to `caught_up`.
async fn replayed(reader: &mut Reader) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    loop {
        match reader.frame().await.expect("the stream goes on") {
            Event::Durable(event) => kinds.push(kind(&event)),
            Event::Ephemeral(Ephemeral::CaughtUp(_)) => return kinds,
            other => panic!("not expected: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_removed_device_gets_its_removal_and_nothing_after_it() {
    let bench = Bench::new().await;
    let delivery = bench.deliver().await;
    let (one, old) = (device(1), device(2));
    let mut readers = Vec::new();
    let (_, devices, n) = {
        // Streams that are open while it happens: opened before the people are in any room.
        for device in [one, old, device(12)] {
            let mut reader = Reader::open(&delivery, device, START).await;
            reader.catch_up().await;
            readers.push(reader);
        }
        moved(&bench, &delivery).await
    };
    assert_eq!(devices, [one, old, DeviceRef { user: old.user, ..device(12) }]);
    let mut removed = readers.remove(1);
    delivery.appended();
    let live = [removed.durable().await, removed.durable().await, removed.durable().await];
    assert_eq!(live.each_ref().map(kind), ["welcome", "message", "commit"]);
    assert_eq!(live[2].cursor(), &delivery.cursors().write(n));
    // Its end of session is the next thing that it gets, though a message was sent in between.
    readers[0].durable().await;
    delivery.end_session(SessionId(old.device.0), SessionEndCause::DeviceReplaced);
    let Some(Event::Ephemeral(Ephemeral::SessionEnded(over))) = removed.frame().await else { panic!("not ended") };
    assert_eq!(over.cause, SessionEndCause::DeviceReplaced);
    assert_eq!(removed.frame().await, None);
    // The one that was added begins with its Welcome.
    let added = &mut readers[1];
    assert_eq!([kind(&added.durable().await), kind(&added.durable().await)], ["welcome", "message"]);
}

fn device(number: usize) -> DeviceRef {
    DeviceRef { user: sotto_wire::UserId(bytes(number)), device: sotto_wire::DeviceId(bytes(number)) }
}

#[tokio::test]
async fn a_replay_gives_each_device_the_time_of_its_membership() {
    let bench = Bench::new().await;
    let delivery = bench.deliver().await;
    let (_, [one, old, new], _) = moved(&bench, &delivery).await;
    let mut of_one = Reader::open(&delivery, one, START).await;
    assert_eq!(replayed(&mut of_one).await, ["message", "commit", "message"]);
    let mut of_old = Reader::open(&delivery, old, START).await;
    assert_eq!(replayed(&mut of_old).await, ["welcome", "message", "commit"]);
    let mut of_new = Reader::open(&delivery, new, START).await;
    assert_eq!(replayed(&mut of_new).await, ["welcome", "message"]);
}

#[tokio::test]
async fn who_joins_by_itself_gets_its_own_commit() {
    let bench = Bench::new().await;
    let delivery = bench.deliver().await;
    let (room, one, old) = room_of_two(&bench).await;
    let new = bench.replace(old, 12).await;
    let mut reader = Reader::open(&delivery, new, START).await;
    reader.catch_up().await;
    let external = NewCommit { committer: Committer::External, ..commit((room, new), (2_000, 2), &[one, new]) };
    assert!(matches!(bench.commit(&external).await, Commitment::Stored { .. }));
    delivery.appended();
    let Durable::ConversationCommitted(event) = reader.durable().await else { panic!("not a commit") };
    assert_eq!((event.sender, event.epoch, event.commit), (new, 2, Base64(b"commit".to_vec())));
    let mut again = Reader::open(&delivery, new, START).await;
    assert_eq!(replayed(&mut again).await, ["commit"]);
}

#[tokio::test]
async fn a_cursor_below_the_horizon_is_told_what_is_lost() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    send(&delivery, message(room, one, 1_000)).await;
    bench.clock.advance(Millis(10_000));
    let horizon = log::bounds(bench.store.read()).await.expect("bounds").head;
    send(&delivery, message(room, one, 1_001)).await;
    let purged = crate::delivery::pulse::purge(&delivery.0, NOW.after(Millis(1))).await.expect("purge");
    assert_eq!(purged.devices_behind, 2, "nobody has said anything");
    let mut reader = Reader::open(&delivery, other, START).await;
    let Ephemeral::HistoryLost(lost) = reader.ephemeral().await else { panic!("silence") };
    assert_eq!((lost.from, lost.to), (delivery.cursors().write(START), delivery.cursors().write(horizon)));
    assert_eq!(lost.cause, LossCause::Retention);
    assert_eq!(reader.catch_up().await, ["1001"]);
    let mut up_to_date = Reader::open(&delivery, other, horizon).await;
    assert_eq!(replayed(&mut up_to_date).await, ["message"], "nothing is lost for who has it");
}

#[tokio::test]
async fn shutdown_tells_every_stream_when_to_come_back_and_ends_it() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let mut readers = Vec::new();
    for _ in 0..40 {
        let mut reader = Reader::open(&delivery, other, START).await;
        reader.catch_up().await;
        readers.push(reader);
    }
    // What is queued is still written.
    let queued = tokio::spawn({
        let delivery = delivery.clone();
        async move { send(&delivery, message(room, one, 1_000)).await }
    });
    let n = queued.await.expect("sent");
    delivery.close_streams();
    let mut delays = std::collections::BTreeSet::new();
    for reader in readers {
        let Some(Event::Ephemeral(Ephemeral::Shutdown(shutdown))) = reader.last().await else { panic!("no word") };
        assert!(shutdown.retry_in_ms <= Millis(5_000));
        delays.insert(shutdown.retry_in_ms);
    }
    assert!(delays.len() > 20, "spread over {} delays only", delays.len());
    let late = Reader::open(&delivery, other, n).await;
    assert!(matches!(late.last().await, Some(Event::Ephemeral(Ephemeral::Shutdown(_)))));
    delivery.stop().await;
    let refused = delivery.append(message(room, one, 1_001)).await;
    assert!(refused.is_err(), "a stopped server takes nothing: {refused:?}");
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_streams_and_no_others() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let mut ended = Reader::open(&delivery, one, START).await;
    let mut kept = Reader::open(&delivery, other, START).await;
    ended.catch_up().await;
    kept.catch_up().await;
    delivery.end_session(SessionId(one.device.0), SessionEndCause::SignedOut);
    let Some(Event::Ephemeral(Ephemeral::SessionEnded(over))) = ended.last().await else { panic!("no word") };
    assert_eq!(over.cause, SessionEndCause::SignedOut);
    // A stream whose ticket was spent just before the end.
    let late = Reader::open(&delivery, one, START).await;
    assert!(matches!(late.last().await, Some(Event::Ephemeral(Ephemeral::SessionEnded(_)))));
    send(&delivery, message(room, other, 1_000)).await;
    assert_eq!(kept.text().await, "1000");
}

#[tokio::test]
async fn typing_reaches_the_others_and_not_who_types() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let mut mine = Reader::open(&delivery, one, START).await;
    let mut theirs = Reader::open(&delivery, other, START).await;
    mine.catch_up().await;
    theirs.catch_up().await;
    let update = |typing| TypingUpdate { conversation: room, user: one.user, typing };
    for typing in [true, true, true, false, false] {
        if delivery.is_news(update(typing), one.device) {
            delivery.tell_typing(update(typing), &HashSet::new());
        }
    }
    send(&delivery, message(room, one, 1_000)).await;
    assert_eq!(theirs.ephemeral().await, Ephemeral::TypingUpdate(update(true)));
    assert_eq!(theirs.ephemeral().await, Ephemeral::TypingUpdate(update(false)), "repeats go nowhere");
    assert_eq!(theirs.text().await, "1000");
    assert!(matches!(mine.news().await, Some(Event::Durable(Durable::MessageReceived(_)))));
    for number in [1_001, 1_002] {
        assert!(delivery.is_news(update(true), one.device));
        delivery.tell_typing(update(true), &HashSet::new());
        assert_eq!(theirs.ephemeral().await, Ephemeral::TypingUpdate(update(true)), "who types on after a message");
        send(&delivery, message(room, one, number)).await;
        assert_eq!(theirs.text().await, number.to_string());
    }
    assert!(delivery.is_live_member(room, one.device));
    assert!(!delivery.is_live_member(ConversationId(bytes(99)), one.device));
}

#[tokio::test]
async fn a_stream_that_its_client_leaves_is_forgotten() {
    let bench = Bench::new().await;
    let (_, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver_beating(Millis(200)).await;
    let mut kept = Reader::open(&delivery, one, START).await;
    kept.catch_up().await;
    let mut left = Reader::open(&delivery, other, START).await;
    left.catch_up().await;
    assert_eq!(delivery.streams_count(), 2);
    drop(left);
    while delivery.streams_count() > 1 {
        assert!(matches!(kept.ephemeral().await, Ephemeral::Heartbeat(_)));
    }
    assert!(!delivery.is_live_member(ConversationId(bytes(9)), other.device));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_devices_see_one_order() {
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let mut live = Reader::open(&delivery, one, START).await;
    live.catch_up().await;
    let mut senders = Vec::new();
    for number in 0..128 {
        let (delivery, sender) = (delivery.clone(), if number % 2 == 0 { one } else { other });
        senders.push(tokio::spawn(async move { send(&delivery, message(room, sender, 1_000 + number)).await }));
    }
    for sender in senders {
        sender.await.expect("sent");
    }
    let order = read_texts(&mut live, 128).await;
    let mut replay = Reader::open(&delivery, other, START).await;
    assert_eq!(replay.catch_up().await, order);
    let mut sorted = order;
    sorted.sort();
    assert_eq!(sorted, texts(1_000..1_128));
}
