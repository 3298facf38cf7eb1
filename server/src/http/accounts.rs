//! Sign-up: account, device, key packages and session come at once or not at all.

use crate::app::App;
use crate::http::auth::PublicCaller;
use crate::http::devices::{self, check};
use crate::http::endpoint::{Answer, Routes, route};
use crate::http::rate::SignUpStep;
use crate::http::sessions::Grant;
use crate::login;
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::account::{self, Account, By};
use crate::store::session;
use sotto_wire::account::{
    RegisterFinish, RegisterFinishRequest, RegisterStart, RegisterStartRequest, RegisterStarted, Registered,
};
use sotto_wire::{Code, DeviceRef, Millis, limit};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Length of an Ed25519 public key (RFC 8032 §5.1.5).
const ED25519_BYTES: usize = 32;
/// Length of an ML-DSA-65 public key (FIPS 204 table 2).
const ML_DSA_65_BYTES: usize = 1_952;
/// So long a sign-up sent again gets its answer again. Short, because it opens a session without a sign-in.
const REPEAT_LIFE: Millis = Millis(600_000);

pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, RegisterStart, start);
    route(routes, RegisterFinish, finish)
}

async fn start(app: Arc<App>, caller: PublicCaller, request: RegisterStartRequest) -> Result<RegisterStarted, Refusal> {
    app.limits.sign_up(caller.address, SignUpStep::Start)?;
    // The evaluation answers one guess at the password of whoever has the name already.
    app.limits.guess(&request.name, caller.address)?;
    check(request.registration_request.len(), 1..=limit::OPAQUE_MAX_BYTES)?;
    let registration_response = login::start_registration(&app.secrets, &request.name, &request.registration_request)?;
    Ok(RegisterStarted { registration_response })
}

async fn finish(
    app: Arc<App>,
    caller: PublicCaller,
    request: RegisterFinishRequest,
) -> Result<Answer<Registered>, Refusal> {
    app.limits.sign_up(caller.address, SignUpStep::Finish)?;
    check(request.registration_record.len(), 1..=limit::OPAQUE_MAX_BYTES)?;
    check(request.vault.len(), 1..=limit::VAULT_MAX_BYTES)?;
    check(request.identity.ed25519.len(), ED25519_BYTES..=ED25519_BYTES)?;
    check(request.identity.ml_dsa_65.len(), ML_DSA_65_BYTES..=ML_DSA_65_BYTES)?;
    devices::check_device(&request.device)?;
    let now = app.clock.now();
    let account = Account {
        user: request.user,
        record: login::finish_registration(&request.registration_record)?,
        name: request.name,
        identity: request.identity,
        vault: request.vault.0,
        device: request.device.device,
        device_sequence: 1,
        created_at: now,
    };
    let device = DeviceRef { user: account.user, device: account.device };
    let mut tx = app.store.write().await?;
    let holder = account::load(&mut tx, By::Name(&account.name)).await?;
    if let Some(holder) = &holder {
        if !is_repeat(holder, &account) {
            return Err(Code::NameTaken.into());
        }
    } else {
        if account::load(&mut tx, By::Id(account.user)).await?.is_some()
            || account::load_device(&mut tx, account.device).await?.is_some()
        {
            return Err(Code::IdTaken.into());
        }
        account::insert(&mut tx, &account).await?;
        account::register_device(&mut tx, device, &request.device, now).await?;
    }
    let grant = Grant::begin(&app, account.user, Some(account.device))?;
    session::insert(&mut tx, &grant.session).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Answer::with_cookie(Registered { tokens: grant.tokens() }, grant.cookie()))
}

/// Whether `sent` is the sign-up that made `holder`, sent again after a lost answer.
fn is_repeat(holder: &Account, sent: &Account) -> bool {
    let same_record: bool = holder.record.ct_eq(&sent.record).into();
    same_record
        && holder.user == sent.user
        && holder.device == sent.device
        && sent.created_at.since(holder.created_at) < REPEAT_LIFE
}
