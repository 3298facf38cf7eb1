//! Conversations: creating one, listing them, moving a group to its next epoch, reading a group's state.

use crate::app::App;
use crate::delivery::mls::commit_head;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::http::invites::check_access;
use crate::http::messages::stale_epoch;
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::conversation::{self, Creation, NewConversation};
use crate::store::group::{self, Commitment, NewCommit};
use crate::store::party;
use sotto_wire::conversation::{
    Commit, CommitRequest, Committed, ConversationCreated, ConversationsLoaded, CreateConversation,
    CreateConversationRequest, GroupLoaded, GroupState, Kind, LoadConversations, LoadConversationsRequest, LoadGroup,
    LoadGroupRequest, Welcome,
};
use sotto_wire::invite::InviteChange;
use sotto_wire::{Base64, Code, ConversationId, InviteId, Problem, limit};
use std::collections::HashSet;
use std::sync::Arc;

/// The epoch of a group right after its creation: 0 alone, 1 after the commit that adds the others (RFC 9420 §11).
const FIRST_EPOCH_MAX: u64 = 1;
/// How much each device may add to a tree, a commit or a Welcome: nine times a leaf with its certificate. So that who
/// invites somebody to a small group cannot hand them the largest one to load.
const DEVICE_STATE_MAX_BYTES: usize = 64 * 1_024;

/// Adds the endpoints of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, CreateConversation, create);
    let routes = route(routes, LoadConversations, load);
    let routes = route(routes, Commit, commit);
    route(routes, LoadGroup, load_group)
}

/// [`CreateConversation`].
pub(crate) async fn create(
    app: Arc<App>,
    caller: DeviceCaller,
    request: CreateConversationRequest,
) -> Result<ConversationCreated, Refusal> {
    app.limits.group(caller.device.user)?;
    check_state(&request.state, request.welcome.as_ref())?;
    let is_with_oneself = request.kind == Kind::Direct { peer: caller.device.user };
    if is_with_oneself || request.state.epoch > FIRST_EPOCH_MAX {
        return Err(Code::Invalid.into());
    }
    let new = NewConversation {
        creator: caller.device,
        client_id: request.client_id,
        conversation: request.conversation,
        kind: request.kind,
        state: request.state,
        welcome: request.welcome,
        roles: request.roles,
    };
    let mut tx = app.store.write().await?;
    let creation = conversation::create(&mut tx, &new, app.clock.now()).await?;
    match creation {
        Creation::Created { n } => {
            tx.commit().await.map_err(StoreError::from)?;
            app.delivery.appended();
            Ok(ConversationCreated { conversation: new.conversation, cursor: app.delivery.cursors().write(n) })
        }
        // Only a commit leaves a trace: what is dropped here is rolled back.
        Creation::Exists(id) => Err(exists(id)),
        Creation::IdTaken => Err(Code::IdTaken.into()),
        Creation::NoSuchUser => Err(Code::NotFound.into()),
        Creation::StaleDevices => Err(Code::StaleDevices.into()),
        Creation::WrongWelcome | Creation::WrongRoles => Err(Code::Invalid.into()),
        Creation::NotAccepted => Err(Code::NotAccepted.into()),
    }
}

/// [`LoadConversations`].
pub(crate) async fn load(
    app: Arc<App>,
    caller: DeviceCaller,
    request: LoadConversationsRequest,
) -> Result<ConversationsLoaded, Refusal> {
    let cursor = |n| app.delivery.cursors().write(n);
    let asked = (caller.device.user, request.after);
    let (conversations, more) = conversation::page(app.store.read(), asked, cursor).await?;
    Ok(ConversationsLoaded { conversations, more })
}

/// [`Commit`].
pub(crate) async fn commit(app: Arc<App>, caller: DeviceCaller, request: CommitRequest) -> Result<Committed, Refusal> {
    app.limits.group(caller.device.user)?;
    check_state(&request.state, request.welcome.as_ref())?;
    check_share(&request.commit, limit::COMMIT_MAX_BYTES, request.state.members.len())?;
    let head = commit_head(request.commit.as_slice()).ok_or(Code::Invalid)?;
    let is_consistent =
        head.conversation == request.conversation && head.epoch.checked_add(1) == Some(request.state.epoch);
    if !is_consistent {
        return Err(Code::Invalid.into());
    }
    if let Some(invite) = &request.invite {
        check_access(&invite.access)?;
        app.limits.invite(caller)?;
    }
    request.invites.as_ref().map_or(Ok(()), check_invites)?;
    let new = NewCommit {
        sender: caller.device,
        client_id: request.client_id,
        conversation: request.conversation,
        committer: head.committer,
        commit: request.commit.0,
        state: request.state,
        welcome: request.welcome,
        roles: request.roles,
        invites: request.invites,
        access: request.invite.map(|invite| invite.access.0),
    };
    let mut tx = app.store.write().await?;
    let commitment = group::commit(&mut tx, &new, app.clock.now()).await?;
    match commitment {
        Commitment::Stored { n, sent_at } => {
            tx.commit().await.map_err(StoreError::from)?;
            app.delivery.appended();
            Ok(Committed { cursor: app.delivery.cursors().write(n), sent_at })
        }
        // Only a commit leaves a trace: what is dropped here is rolled back.
        Commitment::NoSuchConversation => Err(Code::NotFound.into()),
        Commitment::NotAMember => Err(Code::NotAMember.into()),
        Commitment::StaleEpoch { newest_commit } => Err(stale_epoch(&app, newest_commit)),
        Commitment::StaleDevices => Err(Code::StaleDevices.into()),
        Commitment::WrongMembers | Commitment::WrongWelcome | Commitment::Unfit => Err(Code::Invalid.into()),
        Commitment::Forbidden => Err(Code::Forbidden.into()),
        Commitment::InviteInvalid => Err(Code::InviteInvalid.into()),
        Commitment::IdTaken => Err(Code::IdTaken.into()),
    }
}

/// [`LoadGroup`].
pub(crate) async fn load_group(
    app: Arc<App>,
    caller: DeviceCaller,
    request: LoadGroupRequest,
) -> Result<GroupLoaded, Refusal> {
    app.limits.group(caller.device.user)?;
    let (id, user) = (request.conversation, caller.device.user);
    // One snapshot for state and members: a commit may come in between.
    let mut snapshot = app.store.read().begin().await.map_err(StoreError::from)?;
    let kind = conversation::kind_for(&mut *snapshot, id, user).await?.ok_or(Code::NotFound)?;
    let own = party::one(&mut *snapshot, (id, user)).await?.filter(|own| !own.has_left).ok_or(Code::NotAMember)?;
    let people = party::people(&mut *snapshot, id).await?;
    let (state, n) = group::load_state(&mut snapshot, id, request.epoch).await?.ok_or(Code::NotFound)?;
    Ok(GroupLoaded { state, kind, people, accepted: own.has_accepted, cursor: app.delivery.cursors().write(n) })
}

fn check_invites(change: &InviteChange) -> Result<(), Refusal> {
    let published: HashSet<InviteId> = change.publish.iter().map(|invite| invite.id).collect();
    let is_once = published.len() == change.publish.len() && !change.revoke.iter().any(|id| published.contains(id));
    if !is_once || change.publish.len() > limit::INVITES_MAX || change.revoke.len() > limit::INVITES_MAX {
        return Err(Code::Invalid.into());
    }
    for invite in &change.publish {
        check_access(&invite.access_hash)?;
        check_size(&invite.sealed_card, limit::INVITE_CARD_MAX_BYTES)?;
        if invite.uses_max == 0 {
            return Err(Code::Invalid.into());
        }
    }
    Ok(())
}

fn check_state(state: &GroupState, welcome: Option<&Welcome>) -> Result<(), Refusal> {
    // An empty list is invalid, not a share of nothing.
    check_count(state.members.len())?;
    check_size(&state.group_info, limit::GROUP_INFO_MAX_BYTES)?;
    check_share(&state.ratchet_tree, limit::TREE_MAX_BYTES, state.members.len())?;
    if let Some(welcome) = welcome {
        check_count(welcome.to.len())?;
        check_share(&welcome.welcome, limit::WELCOME_MAX_BYTES, welcome.to.len().min(state.members.len()))?;
    }
    Ok(())
}

/// [`check_size`] of what grows with `devices`.
fn check_share(field: &Base64, max_bytes: usize, devices: usize) -> Result<(), Refusal> {
    check_size(field, max_bytes.min(DEVICE_STATE_MAX_BYTES.saturating_mul(devices)))
}

fn check_size(field: &Base64, max_bytes: usize) -> Result<(), Refusal> {
    match field.len() {
        0 => Err(Code::Invalid.into()),
        size if size > max_bytes => Err(Code::TooLarge.into()),
        _ => Ok(()),
    }
}

fn check_count(devices: usize) -> Result<(), Refusal> {
    if (1..=limit::MEMBERS_MAX).contains(&devices) { Ok(()) } else { Err(Code::Invalid.into()) }
}

fn exists(conversation: ConversationId) -> Refusal {
    Problem { conversation: Some(conversation), ..Problem::new(Code::ConversationExists) }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_wire::{DeviceId, DeviceRef, UserId};

    fn state(devices: u8, tree_bytes: usize) -> GroupState {
        let member = |id: u8| DeviceRef { user: UserId([id; 16]), device: DeviceId([id; 16]) };
        GroupState {
            epoch: 1,
            group_info: Base64(vec![1]),
            ratchet_tree: Base64(vec![1; tree_bytes]),
            members: (0..devices).map(member).collect(),
        }
    }

    fn code(outcome: Result<(), Refusal>) -> Option<Code> {
        outcome.err().map(|refusal| refusal.into_problem().code)
    }

    #[test]
    fn a_tree_is_as_large_as_its_members_allow() {
        assert_eq!(code(check_state(&state(2, 2 * DEVICE_STATE_MAX_BYTES), None)), None);
        assert_eq!(code(check_state(&state(2, 2 * DEVICE_STATE_MAX_BYTES + 1), None)), Some(Code::TooLarge));
        assert_eq!(code(check_state(&state(200, limit::TREE_MAX_BYTES), None)), None);
        assert_eq!(code(check_state(&state(200, limit::TREE_MAX_BYTES + 1), None)), Some(Code::TooLarge));
    }

    #[test]
    fn a_welcome_is_as_large_as_those_it_is_for_allow() {
        let state = state(2, 1);
        let of = |bytes| Welcome { to: vec![state.members[0]], welcome: Base64(vec![1; bytes]) };
        assert_eq!(code(check_state(&state, Some(&of(DEVICE_STATE_MAX_BYTES)))), None);
        assert_eq!(code(check_state(&state, Some(&of(DEVICE_STATE_MAX_BYTES + 1)))), Some(Code::TooLarge));
    }
}
