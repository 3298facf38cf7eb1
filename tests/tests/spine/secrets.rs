//! The canary scan (E10): whatever a person writes stands nowhere but on the devices. The sign-in name is the one name
//! that the server knows, and it is in no log.

use crate::SERVER;
use crate::pair::join;
use sotto_core::Command;
use sotto_core::contract::{Failure, Reply};
use sotto_core::view::{Body, MessageState};
use sotto_tests::{Canary, Device, Proxy, Server, canary};
use sotto_wire::Code;

#[tokio::test]
async fn no_text_display_name_or_password_stands_in_database_log_or_traffic() {
    let mut server = Server::start(SERVER).await;
    let link = Proxy::to(server.address()).await;
    let secrets = [
        Canary::new("display name of ada"),
        Canary::new("display name of ben"),
        Canary::new("changed display name"),
        Canary::new("password of ada"),
        Canary::new("password of ben"),
        Canary::new("wrong password"),
        Canary::new("text of ada"),
        Canary::new("text of ben"),
        Canary::new("note"),
        Canary::new("text written offline"),
    ];
    let [ada_name, ben_name, changed_name, ada_password, ben_password, wrong, ada_text, ben_text, note, offline] =
        secrets.each_ref().map(Canary::as_str);
    let (ada_signs_in, ben_signs_in) = (Canary::new("sign-in name of ada"), Canary::new("sign-in name of ben"));

    let mut ada = Device::start("ada", &link.origin());
    let ben = Device::start("ben", &link.origin());
    ada.sign_up(ada_signs_in.as_str(), ada_name, ada_password).await.expect("a free name");
    ben.sign_up(ben_signs_in.as_str(), ben_name, ben_password).await.expect("a free name");
    let guest = Device::start("guest", &link.origin());
    let refused = guest.sign_in(ada_signs_in.as_str(), wrong).await;
    assert_eq!(refused, Err(Failure::Refused(Code::SignInRefused)));

    let conversation = ada.direct(ben_signs_in.as_str()).await;
    ada.open(conversation).await;
    ada.send(conversation, ada_text).await;
    join(&ben, conversation).await;
    ben.wait_for_body(&Body::Text(ada_text.to_owned())).await;
    ben.send(conversation, ben_text).await;
    ada.wait_for_body(&Body::Text(ben_text.to_owned())).await;
    ben.input(Command::MarkRead(conversation));
    ada.ask(Command::SetDisplayName(changed_name.to_owned())).await.expect("a short name");
    let Ok(Reply::Conversation(notes)) = ada.ask(Command::StartNotes).await else { panic!("no notes") };
    ada.open(notes).await;
    let written = ada.send(notes, note).await;
    ada.wait_for_state(written, MessageState::Sent).await;

    server.kill().await;
    ada.open(conversation).await;
    ada.send(conversation, offline).await;
    ada.reload().await;
    server.start_again().await;
    ben.input(Command::Reconnect);
    ben.wait_for_body(&Body::Text(offline.to_owned())).await;
    ada.kill().await;
    let again = Device::start("ada's new device", &link.origin());
    again.sign_in(ada_signs_in.as_str(), ada_password).await.expect("the right password");
    join(&again, conversation).await;
    again.wait_for_body(&Body::JoinedHere).await;

    // While it runs, so that the write-ahead log is looked at too.
    assert_eq!(server.scan(&secrets), []);
    let carried = link.carried();
    assert!(carried.len() > 100_000, "{} bytes of traffic were looked at", carried.len());
    assert_eq!(canary::scan(&secrets, &carried), []);
    server.stop().await;
    assert_eq!(server.scan(&secrets), []);
    let names = [ada_signs_in, ben_signs_in];
    assert_eq!(canary::scan(&names, server.log().as_bytes()), []);
    let known = server.scan(&names);
    assert!(!known.is_empty(), "the server knows the sign-in names, so the scan would have found the others");
}
