//! The same stream by every transport (T2, T3, T5, T7): real devices, each transport and the changes between them.

use crate::pair::{Pair, texts};
use sotto_core::Command;
use sotto_core::view::{Connection, MessageState, Progress};
use sotto_tests::{Device, Seen};
use sotto_wire::ticket::Transport;

const ALL: [Transport; 3] = [Transport::Sse, Transport::WebSocket, Transport::LongPoll];

fn carried_by(seen: &Seen) -> Option<Transport> {
    match seen.connection {
        Connection::Online { transport, progress: Progress::CaughtUp, .. } => Some(transport),
        _ => None,
    }
}

async fn pin(device: &Device, transport: Transport) {
    device.input(Command::UseTransport(Some(transport)));
    device.wait_for("the pinned transport", |seen| (carried_by(seen) == Some(transport)).then_some(())).await;
}

#[tokio::test]
async fn every_transport_brings_every_event_once_in_order_and_carries_the_answers() {
    for (ada, ben) in [(ALL[1], ALL[2]), (ALL[2], ALL[0]), (ALL[0], ALL[1])] {
        let pair = Pair::start().await;
        pin(&pair.ada, ada).await;
        pin(&pair.ben, ben).await;
        let all = texts("text", 40);
        for text in &all {
            pair.ada.send(pair.conversation, text).await;
        }
        let items = pair.ben.wait_for_texts(&all).await;
        pair.ada.wait_for_state(items[39].key, MessageState::Delivered).await;
        assert_eq!(pair.ada.seen().texts(), all, "{ada:?} to {ben:?}");
        assert_eq!((carried_by(&pair.ada.seen()), carried_by(&pair.ben.seen())), (Some(ada), Some(ben)));
    }
}

#[tokio::test]
async fn transports_that_change_and_links_that_are_cut_in_between_lose_double_and_reorder_nothing() {
    let pair = Pair::start().await;
    let all = texts("text", 120);
    for (number, text) in all.iter().enumerate() {
        if number % 10 == 5 {
            pair.ben.input(Command::UseTransport(Some(ALL[number / 10 % 3])));
            pair.ada.input(Command::UseTransport(Some(ALL[number / 20 % 3])));
        }
        match number {
            33 | 71 | 99 => pair.link.cut(),
            41 | 79 | 103 => {
                pair.link.pass();
                pair.ben.input(Command::Reconnect);
            }
            _ => {}
        }
        pair.ada.send(pair.conversation, text).await;
    }
    pair.ben.input(Command::UseTransport(None));
    pair.ben.wait_for_texts(&all).await;
    pair.ben.wait_until_online().await;
    assert_eq!(pair.ben.seen().texts(), all);
}
