//! Two versions that do not understand each other: the ticket says so, and so does the device (P7).

use crate::pair::Pair;
use sotto_core::Command;
use sotto_core::view::{Connection, MessageState};
use sotto_tests::Seen;
use sotto_wire::Code;

/// As the request for a ticket names the version, with what stands behind it.
const SPOKEN: &[u8] = b"\"protocol\":1,\"features\"";
/// One that the server speaks no more.
const OLDER: &[u8] = b"\"protocol\":0,\"features\"";
/// One that it does not speak yet.
const NEWER: &[u8] = b"\"protocol\":9,\"features\"";

/// Whether the connection is lost, and what for: `None` for anything.
fn is_refused_with(seen: &Seen, code: Option<Code>) -> Option<()> {
    match seen.connection {
        Connection::Reconnecting { refusal, .. } => (code.is_none() || refusal == code).then_some(()),
        Connection::None | Connection::Connecting | Connection::Online { .. } | Connection::Offline => None,
    }
}

#[tokio::test]
async fn device_too_old_or_too_new_for_its_server_says_which_and_goes_on_when_they_understand_each_other() {
    let pair = Pair::start().await;
    let mut all = Vec::new();
    for (version, code) in [(OLDER, Code::ProtocolUnsupported), (NEWER, Code::ServerTooOld)] {
        pair.link.change(SPOKEN, version);
        pair.link.cut();
        pair.ben.wait_for("the cut", |seen| is_refused_with(seen, None)).await;
        pair.link.pass();
        pair.ben.input(Command::Reconnect);
        pair.ben.wait_for("the refusal", |seen| is_refused_with(seen, Some(code))).await;
        assert!(pair.link.count(version) > 0);
        let text = format!("text {}", all.len());
        let sent = pair.ada.send(pair.conversation, &text).await;
        pair.ada.wait_for_state(sent, MessageState::Sent).await;
        all.push(text);
        pair.link.change_nothing();
        pair.ben.input(Command::Reconnect);
        pair.ben.wait_for_texts(&all).await;
        pair.ada.wait_for_state(sent, MessageState::Delivered).await;
    }
}
