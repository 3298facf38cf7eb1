//! Commands over a WebSocket are the commands of POST: the same names, the same answers, the same refusals (T2, P2).

use crate::client::{Person, Server, bearer, packages};
use crate::room::{commit, creation, device, group, invite, message, role, step};
use crate::stream::{Frame, Socket, command};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use sotto_server::Clock;
use sotto_wire::conversation::{
    Commit, CommitRequest, CreateConversationRequest, LoadConversationsRequest, LoadGroupRequest,
};
use sotto_wire::endpoint::{self, Described};
use sotto_wire::group::{AcceptConversationRequest, LeaveConversationRequest, Role};
use sotto_wire::invite::{InviteChange, OpenInviteRequest};
use sotto_wire::key::{ClaimKeysRequest, PublishKeysRequest};
use sotto_wire::limit::COMMANDS_IN_FLIGHT_MAX;
use sotto_wire::message::LoadMessagesRequest;
use sotto_wire::people::{BlockRequest, FindPeopleRequest, LoadBlocksRequest};
use sotto_wire::ping::PingRequest;
use sotto_wire::presence::{Attention, PresenceRequest, Status};
use sotto_wire::ticket::TicketRequest;
use sotto_wire::typing::TypingRequest;
use sotto_wire::{Access, ClientId, ConversationId, Millis, PROTOCOL, RequestId, account::FindUserRequest, cbor};

const NOW: Millis = Millis(1_795_000_000_000);
/// What an invite is opened with.
const ACCESS: [u8; 32] = [5; 32];

fn by_post(described: &Described) -> bool {
    match described.access {
        Access::Device => false,
        Access::Public | Access::Cookie | Access::Account => true,
    }
}

/// Calls an endpoint by POST.
async fn post((server, who): (&Server, &Person), path: &str, body: Vec<u8>) -> Value {
    let mut headers = bearer(&who.access_token);
    headers.insert(CONTENT_TYPE, "application/json".parse().expect("a value"));
    serde_json::from_slice(&server.post(path, headers, body).await.body).expect("JSON")
}

/// An answer without what differs from call to call.
fn lasting(mut answer: Value) -> Value {
    if let Some(payload) = answer["payload"].as_object_mut() {
        payload.remove("ticket");
    }
    answer
}

/// A good request for every command that a device may give, in an order in which each can be carried out.
fn requests(
    (ada, ben): (&Person, &Person),
    new: &CreateConversationRequest,
    group: ConversationId,
) -> Vec<(&'static str, Value)> {
    let conversation = new.conversation;
    let committed = CommitRequest {
        client_id: ClientId([7; 16]),
        conversation,
        commit: commit(conversation, 1),
        state: sotto_wire::conversation::GroupState { epoch: 2, ..new.state.clone() },
        welcome: None,
        roles: None,
        invites: None,
        invite: None,
    };
    let published = PublishKeysRequest { key_packages: packages(&ada.device.device, 50..52), last_resort: None };
    let page = LoadMessagesRequest { conversation, before: None, limit: 10 };
    let noticed = PresenceRequest { attention: Attention::Away, status: Some(Status::Busy), audience: None };
    let ticket = TicketRequest { cursor: None, protocol: PROTOCOL, features: vec![] };
    let value = |value: serde_json::Result<Value>| value.expect("wire types are JSON");
    vec![
        ("find_user", value(serde_json::to_value(FindUserRequest { name: ben.name.clone() }))),
        ("publish_keys", value(serde_json::to_value(published))),
        ("create_conversation", value(serde_json::to_value(new))),
        ("load_conversations", value(serde_json::to_value(LoadConversationsRequest { after: None }))),
        ("send_message", value(serde_json::to_value(message(conversation, "hello")))),
        ("load_messages", value(serde_json::to_value(page))),
        ("commit_conversation", value(serde_json::to_value(committed))),
        ("load_group", value(serde_json::to_value(LoadGroupRequest { conversation, epoch: None }))),
        ("typing_start", value(serde_json::to_value(TypingRequest { conversation }))),
        ("typing_stop", value(serde_json::to_value(TypingRequest { conversation }))),
        ("presence", value(serde_json::to_value(noticed))),
        ("open_ticket", value(serde_json::to_value(ticket))),
        ("ping", value(serde_json::to_value(PingRequest { cursor: None }))),
        (
            "open_invite",
            value(serde_json::to_value(OpenInviteRequest { conversation: group, access: ACCESS[..].into() })),
        ),
        ("accept_conversation", value(serde_json::to_value(AcceptConversationRequest { conversation: group }))),
        ("leave_conversation", value(serde_json::to_value(LeaveConversationRequest { conversation: group }))),
        ("find_people", value(serde_json::to_value(FindPeopleRequest { prefix: "be".to_owned() }))),
        ("block_person", value(serde_json::to_value(BlockRequest { user: ben.user, blocked: true }))),
        ("load_blocks", value(serde_json::to_value(LoadBlocksRequest {}))),
        ("claim_keys", value(serde_json::to_value(ClaimKeysRequest { users: vec![ben.user] }))),
    ]
}

#[tokio::test]
async fn every_command_of_a_device_is_answered_alike_over_both() {
    let server = Server::start_by(Clock::standing(NOW), |_| {}).await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    // The one-time packages, which are given out once, are gone before: what is left is the last resort.
    for _ in &ben.device.key_packages {
        let claim = ClaimKeysRequest { users: vec![ben.user] };
        ada.call::<sotto_wire::key::ClaimKeys>(&server, &claim).await.expect("claimed");
    }
    let new = creation(&ada, &ben);
    assert_eq!(new.state.members, [device(&ada), device(&ben)]);
    let room = group(&server, &[&ada, &ben], vec![role(&ben, Role::Owner)]).await;
    let publish = vec![invite(ACCESS, (NOW.after(Millis(1_000)), 1))];
    let opened = CommitRequest {
        invites: Some(InviteChange { publish, revoke: vec![] }),
        ..step((room, 2), &[&ada, &ben], &[])
    };
    ben.call::<Commit>(&server, &opened).await.expect("committed");
    let requests = requests((&ada, &ben), &new, room);
    let named: Vec<&str> = endpoint::all().filter(|row| !by_post(row)).map(|row| row.request).collect();
    for name in &named {
        assert!(requests.iter().any(|(request, _)| request == name), "{name} is not walked");
    }
    assert_eq!(requests.len(), named.len());
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    let deflate = [("sec-websocket-extensions", "permessage-deflate")];
    let mut deflated = Socket::open((&server, &ada), None, &deflate).await;
    for (name, payload) in &requests {
        let row = endpoint::all().find(|row| row.request == *name).expect("in the table");
        socket.command(name, payload, "r7").await;
        let over_socket = lasting(socket.answer("r7").await);
        deflated.command(name, payload, "r7").await;
        assert_eq!(lasting(deflated.answer("r7").await), over_socket, "{name}");
        assert_eq!(over_socket["type"], row.response, "{name}: {over_socket}");
        let over_post = lasting(post((&server, &ada), row.path, command(name, payload, "r7")).await);
        assert_eq!(over_socket, over_post, "{name}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_refusal_is_alike_over_both() {
    let server = Server::start_by(Clock::standing(NOW), |_| {}).await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    let nowhere = json!({ "conversation": ClientId([9; 16]), "limit": 10, "client_id": ClientId([9; 16]),
        "epoch": 1, "ciphertext": "AA==" });
    for row in endpoint::all().filter(|row| !by_post(row)) {
        for payload in [
            json!({ "users": 7, "name": 7, "conversation": 7, "key_packages": 7, "protocol": "x", "cursor": 7 }),
            nowhere.clone(),
            json!(null),
        ] {
            socket.command(row.request, &payload, "r8").await;
            let over_socket = lasting(socket.answer("r8").await);
            let body = command(row.request, &payload, "r8");
            assert_eq!(over_socket, lasting(post((&server, &ada), row.path, body).await), "{} {payload}", row.request);
        }
        if row.body_max_bytes < sotto_wire::limit::DEVICE_BODY_MAX_BYTES {
            let long = json!({ "filler": "x".repeat(row.body_max_bytes) });
            socket.command(row.request, &long, "r9").await;
            let over_socket = socket.answer("r9").await;
            assert_eq!(over_socket["payload"]["code"], "too_large", "{}", row.request);
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn command_that_only_post_has_and_one_that_nobody_has_are_refused() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    for row in endpoint::all().filter(|row| by_post(row)) {
        socket.command(row.request, &json!({}), "r1").await;
        let answer = socket.answer("r1").await;
        assert_eq!((&answer["type"], &answer["payload"]["code"]), (&json!("error"), &json!("wrong_method")), "{row:?}");
    }
    socket.command("teleport", &json!({}), "r2").await;
    assert_eq!(socket.answer("r2").await["payload"]["code"], "unknown_command");
    server.stop().await;
}

#[tokio::test]
async fn message_that_is_no_request_is_answered_and_the_stream_goes_on() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    let deep = "[".repeat(100_000);
    for text in ["", "{}", "null", "hello", "{\"type\":\"ping\",\"payload\":{}}", deep.as_str()] {
        socket.send(0x81, text.as_bytes()).await;
        let error = loop {
            let said = socket.json().await;
            if said["type"] == "error" {
                break said;
            }
        };
        assert_eq!((&error["payload"]["code"], error.get("requestId")), (&json!("malformed"), None), "{text:.40}");
    }
    socket.command("ping", &json!({}), "r1").await;
    assert_eq!(socket.answer("r1").await["type"], "pong");
    server.stop().await;
}

#[tokio::test]
async fn commands_in_cbor_are_answered_in_cbor() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let mut socket = Socket::open((&server, &ada), None, &[("sec-websocket-protocol", "sotto.v1.cbor")]).await;
    let new = creation(&ada, &ben);
    let ask = |kind: &str, id: &str, payload: Vec<u8>| {
        // An envelope around a payload that is CBOR already: a map of four.
        let text = |text: &str| cbor::to_vec(&text);
        let pairs = [text("type"), text(kind), text("payload"), payload, text("requestId"), text(id)];
        [vec![0xa4], pairs.concat(), text("timestamp"), text("2026-11-20T00:00:00.000Z")].concat()
    };
    socket.send(0x82, &ask("create_conversation", "r1", cbor::to_vec(&new))).await;
    socket.send(0x82, &ask("send_message", "r2", cbor::to_vec(&message(new.conversation, "hello")))).await;
    socket.send(0x82, &ask("send_message", "r3", cbor::to_vec(&"garbage"))).await;
    socket.send(0x82, &[0xff; 100]).await;
    let mut answers = std::collections::BTreeMap::new();
    while answers.len() < 4 {
        match socket.frame().await {
            Frame::Binary(bytes) => {
                let opened = cbor::open(&bytes).expect("an envelope");
                let id = opened.request_id.as_ref().map(RequestId::as_str).unwrap_or_default().to_owned();
                if !id.is_empty() || opened.kind == "error" {
                    answers.insert(id, opened.kind);
                }
            }
            Frame::Ping => {}
            other => panic!("not expected: {other:?}"),
        }
    }
    let kinds: Vec<&str> = answers.values().map(String::as_str).collect();
    assert_eq!(kinds, ["error", "conversation_created", "message_sent", "error"]);
    server.stop().await;
}

#[tokio::test]
async fn hundreds_of_commands_at_once_are_all_answered() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    let count = COMMANDS_IN_FLIGHT_MAX * 20;
    let all: Vec<u8> = (0..count)
        .flat_map(|number| crate::stream::masked(0x81, &command("ping", &json!({}), &number.to_string())))
        .collect();
    tokio::io::AsyncWriteExt::write_all(&mut socket.stream, &all).await.expect("written");
    let mut answered = std::collections::BTreeSet::new();
    while answered.len() < count {
        let said = socket.json().await;
        if said["type"] == "pong" {
            let id = said["requestId"].as_str().expect("an id").to_owned();
            assert!(answered.insert(id), "answered twice");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn client_that_is_refused_again_and_again_is_sent_away() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    for number in 0..50 {
        socket.command("no_such_command", &json!({}), &number.to_string()).await;
    }
    socket.command("ping", &json!({}), "alive").await;
    while socket.json().await["type"] != "pong" {}
    let many: Vec<u8> = (0..400)
        .flat_map(|number| crate::stream::masked(0x81, &command("no_such_command", &json!({}), &number.to_string())))
        .collect();
    // The server may close before all is written.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut socket.stream, &many).await;
    assert_eq!(socket.ending().await.1, Some(1_008));
    server.stop().await;
}

#[tokio::test]
async fn command_after_the_end_of_its_session_is_not_carried_out() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let new = creation(&ada, &ben);
    let mut socket = Socket::open((&server, &ada), None, &[]).await;
    let cookie = crate::client::cookie_header(&ada.cookie);
    server.answer::<sotto_wire::session::EndSession>(cookie, &sotto_wire::session::EndSessionRequest {}).await;
    socket.command("create_conversation", &serde_json::to_value(&new).expect("JSON"), "r1").await;
    let (kinds, code) = socket.ending().await;
    assert!(!kinds.iter().any(|kind| kind == "conversation_created"), "{kinds:?}");
    assert_eq!(code, Some(4_001));
    let loaded =
        ben.call::<sotto_wire::conversation::LoadConversations>(&server, &LoadConversationsRequest { after: None });
    assert!(loaded.await.expect("loaded").conversations.is_empty());
    server.stop().await;
}
