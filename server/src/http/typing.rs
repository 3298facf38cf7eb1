//! Typing notices: from a member to the other people of the conversation, through memory only.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::member::first_readable;
use crate::store::party;
use sotto_wire::event::TypingUpdate;
use sotto_wire::typing::{TypingNoted, TypingRequest, TypingStart, TypingStop};
use sotto_wire::{Code, ConversationId};
use std::sync::Arc;

/// Adds the endpoints of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, TypingStart, start);
    route(routes, TypingStop, stop)
}

/// [`TypingStart`].
pub(crate) async fn start(app: Arc<App>, caller: DeviceCaller, request: TypingRequest) -> Result<TypingNoted, Refusal> {
    let update = TypingUpdate { conversation: request.conversation, user: caller.device.user, typing: true };
    tell(&app, caller, update).await
}

/// [`TypingStop`].
pub(crate) async fn stop(app: Arc<App>, caller: DeviceCaller, request: TypingRequest) -> Result<TypingNoted, Refusal> {
    let update = TypingUpdate { conversation: request.conversation, user: caller.device.user, typing: false };
    tell(&app, caller, update).await
}

async fn tell(app: &App, caller: DeviceCaller, update: TypingUpdate) -> Result<TypingNoted, Refusal> {
    if !is_member(app, caller, update.conversation).await? {
        return Err(Code::NotAMember.into());
    }
    // Who repeats themselves too soon costs no look at the store.
    if app.delivery.is_news(update, caller.device.device) {
        let shut_out = party::shut_out(app.store.read(), (update.conversation, update.user)).await?;
        app.delivery.tell_typing(update, &shut_out);
    }
    Ok(TypingNoted {})
}

async fn is_member(app: &App, caller: DeviceCaller, conversation: ConversationId) -> Result<bool, Refusal> {
    let device = caller.device.device;
    let is_live = app.delivery.is_live_member(conversation, device);
    Ok(is_live || first_readable(app.store.read(), conversation, device).await?.is_some())
}
