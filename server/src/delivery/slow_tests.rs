//! What delivery promises about readers that are slow, silent or gone (T8, T13), and about the end of a WebSocket (T15,
//! A6), on a real store and real sockets.

use crate::delivery::Delivery;
use crate::delivery::frame::Codec;
use crate::delivery::subscriber::Subscriber;
use crate::delivery::testing::{Bench, NOW, Reader, message, room_of_two, send, sockets, texts};
use crate::store::append::Append;
use crate::store::log::LogNumber;
use crate::store::session::SessionId;
use crate::websocket::Compression;
use socket2::SockRef;
use sotto_wire::event::{Durable, Ephemeral, Event, SessionEndCause};
use sotto_wire::websocket::{CLOSE_RESTART, CLOSE_SESSION_ENDED, CLOSE_STALLED};
use sotto_wire::{Base64, Millis};
use std::sync::Arc;
use tokio::net::TcpStream;

const START: LogNumber = LogNumber(0);

/// Sockets that take little before they are full.
async fn small_sockets() -> (TcpStream, TcpStream) {
    let (client, server) = sockets().await;
    SockRef::from(&client).set_recv_buffer_size(65_536).expect("a small buffer");
    SockRef::from(&server).set_send_buffer_size(65_536).expect("a small buffer");
    (client, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_consumer_loses_nothing_and_nobody_else_notices() {
    slow_consumer(Codec::Sse).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_consumer_of_a_websocket_loses_nothing_and_nobody_else_notices() {
    for compression in [Compression::Off, Compression::Wide] {
        slow_consumer(Codec::Json(compression)).await;
    }
}

async fn slow_consumer(codec: Codec) {
    const MESSAGES: usize = 600;
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let (client, server) = small_sockets().await;
    let mut slow = Reader::by(codec, (client, server), (&delivery, other, START));
    slow.catch_up().await;
    let mut quick = Reader::open(&delivery, one, START).await;
    quick.catch_up().await;
    // 600 messages of 8 kB are 6.4 MB on the wire: fifty times what waits for one subscriber.
    let large = |number: usize| Append {
        ciphertext: format!("{number}-{}", noise(number, 8_000)).into_bytes(),
        ..message(room, one, number)
    };
    let head_of = |text: String| text.split('-').next().expect("a number").to_owned();
    let sending = {
        let delivery = delivery.clone();
        let appends: Vec<Append> = (0..MESSAGES).map(|number| large(1_000 + number)).collect();
        tokio::spawn(async move {
            for append in appends {
                send(&delivery, append).await;
            }
        })
    };
    let mut heads = Vec::new();
    while heads.len() < MESSAGES {
        heads.push(head_of(quick.text().await));
    }
    sending.await.expect("all sent");
    assert_eq!(heads, texts(1_000..1_000 + MESSAGES));
    // Only now does the slow one read on.
    let (mut heads, mut caught_up) = (Vec::new(), 0);
    while heads.len() < MESSAGES {
        match slow.frame().await.expect("the stream goes on") {
            Event::Durable(Durable::MessageReceived(event)) => {
                heads.push(head_of(String::from_utf8(event.ciphertext.0).expect("a text")));
            }
            Event::Ephemeral(Ephemeral::CaughtUp(_)) => caught_up += 1,
            other => panic!("not expected: {other:?}"),
        }
    }
    assert_eq!(heads, texts(1_000..1_000 + MESSAGES));
    assert_eq!(caught_up, 0, "it has not caught up before its last message");
    assert!(matches!(slow.ephemeral().await, Ephemeral::CaughtUp(_)), "it has read from the log");
    send(&delivery, message(room, one, 5_000)).await;
    assert_eq!(slow.text().await, "5000", "it is live again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_is_full_for_a_moment_is_served_from_memory() {
    const MESSAGES: usize = 40;
    let bench = Bench::new().await;
    let (room, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let (client, server) = small_sockets().await;
    let mut full = Reader::on((client, server), &delivery, (other, START));
    full.catch_up().await;
    let mut quick = Reader::open(&delivery, one, START).await;
    quick.catch_up().await;
    for number in 0..MESSAGES {
        let ciphertext = vec![b'a' + u8::try_from(number % 26).expect("a letter"); 60_000];
        send(&delivery, Append { ciphertext, ..message(room, one, 1_000 + number) }).await;
        quick.text().await;
    }
    for number in 0..MESSAGES {
        // No `caught_up` in between: it has not read the log.
        let Some(Event::Durable(Durable::MessageReceived(event))) = full.frame().await else { panic!("no message") };
        assert_eq!(event.ciphertext, Base64(vec![b'a' + u8::try_from(number % 26).expect("a letter"); 60_000]));
    }
    send(&delivery, message(room, one, 2_000)).await;
    let Some(Event::Durable(Durable::MessageReceived(event))) = full.frame().await else { panic!("no message") };
    assert_eq!(event.ciphertext, Base64(b"2000".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_takes_nothing_for_a_minute_is_closed() {
    let bench = Bench::new().await;
    let (delivery, stalled, mut lively) = stalled(&bench, Codec::Sse).await;
    until_given_up(&bench, &mut lively, || delivery.streams_count() == 1).await;
    drop(stalled);
}

/// Lets a minute after the other pass, with a round of heartbeats in each. One is enough when the sockets are full by
/// now; what the kernel of a busy machine takes afterwards begins the minute anew.
async fn until_given_up(bench: &Bench, lively: &mut Reader, is_given_up: impl Fn() -> bool) {
    const MINUTES_MAX: usize = 20;
    for _ in 0..MINUTES_MAX {
        bench.clock.advance(Millis(61_000));
        // One whole round: the stalled one has had its turn.
        for _ in 0..2 {
            beat_time(lively).await;
        }
        if is_given_up() {
            return;
        }
    }
    panic!("a socket that takes nothing is not given up");
}

/// Letters that do not get much shorter by compression.
fn noise(seed: usize, count: usize) -> String {
    let mut state = seed as u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).expect("a letter"))
    };
    (0..count).map(|_| letter()).collect()
}

/// A room whose second person takes nothing from a stream that is full, and the first reads along.
async fn stalled(bench: &Bench, codec: Codec) -> (Delivery, Reader, Reader) {
    let (room, one, other) = room_of_two(bench).await;
    let delivery = bench.deliver_beating(Millis(200)).await;
    let (client, server) = small_sockets().await;
    let stalled = Reader::by(codec, (client, server), (&delivery, other, START));
    let mut lively = Reader::open(&delivery, one, START).await;
    for number in 0..100 {
        let append = Append { ciphertext: vec![b'x'; 60_000], ..message(room, one, 1_000 + number) };
        send(&delivery, append).await;
        lively.text().await;
    }
    assert_eq!(delivery.streams_count(), 2);
    (delivery, stalled, lively)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_that_takes_nothing_for_a_minute_is_closed_and_told_to_come_back() {
    let bench = Bench::new().await;
    let (delivery, stalled, mut lively) = stalled(&bench, Codec::Json(Compression::Off)).await;
    let is_of_the_stalled = |subscriber: &Arc<Subscriber>| matches!(subscriber.codec(), Codec::Json(_));
    let stalls = delivery.subscribers().into_iter().find(is_of_the_stalled).expect("it is open");
    until_given_up(&bench, &mut lively, || stalls.is_ending()).await;
    let (last, code) = stalled.end().await;
    assert!(matches!(last, Some(Event::Durable(_))), "what was begun is finished: {last:?}");
    assert_eq!(code, Some(CLOSE_STALLED));
    while delivery.streams_count() > 1 {
        assert!(matches!(lively.ephemeral().await, Ephemeral::Heartbeat(_) | Ephemeral::CaughtUp(_)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_that_goes_on_to_take_nothing_is_dropped() {
    let bench = Bench::new().await;
    let (delivery, stalled, mut lively) = stalled(&bench, Codec::Json(Compression::Off)).await;
    while delivery.streams_count() > 1 {
        bench.clock.advance(Millis(20_000));
        assert!(matches!(lively.ephemeral().await, Ephemeral::Heartbeat(_) | Ephemeral::CaughtUp(_)));
    }
    drop(stalled);
}

#[tokio::test]
async fn a_websocket_whose_client_answers_no_ping_is_closed_and_one_that_does_is_not() {
    let bench = Bench::new().await;
    let (_, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver_beating(Millis(200)).await;
    let codec = Codec::Json(Compression::Off);
    let mut silent = Reader::by(codec, sockets().await, (&delivery, other, START));
    let mut lively = Reader::by(codec, sockets().await, (&delivery, one, START));
    silent.catch_up().await;
    lively.catch_up().await;
    while delivery.streams_count() > 1 {
        // Two rounds of heartbeats, in which the lively one answers.
        for _ in 0..2 {
            while !matches!(lively.ephemeral().await, Ephemeral::Heartbeat(_)) {}
        }
        bench.clock.advance(Millis(15_000));
        assert!(bench.clock.now().since(NOW) <= Millis(60_000 + 15_000), "dropped within a minute");
    }
    assert!(matches!(lively.ephemeral().await, Ephemeral::Heartbeat(_)));
    let (_, code) = silent.end().await;
    assert_eq!(code, Some(CLOSE_STALLED));
}

/// The server's time of the next heartbeat.
async fn beat_time(reader: &mut Reader) -> Millis {
    loop {
        if let Ephemeral::Heartbeat(heartbeat) = reader.ephemeral().await {
            return heartbeat.server_time;
        }
    }
}

#[tokio::test]
async fn a_websocket_that_waits_for_its_turn_to_read_is_not_taken_for_silent() {
    let bench = Bench::new().await;
    let (_, _, other) = room_of_two(&bench).await;
    let delivery = bench.deliver_beating(Millis(200)).await;
    let turns = delivery.0.replays.acquire_many(3).await.expect("every turn");
    let mut waiting = Reader::by(Codec::Json(Compression::Off), sockets().await, (&delivery, other, START));
    beat_time(&mut waiting).await;
    bench.clock.advance(Millis(46_000));
    while beat_time(&mut waiting).await < NOW.after(Millis(46_000)) {}
    drop(turns);
    waiting.catch_up().await;
    beat_time(&mut waiting).await;
}

#[tokio::test]
async fn last_words_of_a_websocket_are_followed_by_their_close_code() {
    let bench = Bench::new().await;
    let (_, one, other) = room_of_two(&bench).await;
    let delivery = bench.deliver().await;
    let codec = Codec::Json(Compression::Off);
    let mut ended = Reader::by(codec, sockets().await, (&delivery, one, START));
    let mut kept = Reader::by(codec, sockets().await, (&delivery, other, START));
    ended.catch_up().await;
    kept.catch_up().await;
    delivery.end_session(SessionId(one.device.0), SessionEndCause::SignedOut);
    let (last, code) = ended.end().await;
    assert!(matches!(last, Some(Event::Ephemeral(Ephemeral::SessionEnded(_)))), "{last:?}");
    assert_eq!(code, Some(CLOSE_SESSION_ENDED));
    delivery.close_streams();
    let (last, code) = kept.end().await;
    assert!(matches!(last, Some(Event::Ephemeral(Ephemeral::Shutdown(_)))), "{last:?}");
    assert_eq!(code, Some(CLOSE_RESTART));
    let late = Reader::by(codec, sockets().await, (&delivery, one, START));
    assert_eq!(late.end().await.1, Some(CLOSE_SESSION_ENDED));
}
