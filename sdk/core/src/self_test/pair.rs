//! Two devices in one conversation, without a server: what a check and the benchmark `crypto` seal and open messages
//! with. The writes of each step are taken as for a batch, and thrown away.

use crate::group::Groups;
use crate::identity::{AccountKeys, DeviceKeys};
use sotto_suite::Provider;
use sotto_wire::account::{Name, UserFound};
use sotto_wire::conversation::{Kind, Member};
use sotto_wire::event::{ConversationCommitted, ConversationWelcome, MessageReceived};
use sotto_wire::group::Role;
use sotto_wire::key::ClaimedKey;
use sotto_wire::{ClientId, ConversationId, Cursor, DeviceRef, Millis, UserId};

const CONVERSATION: ConversationId = ConversationId([3; 16]);
/// 2026-11-20: key packages have a lifetime, so there must be a time.
const NOW: Millis = Millis(1_795_167_825_000);

/// This machine does not compute what it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("check encryption: a result is wrong")]
pub struct Broken;

/// Two devices of two accounts in one conversation.
pub struct Pair {
    sender: Groups,
    receiver: Groups,
    commands: u64,
}

impl Pair {
    /// Two new accounts whose devices share a group.
    ///
    /// # Errors
    /// [`Broken`] when the group cannot be made.
    pub fn new(seed: [u8; 32]) -> Result<Self, Broken> {
        let provider = Provider::new(seed);
        let (mut sender, sender_name) = device(&provider, UserId([1; 16]), "sender")?;
        let (mut receiver, found) = device(&provider, UserId([2; 16]), "receiver")?;
        let key_package = receiver.last_resort(NOW).map_err(|_| Broken)?;
        let claimed = ClaimedKey { owner: receiver.device(), key_package };
        let people = [&sender_name, &found].map(|person| Member {
            user: person.user,
            name: person.name.clone(),
            role: Role::Member,
        });
        let created = sender.create(CONVERSATION, &[found], &[claimed], NOW).map_err(|_| Broken)?;
        let event = ConversationWelcome {
            cursor: cursor()?,
            conversation: CONVERSATION,
            kind: Kind::Direct { peer: UserId([1; 16]) },
            people: people.to_vec(),
            accepted: true,
            sender: sender.device(),
            epoch: created.state.epoch,
            welcome: created.welcome.ok_or(Broken)?.welcome,
            sent_at: NOW,
        };
        receiver.join(&event, &created.state.ratchet_tree).map_err(|_| Broken)?;
        Ok(Self { sender, receiver, commands: 0 })
    }

    /// Seals one message of the first device.
    ///
    /// # Errors
    /// [`Broken`] when it cannot be sealed.
    pub fn seal(&mut self, plaintext: &[u8]) -> Result<MessageReceived, Broken> {
        let client_id = self.client_id();
        let sealed = self.sender.seal(CONVERSATION, 1, client_id, plaintext).map_err(|_| Broken)?;
        let _ = self.sender.take_writes();
        Ok(MessageReceived {
            cursor: cursor()?,
            conversation: CONVERSATION,
            sender: self.sender.device(),
            client_id,
            epoch: sealed.epoch,
            ciphertext: sealed.ciphertext,
            sent_at: NOW,
        })
    }

    /// Opens one message at the second device.
    ///
    /// # Errors
    /// [`Broken`] when it cannot be opened: changed, opened before, or not of the other device.
    pub fn open(&mut self, message: &MessageReceived) -> Result<Vec<u8>, Broken> {
        let opened = self.receiver.open(message).map_err(|_| Broken)?;
        let _ = self.receiver.take_writes();
        Ok(opened.plaintext)
    }

    /// The first device takes a fresh key, and both go on with it.
    ///
    /// # Errors
    /// [`Broken`] when one of them cannot.
    pub fn update(&mut self) -> Result<(), Broken> {
        let client_id = self.client_id();
        let pending = self.sender.update(CONVERSATION, client_id).map_err(|_| Broken)?;
        let event = ConversationCommitted {
            cursor: cursor()?,
            conversation: CONVERSATION,
            sender: self.sender.device(),
            client_id,
            epoch: pending.state.epoch,
            commit: pending.commit,
            sent_at: NOW,
        };
        for device in [&mut self.sender, &mut self.receiver] {
            device.follow(&event).map_err(|_| Broken)?;
            let _ = device.take_writes();
        }
        Ok(())
    }

    fn client_id(&mut self) -> ClientId {
        self.commands += 1;
        let mut client_id = ClientId([0; 16]);
        client_id.0[..8].copy_from_slice(&self.commands.to_be_bytes());
        client_id
    }
}

fn cursor() -> Result<Cursor, Broken> {
    Cursor::new("1").ok_or(Broken)
}

fn device(provider: &Provider, user: UserId, name: &str) -> Result<(Groups, UserFound), Broken> {
    let account = AccountKeys::generate(provider);
    let keys = DeviceKeys::generate(provider, &account, user, NOW, 1);
    let devices = vec![DeviceRef { user, device: keys.device().device }];
    let found = UserFound { user, name: Name::new(name).ok_or(Broken)?, identity: account.public(), devices };
    Ok((Groups::new(provider.clone(), keys), found))
}
