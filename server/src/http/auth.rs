//! Who calls: one type for each kind of access, made from a request's head or refused.
//!
//! The rule: a token is believed as long as its session stands; the cache of sessions is emptied of a session in the
//! same breath as its row is changed.

use crate::app::App;
use crate::config::{AddressSource, authority_of};
use crate::refusal::Refusal;
use crate::share::Network;
use crate::store::session::{self, Session, SessionId};
use crate::store::{Store, StoreError};
use crate::token::{AccessClaim, RefreshClaim};
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::request::Parts;
use sotto_wire::session::REFRESH_COOKIE;
use sotto_wire::{Access, Code, DeviceId, DeviceRef, Millis, UserId};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// Who calls a command.
pub(crate) trait Caller: Sized + Send + 'static {
    /// The access that such a caller has.
    const ACCESS: Access;

    /// Reads the caller from a request's head.
    fn identify(app: &Arc<App>, parts: &Parts) -> impl Future<Output = Result<Self, Refusal>> + Send;

    /// Whether a token of ours was shown. Who has shown none may be anyone.
    fn is_known(&self) -> bool;

    /// The caller as the device whose stream a command comes over; `None` where the command takes another proof, or
    /// answers with a cookie.
    fn of_stream(device: DeviceCaller) -> Option<Self>;
}

/// Anyone.
pub(crate) struct PublicCaller {
    /// From where, for rate limits.
    pub(crate) address: IpAddr,
}

/// Who may hold the refresh cookie.
pub(crate) struct CookieCaller {
    /// What the cookie says, when there is one of ours. Whether its session still stands is not asked here.
    pub(crate) claim: Option<RefreshClaim>,
}

/// Who holds an access token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountCaller {
    /// The session.
    pub(crate) session: SessionId,
    /// The account.
    pub(crate) user: UserId,
    /// The session's device, when it has one.
    pub(crate) device: Option<DeviceId>,
}

/// Who holds an access token of a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceCaller {
    /// The session.
    pub(crate) session: SessionId,
    /// Account and device.
    pub(crate) device: DeviceRef,
    /// From where, for rate limits.
    pub(crate) network: Network,
}

impl Caller for PublicCaller {
    const ACCESS: Access = Access::Public;

    async fn identify(app: &Arc<App>, parts: &Parts) -> Result<Self, Refusal> {
        Ok(Self { address: address(app.config.address_source, parts) })
    }

    fn is_known(&self) -> bool {
        false
    }

    fn of_stream(_: DeviceCaller) -> Option<Self> {
        None
    }
}

impl Caller for CookieCaller {
    const ACCESS: Access = Access::Cookie;

    async fn identify(app: &Arc<App>, parts: &Parts) -> Result<Self, Refusal> {
        if !is_same_origin(app.config.public_origin.as_deref(), parts) {
            return Err(Code::WrongOrigin.into());
        }
        let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let cookie = pairs.find(|(name, _)| *name == REFRESH_COOKIE);
        Ok(Self { claim: cookie.and_then(|(_, token)| RefreshClaim::open(&app.secrets.token_key, token)) })
    }

    fn is_known(&self) -> bool {
        self.claim.is_some()
    }

    fn of_stream(_: DeviceCaller) -> Option<Self> {
        None
    }
}

impl Caller for AccountCaller {
    const ACCESS: Access = Access::Account;

    async fn identify(app: &Arc<App>, parts: &Parts) -> Result<Self, Refusal> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Code::Unauthorized)?;
        let claim = AccessClaim::open(&app.secrets.token_key, token.trim()).ok_or(Code::Unauthorized)?;
        let now = app.clock.now();
        if claim.ends_at <= now {
            return Err(Code::Unauthorized.into());
        }
        let session = app.sessions.load(&app.store, claim.session).await?.ok_or(Code::Unauthorized)?;
        if session.binding != claim.binding || session.ends_at <= now {
            return Err(Code::Unauthorized.into());
        }
        Ok(Self { session: session.id, user: session.user, device: session.device })
    }

    fn is_known(&self) -> bool {
        true
    }

    fn of_stream(_: DeviceCaller) -> Option<Self> {
        None
    }
}

impl Caller for DeviceCaller {
    const ACCESS: Access = Access::Device;

    async fn identify(app: &Arc<App>, parts: &Parts) -> Result<Self, Refusal> {
        let AccountCaller { session, user, device } = AccountCaller::identify(app, parts).await?;
        let device = device.ok_or(Code::DeviceNeeded)?;
        let network = address(app.config.address_source, parts).into();
        Ok(Self { session, device: DeviceRef { user, device }, network })
    }

    fn is_known(&self) -> bool {
        true
    }

    fn of_stream(device: DeviceCaller) -> Option<Self> {
        Some(device)
    }
}

impl DeviceCaller {
    /// Refuses a caller whose session, which opened a stream, stands no more.
    pub(crate) async fn check(&self, app: &App) -> Result<(), Refusal> {
        self.ends_at(app).await?.map(|_| ()).ok_or_else(|| Code::Unauthorized.into())
    }

    /// When the session ends without a refresh; `None` when it stands no more.
    pub(crate) async fn ends_at(&self, app: &App) -> Result<Option<Millis>, StoreError> {
        let session = app.sessions.load(&app.store, self.session).await?;
        let stands =
            |session: &Session| session.ends_at > app.clock.now() && session.device == Some(self.device.device);
        Ok(session.filter(stands).map(|session| session.ends_at))
    }
}

/// Most sessions remembered: 10 MB.
const CACHE_MAX: usize = 65_536;

/// Sessions that were looked up, so that a command costs no look-up of its own.
#[derive(Default)]
pub(crate) struct Sessions {
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    sessions: HashMap<SessionId, Session>,
    /// Counts changes of sessions: what was read before a change is not remembered after it.
    changes: u64,
}

impl Sessions {
    /// The session, unless it has ended.
    async fn load(&self, store: &Store, id: SessionId) -> Result<Option<Session>, StoreError> {
        let changes = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(session) = cache.sessions.get(&id) {
                return Ok(Some(*session));
            }
            cache.changes
        };
        let session = session::load(&mut *store.read().acquire().await?, id).await?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = session.filter(|_| cache.changes == changes) {
            if cache.sessions.len() >= CACHE_MAX {
                cache.sessions.clear();
            }
            cache.sessions.insert(id, session);
        }
        Ok(session)
    }

    /// Forgets a session whose row was changed or is gone: to be called when the change is committed.
    pub(crate) fn forget(&self, id: SessionId) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.sessions.remove(&id);
        cache.changes += 1;
    }
}

/// The address that a request comes from.
pub(crate) fn address(source: AddressSource, parts: &Parts) -> IpAddr {
    let forwarded = || {
        let line = parts.headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        line.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let peer = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let address = match source {
        AddressSource::Peer => peer(),
        AddressSource::Forwarded => forwarded().or_else(peer),
    };
    address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical()
}

/// Whether a request comes from a page of this server, or from no page at all (Fetch Metadata; RFC 6454 §7).
pub(crate) fn is_same_origin(public_origin: Option<&str>, parts: &Parts) -> bool {
    let text = |name| parts.headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or_default());
    let site_fits = match text(axum::http::HeaderName::from_static("sec-fetch-site")) {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => true,
    };
    let host = parts.uri.authority().map(|authority| authority.as_str()).or_else(|| text(HOST));
    let origin_fits = match text(ORIGIN) {
        Some(origin) if Some(origin) == public_origin => true,
        Some(origin) => public_origin.is_none() && authority_of(origin).is_some_and(|from| Some(from) == host),
        None => true,
    };
    site_fits && origin_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder().uri("/api/sessions/refresh");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn page_of_this_host_and_no_page_at_all_are_of_the_same_origin() {
        let host = ("host", "chat.example:8787");
        assert!(is_same_origin(None, &parts(&[host])));
        assert!(is_same_origin(None, &parts(&[host, ("sec-fetch-site", "none")])));
        let page = [host, ("sec-fetch-site", "same-origin"), ("origin", "http://chat.example:8787")];
        assert!(is_same_origin(None, &parts(&page)));
    }

    #[test]
    fn page_of_another_origin_is_not() {
        let host = ("host", "chat.example");
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(!is_same_origin(None, &parts(&[host, ("sec-fetch-site", site)])), "{site}");
        }
        for origin in ["https://evil.example", "null", "https://chat.example.evil.example", "chat.example", ""] {
            assert!(!is_same_origin(None, &parts(&[host, ("origin", origin)])), "{origin}");
        }
    }

    #[test]
    fn public_origin_is_the_only_one_where_it_is_set() {
        let public = Some("https://chat.example");
        assert!(is_same_origin(public, &parts(&[("host", "10.0.0.1"), ("origin", "https://chat.example")])));
        assert!(!is_same_origin(public, &parts(&[("host", "10.0.0.1"), ("origin", "https://10.0.0.1")])));
        assert!(!is_same_origin(public, &parts(&[("host", "chat.example"), ("origin", "http://chat.example")])));
    }

    #[test]
    fn forwarded_address_counts_only_where_it_is_trusted() {
        let mut parts = parts(&[("x-forwarded-for", "203.0.113.9, 198.51.100.7")]);
        parts.extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        assert_eq!(address(AddressSource::Peer, &parts), IpAddr::from([127, 0, 0, 1]));
        assert_eq!(address(AddressSource::Forwarded, &parts), IpAddr::from([198, 51, 100, 7]));
    }
}
