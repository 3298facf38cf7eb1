//! Proxies set up by the very lines that the README gives operators, and what must work behind them. Owns the reading of
//! those lines.

use crate::SERVER;
use sotto_core::Command;
use sotto_core::view::{Connection, Progress};
use sotto_tests::{Caller, Device, Front, Seen, Server};
use sotto_wire::account::Name;
use sotto_wire::session::{LoginStart, LoginStartRequest};
use sotto_wire::ticket::Transport;
use sotto_wire::{Code, Endpoint as _, RequestId, envelope};
use std::net::SocketAddr;

const README: &str = include_str!("../../../README.md");
/// Where the README's server listens.
const LISTENS: &str = "127.0.0.1:8787";
/// Sign-ins begun a minute from one address, where they are counted.
const SIGN_INS: u16 = 3;

/// The lines between the one that begins a block of the README and the one that ends it, for a server at `address`.
fn block(begin: &str, address: SocketAddr) -> String {
    let (_, rest) = README.split_once(&format!("\n    {begin}\n")).expect("the README has this block");
    let (lines, _) = rest.split_once("\n    }\n").expect("the block ends");
    assert!(lines.contains(LISTENS), "it leads to the server: {lines}");
    lines.replace(LISTENS, &address.to_string())
}

/// nginx as the README sets it up.
pub(crate) async fn nginx(server: SocketAddr) -> Front {
    Front::nginx(&format!("location / {{ {} }}", block("location / {", server))).await
}

/// Caddy as the README sets it up.
pub(crate) async fn caddy(server: SocketAddr) -> Front {
    Front::caddy(&block("chat.example {", server)).await
}

/// A server that believes what a proxy says of addresses, and lets few sign-ins of one pass.
pub(crate) async fn server_that_counts_addresses() -> Server {
    let sign_ins = SIGN_INS.to_string();
    let settings = [("ADDRESS_SOURCE", "forwarded"), ("SIGN_INS_PER_MINUTE_AND_ADDRESS", &sign_ins)];
    Server::start_with(SERVER, &settings).await
}

/// A device that reaches its server through `front` only talks with one beside it, by each transport.
pub(crate) async fn reaches_by_every_transport(server: &Server, front: &Front) {
    let ada = Device::signed_up("ada", &front.origin()).await;
    let ben = Device::signed_up("ben", &server.origin()).await;
    let conversation = ada.direct("ben").await;
    ada.open(conversation).await;
    ben.wait_for("the conversation", |seen| seen.conversations.contains_key(&conversation).then_some(())).await;
    ben.open(conversation).await;
    let mut all = Vec::new();
    for transport in [Transport::Sse, Transport::WebSocket, Transport::LongPoll] {
        ada.input(Command::UseTransport(Some(transport)));
        let is_pinned = |seen: &Seen| match seen.connection {
            Connection::Online { transport: carries, progress: Progress::CaughtUp, .. } => {
                (carries == transport).then_some(())
            }
            _ => None,
        };
        ada.wait_for(&format!("{transport:?}"), is_pinned).await;
        for (from, to) in [(&ben, &ada), (&ada, &ben), (&ben, &ada)] {
            all.push(format!("{} by {transport:?}", all.len()));
            from.send(conversation, &all[all.len() - 1]).await;
            // Each comes while nothing follows it.
            to.wait_for_texts(&all).await;
        }
    }
}

/// What browsers say of the page's origin is believed, and what strangers say of their address is not.
pub(crate) async fn tells_who_asks_and_where(front: &Front) {
    let caller = Caller::to(&front.origin());
    let name = Name::new("ada").expect("a name");
    let request = LoginStartRequest { name, credential_request: vec![0].into() };
    let mut codes = Vec::new();
    for number in 0..=SIGN_INS {
        let id = RequestId::new("sign-in").expect("short and visible");
        let body = envelope::request::<LoginStart>(&request, id, sotto_tests::now());
        let forged = format!("10.0.0.{number}");
        let headers = [("content-type", "application/json"), ("origin", &front.origin()), ("x-forwarded-for", &forged)];
        let answer = caller.post_with(LoginStart::PATH, &headers, body).await;
        codes.push(answer.code());
    }
    let last = codes.pop().expect("there was one at least");
    assert!(codes.iter().all(|code| *code == Some(Code::Malformed)), "{codes:?}");
    assert_eq!(last, Some(Code::RateLimited), "all have come from one address");
}
