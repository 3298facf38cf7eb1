//! Conversations whose cryptography is made up: the server reads epochs and members only.

use crate::client::{Person, Server, random};
use sha2::{Digest as _, Sha256};
use sotto_wire::conversation::{
    CommitRequest, CreateConversation, CreateConversationRequest, GroupState, Kind, Welcome,
};
use sotto_wire::group::{AcceptConversation, AcceptConversationRequest, PersonRole, Role};
use sotto_wire::invite::{InviteAccess, PublishedInvite};
use sotto_wire::message::{MessageSent, SendMessage, SendMessageRequest};
use sotto_wire::{Base64, ClientId, ConversationId, DeviceRef, InviteId, Millis};

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

/// A direct conversation that both have accepted.
pub(crate) async fn direct(server: &Server, one: &Person, other: &Person) -> ConversationId {
    let created = one.call::<CreateConversation>(server, &creation(one, other)).await.expect("created");
    let conversation = created.conversation;
    let request = AcceptConversationRequest { conversation };
    other.call::<AcceptConversation>(server, &request).await.expect("accepted");
    conversation
}

/// The request for a group: the first of its people creates it.
pub(crate) fn group_creation(people: &[&Person], roles: Vec<PersonRole>) -> CreateConversationRequest {
    let members: Vec<DeviceRef> = people.iter().map(|person| device(person)).collect();
    let welcome = Welcome { to: members[1..].to_vec(), welcome: Base64(vec![3]) };
    CreateConversationRequest {
        client_id: ClientId(random()),
        conversation: ConversationId(random()),
        kind: Kind::Group,
        state: GroupState { epoch: 1, group_info: Base64(vec![1]), ratchet_tree: Base64(vec![2]), members },
        welcome: Some(welcome).filter(|welcome| !welcome.to.is_empty()),
        roles,
    }
}

/// A group.
pub(crate) async fn group(server: &Server, people: &[&Person], roles: Vec<PersonRole>) -> ConversationId {
    let request = group_creation(people, roles);
    people[0].call::<CreateConversation>(server, &request).await.expect("created").conversation
}

/// A commit that leads a group to `epoch`, with these people, of whom `added` get a Welcome.
pub(crate) fn step(
    (conversation, epoch): (ConversationId, u64),
    people: &[&Person],
    added: &[&Person],
) -> CommitRequest {
    let welcome = Welcome { to: added.iter().map(|person| device(person)).collect(), welcome: Base64(vec![3]) };
    CommitRequest {
        client_id: ClientId(random()),
        conversation,
        commit: commit(conversation, epoch - 1),
        state: GroupState {
            epoch,
            group_info: Base64(vec![1]),
            ratchet_tree: Base64(vec![2]),
            members: people.iter().map(|person| device(person)).collect(),
        },
        welcome: Some(welcome).filter(|welcome| !welcome.to.is_empty()),
        roles: None,
        invites: None,
        invite: None,
    }
}

/// A commit of a device that adds itself by an invite.
pub(crate) fn joining(at: (ConversationId, u64), people: &[&Person], access: [u8; 32]) -> CommitRequest {
    let (conversation, epoch) = at;
    // `mls_public_message` of a `new_member_commit` (RFC 9420 §6).
    let head = [&[0, 1, 0, 1, 16][..], &conversation.0, &(epoch - 1).to_be_bytes(), &[4, 0, 3]].concat();
    let invite = Some(InviteAccess { access: Base64(access.to_vec()) });
    CommitRequest { commit: Base64(head), invite, ..step(at, people, &[]) }
}

/// An invite that `access` opens.
pub(crate) fn invite(access: [u8; 32], (expires_at, uses_max): (Millis, u32)) -> PublishedInvite {
    PublishedInvite {
        id: InviteId(random()),
        access_hash: Base64(Sha256::digest(access).to_vec()),
        sealed_card: Base64(vec![9; 100]),
        expires_at,
        uses_max,
    }
}

/// What somebody is in a group.
pub(crate) fn role(of: &Person, role: Role) -> PersonRole {
    PersonRole { user: of.user, role }
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
