//! Messages: sealed for a group, and opened.
//!
//! The rule (E2): conversation, epoch, sender, kind and the sender's id of the message are authenticated with it, and
//! what the server says of a message must be what its sender sealed.

use super::{GroupError, Groups, Unreadable};
use mls_rs::MlsMessage;
use mls_rs::MlsMessageDescription::PrivateProtocolMessage;
use mls_rs::error::MlsError;
use mls_rs::group::{ContentType, ReceivedMessage};
use sotto_wire::event::MessageReceived;
use sotto_wire::{Base64, ClientId, ConversationId, DeviceRef, limit};

/// Most bytes of a group's state after a message was opened: the keys of 10 000 messages that were skipped, at 49 each.
/// A sender who skips on and on would make every later step write more.
const STATE_MAX_BYTES: usize = 512 * 1_024;

/// A message that was sealed.
#[derive(Debug, PartialEq)]
pub(crate) struct Sealed {
    /// The epoch that it is sealed in.
    pub(crate) epoch: u64,
    /// MLS `PrivateMessage`.
    pub(crate) ciphertext: Base64,
}

/// A message that was opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Who sealed it.
    pub(crate) sender: DeviceRef,
    /// The epoch that it is sealed in.
    pub(crate) epoch: u64,
    /// What sort of content it holds.
    pub(crate) kind: u8,
    /// What was sealed.
    pub(crate) plaintext: Vec<u8>,
}

impl Groups {
    /// Seals `plaintext` for the group, as a message of `kind` that its sender calls `client_id`.
    pub(crate) fn seal(
        &mut self,
        conversation: ConversationId,
        kind: u8,
        client_id: ClientId,
        plaintext: &[u8],
    ) -> Result<Sealed, GroupError> {
        let current = self.entries.get_mut(&conversation).and_then(|entry| entry.current.as_mut());
        let current = current.ok_or(GroupError::NotLoaded)?;
        let message = current.group.encrypt_application_message(plaintext, authenticated(kind, client_id))?;
        let sealed = Sealed { epoch: current.epoch(), ciphertext: message.to_bytes()?.into() };
        let rows = current.save_step()?;
        self.put_rows(conversation, rows);
        Ok(sealed)
    }

    /// Opens a message of another device.
    pub(crate) fn open(&mut self, event: &MessageReceived) -> Result<Opened, Unreadable> {
        let mut entry = self.entries.remove(&event.conversation).ok_or(Unreadable::NotLoaded)?;
        let opened = match (entry.current.as_mut(), entry.pending.as_ref()) {
            (Some(current), _) => self.open_in(current, event),
            (None, Some(rejoin)) if event.epoch < rejoin.state.epoch => Err(Unreadable::BeforeJoining),
            (None, _) => Err(Unreadable::EpochAhead),
        };
        self.entries.insert(event.conversation, entry);
        opened
    }

    fn open_in(&mut self, current: &mut super::Current, event: &MessageReceived) -> Result<Opened, Unreadable> {
        if event.sender == self.device() {
            return Err(Unreadable::Own);
        }
        let message = MlsMessage::from_bytes(event.ciphertext.as_slice()).map_err(|_| Unreadable::NotAuthentic)?;
        let expected = PrivateProtocolMessage {
            group_id: &event.conversation.0,
            epoch_id: event.epoch,
            content_type: ContentType::Application,
        };
        if message.description() != expected {
            return Err(Unreadable::NotAuthentic);
        }
        if event.epoch > current.epoch() {
            return Err(Unreadable::EpochAhead);
        }
        if event.epoch < current.about.joined_epoch {
            return Err(Unreadable::BeforeJoining);
        }
        if event.epoch + limit::EPOCHS_BEFORE < current.epoch() {
            return Err(Unreadable::EpochGone);
        }
        let before = current.shelf.copy();
        let opened = take(current, message, event);
        let saved = opened.and_then(|opened| {
            let rows = current.save_step().map_err(|_| Unreadable::NotAuthentic)?;
            let size_bytes: usize = rows.iter().filter_map(|(_, value)| value.as_ref()).map(Vec::len).sum();
            if size_bytes > STATE_MAX_BYTES { Err(Unreadable::NotAuthentic) } else { Ok((opened, rows)) }
        });
        match saved {
            Ok((opened, rows)) => {
                self.put_rows(event.conversation, rows);
                Ok(opened)
            }
            Err(unreadable) => {
                current.shelf.put_back(before);
                let restored = current.restore(event.conversation, |shelf| self.client(shelf));
                restored.map_err(|_| Unreadable::NotAuthentic)?;
                Err(unreadable)
            }
        }
    }
}

fn take(current: &mut super::Current, message: MlsMessage, event: &MessageReceived) -> Result<Opened, Unreadable> {
    let received = match current.group.process_incoming_message(message) {
        Ok(ReceivedMessage::ApplicationMessage(received)) => received,
        Ok(_) => return Err(Unreadable::NotAuthentic),
        Err(MlsError::KeyMissing(_)) => return Err(Unreadable::Repeated),
        Err(MlsError::CantProcessMessageFromSelf) => return Err(Unreadable::Own),
        Err(_) => return Err(Unreadable::NotAuthentic),
    };
    // In an epoch before, mls-rs has made sure that the leaf still has the key of then, and a key is certified for one
    // device: the roster of now names the sender of then.
    let seat = current.roster.get(&received.sender_index);
    let sender = seat.ok_or(Unreadable::NotAuthentic)?.device;
    let &[kind, ref client_id @ ..] = received.authenticated_data.as_slice() else {
        return Err(Unreadable::NotAuthentic);
    };
    if sender != event.sender || client_id != event.client_id.0 {
        return Err(Unreadable::NotAuthentic);
    }
    Ok(Opened { sender, epoch: event.epoch, kind, plaintext: received.data().to_vec() })
}

/// What stands beside the ciphertext and is authenticated with it. A commit has the id alone, so neither passes for
/// the other.
fn authenticated(kind: u8, client_id: ClientId) -> Vec<u8> {
    [[kind].as_slice(), &client_id.0].concat()
}
