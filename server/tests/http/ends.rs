//! The end of a session reaches its streams and tickets.

use crate::client::{PASSWORD, Person, Reply, Server, bearer, cookie_header, new_device, sign_in};
use crate::stream::{handshake, next_path, poll, shake};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use sotto_server::Clock;
use sotto_wire::event::{Ephemeral, Event, SessionEndCause, SessionOver};
use sotto_wire::session::{EndSession, EndSessionRequest, RegisterDevice, RegisterDeviceRequest};
use sotto_wire::ticket::{EVENTS_PATH, OpenTicket, TicketRequest};
use sotto_wire::{Code, Millis, PROTOCOL};
use std::time::Duration;

/// Ends of sessions reach streams within this time.
const SOON: Duration = Duration::from_secs(5);

async fn ticket_path(server: &Server, who: &Person) -> String {
    let request = TicketRequest { cursor: None, protocol: PROTOCOL, features: Vec::new() };
    let opened = who.call::<OpenTicket>(server, &request).await.expect("a ticket");
    format!("{EVENTS_PATH}?ticket={}", opened.ticket.as_str())
}

/// Opens a stream and reads it up to `connected`.
async fn open(server: &Server, who: &Person) -> reqwest::Response {
    let url = format!("{}{}", server.origin, ticket_path(server, who).await);
    let mut stream = server.http.get(url).send().await.expect("an answer");
    assert_eq!(stream.status().as_u16(), 200);
    let mut text = Vec::new();
    while !contains(&text, b"\"connected\"") {
        text.extend_from_slice(&stream.chunk().await.expect("a chunk").expect("the stream goes on"));
    }
    stream
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The cause in the last frame of a stream that ends.
async fn cause(mut stream: reqwest::Response) -> SessionEndCause {
    let mut text = Vec::new();
    let end = async {
        while let Some(chunk) = stream.chunk().await.expect("a chunk") {
            text.extend_from_slice(&chunk);
        }
    };
    tokio::time::timeout(SOON, end).await.expect("the stream ends soon");
    let text = String::from_utf8(text).expect("UTF-8");
    let mut frames = text.lines().filter_map(|line| line.strip_prefix("data:")).map(|json| json.trim().as_bytes());
    let last = frames.next_back().map(|frame| Event::from_frame(frame).expect("an event"));
    match last {
        Some(Event::Ephemeral(Ephemeral::SessionEnded(SessionOver { cause }))) => cause,
        other => panic!("the last frame is {other:?}"),
    }
}

#[tokio::test]
async fn sign_out_ends_the_stream() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let stream = open(&server, &ada).await;
    let (reply, _) = server.answer::<EndSession>(cookie_header(&ada.cookie), &EndSessionRequest {}).await;
    assert_eq!(reply.status, 200);
    assert_eq!(cause(stream).await, SessionEndCause::SignedOut);
    server.stop().await;
}

#[tokio::test]
async fn reuse_of_a_spent_refresh_token_ends_the_stream() {
    let server = Server::start_with(|config| config.refresh_grace_ms = 0).await;
    let ada = Person::sign_up(&server, "ada").await;
    let stream = open(&server, &ada).await;
    server.refresh(&ada.cookie).await.expect("refreshed");
    assert!(server.refresh(&ada.cookie).await.is_err());
    assert_eq!(cause(stream).await, SessionEndCause::TokenReused);
    server.stop().await;
}

#[tokio::test]
async fn new_device_ends_the_stream_of_the_one_before() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let stream = open(&server, &ada).await;
    let (finished, _, _) = sign_in(&server, ("ada", PASSWORD), None).await.expect("signed in");
    let request = RegisterDeviceRequest { device: new_device(1), sequence: 2 };
    let token = bearer(&finished.tokens.access_token);
    server.call_with::<RegisterDevice>(token, &request).await.expect("registered");
    assert_eq!(cause(stream).await, SessionEndCause::DeviceReplaced);
    server.stop().await;
}

#[tokio::test]
async fn ticket_of_an_ended_session_opens_nothing() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let path = ticket_path(&server, &ada).await;
    server.answer::<EndSession>(cookie_header(&ada.cookie), &EndSessionRequest {}).await;
    let reply = Reply::to_get(&server, &path, HeaderMap::new()).await;
    assert_eq!(reply.refusal(), (401, Code::BadTicket));
    server.stop().await;
}

const DAY: Millis = Millis(86_400_000);
/// Within the life of a ticket.
const MOMENT: Millis = Millis(10_000);

/// A server by whose clock sessions end a day after the last refresh.
async fn server_of_days() -> (Server, Clock) {
    let clock = Clock::standing(Millis(1_800_000_000_000)); // 2027-01-15T08:00:00Z
    let server = Server::start_by(clock.clone(), |config| {
        config.session_life_days = 1;
        config.access_life_ms = 3 * DAY.0;
        config.poll_hold_ms = 50;
        config.heartbeat_ms = 200;
    });
    (server.await, clock)
}

#[tokio::test]
async fn session_whose_time_is_over_opens_no_stream_and_goes_on_with_no_poll() {
    let (server, clock) = server_of_days().await;
    let ada = Person::sign_up(&server, "ada").await;
    clock.advance(Millis(DAY.0 - MOMENT.0));
    let (page, _) = poll(&server, &ticket_path(&server, &ada).await).await;
    let (page, _) = poll(&server, &next_path(&page)).await;
    let next = next_path(&page);
    let (sse, socket) = (ticket_path(&server, &ada).await, ticket_path(&server, &ada).await);
    clock.advance(MOMENT);
    for (path, accept) in [(next, "application/json"), (sse, "text/event-stream")] {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(Reply::to_get(&server, &path, headers).await.refusal(), (401, Code::BadTicket), "{accept}");
    }
    let (_, answer) = shake(&server, &handshake(&server, &socket, &[])).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn stream_ends_with_the_time_of_its_session_and_goes_on_when_that_was_refreshed() {
    let (server, clock) = server_of_days().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let (ended, mut kept) = (open(&server, &ada).await, open(&server, &ben).await);
    clock.advance(Millis(DAY.0 - MOMENT.0));
    server.refresh(&ben.cookie).await.expect("refreshed");
    clock.advance(MOMENT);
    assert_eq!(cause(ended).await, SessionEndCause::SignedOut);
    let mut text = Vec::new();
    let goes_on = async {
        while !contains(&text, b"2027-01-16T08:00:00") {
            text.extend_from_slice(&kept.chunk().await.expect("a chunk").expect("the stream goes on"));
        }
    };
    tokio::time::timeout(SOON, goes_on).await.expect("a heartbeat after the day");
    drop(kept);
    server.stop().await;
}
