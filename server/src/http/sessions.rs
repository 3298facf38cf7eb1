//! Sign-in, refresh, sign-out.
//!
//! The rule: of a family of refresh tokens one is current. The one before it still works for a short grace, and gives
//! the current one again: so two tabs and a lost answer do no harm. Anything older ends the family.

use crate::app::App;
use crate::http::auth::{CookieCaller, PublicCaller};
use crate::http::devices::check;
use crate::http::endpoint::{Answer, Routes, route};
use crate::login::LoginError;
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::account::{self, By};
use crate::store::session::{self, Session, SessionId};
use crate::token::{AccessClaim, RefreshClaim};
use axum::http::HeaderValue;
use sotto_wire::event::SessionEndCause;
use sotto_wire::session::{
    EndSession, EndSessionRequest, LoginFinish, LoginFinishRequest, LoginFinished, LoginStart, LoginStartRequest,
    LoginStarted, REFRESH_COOKIE, Refresh, RefreshRequest, Refreshed, SessionEnded, Tokens,
};
use sotto_wire::{Code, DeviceId, Millis, UserId, limit};
use std::sync::Arc;

pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, LoginStart, start);
    let routes = route(routes, LoginFinish, finish);
    let routes = route(routes, Refresh, refresh);
    route(routes, EndSession, end)
}

/// A session, and the tokens that speak for it.
pub(crate) struct Grant {
    /// The session.
    pub(crate) session: Session,
    app: Arc<App>,
}

impl Grant {
    /// A new session, not yet stored.
    pub(crate) fn begin(app: &Arc<App>, user: UserId, device: Option<DeviceId>) -> Result<Self, Refusal> {
        let mut id = SessionId([0; 16]);
        getrandom::fill(&mut id.0).map_err(Refusal::failed)?;
        let now = app.clock.now();
        let ends_at = now.after(app.config.session_life());
        let session = Session { id, user, device, binding: 0, generation: 0, rotated_at: now, ends_at };
        Ok(Self::of(app, session))
    }

    /// A session as it stands in the store.
    pub(crate) fn of(app: &Arc<App>, session: Session) -> Self {
        Self { session, app: app.clone() }
    }

    /// A new access token.
    pub(crate) fn tokens(&self) -> Tokens {
        let expires_in_ms = Millis(self.app.config.access_life_ms);
        let ends_at = self.app.clock.now().after(expires_in_ms);
        let claim = AccessClaim { session: self.session.id, binding: self.session.binding, ends_at };
        Tokens { access_token: claim.seal(&self.app.secrets.token_key), expires_in_ms }
    }

    /// The current refresh token as a cookie (RFC 6265bis §4.1).
    pub(crate) fn cookie(&self) -> HeaderValue {
        let claim = RefreshClaim { session: self.session.id, generation: self.session.generation };
        cookie(&claim.seal(&self.app.secrets.token_key), self.app.config.session_life().0 / 1_000)
    }
}

fn cookie(value: &str, max_age_s: u64) -> HeaderValue {
    let text = format!("{REFRESH_COOKIE}={value}; Path=/; Max-Age={max_age_s}; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(text).expect("base64url and digits are visible ASCII")
}

async fn start(app: Arc<App>, caller: PublicCaller, request: LoginStartRequest) -> Result<LoginStarted, Refusal> {
    app.limits.sign_in(caller.address)?;
    app.limits.guess(&request.name, caller.address)?;
    check(request.credential_request.len(), 1..=limit::OPAQUE_MAX_BYTES)?;
    let account =
        account::load(&mut *app.store.read().acquire().await.map_err(StoreError::from)?, By::Name(&request.name))
            .await?;
    let record = account.as_ref().map(|account| (account.user, account.record.as_slice()));
    let now = app.clock.now();
    let started = app.logins.start(&app.secrets, (&request.name, record), &request.credential_request, now);
    let (login, credential_response) = started.map_err(|error| match error {
        LoginError::Malformed => Code::Malformed.into(),
        LoginError::Full => Code::Unavailable.into(),
        LoginError::BadRecord => Refusal::failed(error),
    })?;
    Ok(LoginStarted { login, credential_response })
}

async fn finish(
    app: Arc<App>,
    _caller: PublicCaller,
    request: LoginFinishRequest,
) -> Result<Answer<LoginFinished>, Refusal> {
    check(request.credential_finalization.len(), 1..=limit::OPAQUE_MAX_BYTES)?;
    let now = app.clock.now();
    let user = app.logins.finish(request.login, &request.credential_finalization, now);
    let user = user.ok_or(Code::SignInRefused)?;
    let mut tx = app.store.write().await?;
    let account = account::load(&mut tx, By::Id(user)).await?.ok_or(Code::SignInRefused)?;
    let device = request.device.filter(|device| *device == account.device);
    let grant = Grant::begin(&app, user, device)?;
    session::drop_expired(&mut tx, now).await?;
    session::insert(&mut tx, &grant.session).await?;
    // Who signs in again on the same device has lost the cookie of the session before.
    let ended = match device {
        Some(device) => session::end_of_device(&mut tx, (user, device), grant.session.id).await?,
        None => Vec::new(),
    };
    tx.commit().await.map_err(StoreError::from)?;
    app.end_sessions(&ended, SessionEndCause::SignedOut);
    let answer = LoginFinished {
        user,
        vault: account.vault.into(),
        device,
        current_device: Some(account.device),
        next_device_sequence: account.device_sequence + 1,
        tokens: grant.tokens(),
    };
    Ok(Answer::with_cookie(answer, grant.cookie()))
}

/// What a presented refresh token leads to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is the current one: the next follows.
    Next(u64),
    /// It is the one before, within the grace: the current one is given again.
    Again,
    /// It was spent long ago: somebody has a copy.
    Reused,
    /// The session's time is over.
    Over,
}

fn step(session: &Session, presented: u64, now: Millis, grace: Millis) -> Step {
    if session.ends_at <= now {
        return Step::Over;
    }
    // Newer than the current one is one of ours from before the store was restored from a copy.
    if presented >= session.generation {
        return Step::Next(presented.saturating_add(1));
    }
    let in_grace = now.since(session.rotated_at) < grace;
    if presented.saturating_add(1) == session.generation && in_grace { Step::Again } else { Step::Reused }
}

async fn refresh(app: Arc<App>, caller: CookieCaller, _: RefreshRequest) -> Result<Answer<Refreshed>, Refusal> {
    let claim = caller.claim.ok_or(Code::SessionEnded)?;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let mut session = session::load(&mut tx, claim.session).await?.ok_or(Code::SessionEnded)?;
    match step(&session, claim.generation, now, Millis(app.config.refresh_grace_ms)) {
        Step::Next(generation) => {
            session = Session { generation, rotated_at: now, ends_at: now.after(app.config.session_life()), ..session };
            session::rotate(&mut tx, &session).await?;
            tx.commit().await.map_err(StoreError::from)?;
            app.sessions.forget(session.id);
        }
        Step::Again => drop(tx),
        Step::Reused => {
            session::end(&mut tx, session.id).await?;
            tx.commit().await.map_err(StoreError::from)?;
            app.end_sessions(&[session.id], SessionEndCause::TokenReused);
            tracing::warn!("a spent refresh token was used again: its session has ended");
            return Err(Code::SessionEnded.into());
        }
        Step::Over => {
            session::end(&mut tx, session.id).await?;
            tx.commit().await.map_err(StoreError::from)?;
            app.end_sessions(&[session.id], SessionEndCause::SignedOut);
            return Err(Code::SessionEnded.into());
        }
    }
    let grant = Grant::of(&app, session);
    let answer = Refreshed { user: session.user, device: session.device, tokens: grant.tokens() };
    Ok(Answer::with_cookie(answer, grant.cookie()))
}

/// Signs out. Who has no session any more is signed out already.
async fn end(app: Arc<App>, caller: CookieCaller, _: EndSessionRequest) -> Result<Answer<SessionEnded>, Refusal> {
    if let Some(claim) = caller.claim {
        let mut tx = app.store.write().await?;
        session::end(&mut tx, claim.session).await?;
        tx.commit().await.map_err(StoreError::from)?;
        app.end_sessions(&[claim.session], SessionEndCause::SignedOut);
    }
    Ok(Answer::with_cookie(SessionEnded {}, cookie("", 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Millis = Millis(60_000);

    fn session() -> Session {
        Session {
            id: SessionId([1; 16]),
            user: UserId([2; 16]),
            device: None,
            binding: 0,
            generation: 5,
            rotated_at: Millis(1_000_000),
            ends_at: Millis(9_000_000),
        }
    }

    #[test]
    fn current_token_leads_to_the_next() {
        assert_eq!(step(&session(), 5, Millis(2_000_000), GRACE), Step::Next(6));
    }

    #[test]
    fn token_before_gives_the_current_one_again_within_the_grace_only() {
        assert_eq!(step(&session(), 4, Millis(1_059_999), GRACE), Step::Again);
        assert_eq!(step(&session(), 4, Millis(1_060_000), GRACE), Step::Reused);
    }

    #[test]
    fn older_token_ends_the_family_even_at_once() {
        assert_eq!(step(&session(), 3, Millis(1_000_000), GRACE), Step::Reused);
        assert_eq!(step(&session(), 0, Millis(1_000_000), GRACE), Step::Reused);
    }

    #[test]
    fn expired_session_is_over_whatever_is_presented() {
        assert_eq!(step(&session(), 5, Millis(9_000_000), GRACE), Step::Over);
        assert_eq!(step(&session(), 3, Millis(9_000_000), GRACE), Step::Over);
    }
}
