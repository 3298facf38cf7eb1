//! From HTTP to a command and back: content type, size, envelope, access, answer, refusal.
//!
//! A command is an async function `(Arc<App>, caller, request) -> Result<answer, Refusal>` that knows nothing of HTTP:
//! [`Routes`] has it under its path, and for [`crate::http::command`] under its name. The rule: whatever happens, the answer is an envelope that carries
//! the request's id, and a refusal is logged once, here, without content.

use crate::app::App;
use crate::http::auth::{self, Caller};
use crate::http::command::Commands;
use crate::refusal::Refusal;
use crate::share::{Share, Shares};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use sotto_wire::{Code, Endpoint, Envelope, Millis, Problem, RequestId, envelope, limit};
use std::sync::Arc;
use std::time::Duration;

/// A slow sender may take this long for a body: 20 MB at 5 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(32);

/// When to come back where there is no memory left for a body.
const BODY_RETRY: Millis = Millis(1_000);

/// What a command answers: the payload, and the cookie that goes with it where there is one.
pub(crate) struct Answer<T> {
    pub(crate) payload: T,
    cookie: Option<HeaderValue>,
}

impl<T> From<T> for Answer<T> {
    fn from(payload: T) -> Self {
        Self { payload, cookie: None }
    }
}

impl<T> Answer<T> {
    /// `payload`, and a `Set-Cookie` header.
    pub(crate) fn with_cookie(payload: T, cookie: HeaderValue) -> Self {
        Self { payload, cookie: Some(cookie) }
    }
}

/// A command that panicked: where, the panic hook has logged.
#[derive(Debug, thiserror::Error)]
#[error("finish a command: it panicked")]
struct CommandPanicked;

/// Everything that is answered: by path over HTTP, by the name of the command over a WebSocket.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) router: Router<Arc<App>>,
    pub(crate) commands: Commands,
}

impl Routes {
    /// Adds what is no command.
    pub(crate) fn add(self, path: &str, method: MethodRouter<Arc<App>>) -> Self {
        Self { router: self.router.route(path, method), ..self }
    }
}

/// Routes endpoint `E` to its command.
pub(crate) fn route<E, C, F, A>(mut routes: Routes, endpoint: E, command: fn(Arc<App>, C, E::Request) -> F) -> Routes
where
    E: Endpoint + 'static,
    E::Request: Send + 'static,
    C: Caller,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
    A: Into<Answer<E::Response>> + Send + 'static,
{
    const { assert!(C::ACCESS as u8 == E::ACCESS as u8, "the command's caller is not of the endpoint's access") };
    let serve = move |State(app): State<Arc<App>>, request: Request| serve::<E, C, F, A>(app, command, request);
    routes.commands.add(endpoint, command);
    routes.add(E::PATH, post(serve).fallback(wrong_method))
}

async fn serve<E, C, F, A>(app: Arc<App>, command: fn(Arc<App>, C, E::Request) -> F, request: Request) -> Response
where
    E: Endpoint,
    E::Request: Send + 'static,
    C: Caller,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
    A: Into<Answer<E::Response>> + Send + 'static,
{
    let began = app.clock.now();
    let (parts, body) = request.into_parts();
    let caller = C::identify(&app, &parts).await;
    // Who is refused may still learn the id of the request, but may not fill memory.
    let max_bytes = if caller.is_ok() { E::BODY_MAX_BYTES } else { E::BODY_MAX_BYTES.min(limit::BODY_MAX_BYTES) };
    let is_known = caller.as_ref().is_ok_and(C::is_known);
    let bodies = if is_known { &app.bodies.known } else { &app.bodies.strangers };
    let room = bodies.join(auth::address(app.config.address_source, &parts).into());
    let body = read(&parts.headers, body, (max_bytes, room)).await;
    let (request_id, outcome) = match (caller, body) {
        (Err(refusal), Ok((bytes, _))) => (request_id(&bytes), Err(refusal)),
        (Err(refusal), Err(_)) | (Ok(_), Err(refusal)) => (None, Err(refusal)),
        (Ok(caller), Ok((bytes, _room))) => {
            let (request_id, request) = parse::<E>(&bytes);
            let outcome = match request {
                Err(refusal) => Err(refusal),
                // A task of its own: a command that was begun is finished even when its caller hangs up.
                Ok(request) => match tokio::spawn(command(app.clone(), caller, request)).await {
                    Ok(outcome) => outcome,
                    // Not the error itself: it quotes the panic, which may quote the request.
                    Err(_) => Err(Refusal::failed(CommandPanicked)),
                },
            };
            (request_id, outcome)
        }
    };
    let now = app.clock.now();
    match outcome {
        Ok(answer) => {
            let Answer { payload, cookie } = answer.into();
            let mut response = envelope_response(StatusCode::OK, E::RESPONSE, &payload, (request_id, now));
            if let Some(cookie) = cookie {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Err(refusal) => {
            let latency_ms = now.since(began).0;
            refusal.log(E::PATH, request_id.as_ref(), latency_ms);
            refuse(&refusal.into_problem(), (request_id, now))
        }
    }
}

/// Memory for the bodies of running requests, in bytes as they arrive: what does not fit is told to come back.
pub(crate) struct Bodies {
    /// For those of callers who may be anyone.
    strangers: Arc<Shares>,
    /// For those of callers who have shown a token.
    pub(crate) known: Arc<Shares>,
}

/// 50 sign-ups of the largest size at once; apart, so that strangers cannot keep out who is known.
const STRANGERS_BODIES_MAX_BYTES: usize = 64 * 1_024 * 1_024;
/// One network's part of it, so that no single one keeps out all others.
const STRANGERS_BODIES_NETWORK_MAX_BYTES: usize = STRANGERS_BODIES_MAX_BYTES / 2;
/// A dozen groups of a thousand at once, or ten thousand messages.
const KNOWN_BODIES_MAX_BYTES: usize = 256 * 1_024 * 1_024;
/// How much of it one network may hold: whoever has an account could keep out all others else.
const KNOWN_BODIES_NETWORK_MAX_BYTES: usize = KNOWN_BODIES_MAX_BYTES / 2;

impl Default for Bodies {
    fn default() -> Self {
        Self {
            strangers: Shares::new(STRANGERS_BODIES_MAX_BYTES, STRANGERS_BODIES_NETWORK_MAX_BYTES),
            known: Shares::new(KNOWN_BODIES_MAX_BYTES, KNOWN_BODIES_NETWORK_MAX_BYTES),
        }
    }
}

/// The body of a request that claims to be JSON, at most so long, and the room that it takes.
async fn read(headers: &HeaderMap, body: Body, (max_bytes, room): (usize, Share)) -> Result<(Vec<u8>, Share), Refusal> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = media_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(Code::WrongMediaType.into());
    }
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|size_bytes| size_bytes > max_bytes) {
        return Err(Code::TooLarge.into());
    }
    // Spares both sides a body that has no room anyway. An announcement alone takes none: it costs its sender nothing.
    if !room.has_room(announced.unwrap_or_default()) {
        return Err(Problem::new(Code::Unavailable).after(BODY_RETRY).into());
    }
    match tokio::time::timeout(BODY_TIMEOUT, collect(body, (max_bytes, room))).await {
        Ok(collected) => collected,
        Err(_) => Err(Code::Unavailable.into()),
    }
}

/// The bytes of a body, for each of which room is taken when it arrives.
async fn collect(mut body: Body, (max_bytes, mut room): (usize, Share)) -> Result<(Vec<u8>, Share), Refusal> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers say nothing here.
        let Ok(data) = frame.map_err(|_| Code::Malformed)?.into_data() else { continue };
        if data.len() > max_bytes - bytes.len() {
            return Err(Code::TooLarge.into());
        }
        if !room.take(data.len()) {
            return Err(Problem::new(Code::Unavailable).after(BODY_RETRY).into());
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, room))
}

/// The id of a request and what it asks for.
fn parse<E: Endpoint>(bytes: &[u8]) -> (Option<RequestId>, Result<E::Request, Refusal>) {
    let Ok(envelope) = envelope::open(bytes) else { return (request_id(bytes), Err(Code::Malformed.into())) };
    let request = if envelope.kind == E::REQUEST {
        envelope::payload(&envelope).map_err(|_| Code::Malformed.into())
    } else {
        Err(Code::UnknownCommand.into())
    };
    (envelope.request_id, request)
}

/// The id of a request, even of one whose envelope is otherwise broken.
pub(crate) fn request_id(bytes: &[u8]) -> Option<RequestId> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "requestId")]
        request_id: RequestId,
    }
    serde_json::from_slice::<Named>(bytes).ok().map(|named| named.request_id)
}

pub(crate) fn envelope_response<T: Serialize>(
    status: StatusCode,
    kind: &str,
    payload: &T,
    (request_id, now): (Option<RequestId>, Millis),
) -> Response {
    let json = Envelope::new(kind, payload, now).with_request_id(request_id).to_json();
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A problem as an HTTP response: its code's status, `Retry-After` where there is a wait, an `error` envelope.
pub(crate) fn refuse(problem: &Problem, said: (Option<RequestId>, Millis)) -> Response {
    let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = envelope_response(status, envelope::ERROR, problem, said);
    if let Some(wait) = problem.retry_after_ms {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.0.div_ceil(1_000)));
    }
    response
}

/// Answers a request whose route panicked; where, the panic hook has logged.
pub(crate) fn panicked(now: Millis) -> Response {
    refuse(&Problem::new(Code::Internal), (None, now))
}

/// Answers a method that the path does not know.
pub(crate) async fn wrong_method(State(app): State<Arc<App>>) -> Response {
    refuse_unrouted(&app, Code::WrongMethod)
}

/// Answers a path under `/api` that is not known.
pub(crate) async fn unknown_command(State(app): State<Arc<App>>) -> Response {
    refuse_unrouted(&app, Code::UnknownCommand)
}

/// Refuses what has come to no command. The path is the caller's text, so the log does not repeat it.
fn refuse_unrouted(app: &App, code: Code) -> Response {
    Refusal::from(code).log("unrouted", None, 0);
    refuse(&Problem::new(code), (None, app.clock.now()))
}
