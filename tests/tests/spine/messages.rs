//! Messages between two devices: both ways, with their states (M1), in one order (P5).

use crate::pair::{Pair, texts};
use sotto_core::Command;
use sotto_core::view::{Author, Connection, ConversationKind, MessageState, Person};
use sotto_tests::Seen;
use sotto_wire::account::Name;

fn rank(state: &MessageState) -> u8 {
    match state {
        MessageState::Sending => 0,
        MessageState::Sent => 1,
        MessageState::Delivered => 2,
        MessageState::Read => 3,
        MessageState::Failed(_) => u8::MAX,
    }
}

#[tokio::test]
async fn messages_go_both_ways_and_are_sent_delivered_and_read() {
    let mut pair = Pair::start().await;
    let (ada, ben) = (&pair.ada, &pair.ben);

    let hello = ada.send(pair.conversation, "hello").await;
    let items = ben.wait_for_texts(&["hello".to_owned()]).await;
    let author = ada.me().await.user;
    assert_eq!((items[0].key, items[0].author), (hello, Author::Other(author)));
    ada.wait_for_state(hello, MessageState::Delivered).await;
    ben.input(Command::MarkRead(pair.conversation));
    ada.wait_for_state(hello, MessageState::Read).await;
    let states = ada.seen().states[&hello].clone();
    assert_eq!(states.first(), Some(&MessageState::Sending));
    assert!(states.is_sorted_by_key(rank), "a message never goes back: {states:?}");

    let answer = ben.send(pair.conversation, "hello yourself").await;
    ada.wait_for_texts(&["hello".to_owned(), "hello yourself".to_owned()]).await;
    ben.wait_for_state(answer, MessageState::Delivered).await;

    // Nobody is there to store it: it stays with the server.
    pair.ben.kill().await;
    let waiting = pair.ada.send(pair.conversation, "are you there").await;
    pair.ada.wait_for_state(waiting, MessageState::Sent).await;
    pair.ben.start_again();
    pair.ada.wait_for_state(waiting, MessageState::Delivered).await;
}

#[tokio::test]
async fn unread_messages_are_counted_until_they_are_read_and_a_message_is_announced() {
    let pair = Pair::start().await;
    let unread = |seen: &Seen| seen.conversations[&pair.conversation].unread;
    for text in ["one", "two", "three"] {
        pair.ada.send(pair.conversation, text).await;
    }
    pair.ben.wait_for("three unread messages", |seen| (unread(seen) == 3).then_some(())).await;
    assert!(!pair.ben.seen().notified.is_empty());
    pair.ben.input(Command::MarkRead(pair.conversation));
    pair.ben.wait_for("none unread", |seen| (unread(seen) == 0).then_some(())).await;
    assert_eq!(unread(&pair.ada.seen()), 0, "own messages are never unread");
}

#[tokio::test]
async fn both_devices_show_one_order_when_both_write_at_once() {
    let pair = Pair::start().await;
    let (conversation, each) = (pair.conversation, 25);
    let write = async |device: &sotto_tests::Device, name| {
        for text in texts(name, each) {
            device.send(conversation, &text).await;
        }
    };
    tokio::join!(write(&pair.ada, "ada"), write(&pair.ben, "ben"));
    let settled = |seen: &Seen| {
        let items = seen.items();
        let arrived = items.len() == 2 * each && items.iter().all(|item| item.state != MessageState::Sending);
        arrived.then(|| seen.texts())
    };
    let order = pair.ada.wait_for("all messages", settled).await;
    assert_eq!(pair.ben.wait_for("all messages", settled).await, order);
    let of = |name: &str| order.iter().filter(|text| text.starts_with(name)).cloned().collect::<Vec<_>>();
    assert_eq!(of("ada"), texts("ada", each));
    assert_eq!(of("ben"), texts("ben", each));
}

#[tokio::test]
async fn display_names_come_with_the_conversation_and_change_in_it() {
    let pair = Pair::start().await;
    pair.ada.ask(Command::SetDisplayName("Ada Byron".to_owned())).await.expect("a short name");
    let user = pair.ada.me().await.user;
    let name = Name::new("ada").expect("valid");
    let ada = Person { user, name, display_name: "Ada Byron".to_owned() };
    pair.ben
        .wait_for("the name", |seen| {
            (seen.conversations[&pair.conversation].kind == ConversationKind::Direct(ada.clone())).then_some(())
        })
        .await;
}

#[tokio::test]
async fn typing_is_seen_by_the_other_and_ends() {
    let pair = Pair::start().await;
    let typing = |seen: &Seen| seen.conversations[&pair.conversation].typing.clone();
    let user = pair.ada.me().await.user;
    pair.ada.input(Command::Typing(pair.conversation));
    pair.ben.wait_for("ada writing", |seen| (typing(seen) == [user]).then_some(())).await;
    pair.ben.wait_for("ada having stopped", |seen| typing(seen).is_empty().then_some(())).await;
    assert!(matches!(pair.ben.seen().connection, Connection::Online { .. }));
}
