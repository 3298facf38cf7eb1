//! What is no command, or not by whom it should be: the exact status and code, and nothing changed.

use crate::client::{Person, Reply, Server, bearer};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
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

/// Announces a sign-up of this size and waits until the server has made room for it; `None` when it has none left.
async fn announce_body(server: &Server, size_bytes: usize) -> Option<TcpStream> {
    let address = server.origin.strip_prefix("http://").expect("an origin");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "POST /api/accounts/register/finish HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {size_bytes}\r\nexpect: 100-continue\r\n\r\n"
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

/// Of less than this the server may have room left when it is filled.
const SMALL_BYTES: usize = 16 * 1_024;

/// Announces sign-ups until the server has no room left for the smaller ones either: at least so many large ones.
async fn fill_room_of_strangers(server: &Server, large_min: usize) -> Vec<TcpStream> {
    let mut waiting = Vec::new();
    while let Some(stream) = announce_body(server, limit::DEVICE_BODY_MAX_BYTES).await {
        waiting.push(stream);
    }
    assert!(waiting.len() >= large_min, "{}", waiting.len());
    while let Some(stream) = announce_body(server, SMALL_BYTES).await {
        waiting.push(stream);
    }
    waiting
}

#[tokio::test]
async fn bodies_of_strangers_take_bounded_memory_and_known_callers_have_their_own() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let waiting = fill_room_of_strangers(&server, 50).await;
    let big = || vec![b' '; limit::DEVICE_BODY_MAX_BYTES];
    let sign_up = || server.post("/api/accounts/register/finish", json(), big());
    assert_eq!(sign_up().await.refusal(), (503, Code::Unavailable));
    let mut headers = json();
    headers.extend(bearer(&ada.access_token));
    let known = server.post("/api/devices/register", headers, big()).await;
    assert_eq!(known.refusal(), (400, Code::Malformed), "it was read");
    assert!(server.refresh(&ada.cookie).await.is_ok(), "the cookie makes known too");
    // A stranger at a door of those who are known takes no room of theirs: the body is not read, so its id is not known.
    let large = envelope("claim_keys", &format!(r#"{{"users":[],"more":"{}"}}"#, "x".repeat(SMALL_BYTES)));
    for (path, expected) in [(CLAIM, (401, Code::Unauthorized)), ("/api/sessions/refresh", (503, Code::Unavailable))] {
        let stranger = server.post(path, json(), large.clone()).await;
        assert_eq!((stranger.refusal(), stranger.request_id()), (expected, None), "{path}");
    }
    drop(waiting);
    // Room is made as the server notices that they are gone.
    let made = async { while sign_up().await.refusal() != (400, Code::Malformed) {} };
    tokio::time::timeout(Duration::from_secs(10), made).await.expect("room again");
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
