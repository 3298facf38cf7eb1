//! Our server behind nginx as it is installed, with its buffering on (T5).

use crate::SERVER;
use crate::readme;
use crate::room::{Program, Room, script};
use sotto_core::view::{Connection, Progress};
use sotto_tests::{Device, Front, Server, now};
use sotto_wire::Millis;
use sotto_wire::ticket::Transport;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A buffering proxy as careless operators have it: no directive but `proxy_pass`.
const BUFFERING: &str = "proxy_buffering on;";
/// Longest time until a device has another way than the one that is blocked (T5).
const FALLBACK_MAX: Millis = Millis(10_000);
/// The same, deaf to what the server says of it.
const DEAF: &str = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;";

/// What an operator adds for WebSockets.
const UPGRADES: &str = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";

/// nginx before `server`, with these directives beside `proxy_pass`.
async fn before(server: SocketAddr, directives: &str) -> Front {
    let passes = format!("proxy_pass http://{server}; proxy_http_version 1.1; proxy_set_header Host $http_host;");
    Front::nginx(&format!("location / {{ {passes} {directives} }}")).await
}

#[tokio::test]
async fn device_behind_nginx_as_the_readme_sets_it_up_is_reached_by_every_transport() {
    let server = Server::start(SERVER).await;
    let nginx = readme::nginx(server.address()).await;
    readme::reaches_by_every_transport(&server, &nginx).await;
}

#[tokio::test]
async fn nginx_as_the_readme_sets_it_up_tells_who_asks_and_where() {
    let server = readme::server_that_counts_addresses().await;
    let nginx = readme::nginx(server.address()).await;
    readme::tells_who_asks_and_where(&nginx).await;
}

#[tokio::test]
async fn stream_flows_through_a_buffering_nginx_because_the_server_says_so() {
    let room = Room::open().await;
    let nginx = before(room.server.address(), BUFFERING).await;
    let mut curl = Program::curl(&room.stream(&nginx.origin()).await);
    for number in 1..=5 {
        room.say(number).await;
        // Each comes while the stream is open and nothing follows it.
        let heard = curl.frames_until(number).await;
        assert_eq!(heard.len(), 1, "{heard:?}");
    }

    // What would be without that header: the same proxy gives nothing.
    let deaf = before(room.server.address(), DEAF).await;
    let mut curl = Program::curl(&room.stream(&deaf.origin()).await);
    room.say(6).await;
    let nothing = timeout(Duration::from_secs(1), curl.frames_until(6)).await;
    assert!(nothing.is_err(), "this nginx does not buffer: {nothing:?}");
}

#[tokio::test]
async fn websocket_flows_through_an_nginx_that_passes_upgrades_on() {
    let room = Room::open().await;
    let nginx = before(room.server.address(), UPGRADES).await;
    let socket = room.stream(&nginx.origin()).await.replacen("http", "ws", 1);
    let mut program = Program::start("node", &[&script("ws.mjs"), &socket]);
    for number in 1..=5 {
        room.say(number).await;
        assert_eq!(program.lines_until(number).await.len(), 1);
    }
}

#[tokio::test]
async fn device_behind_a_deaf_nginx_falls_back_to_long_poll_within_ten_seconds() {
    // This nginx passes no upgrade on either, as none does that was not told to.
    assert_eq!(fallen_back_behind(DEAF).await, Transport::LongPoll);
}

#[tokio::test]
async fn device_behind_a_deaf_nginx_that_passes_upgrades_on_falls_back_to_websocket_within_ten_seconds() {
    assert_eq!(fallen_back_behind(&format!("{DEAF} {UPGRADES}")).await, Transport::WebSocket);
}

/// By what a device is online that reaches its server through such an nginx only. It hears what is said to it.
async fn fallen_back_behind(directives: &str) -> Transport {
    let server = Server::start(SERVER).await;
    let nginx = before(server.address(), directives).await;
    let (ada, ben) = (Device::start("ada", &nginx.origin()), Device::signed_up("ben", &server.origin()).await);
    ada.sign_up("ada", "", sotto_tests::device::PASSWORD).await.expect("a free name");
    let began = now();
    let online = |seen: &sotto_tests::Seen| match seen.connection {
        Connection::Online { transport, progress: Progress::CaughtUp, .. } => Some(transport),
        _ => None,
    };
    let transport = ada.wait_for("being online", online).await;
    let took = now().since(began);
    assert!(took <= FALLBACK_MAX, "{took:?}");

    let conversation = ada.direct("ben").await;
    ada.open(conversation).await;
    ben.wait_for("the conversation", |seen| seen.conversations.contains_key(&conversation).then_some(())).await;
    ben.open(conversation).await;
    ben.send(conversation, "can you hear me").await;
    ada.wait_for_texts(&["can you hear me".to_owned()]).await;
    transport
}
