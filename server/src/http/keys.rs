//! Key packages: a device fills its stock, others claim from it.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::devices::{check, check_packages};
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::key::{self, Claimed};
use sotto_wire::key::{
    ClaimKeys, ClaimKeysRequest, ClaimedKey, KeysClaimed, KeysPublished, PublishKeys, PublishKeysRequest,
};
use sotto_wire::{Base64, Code, DeviceRef, limit};
use std::collections::HashSet;
use std::sync::Arc;

/// Most one-time packages of a device. Two full loads, so that a top-up that crosses claims is not refused.
const STOCK_MAX: usize = 2 * limit::KEY_PACKAGE_STOCK;

pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, PublishKeys, publish);
    route(routes, ClaimKeys, claim)
}

async fn publish(app: Arc<App>, caller: DeviceCaller, request: PublishKeysRequest) -> Result<KeysPublished, Refusal> {
    check_packages(&request.key_packages)?;
    if let Some(last_resort) = &request.last_resort {
        check(last_resort.len(), 1..=limit::KEY_PACKAGE_MAX_BYTES)?;
    }
    let device = caller.device.device;
    let mut tx = app.store.write().await?;
    key::add(&mut tx, device, &request.key_packages).await?;
    let stock = key::stock(&mut tx, device).await?;
    if stock > STOCK_MAX {
        return Err(Code::Invalid.into());
    }
    if let Some(last_resort) = &request.last_resort {
        key::set_last_resort(&mut tx, device, last_resort).await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    Ok(KeysPublished { stock })
}

async fn claim(app: Arc<App>, caller: DeviceCaller, request: ClaimKeysRequest) -> Result<KeysClaimed, Refusal> {
    check(request.users.len(), 1..=limit::CLAIM_USERS_MAX)?;
    // Each user once: else one request would take somebody's whole stock.
    if request.users.iter().collect::<HashSet<_>>().len() != request.users.len() {
        return Err(Code::Invalid.into());
    }
    app.limits.claim(caller.device.user, request.users.len())?;
    let mut key_packages = Vec::with_capacity(request.users.len());
    let mut tx = app.store.write().await?;
    let mut claimed = key::claim(&mut tx, &request.users).await?;
    for user in request.users {
        let Claimed { device, package } = claimed.remove(&user).ok_or(Code::NotFound)?;
        let package = package.ok_or(Code::NoKeyPackage)?;
        key_packages.push(ClaimedKey { owner: DeviceRef { user, device }, key_package: Base64(package) });
    }
    tx.commit().await.map_err(StoreError::from)?;
    Ok(KeysClaimed { key_packages })
}
