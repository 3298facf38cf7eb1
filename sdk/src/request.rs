//! Requests by fetch. A command has a deadline, never follows a redirect (to the login page of a captive portal, say), and
//! answers with the body whatever the status: reading it is the core's affair.

use bytes::Bytes;
use gloo_net::http;
use js_sys::Uint8Array;
use sotto_core::contract::{Cookies, NoAnswer, Request};
use web_sys::{AbortSignal, ReferrerPolicy, RequestCache, RequestCredentials, RequestRedirect};

/// From the first byte sent to the last one received. Over this, a phone's connection is gone.
const TIMEOUT_MS: u32 = 20_000;

/// Most bytes of an answer: [`sotto_core::wire::limit::GROUP_BODY_MAX_BYTES`], the largest thing that is ever loaded.
const ANSWER_MAX_BYTES: usize = sotto_core::wire::limit::GROUP_BODY_MAX_BYTES;

/// Sends `request` to `server` (an origin; empty for the page's own).
pub(crate) async fn send(server: &str, request: Request) -> Result<Bytes, NoAnswer> {
    answer(server, request).await.ok_or(NoAnswer)
}

async fn answer(server: &str, request: Request) -> Option<Bytes> {
    let credentials = match request.cookies {
        Cookies::Omit => RequestCredentials::Omit,
        Cookies::SameOrigin if server.is_empty() => RequestCredentials::SameOrigin,
        Cookies::SameOrigin => RequestCredentials::Include,
    };
    let deadline = AbortSignal::timeout_with_u32(TIMEOUT_MS);
    let mut builder = http::Request::post(&format!("{server}{}", request.path))
        .credentials(credentials)
        .redirect(RequestRedirect::Error)
        .cache(RequestCache::NoStore)
        .referrer_policy(ReferrerPolicy::NoReferrer)
        .abort_signal(Some(&deadline))
        .header("content-type", "application/json");
    if let Some(access_token) = &request.access_token {
        builder = builder.header("authorization", &format!("Bearer {access_token}"));
    }
    whole(builder.body(Uint8Array::from(request.body.as_slice())).ok()?).await
}

/// Sends a request and reads the answer, whatever its status; `None` when none comes or it is too long.
pub(crate) async fn whole(request: http::Request) -> Option<Bytes> {
    let response = request.send().await.ok()?;
    let announced = response.headers().get("content-length").and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: usize| length > ANSWER_MAX_BYTES) {
        return None;
    }
    let body = response.binary().await.ok()?;
    (body.len() <= ANSWER_MAX_BYTES).then(|| Bytes::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_core::contract::{RequestKey, Way};
    use wasm_bindgen_test::wasm_bindgen_test;

    async fn answer_of(server: &str) -> Result<Bytes, NoAnswer> {
        let (key, cookies) = (RequestKey(1), Cookies::Omit);
        let (way, path, body) = (Way::Post, "/api/absent", b"{}".to_vec());
        send(server, Request { key, way, path, access_token: None, cookies, body }).await
    }

    #[wasm_bindgen_test]
    async fn an_answer_is_an_answer_whatever_its_status() {
        // The server of the tests knows no such path.
        assert!(answer_of("").await.is_ok());
    }

    #[wasm_bindgen_test]
    async fn a_refused_connection_is_no_answer() {
        // Port 9 (discard) is one that browsers do not even try.
        assert_eq!(answer_of("http://127.0.0.1:9").await, Err(NoAnswer));
    }
}
