//! Caps on streams and on commands that carry groups (T16), and how far devices have come.

use crate::client::{Person, Reply, Server, code_of};
use crate::room::{creation, direct, say};
use crate::stream::{Socket, handshake, next_path, poll, shake, ticket_path};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use serde_json::json;
use sotto_server::Config;
use sotto_wire::conversation::{CreateConversation, LoadGroup, LoadGroupRequest};
use sotto_wire::event::Event;
use sotto_wire::ticket::{OpenTicket, TicketRequest};
use sotto_wire::{Code, Cursor, PROTOCOL};
use std::time::Duration;

/// What a new stream of `who` is answered: its status, and whether it names a time to come back.
async fn knock(server: &Server, who: &Person) -> (String, bool) {
    let path = ticket_path(server, who, None).await;
    let (_, answer) = shake(server, &handshake(server, &path, &[])).await;
    let status = answer.split(' ').nth(1).expect("a status").to_owned();
    (status, answer.contains("retry-after: 10"))
}

#[tokio::test]
async fn stream_over_a_cap_is_refused_the_others_go_on_and_a_closed_one_makes_room() {
    let caps: [fn(&mut Config); 3] = [
        |config| config.streams_per_device = 2,
        |config| config.streams_per_user = 2,
        |config| config.streams_per_address = 2,
    ];
    for (at, cap) in caps.into_iter().enumerate() {
        let server = Server::start_with(cap).await;
        let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
        let mut kept = Socket::open((&server, &ada), None, &[]).await;
        let left = Socket::open((&server, &ada), None, &[]).await;
        assert_eq!(knock(&server, &ada).await, ("429".to_owned(), true), "cap {at}");
        let json = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let polled = Reply::to_get(&server, &ticket_path(&server, &ada, None).await, json).await;
        assert_eq!(polled.refusal(), (429, Code::TooManyStreams), "a poll is a stream");
        let refused = handshake(&server, &ticket_path(&server, &ada, None).await, &[]);
        assert!(shake(&server, &refused).await.1.starts_with("HTTP/1.1 429 "), "cap {at}");
        let is_by_address = at == 2;
        let (of_other, _) = knock(&server, &ben).await;
        assert_eq!(of_other, if is_by_address { "429" } else { "101" }, "cap {at}");
        kept.command("ping", &json!({}), "r1").await;
        assert_eq!(kept.answer("r1").await["type"], "pong", "who is in stays in");
        drop(left);
        let again = async { while !shake(&server, &refused).await.1.starts_with("HTTP/1.1 101 ") {} };
        tokio::time::timeout(Duration::from_secs(10), again).await.expect("there is room again for the same ticket");
        drop(kept);
        server.stop().await;
    }
}

#[tokio::test]
async fn commands_that_carry_groups_are_limited() {
    let server = Server::start_with(|config| config.rates.groups_per_minute_and_user = 3).await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let new = creation(&ada, &ben);
    let load = LoadGroupRequest { conversation: new.conversation, epoch: None };
    ada.call::<CreateConversation>(&server, &new).await.expect("the first");
    for _ in 0..2 {
        ada.call::<LoadGroup>(&server, &load).await.expect("two more");
    }
    let refused = ada.call::<LoadGroup>(&server, &load).await.expect_err("the fourth");
    assert_eq!(refused.code, Code::RateLimited);
    assert!(refused.retry_after_ms.is_some_and(|wait| wait.0 > 0));
    assert_eq!(code_of(ada.call::<CreateConversation>(&server, &new).await), Some(Code::RateLimited));
    ben.call::<LoadGroup>(&server, &load).await.expect("others are not");
    server.stop().await;
}

/// What the database says that `who` has acknowledged, after the server has stopped.
async fn acknowledged(server: Server, who: &Person) -> i64 {
    let folder = server.stop().await;
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", folder.path().join("sotto.db").display());
    let mut database = <sqlx::AnyConnection as sqlx::Connection>::connect(&url).await.expect("a database");
    sqlx::query_scalar("SELECT acknowledged_n FROM device WHERE id = $1")
        .bind(who.device.device.0.as_slice())
        .fetch_one(&mut database)
        .await
        .expect("a number")
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Ticket,
    Ping,
    NextPoll,
}

#[tokio::test]
async fn cursor_of_a_ticket_and_a_ping_is_what_the_device_has_and_a_next_poll_says_nothing_of_it() {
    // Creation, welcome, message.
    for (way, expected) in [(Way::Ticket, 3), (Way::Ping, 3), (Way::NextPoll, 0)] {
        let server = Server::start_with(|config| config.poll_hold_ms = 50).await;
        let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
        let room = direct(&server, &ben, &ada).await;
        let cursor: Cursor = say(&server, &ben, (room, "hello")).await.cursor;
        match way {
            Way::Ticket => {
                let request = TicketRequest { cursor: Some(cursor), protocol: PROTOCOL, features: Vec::new() };
                ada.call::<OpenTicket>(&server, &request).await.expect("a ticket");
            }
            Way::Ping => {
                let mut socket = Socket::open((&server, &ada), None, &[]).await;
                socket.command("ping", &json!({ "cursor": cursor }), "r1").await;
                assert_eq!(socket.answer("r1").await["type"], "pong");
                socket.command("ping", &json!({ "cursor": "made.up" }), "r2").await;
                assert_eq!(socket.answer("r2").await["payload"]["code"], "bad_cursor");
            }
            Way::NextPoll => {
                let (page, events) = poll(&server, &ticket_path(&server, &ada, None).await).await;
                assert!(events.iter().any(|event| matches!(event, Event::Durable(_))));
                poll(&server, &next_path(&page)).await;
            }
        }
        let n = acknowledged(server, &ada).await;
        assert_eq!(n, expected, "{way:?}");
    }
}
