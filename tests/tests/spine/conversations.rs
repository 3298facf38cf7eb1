//! Conversations that exist once: direct ones for each pair (G1), notes for each account (G2).

use crate::SERVER;
use crate::pair::{caller, join};
use sotto_core::Command;
use sotto_core::contract::{Failure, Reply};
use sotto_core::view::{ConversationKind, MessageState};
use sotto_tests::{Device, Server};
use sotto_wire::Code;
use sotto_wire::conversation::{LoadConversations, LoadConversationsRequest};

#[tokio::test]
async fn direct_conversation_is_created_once_when_both_create_it_at_the_same_instant() {
    let server = Server::start(SERVER).await;
    for round in 0..4 {
        let names = [format!("ada-{round}"), format!("ben-{round}")];
        let mut ada = Device::signed_up(&names[0], &server.origin()).await;
        let ben = Device::signed_up(&names[1], &server.origin()).await;
        let (at_ada, at_ben) = tokio::join!(ada.direct(&names[1]), ben.direct(&names[0]));
        assert_eq!(at_ada, at_ben, "round {round}");
        tokio::join!(join(&ada, at_ada), join(&ben, at_ben));
        tokio::join!(ada.send(at_ada, "from ada"), ben.send(at_ben, "from ben"));
        for device in [&ada, &ben] {
            let both =
                |texts: Vec<String>| ["from ada", "from ben"].iter().all(|text| texts.contains(&(*text).to_owned()));
            device.wait_for("both messages", |seen| both(seen.texts()).then_some(())).await;
            assert_eq!(device.seen().conversations.len(), 1, "round {round}");
            assert_eq!(device.seen().texts().len(), 2, "round {round}");
        }
        assert_eq!(ada.direct(&names[1]).await, at_ada, "asked again, it is the same one");
        ada.kill().await;
        let request = LoadConversationsRequest { after: None };
        let known = caller(&server, &ada).await.call::<LoadConversations>(&request).await.expect("a page");
        let known: Vec<_> = known.conversations.iter().map(|summary| summary.conversation).collect();
        assert_eq!(known, [at_ada], "round {round}");
    }
}

#[tokio::test]
async fn notes_to_self_exist_once_and_keep_what_is_written() {
    let server = Server::start(SERVER).await;
    let mut ada = Device::signed_up("ada", &server.origin()).await;
    let Ok(Reply::Conversation(notes)) = ada.ask(Command::StartNotes).await else { panic!("no notes") };
    assert_eq!(ada.ask(Command::StartNotes).await, Ok(Reply::Conversation(notes)));
    assert_eq!(ada.seen().conversations[&notes].kind, ConversationKind::Notes);
    ada.open(notes).await;
    let note = ada.send(notes, "buy milk").await;
    ada.wait_for_state(note, MessageState::Sent).await;
    ada.reload().await;
    join(&ada, notes).await;
    ada.wait_for_texts(&["buy milk".to_owned()]).await;
}

#[tokio::test]
async fn unknown_person_and_oneself_are_refused() {
    let server = Server::start(SERVER).await;
    let ada = Device::signed_up("ada", &server.origin()).await;
    let direct = |name: &str| ada.ask(Command::StartDirect { name: name.to_owned() });
    assert_eq!(direct("nobody").await, Err(Failure::Refused(Code::NotFound)));
    assert_eq!(direct("ada").await, Err(Failure::Yourself));
    assert_eq!(direct("a!").await, Err(Failure::NameInvalid));
    assert!(ada.seen().conversations.is_empty());
}
