//! The device that a signed-in browser becomes. One device an account for now: the one before is revoked at once.

use crate::app::App;
use crate::http::auth::AccountCaller;
use crate::http::endpoint::{Routes, route};
use crate::http::sessions::Grant;
use crate::refusal::Refusal;
use crate::store::account::{self, By, Device};
use crate::store::session::{self, Session};
use crate::store::{StoreError, key};
use sotto_wire::event::SessionEndCause;
use sotto_wire::key::NewDevice;
use sotto_wire::session::{DeviceRegistered, RegisterDevice, RegisterDeviceRequest};
use sotto_wire::{Base64, Code, DeviceRef, limit};
use std::ops::RangeInclusive;
use std::sync::Arc;

pub(crate) fn routes(routes: Routes) -> Routes {
    route(routes, RegisterDevice, register)
}

async fn register(
    app: Arc<App>,
    caller: AccountCaller,
    request: RegisterDeviceRequest,
) -> Result<DeviceRegistered, Refusal> {
    check_device(&request.device)?;
    let now = app.clock.now();
    let device = DeviceRef { user: caller.user, device: request.device.device };
    let mut tx = app.store.write().await?;
    let session = session::load(&mut tx, caller.session).await?.ok_or(Code::Unauthorized)?;
    let mut ended = Vec::new();
    match account::load_device(&mut tx, device.device).await? {
        // Sent again after a lost answer: nothing to do but to bind the session, where that is not done.
        Some(known) if is_same(&known, device, &request.device) => {}
        Some(_) => return Err(Code::IdTaken.into()),
        None => {
            let account = account::load(&mut tx, By::Id(caller.user)).await?.ok_or(Code::Unauthorized)?;
            if request.sequence != account.device_sequence + 1 {
                return Err(Code::DeviceOvertaken.into());
            }
            let replaced = DeviceRef { user: caller.user, device: account.device };
            account::revoke_device(&mut tx, replaced, now).await?;
            key::drop_all(&mut tx, replaced.device).await?;
            account::register_device(&mut tx, device, &request.device, now).await?;
            ended = session::end_of_device(&mut tx, (replaced.user, replaced.device), session.id).await?;
        }
    }
    let is_bound = session.device == Some(device.device);
    let bound = if is_bound {
        session
    } else {
        let bound = Session { device: Some(device.device), binding: session.binding.saturating_add(1), ..session };
        session::bind(&mut tx, &bound).await?;
        bound
    };
    tx.commit().await.map_err(StoreError::from)?;
    app.sessions.forget(session.id);
    app.end_sessions(&ended, SessionEndCause::DeviceReplaced);
    if !is_bound && session.device.is_some() {
        // The streams that this session had as the device before.
        app.end_sessions(&[session.id], SessionEndCause::DeviceReplaced);
    }
    Ok(DeviceRegistered { tokens: Grant::of(&app, bound).tokens() })
}

fn is_same(known: &Device, device: DeviceRef, sent: &NewDevice) -> bool {
    !known.is_revoked && known.device == device && known.certificate == sent.certificate.0
}

/// Checks the bounds of a device as it introduces itself.
pub(crate) fn check_device(device: &NewDevice) -> Result<(), Refusal> {
    check(device.certificate.len(), 1..=limit::KEY_PACKAGE_MAX_BYTES)?;
    check(device.last_resort.len(), 1..=limit::KEY_PACKAGE_MAX_BYTES)?;
    check_packages(&device.key_packages)
}

/// Checks the bounds of one-time key packages.
pub(crate) fn check_packages(packages: &[Base64]) -> Result<(), Refusal> {
    check(packages.len(), 0..=limit::KEY_PACKAGES_MAX)?;
    packages.iter().try_for_each(|package| check(package.len(), 1..=limit::KEY_PACKAGE_MAX_BYTES))
}

/// Refuses a length that is not in its range: too much by its own code.
pub(crate) fn check(length: usize, range: RangeInclusive<usize>) -> Result<(), Refusal> {
    if length > *range.end() {
        return Err(Code::TooLarge.into());
    }
    if length < *range.start() {
        return Err(Code::Invalid.into());
    }
    Ok(())
}
