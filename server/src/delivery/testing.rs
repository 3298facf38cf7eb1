//! What the tests of store and delivery stand on: a real database in a temporary folder, accounts with one device each,
//! a running delivery, and readers at the other end of real sockets.

use crate::clock::Clock;
use crate::delivery::ear::Ear;
use crate::delivery::frame::Codec;
use crate::delivery::life::Opening;
use crate::delivery::ticket::{Stage, Start};
use crate::delivery::{Delivery, Terms};
use crate::share::Shares;
use crate::store::account::{self, Account, Device};
use crate::store::append::{Append, Appended};
use crate::store::conversation::{self, Creation, NewConversation};
use crate::store::group::{self, Commitment, Committer, NewCommit};
use crate::store::log::LogNumber;
use crate::store::party;
use crate::store::presence::Settings;
use crate::store::session::SessionId;
use crate::store::{Store, Write};
use crate::websocket::{Decoder, Received};
use sotto_wire::account::{Identity, Name};
use sotto_wire::conversation::{GroupState, Kind, Welcome};
use sotto_wire::event::{Durable, Ephemeral, Event};
use sotto_wire::{Base64, ClientId, ConversationId, DeviceId, DeviceRef, Millis, UserId};
use std::net::IpAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a reader of a test reads: heartbeats never try its patience, so what does not come would be awaited for ever.
const READING_MAX: Duration = Duration::from_secs(120);
/// When the standing clock of the tests stands.
pub(crate) const NOW: Millis = Millis(1_800_000_000_000);

/// Waits for a state.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("a state in time");
}

/// A number as an id.
pub(crate) fn bytes(number: usize) -> [u8; 16] {
    u128::try_from(number).expect("it fits").to_be_bytes()
}

/// A store in a folder of its own, which goes with it.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).await.expect("a store");
        Self { folder, store, clock: Clock::standing(NOW) }
    }

    /// A running delivery, whose heartbeats do not come within a test.
    pub(crate) async fn deliver(&self) -> Delivery {
        self.deliver_beating(Millis(1_000_000)).await
    }

    /// A running delivery with heartbeats.
    pub(crate) async fn deliver_beating(&self, heartbeat_ms: Millis) -> Delivery {
        let terms =
            Terms { heartbeat_ms, shutdown_spread_ms: Millis(5_000), retention_ms: None, poll_hold_ms: Millis(200) };
        Delivery::start(self.store.clone(), self.clock.clone(), terms).await.expect("delivery")
    }

    pub(crate) async fn write(&self) -> Write {
        self.store.write().await.expect("the writer")
    }

    /// Account `number` with one device of the same number.
    pub(crate) async fn person(&self, number: usize) -> DeviceRef {
        let device = DeviceRef { user: UserId(bytes(number)), device: DeviceId(bytes(number)) };
        let account = Account {
            user: device.user,
            name: Name::new(&format!("person{number}")).expect("a name"),
            record: vec![1],
            identity: Identity { ed25519: Base64(vec![2]), ml_dsa_65: Base64(vec![3]) },
            vault: vec![4],
            device: device.device,
            device_sequence: 1,
            created_at: NOW,
        };
        let mut tx = self.write().await;
        account::insert(&mut tx, &account).await.expect("an account");
        insert_device(&mut tx, device).await;
        tx.commit().await.expect("commit");
        device
    }

    /// The next device of a person, in the place of the one before.
    pub(crate) async fn replace(&self, old: DeviceRef, number: usize) -> DeviceRef {
        let new = DeviceRef { user: old.user, device: DeviceId(bytes(number)) };
        let mut tx = self.write().await;
        account::revoke_device(&mut tx, old, NOW).await.expect("revoked");
        insert_device(&mut tx, new).await;
        tx.commit().await.expect("commit");
        new
    }

    /// Creates and keeps what was created.
    pub(crate) async fn create(&self, new: &NewConversation) -> Creation {
        let mut tx = self.write().await;
        let creation = conversation::create(&mut tx, new, NOW).await.expect("create");
        if matches!(creation, Creation::Created { .. }) {
            tx.commit().await.expect("commit");
        }
        creation
    }

    /// Commits and keeps what was committed.
    pub(crate) async fn commit(&self, new: &NewCommit) -> Commitment {
        let mut tx = self.write().await;
        let commitment = group::commit(&mut tx, new, NOW).await.expect("commit");
        if matches!(commitment, Commitment::Stored { .. }) {
            tx.commit().await.expect("commit");
        }
        commitment
    }

    /// A direct conversation `number` between two people, who have both accepted it.
    pub(crate) async fn direct(&self, number: usize, (one, other): (DeviceRef, DeviceRef)) -> ConversationId {
        let new = direct(number, (one, other));
        assert!(matches!(self.create(&new).await, Creation::Created { .. }));
        let mut tx = self.write().await;
        party::accept(&mut tx, (new.conversation, other.user)).await.expect("accepted");
        tx.commit().await.expect("commit");
        new.conversation
    }
}

async fn insert_device(tx: &mut Write, device: DeviceRef) {
    let device = Device {
        device,
        certificate: vec![5],
        last_resort: vec![6],
        registered_n: 0,
        registered_at: NOW,
        is_revoked: false,
        acknowledged_n: 0,
    };
    account::insert_device(tx, &device).await.expect("a device");
}

/// The creation of direct conversation `number`.
pub(crate) fn direct(number: usize, (one, other): (DeviceRef, DeviceRef)) -> NewConversation {
    NewConversation {
        creator: one,
        client_id: ClientId(bytes(number)),
        conversation: ConversationId(bytes(number)),
        kind: Kind::Direct { peer: other.user },
        state: state(1, &[one, other]),
        welcome: Some(Welcome { to: vec![other], welcome: Base64(b"welcome".to_vec()) }),
        roles: Vec::new(),
    }
}

/// The state of a group at `epoch`.
pub(crate) fn state(epoch: u64, members: &[DeviceRef]) -> GroupState {
    GroupState { epoch, group_info: Base64(vec![7]), ratchet_tree: Base64(vec![8]), members: members.to_vec() }
}

/// Message `number` of `sender` in the first epoch of a direct conversation.
pub(crate) fn message(conversation: ConversationId, sender: DeviceRef, number: usize) -> Append {
    let ciphertext = number.to_string().into_bytes();
    Append { conversation, sender, client_id: ClientId(bytes(number)), epoch: 1, ciphertext }
}

/// A commit of `sender` to `epoch` that leaves `members`.
pub(crate) fn commit(
    (conversation, sender): (ConversationId, DeviceRef),
    (number, epoch): (usize, u64),
    members: &[DeviceRef],
) -> NewCommit {
    NewCommit {
        sender,
        client_id: ClientId(bytes(number)),
        conversation,
        committer: Committer::Member,
        commit: b"commit".to_vec(),
        state: state(epoch, members),
        welcome: None,
        roles: None,
        invites: None,
        access: None,
    }
}

/// Appends message `number` and gives its number in the log.
pub(crate) async fn send(delivery: &Delivery, append: Append) -> LogNumber {
    match delivery.append(append).await.expect("append") {
        Appended::Stored { n, .. } => n,
        refused => panic!("not stored: {refused:?}"),
    }
}

/// Two people in one direct conversation.
pub(crate) async fn room_of_two(bench: &Bench) -> (ConversationId, DeviceRef, DeviceRef) {
    let (one, other) = (bench.person(1).await, bench.person(2).await);
    (bench.direct(9, (one, other)).await, one, other)
}

/// How a stream of `device` begins that has read everything up to `from`; its session has the device's id.
pub(crate) fn start(device: DeviceRef, from: LogNumber) -> Start {
    let (session, settings) = (SessionId(device.device.0), Settings::default());
    Start { session, device, from, stage: Stage::First, key_packages: 0, settings }
}

/// Numbers as the texts of messages.
pub(crate) fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// The other end of a stream.
pub(crate) struct Reader {
    socket: BufReader<TcpStream>,
    codec: Codec,
    /// Cursor of the newest durable event.
    pub(crate) cursor: Option<String>,
    /// The code that a WebSocket was closed with.
    pub(crate) close_code: Option<u16>,
    until: Instant,
}

/// The two ends of a connection over the loopback.
pub(crate) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
    (client, listener.accept().await.expect("a peer").0)
}

impl Reader {
    /// Opens a stream of `device` from `from` on.
    pub(crate) async fn open(delivery: &Delivery, device: DeviceRef, from: LogNumber) -> Self {
        let (client, server) = sockets().await;
        Self::on((client, server), delivery, (device, from))
    }

    /// [`Reader::open`] on given sockets.
    pub(crate) fn on(
        sockets: (TcpStream, TcpStream),
        delivery: &Delivery,
        (device, from): (DeviceRef, LogNumber),
    ) -> Self {
        Self::by(Codec::Sse, sockets, (delivery, device, from))
    }

    /// [`Reader::on`] in another codec.
    pub(crate) fn by(
        codec: Codec,
        (client, server): (TcpStream, TcpStream),
        (delivery, device, from): (&Delivery, DeviceRef, LogNumber),
    ) -> Self {
        let ear = match codec.message() {
            None => Ear::Deaf,
            Some(_) => {
                let room = (Shares::new(1 << 20, 1 << 20), IpAddr::from([127, 0, 0, 1]).into());
                // A test of delivery has no commands: they are dropped, and so is the reply.
                Ear::open(Decoder::new(1 << 20).with_deflate(), Box::new(|_, _| ()), room)
            }
        };
        let opening = Opening { codec, ear, first_words: Vec::new(), session_ends_at: Millis(u64::MAX) };
        tokio::spawn(delivery.clone().run(start(device, from), server, opening));
        let until = tokio::time::sleep(READING_MAX).deadline();
        Self { socket: BufReader::new(client), codec, cursor: None, close_code: None, until }
    }

    /// The next frame; `None` when the stream has ended.
    pub(crate) async fn frame(&mut self) -> Option<Event> {
        let until = self.until;
        let read = async {
            match self.codec.message() {
                None => self.field().await,
                Some(_) => self.message().await,
            }
        };
        tokio::time::timeout_at(until, tokio::time::timeout(PATIENCE, read))
            .await
            .expect("what is awaited comes in time")
            .expect("a frame in time")
    }

    async fn field(&mut self) -> Option<Event> {
        let mut data = None;
        loop {
            let mut line = String::new();
            if self.socket.read_line(&mut line).await.expect("a readable socket") == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("id", id)) => self.cursor = Some(id.to_owned()),
                Some(("data", json)) => data = Some(Event::from_frame(json.as_bytes()).expect("an event")),
                None if line == "\n" => return data,
                field => panic!("not a field of a stream: {field:?}"),
            }
        }
    }

    /// The next message of a WebSocket, which is read as a client's would be: with a mask of zeros.
    async fn message(&mut self) -> Option<Event> {
        loop {
            let first = self.socket.read_u8().await.ok()?;
            let length = self.socket.read_u8().await.expect("a length");
            let (long, size) = match length {
                126 => {
                    let size = self.socket.read_u16().await.expect("a length");
                    (size.to_be_bytes().to_vec(), u64::from(size))
                }
                127 => {
                    let size = self.socket.read_u64().await.expect("a length");
                    (size.to_be_bytes().to_vec(), size)
                }
                size => (Vec::new(), u64::from(size)),
            };
            let mut payload = vec![0; usize::try_from(size).expect("it fits")];
            self.socket.read_exact(&mut payload).await.expect("a payload");
            let frame = [&[first, 0x80 | length], long.as_slice(), &[0; 4], &payload].concat();
            match Decoder::new(1 << 20).with_deflate().read(&mut frame.as_slice()).expect("well-formed") {
                Some(Received::Message(_, bytes)) => {
                    let event = Event::from_frame(&bytes).expect("an event");
                    if let Event::Durable(event) = &event {
                        self.cursor = Some(event.cursor().as_str().to_owned());
                    }
                    return Some(event);
                }
                Some(Received::Ping(_)) => self.socket.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.expect("a pong"),
                Some(Received::Close(code)) => self.close_code = code,
                Some(Received::Pong) | None => {}
            }
        }
    }

    /// The next durable event; passes over ephemeral ones.
    pub(crate) async fn durable(&mut self) -> Durable {
        loop {
            match self.frame().await.expect("the stream goes on") {
                Event::Durable(event) => {
                    assert_eq!(self.cursor.as_deref(), Some(event.cursor().as_str()));
                    return event;
                }
                Event::Ephemeral(_) => {}
                Event::Unknown => panic!("an unknown event"),
            }
        }
    }

    /// The next ephemeral event, which must come before any durable one.
    pub(crate) async fn ephemeral(&mut self) -> Ephemeral {
        match self.frame().await.expect("the stream goes on") {
            Event::Ephemeral(event) => event,
            other => panic!("not ephemeral: {other:?}"),
        }
    }

    /// Reads up to and with `caught_up`; gives the texts of the messages before it.
    pub(crate) async fn catch_up(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            match self.frame().await.expect("the stream goes on") {
                Event::Ephemeral(Ephemeral::CaughtUp(_)) => return texts,
                Event::Durable(Durable::MessageReceived(event)) => {
                    texts.push(String::from_utf8(event.ciphertext.0).expect("a text"));
                }
                Event::Durable(_) | Event::Ephemeral(_) | Event::Unknown => {}
            }
        }
    }

    /// The text of the next message; passes over everything else.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            if let Durable::MessageReceived(event) = self.durable().await {
                return String::from_utf8(event.ciphertext.0).expect("a text");
            }
        }
    }

    /// Reads to the end of the stream and gives its last event.
    pub(crate) async fn last(self) -> Option<Event> {
        self.end().await.0
    }

    /// The next frame that is no heartbeat: the first of these comes whenever the server has started.
    pub(crate) async fn news(&mut self) -> Option<Event> {
        loop {
            match self.frame().await {
                Some(Event::Ephemeral(Ephemeral::Heartbeat(_))) => {}
                other => return other,
            }
        }
    }

    /// Reads to the end of the stream and gives its last event and the close code.
    pub(crate) async fn end(mut self) -> (Option<Event>, Option<u16>) {
        let mut last = None;
        while let Some(event) = self.news().await {
            last = Some(event);
        }
        (last, self.close_code)
    }
}
