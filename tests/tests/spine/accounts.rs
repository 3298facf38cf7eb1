//! Accounts on real devices: sign-up, sign-in, the device that takes another's place (A1).

use crate::SERVER;
use crate::pair::{Pair, join};
use sotto_core::Command;
use sotto_core::contract::{Failure, Reply, Table};
use sotto_core::view::{Body, Session, SignedOutCause};
use sotto_tests::device::PASSWORD;
use sotto_tests::{Device, Seen, Server};
use sotto_wire::Code;
use sotto_wire::event::SessionEndCause;

fn signed_out(seen: &Seen) -> Option<Option<SignedOutCause>> {
    match seen.session {
        Session::SignedOut(cause) => Some(cause),
        Session::Starting | Session::Authenticating | Session::SignedIn(_) => None,
    }
}

#[tokio::test]
async fn wrong_password_and_unknown_name_are_refused_alike_and_a_taken_name_is_taken() {
    let server = Server::start(SERVER).await;
    let _ada = Device::signed_up("ada", &server.origin()).await;
    let rows = server.rows().await;
    let guest = Device::start("guest", &server.origin());
    let refused = Err(Failure::Refused(Code::SignInRefused));
    assert_eq!(guest.sign_in("ada", "not the passphrase").await, refused);
    assert_eq!(guest.sign_in("nobody", PASSWORD).await, refused);
    assert_eq!(guest.sign_up("ada", "", PASSWORD).await, Err(Failure::Refused(Code::NameTaken)));
    assert_eq!(guest.sign_up("ADA", "", PASSWORD).await, Err(Failure::Refused(Code::NameTaken)));
    assert_eq!(guest.sign_up("a!", "", PASSWORD).await, Err(Failure::NameInvalid));
    assert_eq!(guest.sign_up("ben", "", "short").await, Err(Failure::PasswordTooShort));
    assert_eq!(server.rows().await, rows, "refusals leave nothing behind");
    assert_eq!(guest.sign_up("ben", "", PASSWORD).await, Ok(Reply::Done));
}

#[tokio::test]
async fn device_stays_signed_in_over_a_reload() {
    let mut pair = Pair::start().await;
    pair.ada.send(pair.conversation, "kept").await;
    pair.ben.wait_for_texts(&["kept".to_owned()]).await;
    pair.ada.reload().await;
    pair.ada.wait_until_online().await;
    assert_eq!(pair.ada.me().await.name.as_str(), "ada");
    pair.ada.open(pair.conversation).await;
    pair.ada.wait_for_texts(&["kept".to_owned()]).await;
}

#[tokio::test]
async fn sign_in_on_an_empty_store_rejoins_the_conversations_and_ends_the_old_device() {
    let pair = Pair::start().await;
    let (ada, ben) = (&pair.ada, &pair.ben);
    let lost = ada.send(pair.conversation, "before").await;
    ben.wait_for_texts(&["before".to_owned()]).await;

    let fresh = Device::start("ada's new device", &pair.server.origin());
    assert_eq!(fresh.sign_in("ada", PASSWORD).await, Ok(Reply::Done));
    join(&fresh, pair.conversation).await;
    fresh.wait_for_body(&Body::JoinedHere).await;
    let ended = ada.wait_for("the end of the old session", signed_out).await;
    assert_eq!(ended, Some(SignedOutCause::SessionEnded(SessionEndCause::DeviceReplaced)));

    let sent = fresh.send(pair.conversation, "from the new device").await;
    ben.wait_for_body(&Body::Text("from the new device".to_owned())).await;
    ben.send(pair.conversation, "and back").await;
    fresh.wait_for_body(&Body::Text("and back".to_owned())).await;
    assert_eq!(sent.sender.user, lost.sender.user);
    assert_ne!(sent.sender.device, lost.sender.device);
    assert!(!fresh.seen().texts().contains(&"before".to_owned()), "what was before the device came is not for it");
    assert_eq!(ben.seen().conversations.len(), 1);
}

#[tokio::test]
async fn sign_out_erases_the_store_even_without_a_link() {
    let mut pair = Pair::start().await;
    pair.server.stop().await;
    assert_eq!(pair.ada.ask(Command::SignOut).await, Ok(Reply::Done));
    assert_eq!(pair.ada.wait_for("being signed out", signed_out).await, None);
    let left: Vec<_> = Table::ALL.iter().filter(|table| pair.ada.disk.rows(**table) > 0).collect();
    assert!(left.is_empty(), "still there: {left:?}");
}
