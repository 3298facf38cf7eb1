//! Bad input at the real process: every endpoint, malformed, forged or foreign, gets its typed error, is logged once
//! without content, and changes nothing (P1, P6).

use crate::SERVER;
use crate::pair::{Pair, caller};
use sotto_tests::{Answer, Caller, Canary, Device, Server, canary};
use sotto_wire::account::{FindUser, FindUserRequest, Name, RegisterFinish, RegisterStart};
use sotto_wire::conversation::{
    Commit, CommitRequest, CreateConversation, CreateConversationRequest, GroupState, Kind, LoadConversations,
    LoadGroup, LoadGroupRequest,
};
use sotto_wire::key::{ClaimKeys, ClaimKeysRequest, PublishKeys, PublishKeysRequest};
use sotto_wire::message::{LoadMessages, LoadMessagesRequest, SendMessage, SendMessageRequest};
use sotto_wire::session::{EndSession, LoginFinish, LoginFinishRequest, LoginStart, Refresh, RegisterDevice};
use sotto_wire::ticket::{OpenTicket, TicketRequest};
use sotto_wire::typing::{TypingRequest, TypingStart, TypingStop};
use sotto_wire::{
    Access, Base64, ClientId, Code, ConversationId, Cursor, DeviceRef, Endpoint, LoginId, PROTOCOL, RequestId, UserId,
    envelope, limit,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An endpoint without its types.
#[derive(Clone, Copy)]
struct Row {
    path: &'static str,
    kind: &'static str,
    access: Access,
    body_max_bytes: usize,
}

fn row<E: Endpoint>(_: E) -> Row {
    Row { path: E::PATH, kind: E::REQUEST, access: E::ACCESS, body_max_bytes: E::BODY_MAX_BYTES }
}

fn endpoints() -> Vec<Row> {
    vec![
        row(RegisterStart),
        row(RegisterFinish),
        row(FindUser),
        row(LoginStart),
        row(LoginFinish),
        row(RegisterDevice),
        row(Refresh),
        row(EndSession),
        row(PublishKeys),
        row(ClaimKeys),
        row(CreateConversation),
        row(LoadConversations),
        row(Commit),
        row(LoadGroup),
        row(SendMessage),
        row(LoadMessages),
        row(OpenTicket),
        row(TypingStart),
        row(TypingStop),
    ]
}

/// What was sent and what it must be answered by.
struct Sent {
    id: String,
    path: &'static str,
    code: Code,
}

/// A server, somebody who calls it, and all that was refused.
struct Table {
    pair: Pair,
    ada: Caller,
    /// Has a device, but is in no conversation.
    cleo: Caller,
    secret: Canary,
    sent: Vec<Sent>,
    /// How many were refused whose request id could not be read.
    nameless: usize,
}

impl Table {
    async fn lay() -> Self {
        let mut pair = Pair::start().await;
        let mut cleo = Device::signed_up("cleo", &pair.server.origin()).await;
        cleo.kill().await;
        let cleo = caller(&pair.server, &cleo).await;
        let ada = pair.as_ada().await;
        pair.ben.kill().await;
        Self { pair, ada, cleo, secret: Canary::new("content"), sent: Vec::new(), nameless: 0 }
    }

    /// The next request id: what a refusal is found by in the log.
    fn next(&mut self, path: &'static str, code: Code) -> String {
        let id = format!("bad-{}.", self.sent.len());
        self.sent.push(Sent { id: id.clone(), path, code });
        id
    }

    /// Sends a well-formed envelope with this payload.
    async fn say(&mut self, caller: &Caller, row: Row, (kind, payload): (&str, &str), code: Code) {
        let id = self.next(row.path, code);
        let time = "2026-11-20T09:43:45.123Z";
        let body = format!(r#"{{"type":"{kind}","payload":{payload},"requestId":"{id}","timestamp":"{time}"}}"#);
        let answer = caller.post(row.path, body.into_bytes()).await;
        expect(&answer, code, &format!("{} with {kind} {payload:.60}", row.path));
        let echoed = answer.request_id();
        assert_eq!(echoed.as_ref().map(RequestId::as_str), Some(id.as_str()), "{}", row.path);
    }

    /// Takes note of an answer to what had no request id.
    fn note(&mut self, answer: &Answer, code: Code, what: &str) {
        expect(answer, code, what);
        self.nameless += 1;
    }

    /// Sends a request of the right types.
    async fn ask<E: Endpoint>(&mut self, caller: &Caller, request: E::Request, code: Code) {
        let payload = serde_json::to_string(&request).expect("requests are JSON");
        let row = Row { path: E::PATH, kind: E::REQUEST, access: E::ACCESS, body_max_bytes: E::BODY_MAX_BYTES };
        self.say(caller, row, (row.kind, &payload), code).await;
    }
}

fn expect(answer: &Answer, code: Code, what: &str) {
    assert_eq!((answer.status, answer.code()), (code.status(), Some(code)), "{what}");
}

/// Lets a test send what it wishes, then shows that nothing has changed and that each refusal is logged once.
async fn refused(send: impl AsyncFnOnce(&mut Table)) {
    let mut table = Table::lay().await;
    let before = table.pair.server.rows().await;
    send(&mut table).await;
    assert_eq!(table.pair.server.rows().await, before, "what was refused has left something");
    table.pair.server.stop().await;
    let log = table.pair.server.log();
    for Sent { id, path, code } in &table.sent {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&format!("\"{id}\""))).collect();
        let [line] = lines[..] else { panic!("{id} to {path} is logged {} times: {lines:?}", lines.len()) };
        assert!(line.contains(path) && line.contains(&format!("\"{}\"", code.as_str())), "{line}");
    }
    let nameless = log.lines().filter(|line| line.contains("refused a command") && !line.contains("request_id"));
    assert_eq!(nameless.count(), table.nameless, "each is logged once");
    assert_eq!(canary::scan(&[table.secret], log.as_bytes()), []);
    assert!(!log.contains("\"level\":\"ERROR\""), "bad input is no defect of the server:\n{log}");
}

#[tokio::test]
async fn malformed_requests_are_refused_by_every_endpoint() {
    refused(async |table| {
        let ada = table.ada.clone();
        for row in endpoints() {
            let secret = table.secret.as_str().to_owned();
            for payload in ["null", "7", "true", &format!("\"{secret}\"")] {
                table.say(&ada, row, (row.kind, payload), Code::Malformed).await;
            }
            table.say(&ada, row, ("no_such_command", "{}"), Code::UnknownCommand).await;
            let other = if row.kind == SendMessage::REQUEST { OpenTicket::REQUEST } else { SendMessage::REQUEST };
            table.say(&ada, row, (other, "{}"), Code::UnknownCommand).await;
            for body in [b"".as_slice(), b"{", b"{}", b"[]", b"\xff\xfe", secret.as_bytes(), &[b'['; 10_000]] {
                table.note(&ada.post(row.path, body.to_vec()).await, Code::Malformed, row.path);
            }
            let body = format!(r#"{{"type":"{}","payload":{{}}}}"#, row.kind).into_bytes();
            let text = [("content-type", "text/plain")];
            table.note(&ada.post_with(row.path, &text, body.clone()).await, Code::WrongMediaType, row.path);
            table.note(&ada.post_with(row.path, &[], body).await, Code::WrongMediaType, row.path);
            table.note(&ada.load(row.path).await, Code::WrongMethod, row.path);
        }
        for path in ["/api", "/api/", "/api/no/such/command", "/api/messages/send/"] {
            table.note(&ada.post(path, b"{}".to_vec()).await, Code::UnknownCommand, path);
        }
    })
    .await;
}

#[tokio::test]
async fn fields_of_the_wrong_shape_are_refused() {
    refused(async |table| {
        let ada = table.ada.clone();
        let conversation = table.pair.conversation;
        let id = ClientId([1; 16]);
        let secret = table.secret.as_str().to_owned();
        let send = |ciphertext: &str, id: &str| {
            format!(r#"{{"client_id":"{id}","conversation":"{conversation}","epoch":1,"ciphertext":"{ciphertext}"}}"#)
        };
        let id = id.to_string();
        let payloads = [
            send("not base64!", &id),
            send("AAA", &id),
            send("AAB=", &id),
            send("AA AA", &id),
            send("AAAA", "too-short"),
            send("AAAA", &secret),
            send("AAAA", &format!("{}!", &id[..21])),
            format!(r#"{{"client_id":"{id}","conversation":"{conversation}","ciphertext":"AAAA"}}"#),
            format!(r#"{{"client_id":"{id}","conversation":"{conversation}","epoch":-1,"ciphertext":"AAAA"}}"#),
            format!(r#"{{"client_id":"{id}","conversation":"{conversation}","epoch":1.5,"ciphertext":"AAAA"}}"#),
        ];
        for payload in payloads {
            table.say(&ada, row(SendMessage), (SendMessage::REQUEST, &payload), Code::Malformed).await;
        }
        for name in ["a", "-ada", "ada byron", "<script>", &"a".repeat(33), &format!("{secret} {secret}")] {
            let payload = format!(r#"{{"name":"{name}"}}"#);
            table.say(&ada, row(FindUser), (FindUser::REQUEST, &payload), Code::Malformed).await;
        }
        let endless = format!(r#"{{"cursor":"{}","protocol":1}}"#, "9".repeat(Cursor::MAX_BYTES + 1));
        table.say(&ada, row(OpenTicket), (OpenTicket::REQUEST, &endless), Code::Malformed).await;
    })
    .await;
}

#[tokio::test]
async fn missing_forged_and_foreign_credentials_are_refused_by_every_endpoint() {
    let elsewhere = Server::start(SERVER).await;
    let mut foreign = Device::signed_up("ada", &elsewhere.origin()).await;
    foreign.kill().await;
    let foreign = caller(&elsewhere, &foreign).await;
    refused(async |table| {
        let origin = table.pair.server.origin();
        let nobody = Caller::to(&origin);
        let mut stranger = Caller::to(&origin);
        stranger.token.clone_from(&foreign.token);
        stranger.cookies = foreign.cookies.copied();
        let mut forger = Caller::to(&origin);
        forger.token = Some(table.secret.as_str().to_owned());
        let mut swapped = Caller::to(&origin);
        swapped.token = table.ada.cookies.refresh_token();
        for row in endpoints() {
            let code = match row.access {
                Access::Public => continue,
                Access::Cookie => Code::SessionEnded,
                Access::Account | Access::Device => Code::Unauthorized,
            };
            for caller in [&nobody, &stranger, &forger, &swapped] {
                // Ending a session that is none is done at once, and tells nothing.
                if row.kind == EndSession::REQUEST {
                    continue;
                }
                table.say(caller, row, (row.kind, "{}"), code).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused_before_they_are_read() {
    refused(async |table| {
        let address = table.pair.server.address();
        let token = table.ada.token.clone().expect("ada is signed in");
        let cookies = table.ada.cookies.header().expect("ada is signed in");
        for row in endpoints() {
            // The head alone: whoever waits for the body waits for ever.
            let head = format!(
                "POST {} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nCookie: {cookies}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                row.path,
                row.body_max_bytes + 1,
            );
            let mut connection = TcpStream::connect(address).await.expect("the server listens");
            connection.write_all(head.as_bytes()).await.expect("the server reads");
            let mut answer = vec![0; 12];
            connection.read_exact(&mut answer).await.expect("the server answers");
            assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413", "{}", row.path);
            table.nameless += 1;
        }
    })
    .await;
}

/// The head of an MLS commit by a member (RFC 9420 §6): as much of it as the server reads.
fn commit(conversation: ConversationId, epoch: u64) -> Base64 {
    let (mls10, private_message, commit) = ([0, 1], [0, 2], [3]);
    [&mls10[..], &private_message, &[16], &conversation.0, &epoch.to_be_bytes(), &commit, &[9; 100]].concat().into()
}

fn state(epoch: u64, members: Vec<DeviceRef>) -> GroupState {
    GroupState { epoch, group_info: vec![1].into(), ratchet_tree: vec![1].into(), members }
}

#[tokio::test]
async fn messages_commits_and_conversations_out_of_place_are_refused() {
    refused(async |table| {
        let (ada, cleo) = (table.ada.clone(), table.cleo.clone());
        let conversation = table.pair.conversation;
        let (client_id, other) = (ClientId([7; 16]), ConversationId([7; 16]));
        let group = ada.call::<LoadGroup>(&LoadGroupRequest { conversation, epoch: None }).await.expect("a member");
        let (epoch, members) = (group.state.epoch, group.state.members);
        let ciphertext: Base64 = table.secret.as_str().as_bytes().into();

        let send = SendMessageRequest { client_id, conversation, epoch, ciphertext };
        table.ask::<SendMessage>(&cleo, send.clone(), Code::NotAMember).await;
        let elsewhere = SendMessageRequest { conversation: other, ..send.clone() };
        table.ask::<SendMessage>(&ada, elsewhere, Code::NotAMember).await;
        let ahead = SendMessageRequest { epoch: epoch + 1, ..send.clone() };
        table.ask::<SendMessage>(&ada, ahead, Code::StaleEpoch).await;
        let empty = SendMessageRequest { ciphertext: Base64::default(), ..send.clone() };
        table.ask::<SendMessage>(&ada, empty, Code::Invalid).await;
        let large = vec![0; limit::CIPHERTEXT_MAX_BYTES + 1].into();
        table.ask::<SendMessage>(&ada, SendMessageRequest { ciphertext: large, ..send }, Code::TooLarge).await;

        let move_on = CommitRequest {
            client_id,
            conversation,
            commit: commit(conversation, epoch),
            state: state(epoch + 1, members.clone()),
            welcome: None,
            roles: None,
            invites: None,
            invite: None,
        };
        table.ask::<Commit>(&cleo, move_on.clone(), Code::NotAMember).await;
        let of_another = CommitRequest { commit: commit(other, epoch), ..move_on.clone() };
        table.ask::<Commit>(&ada, of_another, Code::Invalid).await;
        let no_commit = CommitRequest { commit: vec![1, 2, 3].into(), ..move_on.clone() };
        table.ask::<Commit>(&ada, no_commit, Code::Invalid).await;
        let jump = CommitRequest { state: state(epoch + 2, members.clone()), ..move_on.clone() };
        table.ask::<Commit>(&ada, jump, Code::Invalid).await;
        let late = CommitRequest {
            commit: commit(conversation, epoch - 1),
            state: state(epoch, members.clone()),
            ..move_on.clone()
        };
        table.ask::<Commit>(&ada, late, Code::StaleEpoch).await;
        let fewer = CommitRequest { state: state(epoch + 1, members[..1].to_vec()), ..move_on.clone() };
        table.ask::<Commit>(&ada, fewer, Code::Invalid).await;
        let unknown = CommitRequest { conversation: other, commit: commit(other, epoch), ..move_on };
        table.ask::<Commit>(&ada, unknown, Code::NotFound).await;

        table.ask::<LoadGroup>(&cleo, LoadGroupRequest { conversation, epoch: None }, Code::NotAMember).await;
        table.ask::<LoadGroup>(&ada, LoadGroupRequest { conversation, epoch: Some(epoch + 1) }, Code::NotFound).await;
        table.ask::<LoadGroup>(&ada, LoadGroupRequest { conversation: other, epoch: None }, Code::NotFound).await;

        let oneself = members[0].user;
        let create = CreateConversationRequest {
            client_id,
            conversation: other,
            kind: Kind::Direct { peer: UserId([7; 16]) },
            state: state(1, members.clone()),
            welcome: None,
            roles: Vec::new(),
        };
        table.ask::<CreateConversation>(&ada, create.clone(), Code::NotFound).await;
        for user in [oneself, members[1].user] {
            let again = CreateConversationRequest { kind: Kind::Direct { peer: user }, ..create.clone() };
            let code = if caller_is(&ada, user).await { Code::Invalid } else { Code::ConversationExists };
            table.ask::<CreateConversation>(&ada, again, code).await;
        }
        let crowd = CreateConversationRequest { kind: Kind::Notes, ..create.clone() };
        table.ask::<CreateConversation>(&ada, crowd, Code::StaleDevices).await;
        let nobody = CreateConversationRequest { kind: Kind::Notes, state: state(0, Vec::new()), ..create };
        table.ask::<CreateConversation>(&ada, nobody, Code::Invalid).await;

        table.ask::<TypingStart>(&cleo, TypingRequest { conversation }, Code::NotAMember).await;
        table.ask::<TypingStop>(&cleo, TypingRequest { conversation }, Code::NotAMember).await;
    })
    .await;
}

async fn caller_is(caller: &Caller, user: UserId) -> bool {
    let name = Name::new("ada").expect("valid");
    caller.call::<FindUser>(&FindUserRequest { name }).await.expect("ada is there").user == user
}

#[tokio::test]
async fn forged_cursors_pages_keys_and_logins_are_refused() {
    let elsewhere = Server::start(SERVER).await;
    let mut foreign = Pair::start_on(elsewhere).await;
    let there = foreign.conversation;
    let elsewhere = foreign.as_ada().await;
    let foreign_cursor = elsewhere
        .call::<LoadGroup>(&LoadGroupRequest { conversation: there, epoch: None })
        .await
        .expect("a member")
        .cursor;
    refused(async |table| {
        let (ada, cleo) = (table.ada.clone(), table.cleo.clone());
        let conversation = table.pair.conversation;
        let load = LoadMessagesRequest { conversation, before: None, limit: 10 };
        let ticket = |cursor| TicketRequest { cursor, protocol: PROTOCOL, features: Vec::new() };
        let forged = ["0", "1", "-1", "18446744073709551615", "AAAA", "'; DROP TABLE log; --x"];
        let forged = forged.map(|text| Cursor::new(text.replace(' ', "_")).expect("visible"));
        for cursor in forged.into_iter().chain([foreign_cursor]) {
            table.ask::<OpenTicket>(&ada, ticket(Some(cursor.clone())), Code::BadCursor).await;
            let page = LoadMessagesRequest { before: Some(cursor), ..load.clone() };
            table.ask::<LoadMessages>(&ada, page, Code::BadCursor).await;
        }
        table.ask::<OpenTicket>(&ada, TicketRequest { protocol: 0, ..ticket(None) }, Code::ProtocolUnsupported).await;
        table.ask::<OpenTicket>(&ada, TicketRequest { protocol: 999, ..ticket(None) }, Code::ServerTooOld).await;
        for limit in [0, limit::PAGE_MAX + 1] {
            table.ask::<LoadMessages>(&ada, LoadMessagesRequest { limit, ..load.clone() }, Code::Invalid).await;
        }
        table.ask::<LoadMessages>(&cleo, load, Code::NotAMember).await;

        let claim = |users| ClaimKeysRequest { users };
        table.ask::<ClaimKeys>(&ada, claim(vec![UserId([7; 16])]), Code::NotFound).await;
        table.ask::<ClaimKeys>(&ada, claim(Vec::new()), Code::Invalid).await;
        table.ask::<ClaimKeys>(&ada, claim(vec![UserId([7; 16]); limit::MEMBERS_MAX + 1]), Code::TooLarge).await;
        let publish = |key_packages| PublishKeysRequest { key_packages, last_resort: None };
        let one: Base64 = vec![1].into();
        table.ask::<PublishKeys>(&ada, publish(vec![one; limit::KEY_PACKAGES_MAX + 1]), Code::TooLarge).await;
        let large: Base64 = vec![1; limit::KEY_PACKAGE_MAX_BYTES + 1].into();
        table.ask::<PublishKeys>(&ada, publish(vec![large]), Code::TooLarge).await;

        let login = LoginFinishRequest {
            login: LoginId([7; 16]),
            credential_finalization: table.secret.as_str().as_bytes().into(),
            device: None,
        };
        table.ask::<LoginFinish>(&ada, login, Code::SignInRefused).await;
        let name = Name::new("nobody").expect("valid");
        table.ask::<FindUser>(&ada, FindUserRequest { name }, Code::NotFound).await;
    })
    .await;
}

#[tokio::test]
async fn answers_and_events_are_envelopes_with_the_request_id_and_utc_time() {
    let mut pair = Pair::start().await;
    let ada = pair.as_ada().await;
    let request = TicketRequest { cursor: None, protocol: PROTOCOL, features: Vec::new() };
    let body = envelope::request::<OpenTicket>(&request, RequestId::new("r-1").expect("short"), sotto_tests::now());
    let answer = ada.post(OpenTicket::PATH, body).await;
    let value: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(answer.status, 200);
    assert_eq!((&value["type"], &value["requestId"]), (&"ticket_opened".into(), &"r-1".into()));
    let said = value["timestamp"].as_str().and_then(sotto_wire::Timestamp::parse).expect("RFC 3339 in UTC");
    assert!(sotto_tests::now().since(said.0).0 < 60_000, "the server's clock is this machine's");
    let mut keys: Vec<_> = value.as_object().expect("an object").keys().collect();
    keys.sort();
    assert_eq!(keys, ["payload", "requestId", "timestamp", "type"]);
}
