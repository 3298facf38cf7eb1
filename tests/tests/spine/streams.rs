//! The event stream at the border: what a slow reader and a late committer see (T1, T8, T13), and one order of epochs.

use crate::SERVER;
use crate::pair::{Pair, caller};
use sotto_core::sse;
use sotto_tests::{Caller, PATIENCE, Server};
use sotto_wire::conversation::{
    Commit, CommitRequest, Committed, GroupLoaded, GroupState, LoadGroup, LoadGroupRequest,
};
use sotto_wire::event::{Durable, Ephemeral, Event};
use sotto_wire::message::{SendMessage, SendMessageRequest};
use sotto_wire::ticket::{OpenTicket, TicketRequest};
use sotto_wire::{Base64, ClientId, Code, ConversationId, Cursor, PROTOCOL};
use tokio::time::timeout;

async fn group(caller: &Caller, conversation: ConversationId) -> GroupLoaded {
    let request = LoadGroupRequest { conversation, epoch: None };
    caller.call::<LoadGroup>(&request).await.expect("a member may read it")
}

/// A stream of what comes after `cursor`.
async fn stream(caller: &Caller, cursor: Option<Cursor>) -> reqwest::Response {
    let request = TicketRequest { cursor, protocol: PROTOCOL, features: Vec::new() };
    let opened = caller.call::<OpenTicket>(&request).await.expect("a ticket");
    caller.stream(&format!("/api/events?ticket={}", opened.ticket.as_str())).await
}

/// The client ids of the messages that come, until `last` has come.
async fn messages(mut stream: reqwest::Response, last: ClientId) -> Vec<ClientId> {
    let mut parser = sse::Parser::new();
    let mut ids = Vec::new();
    let read = async {
        while let Some(chunk) = stream.chunk().await.expect("the stream stays open") {
            for event in parser.push(&chunk).expect("short lines") {
                if let Ok(Event::Durable(Durable::MessageReceived(message))) = Event::from_frame(&event.data) {
                    assert_eq!(event.id, message.cursor.as_str(), "a durable event's id is its cursor");
                    ids.push(message.client_id);
                }
            }
            if ids.last() == Some(&last) {
                return;
            }
        }
        panic!("the stream has ended after {} messages", ids.len());
    };
    timeout(PATIENCE, read).await.expect("every message comes");
    ids
}

fn id(number: u16) -> ClientId {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    ClientId(id)
}

#[tokio::test]
async fn stream_begins_with_connected_and_beats_while_nothing_happens() {
    let heartbeat_ms = 200;
    let server = Server::start_with(SERVER, &[("HEARTBEAT_MS", "200")]).await;
    let mut pair = Pair::start_on(server).await;
    let ada = pair.as_ada().await;
    let mut stream = stream(&ada, None).await;
    let mut parser = sse::Parser::new();
    let mut events = Vec::new();
    let beats = |event: &Event| matches!(event, Event::Ephemeral(Ephemeral::Heartbeat(_)));
    let read = async {
        while events.iter().filter(|event| beats(event)).count() < 3 {
            let chunk = stream.chunk().await.expect("the stream stays open").expect("the stream stays open");
            for event in parser.push(&chunk).expect("short lines") {
                events.push(Event::from_frame(&event.data).expect("a frame"));
            }
        }
    };
    timeout(PATIENCE, read).await.expect("it beats");
    let Event::Ephemeral(Ephemeral::Connected(connected)) = &events[0] else { panic!("began with {:?}", events[0]) };
    assert_eq!(connected.heartbeat_ms.0, heartbeat_ms);
    assert!(connected.key_packages > 0, "{connected:?}");
}

#[tokio::test]
async fn slow_reader_gets_everything_in_order_and_nobody_waits_for_it() {
    // 300 messages of 60 kB: far over what sockets and the server's queue hold.
    let (count, size_bytes) = (300_u16, 60_000);
    let mut pair = Pair::start().await;
    let ada = pair.as_ada().await;
    pair.ben.kill().await;
    let ben = caller(&pair.server, &pair.ben).await;
    let before = group(&ada, pair.conversation).await;
    let slow = stream(&ben, Some(before.cursor.clone())).await;
    let quick = tokio::spawn(messages(stream(&ada, Some(before.cursor)).await, id(count - 1)));
    for number in 0..count {
        let request = SendMessageRequest {
            client_id: id(number),
            conversation: pair.conversation,
            epoch: before.state.epoch,
            ciphertext: vec![7; size_bytes].into(),
        };
        ada.call::<SendMessage>(&request).await.expect("nobody is in the way");
    }
    let all: Vec<ClientId> = (0..count).map(id).collect();
    let sent_by_devices = |ids: Vec<ClientId>| ids.into_iter().filter(|id| all.contains(id)).collect::<Vec<_>>();
    assert_eq!(sent_by_devices(quick.await.expect("no panic")), all, "who reads is not held up");
    assert_eq!(sent_by_devices(messages(slow, id(count - 1)).await), all);
}

#[tokio::test]
async fn of_two_commits_for_one_epoch_one_is_taken_and_the_other_learns_of_it() {
    let mut pair = Pair::start().await;
    let ada = pair.as_ada().await;
    pair.ben.kill().await;
    let ben = caller(&pair.server, &pair.ben).await;
    for round in 0..5 {
        let GroupState { epoch, members, .. } = group(&ada, pair.conversation).await.state;
        let commit = |number| {
            // The head of an MLS commit (RFC 9420 §6); what the members would check is not the server's business.
            let head = [&[0, 1, 0, 2, 16][..], &pair.conversation.0, &epoch.to_be_bytes(), &[3, number]].concat();
            CommitRequest {
                client_id: id(1_000 + round * 10 + u16::from(number)),
                conversation: pair.conversation,
                commit: Base64(head),
                state: GroupState {
                    epoch: epoch + 1,
                    group_info: vec![number].into(),
                    ratchet_tree: vec![number].into(),
                    members: members.clone(),
                },
                welcome: None,
                roles: None,
                invites: None,
                invite: None,
            }
        };
        let (first, second) = (commit(1), commit(2));
        let answers = tokio::join!(ada.call::<Commit>(&first), ben.call::<Commit>(&second));
        let (Committed { cursor, .. }, problem, winner) = match answers {
            (Ok(taken), Err(problem)) => (taken, problem, (&ada, first)),
            (Err(problem), Ok(taken)) => (taken, problem, (&ben, second)),
            other => panic!("round {round}: {other:?}"),
        };
        assert_eq!((problem.code, problem.cursor.as_ref()), (Code::StaleEpoch, Some(&cursor)), "round {round}");
        let now = group(&ada, pair.conversation).await;
        assert_eq!((&now.state, &now.cursor), (&winner.1.state, &cursor), "round {round}");
        let again = winner.0.call::<Commit>(&winner.1).await.expect("sent again, it gets the first answer");
        assert_eq!(again.cursor, cursor);
    }
}
