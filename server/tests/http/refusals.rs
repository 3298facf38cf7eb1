//! What is no command, or not by whom it should be: the exact status and code, and nothing changed.

use crate::client::{Person, Reply, Server, bearer};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use sotto_server::AddressSource;
use sotto_wire::{Code, limit};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CLAIM: &str = "/api/keys/claim";

fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn envelope(kind: &str, payload: &str) -> Vec<u8> {
    format!(r#"{{"type":"{kind}","payload":{payload},"requestId":"r7","timestamp":"2026-11-20T09:43:45.123Z"}}"#)
        .into_bytes()
}

#[tokio::test]
async fn what_is_no_command_is_refused_by_its_own_code_and_changes_nothing() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let rows = server.rows().await;
    let text = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    let users = format!(r#"{{"users":["{}"]}}"#, ada.user);
    let big = format!(r#"{{"users":[],"more":"{}"}}"#, "x".repeat(limit::BODY_MAX_BYTES));
    let cases = [
        ("no JSON", json(), b"{".to_vec(), (400, Code::Malformed)),
        ("nothing", json(), Vec::new(), (400, Code::Malformed)),
        ("no UTF-8", json(), vec![0xff; 9], (400, Code::Malformed)),
        ("no envelope", json(), b"{}".to_vec(), (400, Code::Malformed)),
        ("a list", json(), b"[]".to_vec(), (400, Code::Malformed)),
        ("a wrong type", json(), envelope("claim_keys", r#"{"users":"ada"}"#), (400, Code::Malformed)),
        ("no payload", json(), envelope("claim_keys", "null"), (400, Code::Malformed)),
        ("bad base64", json(), envelope("claim_keys", r#"{"users":["!"]}"#), (400, Code::Malformed)),
        ("another command", json(), envelope("find_user", &users), (404, Code::UnknownCommand)),
        ("an unknown command", json(), envelope("claim_all", &users), (404, Code::UnknownCommand)),
        ("no media type", HeaderMap::new(), envelope("claim_keys", &users), (415, Code::WrongMediaType)),
        ("another media type", text, envelope("claim_keys", &users), (415, Code::WrongMediaType)),
        ("too much", json(), envelope("claim_keys", &big), (413, Code::TooLarge)),
    ];
    for (name, mut headers, body, expected) in cases {
        headers.extend(bearer(&ada.access_token));
        assert_eq!(server.post(CLAIM, headers, body).await.refusal(), expected, "{name}");
    }
    assert_eq!(server.rows().await, rows);
    server.stop().await;
}

#[tokio::test]
async fn bad_base64_is_malformed() {
    let server = Server::start().await;
    for text in ["!", "AAA", "AAAA=", "AB==", "__--"] {
        let payload = format!(r#"{{"name":"ada","registration_request":"{text}"}}"#);
        let reply = server.post("/api/accounts/register/start", json(), envelope("register_start", &payload)).await;
        assert_eq!(reply.refusal(), (400, Code::Malformed), "{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn token_that_is_missing_or_not_ours_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let other = Server::start().await;
    let foreign = Person::sign_up(&other, "ada").await;
    let rows = server.rows().await;
    let refresh_token = ada.cookie.split_once('=').expect("a pair").1;
    let body = envelope("claim_keys", &format!(r#"{{"users":["{}"]}}"#, ada.user));
    let cases = [
        HeaderMap::new(),
        bearer(""),
        bearer("AAAA"),
        bearer(&foreign.access_token),
        bearer(refresh_token),
        bearer(&ada.access_token.to_ascii_lowercase()),
        HeaderMap::from_iter([(
            reqwest::header::AUTHORIZATION,
            format!("Basic {}", ada.access_token).parse().expect("a value"),
        )]),
    ];
    for (number, mut headers) in cases.into_iter().enumerate() {
        headers.extend(json());
        let reply = server.post(CLAIM, headers, body.clone()).await;
        assert_eq!(reply.refusal(), (401, Code::Unauthorized), "case {number}");
        assert_eq!(reply.request_id().as_deref(), Some("r7"), "case {number}");
    }
    assert_eq!(server.rows().await, rows);
    server.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn refusal_carries_the_id_of_the_request_even_when_the_rest_is_broken() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    for body in [envelope("claim_keys", "7"), envelope("claim_all", "{}"), br#"{"requestId":"r7"}"#.to_vec()] {
        let mut headers = json();
        headers.extend(bearer(&ada.access_token));
        assert_eq!(server.post(CLAIM, headers, body).await.request_id().as_deref(), Some("r7"));
    }
    server.stop().await;
}

#[tokio::test]
async fn unknown_path_and_wrong_method_are_typed_refusals() {
    let server = Server::start().await;
    for path in ["/api", "/api/", "/api/nothing", "/api/keys/claim/", "/api/keys"] {
        let reply = server.post(path, json(), envelope("claim_keys", "{}")).await;
        assert_eq!(reply.refusal(), (404, Code::UnknownCommand), "{path}");
    }
    let reply = Reply::to_get(&server, "/api/nothing", HeaderMap::new()).await;
    assert_eq!(reply.refusal(), (404, Code::UnknownCommand));
    for path in [CLAIM, "/api/sessions/login/start"] {
        assert_eq!(Reply::to_get(&server, path, HeaderMap::new()).await.refusal(), (405, Code::WrongMethod), "{path}");
    }
    let url = format!("{}{CLAIM}", server.origin);
    let put = server.http.request(Method::PUT, url).send().await.expect("an answer");
    assert_eq!(put.status().as_u16(), 405);
    assert_eq!(server.post("/", json(), Vec::new()).await.refusal(), (405, Code::WrongMethod));
    server.stop().await;
}

/// Announces a sign-up of this size from `address`; `None` when the server has no room for it.
async fn announce_body(server: &Server, address: &str, size_bytes: usize) -> Option<TcpStream> {
    let host = server.origin.strip_prefix("http://").expect("an origin");
    let mut stream = TcpStream::connect(host).await.expect("connected");
    let head = format!(
        "POST /api/accounts/register/finish HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         x-forwarded-for: {address}\r\ncontent-length: {size_bytes}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("answered");
    match &answer {
        b"HTTP/1.1 100" => Some(stream),
        b"HTTP/1.1 503" => None,
        _ => panic!("{}", String::from_utf8_lossy(&answer)),
    }
}

/// Memory for bodies of strangers from one address; twice as much is for all.
const ADDRESS_BODIES_MAX_BYTES: usize = 32 * 1_024 * 1_024;

/// Sends sign-ups from `address`, each but for its last byte, until one byte of its room is left.
async fn fill_room_of(server: &Server, address: &str) -> Vec<TcpStream> {
    let mut waiting = Vec::new();
    let mut left_bytes = ADDRESS_BODIES_MAX_BYTES;
    while left_bytes > 1 {
        let size_bytes = left_bytes.min(limit::DEVICE_BODY_MAX_BYTES);
        let mut stream = announce_body(server, address, size_bytes).await.expect("room is left");
        stream.write_all(&vec![b' '; size_bytes - 1]).await.expect("sent");
        left_bytes -= size_bytes - 1;
        waiting.push(stream);
    }
    // What was sent is held as soon as the server has read it.
    let full = async { while announce_body(server, address, 2).await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), full).await.expect("full");
    waiting
}

fn from(address: &'static str) -> HeaderMap {
    let mut headers = json();
    headers.insert("x-forwarded-for", HeaderValue::from_static(address));
    headers
}

#[tokio::test]
async fn bodies_of_strangers_take_bounded_memory_and_known_callers_have_their_own() {
    let server = Server::start_with(|config| config.address_source = AddressSource::Forwarded).await;
    let ada = Person::sign_up(&server, "ada").await;
    let big = || vec![b' '; limit::DEVICE_BODY_MAX_BYTES];
    let sign_up = |address| server.post("/api/accounts/register/finish", from(address), big());
    let (refused, was_read) = ((503, Code::Unavailable), (400, Code::Malformed));
    let mut waiting = fill_room_of(&server, "192.0.2.1").await;
    assert_eq!(sign_up("192.0.2.1").await.refusal(), refused);
    assert_eq!(sign_up("192.0.2.2").await.refusal(), was_read, "one address has a part of the room");
    waiting.extend(fill_room_of(&server, "192.0.2.2").await);
    assert_eq!(sign_up("192.0.2.3").await.refusal(), refused, "two have all of it");
    let mut headers = json();
    headers.extend(bearer(&ada.access_token));
    let known = server.post("/api/devices/register", headers, big()).await;
    assert_eq!(known.refusal(), was_read);
    assert!(server.refresh(&ada.cookie).await.is_ok(), "the cookie makes known too");
    // A stranger at a door of those who are known takes no room of theirs: the body is not read, so its id is not known.
    let body = envelope("claim_keys", "{}");
    for (path, expected) in [(CLAIM, (401, Code::Unauthorized)), ("/api/sessions/refresh", refused)] {
        let stranger = server.post(path, json(), body.clone()).await;
        assert_eq!((stranger.refusal(), stranger.request_id()), (expected, None), "{path}");
    }
    drop(waiting);
    // Room is made as the server notices that they are gone.
    let made = async { while sign_up("192.0.2.1").await.refusal() != was_read {} };
    tokio::time::timeout(Duration::from_secs(10), made).await.expect("room again");
    server.stop().await;
}

#[tokio::test]
async fn announced_bodies_take_no_room_before_they_are_sent() {
    let server = Server::start().await;
    let mut waiting = Vec::new();
    // Twice what there is for all.
    for _ in 0..=4 * ADDRESS_BODIES_MAX_BYTES / limit::DEVICE_BODY_MAX_BYTES {
        waiting.push(announce_body(&server, "192.0.2.1", limit::DEVICE_BODY_MAX_BYTES).await.expect("room"));
    }
    let big = vec![b' '; limit::DEVICE_BODY_MAX_BYTES];
    let reply = server.post("/api/accounts/register/finish", json(), big).await;
    assert_eq!(reply.refusal(), (400, Code::Malformed), "it was read");
    drop(waiting);
    server.stop().await;
}

#[tokio::test]
async fn unknown_fields_are_passed_over() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let payload = format!(r#"{{"users":["{}"],"colour":"blue"}}"#, ada.user);
    let mut headers = json();
    headers.extend(bearer(&ada.access_token));
    let reply = server.post(CLAIM, headers, envelope("claim_keys", &payload)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.request_id().as_deref(), Some("r7"));
    server.stop().await;
}

#[tokio::test]
async fn server_that_lives_and_serves_says_so() {
    let server = Server::start().await;
    for (path, said) in [("/health/live", "live\n"), ("/health/ready", "ready\n")] {
        let reply = Reply::to_get(&server, path, HeaderMap::new()).await;
        assert_eq!((reply.status, reply.body), (200, said.as_bytes().to_vec()), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn contract_is_served_as_openapi() {
    let server = Server::start().await;
    let reply = Reply::to_get(&server, "/api/openapi.json", HeaderMap::new()).await;
    assert_eq!((reply.status, &reply.headers["content-type"]), (200, &HeaderValue::from_static("application/json")));
    let document: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    for row in sotto_wire::endpoint::all() {
        assert_eq!(document["paths"][row.path]["post"]["operationId"], row.request);
        let other = Reply::to_get(&server, row.path, HeaderMap::new()).await;
        assert_eq!(other.refusal(), (405, Code::WrongMethod), "{}", row.path);
    }
    server.stop().await;
}
