//! Somebody who writes, whatever the weather. Owns a device, its link, and the memory of what was written. Pauses here are
//! the pace of a person, not a wait for something.

use sotto_core::contract::Command;
use sotto_core::view::{Connection, MessageKey};
use sotto_tests::fault::{FaultyLink, Strike, Struck};
use sotto_tests::{Device, Dice, Seen};
use sotto_wire::ConversationId;
use sotto_wire::ticket::Transport;
use std::collections::BTreeMap;
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

/// A person at a device.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) device: Device,
    /// How often each fault has struck on the link.
    pub(crate) struck: Struck,
    /// Every text that the device has taken, in order.
    pub(crate) written: BTreeMap<ConversationId, Vec<(MessageKey, String)>>,
    /// How often each transport was seen to carry the stream.
    pub(crate) carried: BTreeMap<&'static str, u64>,
    link: FaultyLink,
    conversations: Vec<ConversationId>,
    dice: Dice,
}

impl Person {
    /// Signs up in fair weather.
    pub(crate) async fn start(name: &'static str, server: SocketAddr, dice: Dice) -> Self {
        let struck = Struck::default();
        let link = FaultyLink::to(server, struck.clone()).await;
        let device = Device::signed_up(name, &link.origin()).await;
        Self {
            name,
            device,
            struck,
            written: BTreeMap::new(),
            carried: BTreeMap::new(),
            link,
            conversations: Vec::new(),
            dice,
        }
    }

    /// Waits until the device is in the conversation.
    pub(crate) async fn join(&mut self, conversation: ConversationId) {
        self.open(conversation).await;
        self.conversations.push(conversation);
    }

    /// Writes through one strike after the other; each must strike.
    pub(crate) async fn live(&mut self, strikes: &[Strike]) {
        for strike in strikes {
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
