//! The event stream over server-sent events (T1): spends a ticket and hands the connection's socket to delivery.
//!
//! The rule: every refusal is a typed answer before the stream opens; after that the socket is delivery's alone. hyper
//! would keep 8 kB of read buffer and its own state for each stream; taken over, an idle one costs under 2 kB.

use crate::app::App;
use crate::delivery::frame;
use crate::http::accept::Handover;
use crate::http::endpoint::{refuse, wrong_method};
use crate::refusal::Refusal;
use crate::store::{StoreError, key};
use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Uri};
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
    let mut first_words = response_head(now);
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
fn response_head(now: Millis) -> Vec<u8> {
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now.0));
    format!(
        "HTTP/1.1 200 OK\r\n\
         content-type: text/event-stream\r\n\
         cache-control: no-cache, no-transform\r\n\
         x-accel-buffering: no\r\n\
         x-content-type-options: nosniff\r\n\
         content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n\
         cross-origin-resource-policy: same-origin\r\n\
         referrer-policy: no-referrer\r\n\
         date: {date}\r\n\
         connection: close\r\n\r\n"
    )
    .into_bytes()
}
