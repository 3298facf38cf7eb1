//! The event stream (T1–T3): chooses the transport, spends the ticket, and hands the connection's socket to delivery, or
//! answers one long poll.
//!
//! The rule: every refusal is a typed answer before the stream opens; after that the socket is delivery's alone. hyper
//! would keep 8 kB of read buffer and its own state for each stream; taken over, an idle one costs under 2 kB.

use crate::app::App;
use crate::config::OfferedTransport;
use crate::delivery::frame::{Codec, Notice};
use crate::delivery::life::Opening;
use crate::delivery::ticket::{Stage, Start};
use crate::http::accept::Handover;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, envelope_response, refuse, wrong_method};
use crate::http::{auth, headers, poll, socket};
use crate::refusal::Refusal;
use crate::share::Network;
use crate::websocket;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use sotto_wire::event::{Connected, Ephemeral};
use sotto_wire::ticket::{EVENTS_PATH, UpgradeNeeded};
use sotto_wire::websocket::WEBSOCKET_PATH;
use sotto_wire::{Code, Cursor, Millis, Problem, envelope};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Adds the endpoints of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    [EVENTS_PATH, WEBSOCKET_PATH]
        .into_iter()
        .fold(routes, |routes, path| routes.add(path, get(open).head(wrong_method).fallback(wrong_method)))
}

async fn open(
    State(app): State<Arc<App>>,
    Extension(handover): Extension<Arc<Handover>>,
    request: Request,
) -> Response {
    let began = app.clock.now();
    let (parts, _) = request.into_parts();
    let is_here = |transport: &OfferedTransport| {
        app.config.offers(*transport)
            && (*transport == OfferedTransport::WebSocket || parts.uri.path() != WEBSOCKET_PATH)
    };
    let outcome = match wanted(&parts.headers).filter(is_here) {
        Some(transport) => begin(&app, &handover, (&parts, transport)).await,
        None => Err(Code::UpgradeRequired.into()),
    };
    match outcome {
        Ok(Some(answer)) => answer,
        // The socket is no longer this response's: the accept loop drops this future and starts the stream.
        Ok(None) => std::future::pending().await,
        Err(refusal) => {
            let now = app.clock.now();
            refusal.log(EVENTS_PATH, None, now.since(began).0);
            let problem = refusal.into_problem();
            if problem.code == Code::UpgradeRequired { elsewhere(&app, problem) } else { refuse(&problem, (None, now)) }
        }
    }
}

/// The transport that a request asks for. A client that takes anything gets server-sent events; a page that somebody
/// opens in a browser asks for none.
fn wanted(headers: &HeaderMap) -> Option<OfferedTransport> {
    if websocket::is_asked_for(headers) {
        return Some(OfferedTransport::WebSocket);
    }
    let lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<&str> =
        lines.flat_map(|line| line.split(',')).filter_map(|item| item.split(';').next()).map(str::trim).collect();
    let takes = |kind: &str| accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(kind));
    match () {
        () if takes("text/event-stream") => Some(OfferedTransport::Sse),
        () if takes("application/json") => Some(OfferedTransport::LongPoll),
        () if takes("text/html") => None,
        () if accepted.is_empty() || takes("*/*") => Some(OfferedTransport::Sse),
        () => None,
    }
}

/// Begins a stream, or answers a long poll.
async fn begin(
    app: &Arc<App>,
    handover: &Handover,
    (parts, transport): (&Parts, OfferedTransport),
) -> Result<Option<Response>, Refusal> {
    if !auth::is_same_origin(app.config.public_origin.as_deref(), parts) {
        return Err(Code::WrongOrigin.into());
    }
    let (status, fields, codec) = match transport {
        OfferedTransport::Sse => (StatusCode::OK, fields_of_events(), Codec::Sse),
        OfferedTransport::LongPoll => (StatusCode::OK, HeaderMap::new(), Codec::List),
        OfferedTransport::WebSocket => match socket::shake(&parts.headers) {
            Ok(shaken) => shaken,
            Err(_) => return Ok(Some(not_shaken(app))),
        },
    };
    let ticket = ticket_of(&parts.uri).ok_or(Code::BadTicket)?;
    let mut start = app.delivery.read_ticket(ticket).ok_or(Code::BadTicket)?;
    // Nobody may have said yet that the session has ended: its time may have run out.
    let network = Network::from(auth::address(app.config.address_source, parts));
    let caller = DeviceCaller { session: start.session, device: start.device, network };
    let session_ends_at = caller.ends_at(app).await?.ok_or(Code::BadTicket)?;
    if let Some(cursor) = parts.headers.get("last-event-id") {
        let cursor = cursor.to_str().ok().and_then(Cursor::new).ok_or(Code::BadCursor)?;
        start.from = crate::http::messages::read_cursor(app, &cursor).await?;
        app.delivery.acknowledge(start.device.device, start.from);
    }
    let admission = app.streams.admit(network, start.device)?;
    // Only now, so that who is told to come back may do so with the same ticket. Of two at once one is first.
    app.delivery.spend_ticket(ticket).ok_or(Code::BadTicket)?;
    if codec == Codec::List {
        let connected = (start.stage == Stage::First).then(|| connected(app, start));
        return poll::answer(app, start, connected).await.map(Some);
    }
    // A poll may have said that all is read; a stream of its own says so itself.
    start.stage = Stage::First;
    let mut first_words = head((status, fields), app.clock.now()).await;
    first_words.extend(connected(app, start).bytes(codec));
    let opening = Opening { codec, ear: socket::ear(app, (codec, start), network), first_words, session_ends_at };
    let delivery = app.delivery.clone();
    handover.take_over(move |socket| {
        Box::pin(async move {
            let _admission = admission;
            delivery.run(start, socket, opening).await;
        })
    });
    Ok(None)
}

/// The first event of every stream.
fn connected(app: &App, start: Start) -> Notice {
    app.delivery.learn_settings(start.device.user, start.settings);
    let (now, heartbeat_ms) = (app.clock.now(), app.delivery.terms().heartbeat_ms);
    let connected = Connected { heartbeat_ms, key_packages: start.key_packages, server_time: now };
    Notice::new(Ephemeral::Connected(connected), now)
}

/// Says where the stream is to be had (T6).
fn elsewhere(app: &App, problem: Problem) -> Response {
    let needed = UpgradeNeeded {
        error: problem.code,
        problem,
        upgrade: "websocket".to_owned(),
        endpoint: EVENTS_PATH.to_owned(),
        transports: app.config.offered(),
    };
    let mut response =
        envelope_response(StatusCode::UPGRADE_REQUIRED, envelope::ERROR, &needed, (None, app.clock.now()));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    response
}

/// Refuses what asks for a WebSocket in another way than RFC 6455 (§4.4).
fn not_shaken(app: &App) -> Response {
    let mut response = refuse(&Problem::new(Code::Malformed), (None, app.clock.now()));
    response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

/// The `ticket` of the query. It is base64url, so nothing in it is percent-encoded.
fn ticket_of(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("ticket="))
}

/// The headers of a stream of server-sent events. Its body ends with the connection (RFC 9112 §6.3), so frames go out as
/// they are.
fn fields_of_events() -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
        (CONNECTION, HeaderValue::from_static("close")),
    ])
}

/// The head of a response that hyper does not write (RFC 9112 §4).
async fn head((status, fields): (StatusCode, HeaderMap), now: Millis) -> Vec<u8> {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = fields;
    let response = headers::set(response).await;
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now.0));
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\ndate: {date}\r\n", status.as_u16()).into_bytes();
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
        let head = String::from_utf8(head((StatusCode::OK, fields_of_events()), Millis(784_111_777_000)).await)
            .expect("ASCII");
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

    #[test]
    fn the_transport_is_read_from_what_the_client_accepts() {
        let of = |accept: &'static str| wanted(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        assert_eq!(wanted(&HeaderMap::new()), Some(OfferedTransport::Sse));
        assert_eq!(of("*/*"), Some(OfferedTransport::Sse));
        assert_eq!(of("text/event-stream"), Some(OfferedTransport::Sse));
        assert_eq!(of("application/json"), Some(OfferedTransport::LongPoll));
        assert_eq!(of("Application/JSON; q=0.9, */*;q=0.1"), Some(OfferedTransport::LongPoll));
        assert_eq!(of("text/html,application/xhtml+xml,*/*;q=0.8"), None);
        assert_eq!(of("image/png"), None);
        let upgrade = HeaderMap::from_iter([(UPGRADE, HeaderValue::from_static("WebSocket"))]);
        assert_eq!(wanted(&upgrade), Some(OfferedTransport::WebSocket));
    }
}
