//! The event stream over WebSocket and long poll (T2, T3, T6, T14, T15, A6), beside server-sent events.

use crate::client::{PASSWORD, Person, Reply, Server, bearer, cookie_header, new_device, sign_in};
use crate::room::{direct, message, say};
use crate::stream::{Frame, Socket, command, handshake, masked, next_path, poll, shake, ticket_path};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sotto_server::OfferedTransport;
use sotto_wire::event::{Durable, Ephemeral, Event};
use sotto_wire::session::{EndSession, EndSessionRequest, RegisterDevice, RegisterDeviceRequest};
use sotto_wire::ticket::{EVENTS_PATH, OpenTicket, TicketRequest, Transport};
use sotto_wire::{Code, Cursor, PROTOCOL};
use std::time::Duration;

fn text_of(event: &Event) -> Option<String> {
    match event {
        Event::Durable(Durable::MessageReceived(event)) => {
            Some(String::from_utf8(event.ciphertext.0.clone()).expect("a text"))
        }
        Event::Durable(_) | Event::Ephemeral(_) | Event::Unknown => None,
    }
}

async fn texts(socket: &mut Socket, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        texts.extend(text_of(&socket.event().await));
    }
    texts
}

async fn two(server: &Server) -> (Person, Person) {
    (Person::sign_up(server, "ada").await, Person::sign_up(server, "ben").await)
}

#[tokio::test]
async fn websocket_carries_the_same_events_in_the_same_order_as_server_sent_events() {
    let server = Server::start().await;
    let (ada, ben) = two(&server).await;
    let room = direct(&server, &ada, &ben).await;
    let url = format!("{}{}", server.origin, ticket_path(&server, &ada, None).await);
    let mut sse = server.http.get(url).send().await.expect("an answer");
    let ways: [&[(&str, &str)]; 4] = [
        &[],
        &[("sec-websocket-protocol", "sotto.v1.cbor")],
        &[("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")],
        &[("sec-websocket-protocol", "sotto.v1.cbor"), ("sec-websocket-extensions", "permessage-deflate")],
    ];
    let mut sockets = Vec::new();
    for headers in ways {
        let mut socket = Socket::open((&server, &ada), None, headers).await;
        if headers.iter().all(|(name, _)| *name != "sec-websocket-protocol") {
            assert!(matches!(socket.event().await, Event::Ephemeral(Ephemeral::Connected(_))));
        }
        sockets.push(socket);
    }
    let long = "x".repeat(500);
    let expected: Vec<String> = (0..20).map(|number| format!("{number} {long}")).collect();
    for text in &expected {
        say(&server, &ben, (room, text)).await;
    }
    let (mut read, mut of_sse) = (String::new(), Vec::new());
    while of_sse.len() < expected.len() {
        let chunk = sse.chunk().await.expect("a chunk").expect("the stream goes on");
        read.push_str(std::str::from_utf8(&chunk).expect("ASCII"));
        let lines: Vec<&str> = read.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        let frames = lines.iter().filter_map(|line| line.strip_prefix("data: "));
        let said = frames.map(|frame| serde_json::from_str::<Value>(frame).expect("JSON"));
        of_sse = said.filter(|said| said["type"] == "message_received").map(|said| said["payload"].clone()).collect();
    }
    for (socket, headers) in sockets.iter_mut().zip(ways) {
        let is_binary = headers.iter().any(|(name, _)| *name == "sec-websocket-protocol");
        let mut payloads = Vec::new();
        while payloads.len() < expected.len() {
            let payload = match socket.frame().await {
                Frame::Binary(bytes) if is_binary => in_json(&bytes),
                Frame::Text(text) if !is_binary => serde_json::from_slice(&text).expect("JSON"),
                Frame::Ping => continue,
                other => panic!("not expected: {other:?}"),
            };
            payloads.extend((payload["type"] == "message_received").then(|| payload["payload"].clone()));
        }
        assert_eq!(payloads, of_sse, "{headers:?}");
        let is_deflated = headers.iter().any(|(name, _)| *name == "sec-websocket-extensions");
        assert_eq!(socket.deflated >= expected.len(), is_deflated, "{headers:?}");
    }
    drop(sse);
    server.stop().await;
}

/// An event in CBOR as it would stand in JSON.
fn in_json(bytes: &[u8]) -> Value {
    let opened = sotto_wire::cbor::open(bytes).expect("an envelope");
    if opened.kind != "message_received" {
        return json!({ "type": opened.kind });
    }
    let event: sotto_wire::event::MessageReceived = sotto_wire::cbor::payload(bytes).expect("a message");
    json!({ "type": opened.kind, "payload": event })
}

#[tokio::test]
async fn every_transport_goes_on_where_another_has_stopped() {
    let server = Server::start_with(|config| config.poll_hold_ms = 300).await;
    let (ada, ben) = two(&server).await;
    let room = direct(&server, &ada, &ben).await;
    let (mut cursor, mut received, mut sent): (Option<Cursor>, Vec<String>, Vec<String>) =
        (None, Vec::new(), Vec::new());
    for round in 0..9 {
        for number in 0..5 {
            let text = format!("{round}-{number}");
            say(&server, &ben, (room, &text)).await;
            sent.push(text);
        }
        let until = received.len() + 4;
        if round % 2 == 0 {
            let mut socket = Socket::open((&server, &ada), cursor.clone(), &[]).await;
            while received.len() < until {
                if let Event::Durable(event) = socket.event().await {
                    cursor = Some(event.cursor().clone());
                    received.extend(text_of(&Event::Durable(event)));
                }
            }
        } else {
            let mut path = ticket_path(&server, &ada, cursor.clone()).await;
            while received.len() < until {
                let (page, events) = poll(&server, &path).await;
                path = next_path(&page);
                for event in &events {
                    if let Event::Durable(event) = event {
                        cursor = Some(event.cursor().clone());
                    }
                    received.extend(text_of(event));
                }
            }
        }
    }
    let mut socket = Socket::open((&server, &ada), cursor, &[]).await;
    let rest = sent.len() - received.len();
    received.extend(texts(&mut socket, rest).await);
    assert_eq!(received, sent);
    drop(socket);
    server.stop().await;
}

#[tokio::test]
async fn first_poll_says_what_is_there_and_the_next_is_held_until_something_comes() {
    let server = Server::start().await;
    let (ada, ben) = two(&server).await;
    let room = direct(&server, &ada, &ben).await;
    say(&server, &ben, (room, "before")).await;
    let (page, events) = poll(&server, &ticket_path(&server, &ada, None).await).await;
    assert!(matches!(events.first(), Some(Event::Ephemeral(Ephemeral::Connected(_)))), "{events:?}");
    assert!(matches!(events.last(), Some(Event::Ephemeral(Ephemeral::CaughtUp(_)))), "{events:?}");
    assert_eq!((events.iter().filter_map(text_of).collect::<Vec<_>>(), page.more), (vec!["before".to_owned()], false));
    // Held without an end of its own, so that what ends it is the message.
    let path = next_path(&page);
    let (held, ()) = tokio::join!(poll(&server, &path), async {
        say(&server, &ben, (room, "after")).await;
    });
    assert_eq!(held.1.iter().filter_map(text_of).collect::<Vec<_>>(), ["after"]);
    assert_eq!(held.1.len(), 1, "nothing else is said again");
    let spent = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    assert_eq!(Reply::to_get(&server, &path, spent).await.refusal(), (401, Code::BadTicket));
    server.stop().await;
}

#[tokio::test]
async fn stream_that_is_opened_by_the_ticket_of_a_poll_says_that_all_is_read() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let (page, _) = poll(&server, &ticket_path(&server, &ada, None).await).await;
    let (mut socket, _) = shake(&server, &handshake(&server, &next_path(&page), &[])).await;
    assert!(matches!(socket.event().await, Event::Ephemeral(Ephemeral::Connected(_))));
    let second = socket.event().await;
    assert!(matches!(second, Event::Ephemeral(Ephemeral::CaughtUp(_))), "{second:?}");
    drop(socket);
    server.stop().await;
}

#[tokio::test]
async fn idle_poll_is_held_for_its_time_and_says_nothing() {
    let server = Server::start_with(|config| config.poll_hold_ms = 400).await;
    let ada = Person::sign_up(&server, "ada").await;
    assert_eq!(sotto_wire::limit::POLL_HOLD_MS, 25_000);
    let (page, _) = poll(&server, &ticket_path(&server, &ada, None).await).await;
    let path = next_path(&page);
    let mut held = Box::pin(poll(&server, &path));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut held).await.is_err(), "it is held");
    let (page, events) = held.as_mut().await;
    drop(held);
    assert_eq!((events, page.more), (vec![], false));
    server.stop().await;
}

#[tokio::test]
async fn poll_that_is_never_held_still_gets_what_is_there() {
    let server = Server::start_with(|config| config.poll_hold_ms = 0).await;
    let (ada, ben) = two(&server).await;
    let room = direct(&server, &ada, &ben).await;
    let (page, _) = poll(&server, &ticket_path(&server, &ada, None).await).await;
    say(&server, &ben, (room, "there")).await;
    let (page, events) = poll(&server, &next_path(&page)).await;
    assert_eq!(events.iter().filter_map(text_of).collect::<Vec<_>>(), ["there"]);
    assert_eq!(poll(&server, &next_path(&page)).await.1, []);
    server.stop().await;
}

#[tokio::test]
async fn poller_that_is_far_behind_is_told_that_there_is_more() {
    let server = Server::start_with(|config| config.poll_hold_ms = 300).await;
    let (ada, ben) = two(&server).await;
    let room = direct(&server, &ada, &ben).await;
    let long = "x".repeat(20_000);
    for _ in 0..20 {
        say(&server, &ben, (room, &long)).await;
    }
    let mut path = ticket_path(&server, &ada, None).await;
    let (mut count, mut pages) = (0, 0);
    loop {
        let (page, events) = poll(&server, &path).await;
        count += events.iter().filter_map(text_of).count();
        pages += 1;
        if !page.more {
            break;
        }
        path = next_path(&page);
    }
    assert_eq!(count, 20);
    assert!(pages > 3, "{pages} pages");
    server.stop().await;
}

#[tokio::test]
async fn end_of_the_session_is_said_and_closes_with_its_code() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    assert!(matches!(socket.event().await, Event::Ephemeral(Ephemeral::Connected(_))));
    let (page, _) = poll(&server, &ticket_path(&server, &ada, None).await).await;
    let path = next_path(&page);
    let end = async {
        // The poll may be open or not yet: either way its stream ends.
        server.answer::<EndSession>(cookie_header(&ada.cookie), &EndSessionRequest {}).await;
    };
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let (held, ()) = tokio::join!(Reply::to_get(&server, &path, headers), end);
    let said = String::from_utf8(held.body).expect("UTF-8");
    assert!(said.contains("\"session_ended\"") || said.contains("\"bad_ticket\""), "{said}");
    assert!(!said.contains("\"ticket\":"), "there is no next poll: {said}");
    let (kinds, code) = socket.ending().await;
    assert_eq!((kinds.last().map(String::as_str), code), (Some("session_ended"), Some(4_001)));
    server.stop().await;
}

#[tokio::test]
async fn new_device_closes_the_websocket_of_the_one_before() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let socket = Socket::open((&server, &ada), None, &[]).await;
    let (finished, _, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    let request = RegisterDeviceRequest { device: new_device(1), sequence: 2 };
    let token = bearer(&finished.tokens.access_token);
    server.call_with::<RegisterDevice>(token, &request).await.expect("registered");
    assert_eq!(socket.ending().await.1, Some(4_001));
    server.stop().await;
}

#[tokio::test]
async fn shutdown_is_said_and_closes_with_its_code() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    assert!(matches!(socket.event().await, Event::Ephemeral(Ephemeral::Connected(_))));
    let (_, (kinds, code)) = tokio::join!(server.stop(), socket.ending());
    assert_eq!((kinds.last().map(String::as_str), code), (Some("shutdown"), Some(1_012)));
}

#[tokio::test]
async fn what_a_stopping_server_has_carried_out_it_has_answered() {
    let server = Server::start().await;
    let (ada, ben) = two(&server).await;
    let room = direct(&server, &ada, &ben).await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    assert!(matches!(socket.event().await, Event::Ephemeral(Ephemeral::Connected(_))));
    let commands: Vec<u8> = (0..200)
        .flat_map(|number: usize| {
            let payload = serde_json::to_value(message(room, "hello")).expect("JSON");
            masked(0x81, &command("send_message", &payload, &number.to_string()))
        })
        .collect();
    tokio::io::AsyncWriteExt::write_all(&mut socket.stream, &commands).await.expect("written");
    // Some were taken: their answers come while the server stops.
    while socket.json().await["type"] != "message_sent" {}
    let mut database = server.database().await;
    let (folder, (kinds, code)) = tokio::join!(server.stop(), socket.ending());
    let answered = 1 + kinds.iter().filter(|kind| *kind == "message_sent").count();
    let stored: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM log WHERE kind = 1").fetch_one(&mut database).await.expect("a count");
    assert_eq!((answered, code), (usize::try_from(stored).expect("a count"), Some(1_012)));
    assert_eq!(kinds.iter().filter(|kind| *kind == "shutdown").count(), 1);
    drop(folder);
}

#[tokio::test]
async fn peer_that_breaks_the_protocol_is_closed_with_the_code_for_it_and_nobody_else_is() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut other = Socket::open((&server, &ada), None, &[]).await;
    let huge = sotto_wire::limit::GROUP_BODY_MAX_BYTES as u64 + 1;
    let announced = [&[0x81, 0xff][..], &huge.to_be_bytes(), &[0; 4]].concat();
    for (bytes, code) in [
        (masked(0x83, b""), 1_002),
        (masked(0xc1, b"x"), 1_002),
        (vec![0x81, 1, b'x'], 1_002),
        (masked(0x81, &[0xff]), 1_007),
        (masked(0x82, b"{}"), 1_003),
        (announced, 1_009),
        (masked(0x88, &1_000_u16.to_be_bytes()), 1_000),
        (masked(0x88, &4_100_u16.to_be_bytes()), 4_100),
        (masked(0x88, b""), 1_000),
    ] {
        let mut socket = Socket::open((&server, &ada), None, &[]).await;
        tokio::io::AsyncWriteExt::write_all(&mut socket.stream, &bytes).await.expect("written");
        assert_eq!(socket.ending().await.1, Some(code), "{:?}", &bytes[..bytes.len().min(16)]);
    }
    other.send(0x89, b"still there?").await;
    loop {
        match other.frame().await {
            Frame::Pong(payload) => break assert_eq!(payload, b"still there?"),
            Frame::Text(_) | Frame::Ping => {}
            end => panic!("not expected: {end:?}"),
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn foreign_origin_is_refused_before_the_upgrade_and_the_own_is_not() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let path = ticket_path(&server, &ada, None).await;
    for foreign in ["https://evil.example", "null"] {
        let (_, answer) = shake(&server, &handshake(&server, &path, &[("origin", foreign)])).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
    // The ticket is not spent by that.
    let own = server.origin.clone();
    let (_, answer) = shake(&server, &handshake(&server, &path, &[("origin", &own)])).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn handshake_agrees_on_subprotocol_and_compression() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let path = ticket_path(&server, &ada, None).await.replace(EVENTS_PATH, "/ws");
    let headers = [
        ("sec-websocket-protocol", "other, sotto.v1.cbor, sotto.v1.json"),
        ("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=10"),
    ];
    let (_, answer) = shake(&server, &handshake(&server, &path, &headers)).await;
    for line in [
        "upgrade: websocket",
        "connection: Upgrade",
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "sec-websocket-protocol: sotto.v1.cbor",
        "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         server_max_window_bits=9",
    ] {
        assert!(answer.lines().any(|field| field == line), "{line} is not in {answer}");
    }
    let plain = Reply::to_get(&server, "/ws?ticket=x", HeaderMap::new()).await;
    assert_eq!(plain.refusal(), (426, Code::UpgradeRequired));
    let old = handshake(&server, "/ws?ticket=x", &[]).replace("version: 13", "version: 8");
    let (_, answer) = shake(&server, &old).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("sec-websocket-version: 13"), "{answer}");
    let (_, answer) = shake(&server, &handshake(&server, "/ws?ticket=x", &[])).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn transport_that_is_switched_off_is_not_offered_and_answers_where_to_go() {
    let server = Server::start_with(|config| config.transports = vec![OfferedTransport::WebSocket]).await;
    let ada = Person::sign_up(&server, "ada").await;
    let request = TicketRequest { cursor: None, protocol: PROTOCOL, features: Vec::new() };
    let opened = ada.call::<OpenTicket>(&server, &request).await.expect("a ticket");
    assert_eq!(opened.transports, [Transport::WebSocket]);
    let path = format!("{EVENTS_PATH}?ticket={}", opened.ticket.as_str());
    for accept in ["text/event-stream", "application/json", "*/*", "text/html"] {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        let reply = Reply::to_get(&server, &path, headers).await;
        assert_eq!(reply.refusal(), (426, Code::UpgradeRequired), "{accept}");
        assert_eq!(reply.headers["upgrade"], "websocket");
        assert_eq!(reply.headers["connection"], "Upgrade");
        let said: Value = serde_json::from_slice(&reply.body).expect("JSON");
        let payload = &said["payload"];
        assert_eq!((&payload["error"], &payload["upgrade"]), (&json!("upgrade_required"), &json!("websocket")));
        assert_eq!((&payload["endpoint"], &payload["transports"]), (&json!(EVENTS_PATH), &json!(["web_socket"])));
        assert!(payload["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    // The ticket is still good for the one that is on.
    let (_, answer) = shake(&server, &handshake(&server, &path, &[])).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    server.stop().await;
}
