//! One sample of every type of the wire, with every optional field present.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sotto_wire::account::*;
use sotto_wire::conversation::*;
use sotto_wire::event::*;
use sotto_wire::group::*;
use sotto_wire::invite::*;
use sotto_wire::key::*;
use sotto_wire::message::*;
use sotto_wire::people::*;
use sotto_wire::ping::*;
use sotto_wire::presence::*;
use sotto_wire::session::*;
use sotto_wire::ticket::*;
use sotto_wire::typing::*;
use sotto_wire::*;

/// A value of a wire type as JSON, with the way to read it and write it again.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) json: Value,
    pub(crate) read_back: fn(Value) -> Option<Value>,
    #[cfg(feature = "cbor")]
    pub(crate) cbor: Vec<u8>,
    #[cfg(feature = "cbor")]
    pub(crate) read_cbor: fn(&[u8]) -> Option<Value>,
}

fn sample<T: Serialize + DeserializeOwned>(name: &'static str, value: T) -> Sample {
    let json = serde_json::to_value(&value).expect("wire types are JSON");
    // From text, as it comes from the network: some types borrow from it.
    let read_back = |json: Value| serde_json::to_value(serde_json::from_str::<T>(&json.to_string()).ok()?).ok();
    Sample {
        name,
        json,
        read_back,
        #[cfg(feature = "cbor")]
        cbor: cbor::to_vec(&value),
        #[cfg(feature = "cbor")]
        read_cbor: |bytes| serde_json::to_value(cbor::from_slice::<T>(bytes).ok()?).ok(),
    }
}

macro_rules! list {
    ($($name:ident $fields:tt),* $(,)?) => { vec![$(sample(stringify!($name), $name $fields)),*] };
}

fn bytes(byte: u8) -> Base64 {
    Base64(vec![byte; 3])
}

fn name(text: &str) -> Name {
    Name::new(text).expect("the sample's name keeps the rule")
}

fn cursor(text: &str) -> Cursor {
    Cursor::new(text).expect("the sample's cursor is short")
}

/// One sample of each type.
pub(crate) fn samples() -> Vec<Sample> {
    let device = DeviceRef { user: UserId([1; 16]), device: DeviceId([2; 16]) };
    let conversation = ConversationId([3; 16]);
    let client_id = ClientId([4; 16]);
    let login = LoginId([5; 16]);
    let (user, sender) = (device.user, device);
    let tokens = || Tokens { access_token: "token".to_owned(), expires_in_ms: Millis(600_000) };
    let identity = || Identity { ed25519: bytes(1), ml_dsa_65: bytes(2) };
    let new_device = || NewDevice {
        device: device.device,
        certificate: bytes(1),
        key_packages: vec![bytes(2)],
        last_resort: bytes(3),
    };
    let state = || GroupState { epoch: 1, group_info: bytes(1), ratchet_tree: bytes(2), members: vec![device] };
    let welcome = || Welcome { to: vec![device], welcome: bytes(5) };
    let member = || Member { user, name: name("alice"), role: Role::Admin };
    let person_role = PersonRole { user, role: Role::Owner };
    let published = || PublishedInvite {
        id: InviteId([6; 16]),
        access_hash: bytes(1),
        sealed_card: bytes(2),
        expires_at: Millis(1_795_167_840_000),
        uses_max: 10,
    };
    let change = || InviteChange { publish: vec![published()], revoke: vec![InviteId([7; 16])] };
    let kind = Kind::Direct { peer: user };
    let summary = || ConversationSummary {
        conversation,
        kind,
        epoch: 7,
        members: vec![member()],
        people_count: 2,
        role: Role::Owner,
        accepted: true,
        head: cursor("a.9"),
    };
    let received = || MessageReceived {
        cursor: cursor("a.1"),
        conversation,
        sender,
        client_id,
        epoch: 1,
        ciphertext: bytes(1),
        sent_at: Millis(5),
    };
    let committed = || ConversationCommitted {
        cursor: cursor("a.2"),
        conversation,
        sender,
        client_id,
        epoch: 2,
        commit: bytes(1),
        sent_at: Millis(5),
    };
    let invited = || ConversationWelcome {
        cursor: cursor("a.3"),
        conversation,
        kind: Kind::Notes,
        people: vec![member()],
        accepted: false,
        sender,
        epoch: 1,
        welcome: bytes(1),
        sent_at: Millis(5),
    };
    let retry = RetryPolicy::default();
    let ticket = || Ticket::new("ticket").expect("the sample's ticket is short");
    let transports = || vec![Transport::Sse, Transport::WebSocket, Transport::LongPoll];
    let features = vec!["deflate".to_owned()];
    let (connected, caught_up) = (
        || Connected { heartbeat_ms: Millis(20_000), key_packages: 50, server_time: Millis(1) },
        || CaughtUp { cursor: cursor("a.9") },
    );
    let lost = || HistoryLost { from: cursor("a.1"), to: cursor("a.9"), cause: LossCause::Retention };
    let heartbeat = Heartbeat { server_time: Millis(1) };
    let typing = TypingUpdate { conversation, user, typing: true };
    let away = PersonPresence { user, presence: Presence::Away, last_seen: None };
    let offline = PersonPresence { user, presence: Presence::Offline, last_seen: Some(Millis(1_795_167_840_000)) };
    let shutdown = Shutdown { retry_in_ms: Millis(1_500) };
    let over = SessionOver { cause: SessionEndCause::SignedOut };
    let mut all = list![
        RegisterStartRequest { name: name("alice"), registration_request: bytes(1) },
        RegisterStarted { registration_response: bytes(1) },
        RegisterFinishRequest {
            name: name("alice"),
            registration_record: bytes(1),
            user,
            identity: identity(),
            vault: bytes(2),
            device: new_device()
        },
        Registered { tokens: tokens() },
        FindUserRequest { name: name("alice") },
        UserFound { user, name: name("alice"), identity: identity(), devices: vec![device] },
        Identity { ed25519: bytes(1), ml_dsa_65: bytes(2) },
        Tokens { access_token: "token".to_owned(), expires_in_ms: Millis(600_000) },
        LoginStartRequest { name: name("alice"), credential_request: bytes(1) },
        LoginStarted { login, credential_response: bytes(1) },
        LoginFinishRequest { login, credential_finalization: bytes(1), device: Some(device.device) },
        LoginFinished {
            user,
            vault: bytes(1),
            device: Some(device.device),
            current_device: Some(device.device),
            next_device_sequence: 2,
            tokens: tokens()
        },
        RegisterDeviceRequest { device: new_device(), sequence: 2 },
        DeviceRegistered { tokens: tokens() },
        RefreshRequest {},
        Refreshed { user, device: Some(device.device), tokens: tokens() },
        EndSessionRequest {},
        SessionEnded {},
        NewDevice { device: device.device, certificate: bytes(1), key_packages: vec![bytes(2)], last_resort: bytes(3) },
        PublishKeysRequest { key_packages: vec![bytes(1)], last_resort: Some(bytes(2)) },
        KeysPublished { stock: 50 },
        ClaimKeysRequest { users: vec![user] },
        KeysClaimed { key_packages: vec![ClaimedKey { owner: device, key_package: bytes(1) }] },
        ClaimedKey { owner: device, key_package: bytes(1) },
        GroupState { epoch: 1, group_info: bytes(1), ratchet_tree: bytes(2), members: vec![device] },
        Welcome { to: vec![device], welcome: bytes(5) },
        CreateConversationRequest {
            client_id,
            conversation,
            kind: Kind::Group,
            state: state(),
            welcome: Some(welcome()),
            roles: vec![person_role]
        },
        ConversationCreated { conversation, cursor: cursor("a.1") },
        LoadConversationsRequest { after: Some(conversation) },
        ConversationsLoaded { conversations: vec![summary()], more: true },
        ConversationSummary {
            conversation,
            kind,
            epoch: 7,
            members: vec![member()],
            people_count: 2,
            role: Role::Owner,
            accepted: false,
            head: cursor("a.9")
        },
        Member { user, name: name("alice"), role: Role::Admin },
        CommitRequest {
            client_id,
            conversation,
            commit: bytes(1),
            state: state(),
            welcome: Some(welcome()),
            roles: Some(vec![person_role]),
            invites: Some(change()),
            invite: Some(InviteAccess { access: bytes(1) })
        },
        Committed { cursor: cursor("a.1"), sent_at: Millis(5) },
        LoadGroupRequest { conversation, epoch: Some(3) },
        GroupLoaded { state: state(), kind, people: vec![member()], accepted: false, cursor: cursor("a.1") },
        PersonRole { user, role: Role::Owner },
        LeaveConversationRequest { conversation },
        ConversationLeft {},
        AcceptConversationRequest { conversation },
        ConversationAccepted {},
        InviteChange { publish: vec![published()], revoke: vec![InviteId([7; 16])] },
        PublishedInvite {
            id: InviteId([6; 16]),
            access_hash: bytes(1),
            sealed_card: bytes(2),
            expires_at: Millis(1_795_167_840_000),
            uses_max: 10
        },
        InviteAccess { access: bytes(1) },
        OpenInviteRequest { conversation, access: bytes(1) },
        InviteOpened {
            state: state(),
            kind: Kind::Group,
            sealed_card: bytes(2),
            people_count: 3,
            cursor: cursor("a.1")
        },
        BlockRequest { user, blocked: true },
        PersonBlocked {},
        LoadBlocksRequest {},
        BlocksLoaded { blocked: vec![user] },
        FindPeopleRequest { prefix: "al".to_owned() },
        PeopleFound { people: vec![FoundPerson { user, name: name("alice") }] },
        FoundPerson { user, name: name("alice") },
        SendMessageRequest { client_id, conversation, epoch: 1, ciphertext: bytes(1) },
        MessageSent { cursor: cursor("a.1"), sent_at: Millis(5) },
        LoadMessagesRequest { conversation, before: Some(cursor("a.1")), limit: 50 },
        MessagesLoaded { events: vec![Durable::MessageReceived(received())], more: true },
        TypingRequest { conversation },
        TypingNoted {},
        PresenceRequest { attention: Attention::Here, status: Some(Status::Busy), audience: Some(Audience::Nobody) },
        PresenceNoted { status: Status::Available, audience: Audience::People, people: vec![away, offline] },
        PersonPresence { user, presence: Presence::Offline, last_seen: Some(Millis(1_795_167_840_000)) },
        PingRequest { cursor: Some(cursor("a.1")) },
        Pong { server_time: Millis(1) },
        TicketRequest { cursor: Some(cursor("a.1")), protocol: PROTOCOL, features: features.clone() },
        TicketOpened {
            ticket: ticket(),
            transports: transports(),
            heartbeat_ms: Millis(20_000),
            retry,
            protocol: PROTOCOL,
            features,
            server_time: Millis(1)
        },
        RetryPolicy { first_ms: Millis(1_000), longest_ms: Millis(30_000) },
        EventsPage {
            events: vec![Envelope::new("heartbeat", heartbeat, Millis(1_795_167_825_123))],
            ticket: Some(ticket()),
            more: true
        },
        UpgradeNeeded {
            problem: Problem::new(Code::UpgradeRequired),
            error: Code::UpgradeRequired,
            upgrade: "websocket".to_owned(),
            endpoint: EVENTS_PATH.to_owned(),
            transports: transports()
        },
    ];
    all.extend([
        sample("MessageReceived", Durable::MessageReceived(received())),
        sample("ConversationCommitted", Durable::ConversationCommitted(committed())),
        sample("ConversationWelcome", Durable::ConversationWelcome(invited())),
        sample("Connected", Ephemeral::Connected(connected())),
        sample("CaughtUp", Ephemeral::CaughtUp(caught_up())),
        sample("HistoryLost", Ephemeral::HistoryLost(lost())),
        sample("Heartbeat", Ephemeral::Heartbeat(heartbeat)),
        sample("TypingUpdate", Ephemeral::TypingUpdate(typing)),
        sample("UserOnline", Ephemeral::UserOnline(away)),
        sample("UserOffline", Ephemeral::UserOffline(offline)),
        sample("Shutdown", Ephemeral::Shutdown(shutdown)),
        sample("SessionOver", Ephemeral::SessionEnded(over)),
        sample(
            "Problem",
            Problem { cursor: Some(cursor("a.1")), conversation: Some(conversation), ..Problem::new(Code::StaleEpoch) },
        ),
        sample(
            "Envelope",
            Envelope::new("typing_start", TypingRequest { conversation }, Millis(1_795_167_825_123))
                .with_request_id(RequestId::new("r1")),
        ),
    ]);
    all
}
