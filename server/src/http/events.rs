//! The event stream over server-sent events (T1): spends a ticket and hands the connection's socket to delivery.
//!
//! The rule: every refusal is a typed answer before the stream opens; after that the socket is delivery's alone. hyper
//! would keep 8 kB of read buffer and its own state for each stream; taken over, an idle one costs under 2 kB.

use crate::app::App;
use crate::delivery::frame;
use crate::http::accept::Handover;
use crate::http::endpoint::{refuse, wrong_method};
use crate::http::headers;
use crate::refusal::Refusal;
use crate::store::{StoreError, key};
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::Response;
use axum::routing::get;
use sotto_wire::event::{Connected, Ephemeral};
use sotto_wire::ticket::EVENTS_PATH;
use sotto_wire::{Code, Cursor, Millis};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Adds the endpoint of this file.
pub(crate) fn routes(router: Router<Arc<App>>) -> Router<Arc<App>> {
    router.route(EVENTS_PATH, get(open).head(wrong_method).fallback(wrong_method))
}

async fn open(
    State(app): State<Arc<App>>,
    Extension(handover): Extension<Arc<Handover>>,
    (uri, headers): (Uri, HeaderMap),
) -> Response {
    let began = app.clock.now();
    match take_over(&app, &handover, (&uri, &headers)).await {
        // The socket is no longer this response's: the accept loop drops this future and starts the stream.
        Ok(()) => std::future::pending().await,
        Err(refusal) => {
            let now = app.clock.now();
            refusal.log(EVENTS_PATH, None, now.since(began).0);
            refuse(&refusal.into_problem(), (None, now))
        }
    }
}

async fn take_over(app: &App, handover: &Handover, (uri, headers): (&Uri, &HeaderMap)) -> Result<(), Refusal> {
    let ticket = ticket_of(uri).ok_or(Code::BadTicket)?;
    let mut start = app.delivery.spend_ticket(ticket).ok_or(Code::BadTicket)?;
    if let Some(cursor) = headers.get("last-event-id") {
        let cursor = cursor.to_str().ok().and_then(Cursor::new).ok_or(Code::BadCursor)?;
        start.from = crate::http::messages::read_cursor(app, &cursor).await?;
    }
    let mut connection = app.store.read().acquire().await.map_err(StoreError::from)?;
    let key_packages = key::stock(&mut connection, start.device.device).await?;
    drop(connection);
    let now = app.clock.now();
    let heartbeat_ms = app.delivery.terms().heartbeat_ms;
    let connected = Ephemeral::Connected(Connected { heartbeat_ms, key_packages, server_time: now });
    let mut first_words = response_head(now).await;
    first_words.extend(frame::ephemeral(&connected, now));
    let delivery = app.delivery.clone();
    handover.take_over(move |socket| Box::pin(delivery.run(start, socket, first_words)));
    Ok(())
}

/// The `ticket` of the query. It is base64url, so nothing in it is percent-encoded.
fn ticket_of(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("ticket="))
}

/// The head of the response (RFC 9112 §4). Its body ends with the connection (§6.3), so frames go out as they are.
async fn response_head(now: Millis) -> Vec<u8> {
    let mut response = Response::new(Body::empty());
    response.headers_mut().extend([
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        (CONNECTION, HeaderValue::from_static("close")),
    ]);
    let response = headers::set(response).await;
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now.0));
    let mut head = format!("HTTP/1.1 200 OK\r\ndate: {date}\r\n").into_bytes();
    for (name, value) in response.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_head_has_the_headers_of_a_stream_and_of_every_answer() {
        let head = String::from_utf8(response_head(Millis(784_111_777_000)).await).expect("ASCII");
        let (status, rest) = head.split_once("\r\n").expect("a status line");
        let (fields, body) = rest.split_once("\r\n\r\n").expect("an end");
        assert_eq!((status, body), ("HTTP/1.1 200 OK", ""));
        let fields: Vec<&str> = fields.split("\r\n").collect();
        for field in [
            "date: Sun, 06 Nov 1994 08:49:37 GMT",
            "content-type: text/event-stream",
            "cache-control: no-cache, no-transform",
            "x-accel-buffering: no",
            "connection: close",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(fields.contains(&field), "{field} is not in {fields:?}");
        }
    }

    #[test]
    fn the_ticket_is_found_among_other_parameters() {
        let of = |text: &'static str| ticket_of(&Uri::from_static(text)).map(str::to_owned);
        assert_eq!(of("/api/events?ticket=abc"), Some("abc".to_owned()));
        assert_eq!(of("/api/events?a=1&ticket=abc&b=2"), Some("abc".to_owned()));
        assert_eq!(of("/api/events?myticket=abc"), None);
        assert_eq!(of("/api/events"), None);
    }
}
