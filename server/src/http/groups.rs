//! Groups: leaving one, accepting an invitation. What changes a group is a commit, in `conversations`.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::group::{self, Leaving};
use crate::store::{StoreError, conversation, party};
use sotto_wire::Code;
use sotto_wire::group::{
    AcceptConversation, AcceptConversationRequest, ConversationAccepted, ConversationLeft, LeaveConversation,
    LeaveConversationRequest,
};
use std::sync::Arc;

/// Adds the endpoints of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, LeaveConversation, leave);
    route(routes, AcceptConversation, accept)
}

/// [`LeaveConversation`].
pub(crate) async fn leave(
    app: Arc<App>,
    caller: DeviceCaller,
    request: LeaveConversationRequest,
) -> Result<ConversationLeft, Refusal> {
    app.limits.group(caller.device.user)?;
    let mut tx = app.store.write().await?;
    match group::leave(&mut tx, (caller.device, request.conversation), app.clock.now()).await? {
        Leaving::Left => {
            tx.commit().await.map_err(StoreError::from)?;
            app.delivery.appended();
            Ok(ConversationLeft {})
        }
        Leaving::NoSuchConversation => Err(Code::NotFound.into()),
        Leaving::NotAMember => Err(Code::NotAMember.into()),
        Leaving::Forbidden => Err(Code::Forbidden.into()),
    }
}

/// [`AcceptConversation`].
pub(crate) async fn accept(
    app: Arc<App>,
    caller: DeviceCaller,
    request: AcceptConversationRequest,
) -> Result<ConversationAccepted, Refusal> {
    let user = caller.device.user;
    app.limits.group(user)?;
    let at = (request.conversation, user);
    conversation::kind_for(app.store.read(), request.conversation, user).await?.ok_or(Code::NotFound)?;
    let own = party::one(app.store.read(), at).await?.filter(|own| !own.has_left).ok_or(Code::NotAMember)?;
    if !own.has_accepted {
        let mut tx = app.store.write().await?;
        party::accept(&mut tx, at).await?;
        tx.commit().await.map_err(StoreError::from)?;
    }
    Ok(ConversationAccepted {})
}
