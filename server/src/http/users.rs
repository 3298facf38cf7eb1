//! Looking a person up by exact sign-in name.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::account::{self, By};
use sotto_wire::account::{FindUser, FindUserRequest, UserFound};
use sotto_wire::{Code, DeviceRef};
use std::sync::Arc;

pub(crate) fn routes(routes: Routes) -> Routes {
    route(routes, FindUser, find)
}

async fn find(app: Arc<App>, caller: DeviceCaller, request: FindUserRequest) -> Result<UserFound, Refusal> {
    app.limits.find(caller.device.user)?;
    let account =
        account::load(&mut *app.store.read().acquire().await.map_err(StoreError::from)?, By::Name(&request.name))
            .await?;
    let account = account.ok_or(Code::NotFound)?;
    let device = DeviceRef { user: account.user, device: account.device };
    Ok(UserFound { user: account.user, name: account.name, identity: account.identity, devices: vec![device] })
}
