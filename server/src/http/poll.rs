//! The event stream by long polls (T3): one answer, with the ticket for the next.

use crate::app::App;
use crate::delivery::frame::Notice;
use crate::delivery::poll::Polled;
use crate::delivery::ticket::Start;
use crate::http::endpoint::envelope_response;
use crate::refusal::Refusal;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::value::RawValue;
use sotto_wire::ticket::{EVENTS, EventsPage};

/// Waits until there is something to say, and says it. `connected` goes before all else.
pub(crate) async fn answer(app: &App, start: Start, connected: Option<Notice>) -> Result<Response, Refusal> {
    let Polled { events, next, more } = app.delivery.poll(start, connected).await;
    let ticket = next.map(|next| app.delivery.issue_ticket(next)).transpose()?;
    let list = [b"[", events.strip_suffix(b",").unwrap_or_default(), b"]"].concat();
    let events: Vec<&RawValue> = serde_json::from_slice(&list).map_err(Refusal::failed)?;
    let page = EventsPage { events, ticket, more };
    Ok(envelope_response(StatusCode::OK, EVENTS, &page, (None, app.clock.now())))
}
