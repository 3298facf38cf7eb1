//! How groups stand in the local store: which rows there are, and the bytes of each.
//!
//! Owns the encodings that are not mls-rs's. A conversation has a row each for what is known about it, its state, its
//! ratchet tree, its pending commit, what a group besides has ([`Circle`]), and one for each epoch before the current one.
//!
//! The rule: what changes with each message stands alone in the state row (1.3 kB); the tree, megabytes in a large
//! group, is written only when it changes.

use super::change::Beside;
use super::storage::{StoredKey, Use};
use super::trust::People;
use crate::contract::{Place, Table, Wanted};
use crate::sorted::{SortedMap, SortedSet};
use sotto_wire::conversation::GroupState;
use sotto_wire::{Base64, ClientId, ConversationId, DeviceRef, InviteId, Millis, UserId};
use zeroize::Zeroizing;

/// First byte of the rows whose encoding is ours.
const VERSION: u8 = 1;
/// More rows than a group has: five, and one for each of [`sotto_wire::limit::EPOCHS_BEFORE`].
const ROWS_MAX: usize = 16;

/// Which row of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// [`About`].
    About,
    /// mls-rs's snapshot without the tree.
    State,
    /// The ratchet tree of the state's epoch.
    Tree,
    /// [`Pending`].
    Pending,
    /// mls-rs's secrets of an epoch before.
    Prior(u64),
    /// [`Circle`].
    Circle,
}

impl Row {
    /// Where the row of `conversation` stands.
    pub(super) fn place(self, conversation: ConversationId) -> Place {
        let mut row = conversation.0.to_vec();
        match self {
            Row::About => row.push(0),
            Row::State => row.push(1),
            Row::Tree => row.push(2),
            Row::Pending => row.push(3),
            Row::Prior(epoch) => {
                row.push(4);
                row.extend_from_slice(&epoch.to_be_bytes());
            }
            Row::Circle => row.push(5),
        }
        Place { table: Table::Group, row }
    }

    /// Which row of `conversation` stands at `place`.
    pub(super) fn at(conversation: ConversationId, place: &Place) -> Option<Row> {
        match place.row.strip_prefix(conversation.0.as_slice())? {
            [0] => Some(Row::About),
            [1] => Some(Row::State),
            [2] => Some(Row::Tree),
            [3] => Some(Row::Pending),
            [4, epoch @ ..] => Some(Row::Prior(u64::from_be_bytes(epoch.try_into().ok()?))),
            [5] => Some(Row::Circle),
            _ => None,
        }
    }
}

/// Rows to be written, each with its new value; `None` for one that goes.
pub(super) type Rows = Vec<(Row, Option<Vec<u8>>)>;

/// The rows of a group.
pub(super) fn wanted(conversation: ConversationId) -> Wanted {
    Wanted::Newest { table: Table::Group, prefix: conversation.0.to_vec(), below: None, limit: ROWS_MAX }
}

/// What is known about a group besides its MLS state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The users who may sit in it.
    pub(super) people: People,
    /// The first epoch that this device can read.
    pub(super) joined_epoch: u64,
    /// Whether this device joined by a Welcome and has not yet put a fresh key into its leaf.
    pub(super) needs_update: bool,
}

impl About {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u64(self.joined_epoch);
        let (users, is_open) = match &self.people {
            People::These(users) => (Some(users), false),
            People::Anyone => (None, true),
        };
        writer.u8(u8::from(self.needs_update) | u8::from(is_open) << 1);
        users.into_iter().flat_map(SortedSet::iter).for_each(|user| writer.fixed(&user.0));
        writer.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let joined_epoch = reader.u64()?;
        let flags = reader.u8()?;
        let mut users = SortedSet::default();
        while !reader.is_done() {
            users.insert(UserId(reader.fixed()?));
        }
        let people = if flags & 2 == 0 { People::These(users) } else { People::Anyone };
        Some(Self { people, joined_epoch, needs_update: flags & 1 != 0 })
    }
}

/// What a device knows of a group of many besides what the group agrees on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Circle {
    /// Who has said that they leave: anybody may remove them.
    pub(super) leaving: SortedSet<UserId>,
    /// PSKs of the invites whose secrets are known.
    pub(super) invites: SortedMap<InviteId, [u8; 32]>,
    /// Somebody took rights here that they do not have: what comes after that is not to be had by a rejoin either.
    pub(super) usurped: bool,
}

impl Circle {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(self.usurped.into());
        writer.u32(self.leaving.len());
        self.leaving.iter().for_each(|user| writer.fixed(&user.0));
        for (id, key) in self.invites.iter() {
            writer.fixed(&id.0);
            writer.fixed(key);
        }
        writer.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let mut circle = Self { usurped: reader.u8()? != 0, ..Self::default() };
        for _ in 0..reader.u32()? {
            circle.leaving.insert(UserId(reader.fixed()?));
        }
        while !reader.is_done() {
            circle.invites.insert(InviteId(reader.fixed()?), reader.fixed()?);
        }
        Some(circle)
    }
}

/// A commit that was made and not yet accepted by the server, with what is needed to apply it and to send it again.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) client_id: ClientId,
    pub(super) kind: PendingKind,
    pub(super) commit: Vec<u8>,
    pub(super) state: GroupState,
    /// Of a member: mls-rs's commit secrets. From outside: mls-rs's snapshot of the new group, without the tree.
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// From outside: the users who may sit in the group.
    pub(super) people: People,
    /// What goes to the server beside it.
    pub(super) beside: Beside,
}

/// What sort of commit is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PendingKind {
    /// A commit of a member.
    Update,
    /// A commit from outside.
    Rejoin,
    /// A commit of a member that changes who is in the group, or its charter.
    Change,
}

impl Pending {
    /// The epoch that the commit starts from.
    pub(super) fn base(&self) -> u64 {
        self.state.epoch.saturating_sub(1)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.fixed(&self.client_id.0);
        writer.u8(match (self.kind, &self.people) {
            (PendingKind::Update, _) => 0,
            (PendingKind::Rejoin, People::These(_)) => 1,
            (PendingKind::Change, _) => 2,
            (PendingKind::Rejoin, People::Anyone) => 3,
        });
        writer.bytes(&self.commit);
        writer.bytes(&self.secret);
        writer.u64(self.state.epoch);
        writer.bytes(self.state.group_info.as_slice());
        writer.bytes(self.state.ratchet_tree.as_slice());
        writer.u32(self.state.members.len());
        self.state.members.iter().for_each(|member| writer.fixed(&member.to_credential()));
        match &self.people {
            // As it was before there were groups of many.
            People::These(users) => users.iter().for_each(|user| writer.fixed(&user.0)),
            People::Anyone => writer.bytes(&self.beside.encode()),
        }
        writer.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes)?;
        let client_id = ClientId(reader.fixed()?);
        let (kind, is_open) = match reader.u8()? {
            0 => (PendingKind::Update, false),
            1 => (PendingKind::Rejoin, false),
            2 => (PendingKind::Change, true),
            3 => (PendingKind::Rejoin, true),
            _ => return None,
        };
        let commit = reader.bytes()?.to_vec();
        let secret = Zeroizing::new(reader.bytes()?.to_vec());
        let epoch = reader.u64()?;
        let group_info = Base64(reader.bytes()?.to_vec());
        let ratchet_tree = Base64(reader.bytes()?.to_vec());
        let mut members = Vec::new();
        for _ in 0..reader.u32()? {
            members.push(DeviceRef::from_credential(&reader.fixed::<32>()?)?);
        }
        let (mut people, mut beside) = (People::Anyone, Beside::default());
        if is_open {
            beside = Beside::decode(reader.bytes()?)?;
        } else {
            let mut users = SortedSet::default();
            while !reader.is_done() {
                users.insert(UserId(reader.fixed()?));
            }
            people = People::These(users);
        }
        let state = GroupState { epoch, group_info, ratchet_tree, members };
        Some(Self { client_id, kind, commit, state, secret, people, beside })
    }
}

/// The row of a key package's secrets.
pub(super) fn key_place(reference: &[u8]) -> Place {
    Place { table: Table::KeyPackage, row: reference.to_vec() }
}

pub(super) fn encode_key(key: &StoredKey) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u8(matches!(key.usage, Use::Again).into());
    writer.u64(key.created_at.0);
    writer.bytes(&key.secret);
    writer.0
}

pub(super) fn decode_key(bytes: &[u8]) -> Option<StoredKey> {
    let mut reader = Reader::new(bytes)?;
    let usage = if reader.u8()? == 0 { Use::Once } else { Use::Again };
    let created_at = Millis(reader.u64()?);
    let secret = Zeroizing::new(reader.bytes()?.to_vec());
    reader.is_done().then_some(StoredKey { usage, created_at, secret })
}

struct Writer(Vec<u8>);

impl Writer {
    fn new() -> Self {
        Self(vec![VERSION])
    }

    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, count: usize) {
        let count = u32::try_from(count).expect("rows are far under 4 GiB");
        self.0.extend_from_slice(&count.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len());
        self.fixed(bytes);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// `None` when the bytes are of another version.
    fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.strip_prefix(&[VERSION]).map(Self)
    }

    fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.fixed().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<usize> {
        self.fixed().and_then(|bytes| usize::try_from(u32::from_be_bytes(bytes)).ok())
    }

    fn u64(&mut self) -> Option<u64> {
        self.fixed().map(u64::from_be_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}
