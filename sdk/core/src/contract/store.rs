//! The local store as the core asks for it: tables, records, batches. Owns their names, not what stands in them.

use super::BatchKey;
use bytes::Bytes;

/// A table of the local store. Rows are ordered by their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row each: account and device secrets, session, cursor, settings.
    Account,
    /// One row a conversation: members, title, last message, read marks.
    Conversation,
    /// Timeline items: conversation id, then position.
    Message,
    /// MLS state: conversation id, then epoch.
    Group,
    /// What waits to be sent, in order.
    Outbox,
    /// Secrets of published key packages.
    KeyPackage,
    /// People: pinned identities and display names.
    Contact,
    /// Where a message stands: conversation id, sending device, its id of the message.
    Index,
    /// Changes that wait for their message to be read, in order.
    Change,
}

impl Table {
    /// Every table, in the order in which a store lists them.
    pub const ALL: &[Table] = &[
        Table::Account,
        Table::Conversation,
        Table::Message,
        Table::Group,
        Table::Outbox,
        Table::KeyPackage,
        Table::Contact,
        Table::Index,
        Table::Change,
    ];

    /// The table's name in a store.
    pub fn name(self) -> &'static str {
        match self {
            Table::Account => "account",
            Table::Conversation => "conversation",
            Table::Message => "message",
            Table::Group => "group",
            Table::Outbox => "outbox",
            Table::KeyPackage => "key_package",
            Table::Contact => "contact",
            Table::Index => "index",
            Table::Change => "change",
        }
    }
}

/// The place of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Table.
    pub table: Table,
    /// Row, 1 to 64 bytes; holds ids and numbers only, never a name or a text.
    pub row: Vec<u8>,
}

/// A record of the local store. The value is secret: a store seals it before it writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where.
    pub place: Place,
    /// What.
    pub value: Bytes,
}

impl std::fmt::Debug for Record {
    /// Place and length only: values are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({:?}, {} bytes)", self.place.table, self.value.len())
    }
}

/// What is to be written, all or nothing. [`Batch::erase`] first, then deletes, then puts.
#[derive(Debug)]
pub struct Batch {
    /// Its name.
    pub key: BatchKey,
    /// Whether everything that was there goes, the sealing key included.
    pub erase: Erase,
    /// Records that go.
    pub deletes: Vec<Place>,
    /// Records that come or change.
    pub puts: Vec<Record>,
}

/// Whether a batch erases the whole store first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erase {
    /// Keep what is there.
    Nothing,
    /// Erase every table, and replace the sealing key.
    Everything,
}

/// Which records to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// These, where they exist.
    Places(Vec<Place>),
    /// All of these tables.
    Tables(Vec<Table>),
    /// Rows of a table that begin with `prefix`, from the highest row down.
    Newest {
        /// Table.
        table: Table,
        /// First bytes of the row.
        prefix: Vec<u8>,
        /// Only rows under this one; from the end without.
        below: Option<Vec<u8>>,
        /// At most this many.
        limit: usize,
    },
}
