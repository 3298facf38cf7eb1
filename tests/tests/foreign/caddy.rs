//! Our server behind Caddy as it is installed, set up as the README says (T5).

use crate::SERVER;
use crate::readme;
use crate::room::{Program, Room};
use sotto_tests::{Front, Server};

#[tokio::test]
async fn device_behind_caddy_as_the_readme_sets_it_up_is_reached_by_every_transport() {
    let server = Server::start(SERVER).await;
    let caddy = readme::caddy(server.address()).await;
    readme::reaches_by_every_transport(&server, &caddy).await;
}

#[tokio::test]
async fn caddy_as_the_readme_sets_it_up_tells_who_asks_and_where() {
    let server = readme::server_that_counts_addresses().await;
    let caddy = readme::caddy(server.address()).await;
    readme::tells_who_asks_and_where(&caddy).await;
}

#[tokio::test]
async fn stream_flows_through_a_caddy_that_compresses() {
    let room = Room::open().await;
    let directives = format!("encode zstd gzip\nreverse_proxy {}", room.server.address());
    let caddy = Front::caddy(&directives).await;
    let mut curl = Program::curl_as_a_browser(&room.stream(&caddy.origin()).await);
    for number in 1..=5 {
        room.say(number).await;
        // Each comes while the stream is open and nothing follows it.
        let heard = curl.frames_until(number).await;
        assert_eq!(heard.len(), 1, "{heard:?}");
    }
}
