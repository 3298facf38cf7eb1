//! The link or the device goes away: what was written goes out once and in order, what was missed comes once and in order
//! (T7, T9, T11).

use crate::pair::{Pair, join, texts};
use sotto_core::Command;
use sotto_core::contract::Network;
use sotto_core::view::{Connection, MessageState};
use sotto_tests::Seen;

#[tokio::test]
async fn link_cut_during_a_hundred_messages_delivers_exactly_those_in_order() {
    let pair = Pair::start().await;
    let all = texts("text", 100);
    for (number, text) in all.iter().enumerate() {
        match number {
            // Mid-stream, and again while Ben is catching up.
            10 | 60 | 63 => pair.link.cut(),
            50 | 62 | 90 => {
                pair.link.pass();
                pair.ben.input(Command::Reconnect);
            }
            _ => {}
        }
        pair.ada.send(pair.conversation, text).await;
    }
    pair.ben.wait_for_texts(&all).await;
    pair.ben.wait_until_online().await;
    assert_eq!(pair.ben.seen().texts(), all);
    let lost = |connection: &Connection| matches!(connection, Connection::Reconnecting { .. });
    assert!(pair.ben.seen().connections.iter().any(lost), "the cut was noticed and said");
}

#[tokio::test]
async fn messages_written_without_a_server_go_out_once_in_order_after_a_reload() {
    let mut pair = Pair::start().await;
    pair.server.stop().await;
    let all = texts("text", 5);
    for text in &all {
        pair.ada.send(pair.conversation, text).await;
        // Reloaded after each: what was answered is on disk.
        pair.ada.reload().await;
        join(&pair.ada, pair.conversation).await;
    }
    let waiting = pair.ada.wait_for_texts(&all).await;
    assert!(waiting.iter().all(|item| item.state == MessageState::Sending), "{waiting:?}");
    pair.server.start_again().await;
    pair.ada.input(Command::Reconnect);
    pair.ben.wait_for_texts(&all).await;
    pair.ada.wait_for_state(waiting[4].key, MessageState::Delivered).await;
    assert_eq!(pair.ada.seen().texts(), all);
}

#[tokio::test]
async fn device_killed_between_any_two_outputs_sends_each_message_once_and_in_order() {
    let mut pair = Pair::start().await;
    let all = texts("text", 40);
    for (fuse, text) in (0..).zip(&all) {
        // Written on one life, sent on another that dies `fuse` outputs after its start.
        pair.ada.send(pair.conversation, text).await;
        pair.ada.kill().await;
        pair.ada.start_again_to_die_after(fuse);
        let sent = |seen: &Seen| {
            let row = seen.conversations.get(&pair.conversation).and_then(|row| row.last.as_ref());
            row.is_some_and(|last| last.text == *text && last.state != MessageState::Sending)
        };
        pair.ada.died_or(sent).await;
        pair.ada.start_again();
        join(&pair.ada, pair.conversation).await;
    }
    pair.ben.wait_for_texts(&all).await;
    let last = |seen: &Seen| seen.items().last().is_some_and(|item| item.state == MessageState::Delivered);
    pair.ada.wait_for("the last one delivered", |seen| last(seen).then_some(())).await;
    assert_eq!(pair.ben.seen().texts(), all);
}

#[tokio::test]
async fn device_killed_between_any_two_outputs_shows_each_message_once_and_in_order() {
    let mut pair = Pair::start().await;
    let all = texts("text", 40);
    for (fuse, text) in (0..).zip(&all) {
        pair.ben.kill().await;
        let key = pair.ada.send(pair.conversation, text).await;
        pair.ben.start_again_to_die_after(fuse);
        let shown = |seen: &Seen| {
            let row = seen.conversations.get(&pair.conversation).and_then(|row| row.last.as_ref());
            row.is_some_and(|last| last.text == *text)
        };
        pair.ben.died_or(shown).await;
        pair.ben.start_again();
        join(&pair.ben, pair.conversation).await;
        pair.ada.wait_for_state(key, MessageState::Delivered).await;
    }
    pair.ben.wait_for_texts(&all).await;
}

#[tokio::test]
async fn device_connects_at_once_when_the_network_is_back() {
    let pair = Pair::start().await;
    pair.ben.network(Network::Offline);
    pair.ben.wait_for("being offline", |seen| (seen.connection == Connection::Offline).then_some(())).await;
    pair.link.cut();
    let before = pair.link.connections();
    pair.ada.send(pair.conversation, "meanwhile").await;
    pair.link.pass();
    pair.ben.network(Network::Online);
    pair.ben.wait_for_texts(&["meanwhile".to_owned()]).await;
    assert!(pair.link.connections() > before);
}
