//! Presence: what a device says of its owner, and what it is told of others.
//!
//! The rule: it has a rate of its own, and takes nothing from that of any other command.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::presence::{self, Settings};
use sotto_wire::presence::{Attend, Audience, PresenceNoted, PresenceRequest, Status};
use sotto_wire::{Code, UserId};
use std::sync::Arc;

/// Adds the endpoint of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    route(routes, Attend, attend)
}

/// [`Attend`].
pub(crate) async fn attend(
    app: Arc<App>,
    caller: DeviceCaller,
    request: PresenceRequest,
) -> Result<PresenceNoted, Refusal> {
    let user = caller.device.user;
    app.limits.presence(user)?;
    if request.status == Some(Status::Unknown) || request.audience == Some(Audience::Unknown) {
        return Err(Code::Invalid.into());
    }
    let settings = change(&app, user, &request).await?;
    app.delivery.attend(caller.device, request.attention);
    let people = app.delivery.people(user, settings).await?;
    Ok(PresenceNoted { status: settings.status, audience: settings.audience, people })
}

/// Stores the settings that a request changes; gives those that hold now.
async fn change(app: &App, user: UserId, request: &PresenceRequest) -> Result<Settings, StoreError> {
    let wanted = |now: Settings| Settings {
        status: request.status.unwrap_or(now.status),
        audience: request.audience.unwrap_or(now.audience),
    };
    let known = match app.delivery.known_settings(user) {
        Some(known) => known,
        None => presence::settings(app.store.read(), user).await?,
    };
    if wanted(known) == known {
        app.delivery.learn_settings(user, known);
        return Ok(known);
    }
    let mut tx = app.store.write().await?;
    // Another device may have changed them meanwhile.
    let settings = wanted(presence::settings(&mut *tx, user).await?);
    presence::set(&mut tx, user, settings).await?;
    let revision = app.delivery.settings_revision(&tx);
    tx.commit().await?;
    app.delivery.set_settings(user, settings, revision);
    Ok(settings)
}
