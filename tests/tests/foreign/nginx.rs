//! Our server behind nginx as it is installed, with its buffering on (T6).

use crate::room::{Program, Room};
use sotto_tests::Nginx;
use std::time::Duration;
use tokio::time::timeout;

/// A buffering proxy as careless operators have it: no directive but `proxy_pass`.
const BUFFERING: &str = "proxy_buffering on;";
/// The same, deaf to what the server says of it.
const DEAF: &str = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;";

#[tokio::test]
async fn stream_flows_through_a_buffering_nginx_because_the_server_says_so() {
    let room = Room::open().await;
    let nginx = Nginx::before(room.server.address(), BUFFERING).await;
    let mut curl = Program::curl(&room.stream(&nginx.origin()).await);
    for number in 1..=5 {
        room.say(number).await;
        // Each comes while the stream is open and nothing follows it.
        let heard = curl.frames_until(number).await;
        assert_eq!(heard.len(), 1, "{heard:?}");
    }

    // What would be without that header: the same proxy gives nothing.
    let deaf = Nginx::before(room.server.address(), DEAF).await;
    let mut curl = Program::curl(&room.stream(&deaf.origin()).await);
    room.say(6).await;
    let nothing = timeout(Duration::from_secs(1), curl.frames_until(6)).await;
    assert!(nothing.is_err(), "this nginx does not buffer: {nothing:?}");
}
