//! Rows of the local store: where each kind of record stands and how it is written. Owns the places, not the values.
//!
//! The rule: a row holds ids and numbers only, values are JSON, and what a later version adds is skipped when read.

use crate::content::MessageRef;
use crate::contract::{Place, Record, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sotto_wire::{ConversationId, UserId};

/// The account: [`crate::session::Account`].
pub(crate) const ACCOUNT: &[u8] = b"account";
/// The device's keys, as bytes.
pub(crate) const DEVICE: &[u8] = b"device";
/// How far the client has come: [`crate::session::Progress`].
pub(crate) const PROGRESS: &[u8] = b"progress";

/// The ids of the last texts that were asked for under one, 16 bytes each, oldest first.
pub(crate) const SENDS: &[u8] = b"sends";

/// A row of [`Table::Account`].
pub(crate) fn account(row: &[u8]) -> Place {
    Place { table: Table::Account, row: row.to_vec() }
}

/// The row of a conversation.
pub(crate) fn conversation(id: ConversationId) -> Place {
    Place { table: Table::Conversation, row: id.0.to_vec() }
}

/// The row of what a group has besides.
pub(crate) fn membership(id: ConversationId) -> Place {
    Place { table: Table::Conversation, row: [id.0.as_slice(), b"g"].concat() }
}

/// The conversation of such a row.
pub(crate) fn membership_of(record: &Record) -> Option<ConversationId> {
    record.place.row.strip_suffix(b"g")?.try_into().ok().map(ConversationId)
}

/// The row of a person.
pub(crate) fn contact(user: UserId) -> Place {
    Place { table: Table::Contact, row: user.0.to_vec() }
}

/// The row of a message that waits.
pub(crate) fn outbox(sequence: u64) -> Place {
    Place { table: Table::Outbox, row: sequence.to_be_bytes().to_vec() }
}

/// The row of a timeline item.
pub(crate) fn message(conversation: ConversationId, position: u64) -> Place {
    Place { table: Table::Message, row: message_row(conversation, position) }
}

/// The row of a timeline item within [`Table::Message`].
pub(crate) fn message_row(conversation: ConversationId, position: u64) -> Vec<u8> {
    [conversation.0.as_slice(), &position.to_be_bytes()].concat()
}

/// The row that says where a message stands: 64 bytes.
pub(crate) fn index(conversation: ConversationId, of: MessageRef) -> Place {
    let MessageRef { sender, client_id } = of;
    let row = [conversation.0, sender.user.0, sender.device.0, client_id.0].concat();
    Place { table: Table::Index, row }
}

/// The row of a change that waits for its message.
pub(crate) fn change(number: u64) -> Place {
    Place { table: Table::Change, row: number.to_be_bytes().to_vec() }
}

/// `value` at `place`.
pub(crate) fn write<T: Serialize>(place: Place, value: &T) -> Record {
    let value = serde_json::to_vec(value).expect("rows have string keys and no failing serializer");
    Record { place, value: value.into() }
}

/// The value of a record; `None` when it is of another shape.
pub(crate) fn read<T: DeserializeOwned>(record: &Record) -> Option<T> {
    serde_json::from_slice(&record.value).ok()
}

/// The conversation or person whose row this is.
pub(crate) fn id(record: &Record) -> Option<[u8; 16]> {
    record.place.row.as_slice().try_into().ok()
}

/// The number at the end of a row.
pub(crate) fn number(record: &Record) -> Option<u64> {
    record.place.row.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
