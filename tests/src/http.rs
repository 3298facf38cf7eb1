//! A caller of the server's commands without a core: whatever bytes, tokens and headers a test wishes. Owns one request and
//! its answer, and the cookies that the device driver keeps.

use reqwest::header::{COOKIE, HeaderMap, SET_COOKIE};
use sotto_wire::session::{REFRESH_COOKIE, Refresh, RefreshRequest};
use sotto_wire::{Code, Endpoint, Problem, RequestId, envelope};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How long a request may take.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(30);

/// A client for loopback: no proxy of the environment, no redirects.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.build().expect("a client without TLS needs nothing")
}

/// The cookies of one browser profile. A jar as browsers have it would not send a `Secure` cookie over loopback http,
/// which browsers themselves do.
#[derive(Clone, Default)]
pub struct Cookies(Arc<Mutex<BTreeMap<String, String>>>);

impl Cookies {
    /// The value of the `Cookie` header; `None` without cookies.
    pub fn header(&self) -> Option<String> {
        let cookies = self.lock();
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Takes note of the cookies that an answer sets or ends.
    pub fn note(&self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = cookie.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let ends = value.is_empty() || parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
            if ends {
                self.lock().remove(name);
            } else {
                self.lock().insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The refresh token.
    pub fn refresh_token(&self) -> Option<String> {
        self.lock().get(REFRESH_COOKIE).cloned()
    }

    /// A jar of its own with what stands in this one now, as a thief would copy it.
    pub fn copied(&self) -> Self {
        Self(Arc::new(Mutex::new(self.lock().clone())))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().expect("no holder of the cookies panics")
    }
}

/// Who sends requests to an origin.
#[derive(Clone)]
pub struct Caller {
    origin: String,
    http: reqwest::Client,
    /// `Authorization: Bearer …`, when there is one.
    pub token: Option<String>,
    /// The cookies that go along.
    pub cookies: Cookies,
}

/// An answer, as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The code of the refusal that it is; `None` when it is none.
    pub fn code(&self) -> Option<Code> {
        let envelope = envelope::open(&self.body).ok()?;
        let problem: Problem = envelope::payload(&envelope).ok()?;
        (envelope.kind == envelope::ERROR).then_some(problem.code)
    }

    /// The request that it answers.
    pub fn request_id(&self) -> Option<RequestId> {
        envelope::open(&self.body).ok()?.request_id
    }
}

impl Caller {
    /// A caller without token and cookies.
    pub fn to(origin: &str) -> Self {
        Self { origin: origin.to_owned(), http: client(), token: None, cookies: Cookies::default() }
    }

    /// The same with a token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same with a jar of its own, as another tab or a thief would have it.
    pub fn copied(&self) -> Self {
        Self { cookies: self.cookies.copied(), ..self.clone() }
    }

    /// POST of any bytes as `application/json`.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Answer {
        self.send(self.json(path, body)).await.expect("the server answers")
    }

    /// POST of any bytes with headers of the test's own.
    pub async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let request = self.http.post(self.url(path)).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request).await.expect("the server answers")
    }

    /// GET. Of a stream the head only.
    pub async fn load(&self, path: &str) -> Answer {
        self.send(self.http.get(self.url(path))).await.expect("the server answers")
    }

    /// A well-formed request of endpoint `E`.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn call<E: Endpoint>(&self, request: &E::Request) -> Result<E::Response, Problem> {
        self.attempt::<E>(request).await.expect("the server answers")
    }

    /// The same while the server may go away: `None` when no answer came.
    pub async fn attempt<E: Endpoint>(&self, request: &E::Request) -> Option<Result<E::Response, Problem>> {
        let id = RequestId::new("attempt").expect("short and visible");
        let body = envelope::request::<E>(request, id, crate::now());
        let answer = self.send(self.json(E::PATH, body)).await.ok()?;
        Some(envelope::response::<E>(&answer.body))
    }

    /// A new access token for the refresh cookie, held from now on.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn refresh(&mut self) -> Result<(), Problem> {
        let refreshed = self.call::<Refresh>(&RefreshRequest {}).await?;
        self.token = Some(refreshed.tokens.access_token);
        Ok(())
    }

    /// A stream of events, from its head on.
    pub async fn stream(&self, path: &str) -> reqwest::Response {
        self.http.get(self.url(path)).send().await.expect("the server answers")
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    fn json(&self, path: &str, body: Vec<u8>) -> reqwest::RequestBuilder {
        self.http.post(self.url(path)).header("content-type", "application/json").body(body)
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(cookies) = self.cookies.header() {
            request = request.header(COOKIE, cookies);
        }
        let response = request.timeout(REQUEST_MAX).send().await?;
        self.cookies.note(response.headers());
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let streams = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        // A stream has no end to wait for: its head is the answer.
        let body = if streams { Vec::new() } else { response.bytes().await?.to_vec() };
        Ok(Answer { status, headers, body })
    }
}
