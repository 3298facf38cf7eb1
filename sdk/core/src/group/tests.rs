//! Groups against each other: what honest devices can do, and what dishonest ones cannot.
//!
//! Here is what the tests share: accounts, devices with a disk, and the events by which a server passes things on.

mod bound;
mod exchange;
mod invites;
mod many;
mod outside;
mod policy;
mod property;
mod race;
mod store;
mod trust;

use super::commit::{Followed, PendingCommit};
use super::member::Created;
use super::message::{Opened, Sealed};
use super::{GroupError, Groups, Refusal, Unreadable};
use crate::contract::{Place, Record, Table};
use crate::identity::{AccountKeys, DeviceKeys};
use bytes::Bytes;
use sotto_suite::Provider;
use sotto_wire::account::{Name, UserFound};
use sotto_wire::conversation::{GroupLoaded, GroupState, Kind, Member};
use sotto_wire::event::{ConversationCommitted, ConversationWelcome, MessageReceived};
use sotto_wire::key::ClaimedKey;
use sotto_wire::{Base64, ClientId, ConversationId, Cursor, DeviceRef, Millis, UserId};
use std::collections::BTreeMap;

const NOW: Millis = Millis(1_800_000_000_000);
const CONVERSATION: ConversationId = ConversationId([0xC0; 16]);
const TEXT: u8 = 1;

/// A person with an account.
struct Account {
    user: UserId,
    name: Name,
    keys: AccountKeys,
}

impl Account {
    fn new(name: &str) -> Self {
        let seed = [name.as_bytes()[0]; 32];
        let name = Name::new(name).expect("a name");
        Self { user: UserId([seed[0]; 16]), name, keys: AccountKeys::generate(&Provider::new(seed)) }
    }

    /// The account's device number `sequence`.
    fn device(&self, sequence: u8) -> Device {
        let seed = [self.user.0[0] ^ (sequence << 5); 32];
        let keys = DeviceKeys::generate(&Provider::new(seed), &self.keys, self.user, NOW, sequence.into());
        Device::new(keys, seed[0])
    }

    fn found(&self) -> UserFound {
        UserFound { user: self.user, name: self.name.clone(), identity: self.keys.public(), devices: Vec::new() }
    }

    fn member(&self) -> Member {
        Member { user: self.user, name: self.name.clone(), role: sotto_wire::group::Role::Member }
    }
}

/// A device with its disk.
struct Device {
    groups: Groups,
    keys: DeviceKeys,
    disk: BTreeMap<Place, Bytes>,
    seed: u8,
    restarts: u8,
}

impl Device {
    fn new(keys: DeviceKeys, seed: u8) -> Self {
        let groups = Groups::new(Provider::new([seed.wrapping_add(100); 32]), keys.clone());
        Self { groups, keys, disk: BTreeMap::new(), seed, restarts: 0 }
    }

    fn device(&self) -> DeviceRef {
        self.keys.device()
    }

    /// The devices in the group.
    fn members(&self) -> Vec<DeviceRef> {
        self.groups.current(CONVERSATION).expect("a group").members()
    }

    /// Writes what is to be written; gives how many bytes that was.
    fn persist(&mut self) -> usize {
        let writes = self.groups.take_writes();
        for place in writes.deletes {
            self.disk.remove(&place);
        }
        let bytes = writes.puts.iter().map(|record| record.value.len()).sum();
        self.disk.extend(writes.puts.into_iter().map(|record| (record.place, record.value)));
        for (user, pin) in writes.pins {
            let place = Place { table: Table::Contact, row: user.0.to_vec() };
            let value = [pin.fingerprint.as_slice(), &pin.newest_sequence.to_be_bytes()].concat();
            self.disk.insert(place, value.into());
        }
        bytes
    }

    fn rows(&self, table: Table) -> Vec<Record> {
        let rows = self.disk.iter().filter(|(place, _)| place.table == table);
        rows.map(|(place, value)| Record { place: place.clone(), value: value.clone() }).collect()
    }

    /// A new process over the same disk. What was not persisted is gone.
    fn restart(&mut self) {
        self.restarts = self.restarts.wrapping_add(1);
        let mut seed = [self.seed.wrapping_add(100); 32];
        seed[0] = self.restarts;
        let keys = DeviceKeys::from_bytes(&self.keys.to_bytes()).expect("own keys");
        self.groups = Groups::new(Provider::new(seed), keys);
        for record in self.rows(Table::Contact) {
            let user = UserId(record.place.row.as_slice().try_into().expect("a user"));
            let (fingerprint, newest) = record.value.split_at(32);
            let fingerprint = fingerprint.try_into().expect("a fingerprint");
            let newest_sequence = u64::from_be_bytes(newest.try_into().expect("a number"));
            self.groups.pin(user, super::Pin { fingerprint, newest_sequence });
        }
        self.groups.load_key_packages(self.rows(Table::KeyPackage));
        self.groups.load(CONVERSATION, self.rows(Table::Group)).expect("own rows");
    }

    fn persist_and_restart(&mut self) {
        self.persist();
        self.restart();
    }

    fn claim(&mut self) -> ClaimedKey {
        let key_package = self.groups.key_packages(1, NOW).expect("a key package").remove(0);
        self.persist();
        ClaimedKey { owner: self.device(), key_package }
    }

    fn seal(&mut self, text: &str, client_id: u8) -> MessageReceived {
        let client_id = ClientId([client_id; 16]);
        let sealed = self.groups.seal(CONVERSATION, TEXT, client_id, text.as_bytes()).expect("a sealed message");
        self.persist();
        message(self.device(), client_id, sealed)
    }

    fn open(&mut self, event: &MessageReceived) -> Result<Opened, Unreadable> {
        let opened = self.groups.open(event);
        self.persist();
        opened
    }

    fn follow(&mut self, event: &ConversationCommitted) -> Result<Followed, Unreadable> {
        let followed = self.groups.follow(event);
        self.persist();
        followed
    }

    /// Makes an update that the server accepts; gives the event of it.
    fn update(&mut self, client_id: u8) -> ConversationCommitted {
        let pending = self.groups.update(CONVERSATION, ClientId([client_id; 16])).expect("an update");
        self.groups.confirm(CONVERSATION).expect("its own commit");
        self.persist();
        committed(self.device(), &pending)
    }
}

fn cursor() -> Cursor {
    Cursor::new("1").expect("a cursor")
}

fn message(sender: DeviceRef, client_id: ClientId, sealed: Sealed) -> MessageReceived {
    let Sealed { epoch, ciphertext } = sealed;
    MessageReceived { cursor: cursor(), conversation: CONVERSATION, sender, client_id, epoch, ciphertext, sent_at: NOW }
}

fn committed(sender: DeviceRef, pending: &PendingCommit) -> ConversationCommitted {
    ConversationCommitted {
        cursor: cursor(),
        conversation: CONVERSATION,
        sender,
        client_id: pending.client_id,
        epoch: pending.state.epoch,
        commit: pending.commit.clone(),
        sent_at: NOW,
    }
}

fn welcomed(sender: DeviceRef, people: &[&Account], created: &Created) -> ConversationWelcome {
    ConversationWelcome {
        cursor: cursor(),
        conversation: CONVERSATION,
        kind: Kind::Direct { peer: sender.user },
        people: people.iter().map(|account| account.member()).collect(),
        accepted: true,
        sender,
        epoch: created.state.epoch,
        welcome: created.welcome.clone().expect("somebody was added").welcome,
        sent_at: NOW,
    }
}

/// What the server tells of the group; seen from the other side of the first of `people`.
fn loaded(state: &GroupState, people: &[&Account]) -> GroupLoaded {
    let kind = people.first().map_or(Kind::Notes, |peer| Kind::Direct { peer: peer.user });
    GroupLoaded { people: people.iter().map(|account| account.member()).collect(), ..loaded_as(state, kind) }
}

/// The state of a conversation as one of this kind, without the names of its people.
fn loaded_as(state: &GroupState, kind: Kind) -> GroupLoaded {
    GroupLoaded { state: state.clone(), kind, people: Vec::new(), accepted: true, cursor: cursor() }
}

/// Ada and Bob with a device each, in a direct conversation that Ada created.
struct Pair {
    ada: Device,
    bob: Device,
    ada_account: Account,
    bob_account: Account,
    /// What the server has.
    state: GroupState,
}

impl Pair {
    fn people(&self) -> [&Account; 2] {
        [&self.ada_account, &self.bob_account]
    }
}

fn pair() -> Pair {
    let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
    let (mut ada, mut bob) = (ada_account.device(1), bob_account.device(1));
    let claimed = bob.claim();
    let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[claimed], NOW).expect("a group");
    ada.persist();
    let event = welcomed(ada.device(), &[&ada_account, &bob_account], &created);
    bob.groups.join(&event, &created.state.ratchet_tree).expect("an invitation");
    bob.persist();
    Pair { ada, bob, ada_account, bob_account, state: created.state }
}

/// Checks that each can read what the other writes, in both directions.
fn talk(one: &mut Device, other: &mut Device) {
    let there = one.seal("there", 0xA1);
    assert_eq!(other.open(&there).map(|opened| opened.plaintext), Ok(b"there".to_vec()));
    let back = other.seal("back", 0xA2);
    assert_eq!(one.open(&back).map(|opened| opened.plaintext), Ok(b"back".to_vec()));
}
