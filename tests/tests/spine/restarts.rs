//! The server goes away, politely or not: what it has acknowledged is there, nothing comes twice, and clients go on by
//! themselves (P3, T7, T15).

use crate::SERVER;
use crate::pair::{Pair, texts};
use sotto_core::sse;
use sotto_core::view::MessageState;
use sotto_tests::{Caller, PATIENCE, Server};
use sotto_wire::event::{Durable, Ephemeral, Event};
use sotto_wire::message::{LoadMessages, LoadMessagesRequest, MessageSent, SendMessage, SendMessageRequest};
use sotto_wire::ticket::{OpenTicket, TicketRequest};
use sotto_wire::{ClientId, Code, ConversationId, PROTOCOL, Problem};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How the server goes away.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// SIGTERM.
    Stop,
    /// kill -9.
    Kill,
}

#[tokio::test]
async fn server_stopped_in_mid_stream_loses_nothing_and_doubles_nothing() {
    server_gone_in_mid_stream(Blow::Stop).await;
}

#[tokio::test]
async fn server_killed_in_mid_stream_loses_nothing_and_doubles_nothing() {
    server_gone_in_mid_stream(Blow::Kill).await;
}

async fn server_gone_in_mid_stream(blow: Blow) {
    let mut pair = Pair::start().await;
    let all = texts("text", 60);
    for (number, text) in all.iter().enumerate() {
        pair.ada.send(pair.conversation, text).await;
        match number {
            20 | 40 => match blow {
                Blow::Stop => assert!(pair.server.stop().await.status.success()),
                Blow::Kill => pair.server.kill().await,
            },
            30 | 50 => pair.server.start_again().await,
            _ => {}
        }
    }
    let received = pair.ben.wait_for_texts(&all).await;
    let sent = pair.ada.wait_for_texts(&all).await;
    let keys = |items: Vec<sotto_core::view::Item>| items.into_iter().map(|item| item.key).collect::<Vec<_>>();
    assert_eq!(keys(received), keys(sent));
}

/// A message of any bytes: the server cannot read it in any case.
fn message(conversation: ConversationId, number: u8) -> SendMessageRequest {
    let client_id = ClientId([number; 16]);
    SendMessageRequest { client_id, conversation, epoch: 1, ciphertext: vec![number; 200].into() }
}

/// The conversation's epoch as the server has it.
async fn epoch(caller: &Caller, conversation: ConversationId) -> u64 {
    use sotto_wire::conversation::{LoadGroup, LoadGroupRequest};
    let group = caller.call::<LoadGroup>(&LoadGroupRequest { conversation, epoch: None }).await;
    group.expect("a member may read it").state.epoch
}

/// The client ids of the newest page of messages.
async fn stored(caller: &Caller, conversation: ConversationId) -> Vec<ClientId> {
    let request = LoadMessagesRequest { conversation, before: None, limit: 100 };
    let page = caller.call::<LoadMessages>(&request).await.expect("a member may read it");
    let id = |event| match event {
        Durable::MessageReceived(message) => Some(message.client_id),
        Durable::ConversationCommitted(_) | Durable::ConversationWelcome(_) => None,
    };
    page.events.into_iter().filter_map(id).collect()
}

#[tokio::test]
async fn message_is_there_after_kill_9_right_after_its_acknowledgement() {
    let mut pair = Pair::start().await;
    pair.ben.kill().await;
    let mut ada = pair.as_ada().await;
    let epoch = epoch(&ada, pair.conversation).await;
    let before = stored(&ada, pair.conversation).await;
    let mut acknowledged: Vec<MessageSent> = Vec::new();
    for round in 1..=20 {
        let request = SendMessageRequest { epoch, ..message(pair.conversation, round) };
        let first = ada.call::<SendMessage>(&request).await.expect("it is taken");
        pair.server.kill().await;
        pair.server.start_again().await;
        ada.refresh().await.expect("the session is on disk too");
        let there = stored(&ada, pair.conversation).await;
        let expected = before.iter().copied().chain((1..=round).map(|round| ClientId([round; 16])));
        assert!(there.iter().copied().eq(expected), "round {round}: {there:?}");
        // Sent again, it gets the first answer (P4).
        let again = ada.call::<SendMessage>(&request).await.expect("it is known");
        assert_eq!(again, first, "round {round}");
        acknowledged.push(first);
    }
    assert_eq!(stored(&ada, pair.conversation).await.len(), before.len() + acknowledged.len());
}

#[tokio::test]
async fn account_and_conversation_are_there_after_kill_9_right_after_their_acknowledgement() {
    let mut server = Server::start(SERVER).await;
    for round in 0..3 {
        let names = [format!("ada-{round}"), format!("ben-{round}")];
        let ada = sotto_tests::Device::signed_up(&names[0], &server.origin()).await;
        server.kill().await;
        server.start_again().await;
        let ben = sotto_tests::Device::signed_up(&names[1], &server.origin()).await;
        ada.wait_until_online().await;
        let conversation = ada.direct(&names[1]).await;
        server.kill().await;
        server.start_again().await;
        crate::pair::join(&ben, conversation).await;
        ada.open(conversation).await;
        ada.send(conversation, "still there").await;
        ben.wait_for_texts(&["still there".to_owned()]).await;
    }
}

#[tokio::test]
async fn graceful_shutdown_tells_streams_finishes_commands_and_loses_nothing() {
    let mut pair = Pair::start().await;
    pair.ben.kill().await;
    let mut ada = pair.as_ada().await;
    let epoch = epoch(&ada, pair.conversation).await;
    let request = TicketRequest { cursor: None, protocol: PROTOCOL, features: Vec::new() };
    let ticket = ada.call::<OpenTicket>(&request).await.expect("a ticket").ticket;
    let mut stream = ada.stream(&format!("/api/events?ticket={}", ticket.as_str())).await;
    assert_eq!(stream.status().as_u16(), 200);

    // Commands in flight while the server is asked to stop.
    let mut commands = JoinSet::new();
    for number in 1..=100 {
        let (caller, conversation) = (ada.clone(), pair.conversation);
        commands.spawn(async move {
            let request = SendMessageRequest { epoch, ..message(conversation, number) };
            (number, caller.attempt::<SendMessage>(&request).await)
        });
    }
    let mut taken = Vec::new();
    let mut note = |(number, answer): (u8, Option<Result<MessageSent, Problem>>)| {
        match answer {
            Some(Ok(_)) => taken.push(ClientId([number; 16])),
            Some(Err(problem)) => assert_eq!(problem.code, Code::Unavailable),
            // No answer: the connection was refused or closed before the command was read.
            None => {}
        }
    };
    // The first answer shows that the others are on their way.
    note(commands.join_next().await.expect("there are a hundred").expect("no command panics"));
    pair.server.ask_to_stop();
    while let Some(done) = commands.join_next().await {
        note(done.expect("no command panics"));
    }

    let mut parser = sse::Parser::new();
    let mut last = None;
    let read = timeout(PATIENCE, async {
        while let Ok(Some(chunk)) = stream.chunk().await {
            for event in parser.push(&chunk).expect("short lines") {
                last = Some(Event::from_frame(&event.data).expect("a frame"));
            }
        }
    });
    read.await.expect("the stream ends");
    let Some(Event::Ephemeral(Ephemeral::Shutdown(shutdown))) = last else { panic!("the stream ended with {last:?}") };
    assert!(shutdown.retry_in_ms.0 <= 5_000, "spread over the configured time: {shutdown:?}");
    let ended = pair.server.ended().await;
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.took <= Duration::from_secs(10), "{ended:?}");

    pair.server.start_again().await;
    ada.refresh().await.expect("the session is on disk");
    let there = stored(&ada, pair.conversation).await;
    let lost: Vec<_> = taken.iter().filter(|id| !there.contains(id)).collect();
    assert!(!taken.is_empty());
    assert!(lost.is_empty(), "{} of {} acknowledged messages are lost", lost.len(), taken.len());
}

#[tokio::test]
async fn device_comes_back_by_itself_after_a_graceful_shutdown() {
    let mut pair = Pair::start().await;
    pair.server.stop().await;
    let waiting = pair.ada.send(pair.conversation, "while it was away").await;
    pair.server.start_again().await;
    pair.ada.wait_for_state(waiting, MessageState::Delivered).await;
    pair.ben.wait_for_texts(&["while it was away".to_owned()]).await;
}
