//! Conversations whose cryptography is made up: the server reads epochs and members only.

use crate::client::{Person, Server, random};
use sotto_wire::conversation::{CreateConversation, CreateConversationRequest, GroupState, Kind, Welcome};
use sotto_wire::message::{MessageSent, SendMessage, SendMessageRequest};
use sotto_wire::{Base64, ClientId, ConversationId, DeviceRef};

/// Account and device of somebody.
pub(crate) fn device(of: &Person) -> DeviceRef {
    DeviceRef { user: of.user, device: of.device.device }
}

/// The request for a direct conversation.
pub(crate) fn creation(one: &Person, other: &Person) -> CreateConversationRequest {
    let members = vec![device(one), device(other)];
    CreateConversationRequest {
        client_id: ClientId(random()),
        conversation: ConversationId(random()),
        kind: Kind::Direct { peer: other.user },
        state: GroupState { epoch: 1, group_info: Base64(vec![1]), ratchet_tree: Base64(vec![2]), members },
        welcome: Some(Welcome { to: vec![device(other)], welcome: Base64(vec![3]) }),
        roles: Vec::new(),
    }
}

/// A direct conversation.
pub(crate) async fn direct(server: &Server, one: &Person, other: &Person) -> ConversationId {
    one.call::<CreateConversation>(server, &creation(one, other)).await.expect("created").conversation
}

/// The request for a message.
pub(crate) fn message(conversation: ConversationId, text: &str) -> SendMessageRequest {
    SendMessageRequest { client_id: ClientId(random()), conversation, epoch: 1, ciphertext: text.as_bytes().into() }
}

/// Sends a message.
pub(crate) async fn say(server: &Server, who: &Person, (room, text): (ConversationId, &str)) -> MessageSent {
    who.call::<SendMessage>(server, &message(room, text)).await.expect("sent")
}

/// The head of an MLS `PrivateMessage` (RFC 9420 §6) with a commit from `epoch` on: all that the server reads of it.
pub(crate) fn commit(conversation: ConversationId, epoch: u64) -> Base64 {
    Base64([&[0, 1, 0, 2, 16][..], &conversation.0, &epoch.to_be_bytes(), &[3]].concat())
}
