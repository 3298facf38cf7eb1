//! Invites: what somebody who holds one gets to see before they join. Joining is a commit, in `conversations`.
//!
//! The rule: whatever is wrong with an invite is one answer, and guesses are counted, by account and by address.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::{StoreError, group, invite, party};
use sotto_wire::conversation::Kind;
use sotto_wire::invite::{InviteOpened, OpenInvite, OpenInviteRequest};
use sotto_wire::{Base64, Code, limit};
use std::sync::Arc;

/// Adds the endpoint of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    route(routes, OpenInvite, open)
}

/// [`OpenInvite`].
pub(crate) async fn open(
    app: Arc<App>,
    caller: DeviceCaller,
    request: OpenInviteRequest,
) -> Result<InviteOpened, Refusal> {
    check_access(&request.access)?;
    app.limits.invite(caller)?;
    let id = request.conversation;
    // One snapshot for invite and state: a commit may come in between.
    let mut snapshot = app.store.read().begin().await.map_err(StoreError::from)?;
    let shown = (request.access.as_slice(), app.clock.now());
    let found = invite::find(&mut snapshot, id, shown).await?.ok_or(Code::InviteInvalid)?;
    let card = invite::card(&mut snapshot, (id, found)).await?.ok_or(Code::InviteInvalid)?;
    let (state, n) = group::load_state(&mut snapshot, id, None).await?.ok_or(Code::InviteInvalid)?;
    let people_count = party::count(&mut *snapshot, id).await?;
    let cursor = app.delivery.cursors().write(n);
    Ok(InviteOpened { state, kind: Kind::Group, sealed_card: card.into(), people_count, cursor })
}

/// Refuses what cannot be what an invite is opened with.
pub(crate) fn check_access(access: &Base64) -> Result<(), Refusal> {
    if access.len() == limit::INVITE_ACCESS_BYTES { Ok(()) } else { Err(Code::Invalid.into()) }
}
