//! Somebody who writes, whatever the weather. Owns a device, its link, and the memory of what was written. Pauses here are
//! the pace of a person, not a wait for something.

use sotto_core::contract::{Command, Failure};
use sotto_core::view::{Author, Body, Connection, MessageKey, MessageState, Session, SignedOutCause};
use sotto_tests::device::PASSWORD;
use sotto_tests::fault::{FaultyLink, Strike, Struck};
use sotto_tests::{Device, Dice, Seen};
use sotto_wire::ConversationId;
use sotto_wire::ticket::Transport;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a person looks at a link that does not go down before pressing "reconnect" and writing once more.
const IMPATIENCE: Duration = Duration::from_millis(300);
/// After so many times a fault that has not struck will not: five times the longest wait of a client.
const IMPATIENCE_MAX: usize = 500;
/// So many times until the app is closed and opened again.
const TRIES_A_RELOAD: usize = 5;
/// One reload in so many strikes.
const STRIKES_A_RELOAD: u64 = 5;
/// One sign-in on another device in so many strikes.
const STRIKES_A_MOVE: usize = 6;
/// So many sign-ins at most for one that goes well: over what the longest fault and a killed server need.
const SIGN_INS_MAX: usize = 100;

/// A person at a device.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) device: Device,
    /// How often each fault has struck on the link.
    pub(crate) struck: Struck,
    /// Every text that the devices have taken, in order.
    pub(crate) written: BTreeMap<ConversationId, Vec<(MessageKey, String)>>,
    /// Texts of devices whose place another has taken, of which these knew that the server has them.
    pub(crate) acknowledged: BTreeSet<MessageKey>,
    /// How often another device has taken the place of the one before.
    pub(crate) moves: u64,
    /// How often each transport was seen to carry the stream.
    pub(crate) carried: BTreeMap<&'static str, u64>,
    link: FaultyLink,
    conversations: Vec<ConversationId>,
    dice: Dice,
    /// The first strike during which this person signs in elsewhere.
    first_move: usize,
}

impl Person {
    /// Signs up in fair weather, as the `number`th.
    pub(crate) async fn start((number, name): (usize, &'static str), server: SocketAddr, dice: Dice) -> Self {
        let struck = Struck::default();
        let link = FaultyLink::to(server, struck.clone()).await;
        let device = Device::signed_up(name, &link.origin()).await;
        Self {
            name,
            device,
            struck,
            written: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            moves: 0,
            carried: BTreeMap::new(),
            link,
            conversations: Vec::new(),
            dice,
            first_move: number % STRIKES_A_MOVE,
        }
    }

    /// Waits until the device is in the conversation.
    pub(crate) async fn join(&mut self, conversation: ConversationId) {
        self.open(conversation).await;
        self.conversations.push(conversation);
    }

    /// Writes through one strike after the other; each must strike.
    pub(crate) async fn live(&mut self, strikes: &[Strike]) {
        for (number, strike) in strikes.iter().enumerate() {
            self.write_for(strike.after).await;
            self.look();
            let before = self.link.strike(*strike);
            let mut tries = 0;
            while timeout(IMPATIENCE, self.struck.more_than(strike.fault, before)).await.is_err() {
                tries += 1;
                assert!(tries < IMPATIENCE_MAX, "{}: {:?} does not strike", self.name, strike.fault);
                self.write().await;
                self.device.input(Command::Reconnect);
                // What only meets new connections never meets one that goes on: the app is closed and opened.
                if tries % TRIES_A_RELOAD == 0 {
                    self.device.reload().await;
                }
            }
            if number % STRIKES_A_MOVE == self.first_move {
                self.sign_in_elsewhere(strike.lasts).await;
                continue;
            }
            self.write_for(strike.lasts).await;
            self.link.clear();
            if self.dice.between(1, STRIKES_A_RELOAD) == 1 {
                self.device.reload().await;
            }
        }
    }

    /// Writes one text into one of the conversations.
    pub(crate) async fn write(&mut self) -> MessageKey {
        let conversation = self.conversations[self.dice.place(self.conversations.len())];
        self.write_in(conversation).await
    }

    /// Opens a conversation and writes a text into it.
    pub(crate) async fn write_in(&mut self, conversation: ConversationId) -> MessageKey {
        self.open(conversation).await;
        let written = self.written.entry(conversation).or_default();
        let text = format!("{} {}", self.name, written.len());
        let key = self.device.send(conversation, &text).await;
        written.push((key, text));
        key
    }

    /// Signs in on a device with an empty store, which takes the place of the one so far. What goes wrong goes on for
    /// `lasts` of it.
    async fn sign_in_elsewhere(&mut self, lasts: Duration) {
        for conversation in self.conversations.clone() {
            self.open(conversation).await;
            let items = self.device.load_all(conversation).await;
            let is_taken = |state| matches!(state, MessageState::Sent | MessageState::Delivered | MessageState::Read);
            let own = items.iter().filter(|item| item.author == Author::Me && matches!(item.body, Body::Text(_)));
            self.acknowledged.extend(own.filter(|item| is_taken(item.state)).map(|item| item.key));
        }
        let fresh = Device::start(self.name, &self.link.origin());
        let clears = async {
            sleep(lasts).await;
            self.link.clear();
        };
        tokio::join!(clears, signed_in(&fresh, self.name));
        let mut old = std::mem::replace(&mut self.device, fresh);
        self.moves += 1;
        // It asks the server anew, which has ended its session.
        old.reload().await;
        let is_over = |seen: &Seen| match seen.session {
            Session::SignedOut(Some(SignedOutCause::SessionEnded(_))) => Some(()),
            Session::SignedOut(_) | Session::Starting | Session::Authenticating | Session::SignedIn(_) => None,
        };
        old.wait_for("the end of the old device's session", is_over).await;
        old.kill().await;
    }

    /// Opens a conversation and waits until the device is a member of it.
    pub(crate) async fn enter(&self, conversation: ConversationId) {
        self.open(conversation).await;
        let is_inside = |seen: &Seen| {
            let said = |body: &Body| matches!(body, Body::Text(_) | Body::JoinedHere);
            let inside = seen.items().iter().any(|item| item.state != MessageState::Sending && said(&item.body));
            (self.moves == 0 || inside).then_some(())
        };
        self.device.wait_for("being a member", is_inside).await;
    }

    /// Notes by what the stream comes now.
    fn look(&mut self) {
        let name = match self.device.seen().connection {
            Connection::Online { transport: Transport::Sse, .. } => "sse",
            Connection::Online { transport: Transport::WebSocket, .. } => "web_socket",
            Connection::Online { transport: Transport::LongPoll, .. } => "long_poll",
            Connection::Online { transport: Transport::Unknown, .. }
            | Connection::None
            | Connection::Connecting
            | Connection::Reconnecting { .. }
            | Connection::Offline => "none",
        };
        *self.carried.entry(name).or_default() += 1;
    }

    async fn open(&self, conversation: ConversationId) {
        // After a reload the list comes from the disk first.
        let known = |seen: &Seen| seen.conversations.contains_key(&conversation).then_some(());
        self.device.wait_for("the conversation", known).await;
        self.device.open(conversation).await;
    }

    async fn write_for(&mut self, mut left: Duration) {
        while !left.is_zero() {
            self.write().await;
            let pause = self.dice.time(100, 500).min(left);
            sleep(pause).await;
            left -= pause;
        }
    }
}

/// Tries to sign in until it goes well.
async fn signed_in(device: &Device, name: &str) {
    let mut tries = 0;
    while let Err(failure) = device.sign_in(name, PASSWORD).await {
        tries += 1;
        let may_pass = matches!(failure, Failure::Refused(_));
        assert!(may_pass && tries < SIGN_INS_MAX, "{name}: sign in for the {tries}th time: {failure}");
        sleep(IMPATIENCE).await;
    }
}
