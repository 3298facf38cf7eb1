//! Two devices in one conversation, for the benchmark `crypto`: what sealing and opening a message costs, writes of the
//! ratchet step included. Behind the feature `measure`; nothing that ships has it.

use crate::group::Groups;
use crate::identity::{AccountKeys, DeviceKeys};
use sotto_suite::Provider;
use sotto_wire::account::{Name, UserFound};
use sotto_wire::conversation::{Kind, Member};
use sotto_wire::event::{ConversationWelcome, MessageReceived};
use sotto_wire::key::ClaimedKey;
use sotto_wire::{ClientId, ConversationId, Cursor, DeviceRef, Millis, UserId};

const CONVERSATION: ConversationId = ConversationId([3; 16]);
/// 2026-11-20: key packages have a lifetime, so there must be a time.
const NOW: Millis = Millis(1_795_167_825_000);

/// Two devices of two accounts in one conversation.
pub struct Pair {
    sender: Groups,
    receiver: Groups,
    sent: u64,
}

impl Pair {
    /// Two new accounts whose devices share a group.
    ///
    /// # Panics
    /// When the group cannot be made: then there is nothing to measure.
    pub fn new(seed: [u8; 32]) -> Self {
        let provider = Provider::new(seed);
        let (mut sender, _) = device(&provider, UserId([1; 16]));
        let (mut receiver, found) = device(&provider, UserId([2; 16]));
        let key_package = receiver.last_resort(NOW).expect("a new device makes key packages");
        let claimed = ClaimedKey { owner: receiver.device(), key_package };
        let created = sender.create(CONVERSATION, &[found], &[claimed], NOW).expect("the key package is valid");
        let welcome = created.welcome.expect("somebody was added").welcome;
        let people =
            [(1, "sender"), (2, "receiver")].map(|(id, name)| Member { user: UserId([id; 16]), name: named(name) });
        let event = ConversationWelcome {
            cursor: Cursor::new("1").expect("one digit is a cursor"),
            conversation: CONVERSATION,
            kind: Kind::Direct { peer: UserId([1; 16]) },
            people: people.to_vec(),
            sender: sender.device(),
            epoch: created.state.epoch,
            welcome,
            sent_at: NOW,
        };
        receiver.join(&event, &created.state.ratchet_tree).expect("the Welcome is for this device");
        Self { sender, receiver, sent: 0 }
    }

    /// Seals one message; the ratchet step's writes are taken as for a batch.
    ///
    /// # Panics
    /// When it cannot be sealed.
    pub fn seal(&mut self, plaintext: &[u8]) -> MessageReceived {
        self.sent += 1;
        let mut client_id = ClientId([0; 16]);
        client_id.0[..8].copy_from_slice(&self.sent.to_be_bytes());
        let sealed = self.sender.seal(CONVERSATION, 1, client_id, plaintext).expect("the group is loaded");
        let _ = self.sender.take_writes();
        MessageReceived {
            cursor: Cursor::new("1").expect("one digit is a cursor"),
            conversation: CONVERSATION,
            sender: self.sender.device(),
            client_id,
            epoch: sealed.epoch,
            ciphertext: sealed.ciphertext,
            sent_at: NOW,
        }
    }

    /// Opens one message; the ratchet step's writes are taken as for a batch.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn open(&mut self, message: &MessageReceived) -> Vec<u8> {
        let opened = self.receiver.open(message).expect("the other device sealed it");
        let _ = self.receiver.take_writes();
        opened.plaintext
    }
}

fn named(name: &str) -> Name {
    Name::new(name).expect("the name keeps the rule")
}

fn device(provider: &Provider, user: UserId) -> (Groups, UserFound) {
    let account = AccountKeys::generate(provider);
    let keys = DeviceKeys::generate(provider, &account, user, NOW, 1);
    let devices = vec![DeviceRef { user, device: keys.device().device }];
    let found = UserFound { user, name: named("somebody"), identity: account.public(), devices };
    (Groups::new(provider.clone(), keys), found)
}
