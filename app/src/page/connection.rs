//! The connection: its state, its figures, the way it is carried, and the log of what befell it (X1–X3). Owns the words
//! for what the SDK tells; decides nothing.

use crate::client::{Connection, Millis, Transport, use_client};
use crate::locale;
use crate::page::pane::Pane;
use crate::part::icon::{Icon, icon};
use crate::part::journal::JournalCard;
use crate::part::self_test::SelfTestCard;
use crate::part::status;
use leptos::prelude::*;

/// The pane of the connection.
#[component]
pub(crate) fn ConnectionPane() -> impl IntoView {
    let client = use_client();
    let text = &locale::text().link;
    view! {
        <Pane title=text.title>
            <section class="card" aria-labelledby="state-title">
                <h2 id="state-title">{move || status::words(client.connection())}</h2>
                <dl class="figures">
                    {figures()
                        .into_iter()
                        .map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> })
                        .collect_view()}
                </dl>
                <div class="form-row">
                    <button type="button" class="button" on:click=move |_| client.reconnect()>
                        {icon(Icon::Again)}
                        {text.reconnect}
                    </button>
                </div>
            </section>
            <Transports />
            <JournalCard />
            <SelfTestCard />
        </Pane>
    }
}

/// Names and values of what is measured; a dash where there is nothing.
fn figures() -> Vec<(&'static str, Signal<String>)> {
    let client = use_client();
    let text = &locale::text().link;
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let time = |at: Option<Millis>| at.map(locale::clock);
    let signal = |value: fn(Connection) -> Option<String>| {
        Signal::derive(move || value(client.connection()).unwrap_or_else(|| "–".to_owned()))
    };
    vec![
        (text.transport, signal(|connection| status::transport_of(connection).map(transport).map(str::to_owned))),
        (text.round_trip, signal(status::round_trip)),
        (
            text.since,
            signal(|connection| match connection {
                Connection::Online { since, .. } => Some(locale::clock(since)),
                Connection::None | Connection::Connecting | Connection::Reconnecting { .. } | Connection::Offline => {
                    None
                }
            }),
        ),
        (
            text.attempt,
            signal(|connection| match connection {
                Connection::Reconnecting { attempt, .. } => Some(locale::number(attempt)),
                Connection::None | Connection::Connecting | Connection::Online { .. } | Connection::Offline => None,
            }),
        ),
        (text.streams, Signal::derive(move || locale::number(count(client.link().streams)))),
        (text.received, Signal::derive(move || kilobytes(client.link().bytes_in))),
        (text.sent, Signal::derive(move || kilobytes(client.link().bytes_out))),
        (
            text.last_close,
            Signal::derive(move || {
                or_dash(
                    client
                        .link()
                        .last_close
                        .map(|(at, cause)| format!("{} · {}", locale::clock(at), (locale::text().close_cause)(cause))),
                )
            }),
        ),
        (text.better_try, Signal::derive(move || or_dash(time(client.link().better_try_at)))),
    ]
}

/// The name of a way to carry the stream.
fn transport(transport: Transport) -> &'static str {
    (locale::text().transport)(transport)
}

fn kilobytes(bytes: u64) -> String {
    (locale::text().link.kilobytes)(&locale::number(count(bytes.div_ceil(1_000))))
}

fn count(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Which way carries the stream: the best, or one for testing (X2).
#[component]
fn Transports() -> impl IntoView {
    let client = use_client();
    let text = &locale::text().link;
    let ways = [None, Some(Transport::Sse), Some(Transport::WebSocket), Some(Transport::LongPoll)];
    let choice = move |way: Option<Transport>| {
        view! {
            <label class="segment">
                <input
                    type="radio"
                    name="transport"
                    prop:checked=move || client.link().pinned == way
                    on:change=move |_| client.use_transport(way)
                />
                <span>{way.map_or(text.automatic, transport)}</span>
            </label>
        }
    };
    view! {
        <section class="card" aria-labelledby="transport-title">
            <h2 id="transport-title">{text.way}</h2>
            <div class="segments segments-wrap" role="radiogroup" aria-labelledby="transport-title">
                {ways.map(choice).collect_view()}
            </div>
            <p class="field-hint">{text.way_hint}</p>
        </section>
    }
}
