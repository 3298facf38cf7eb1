//! The connection, always in sight (X1). Owns its words and the countdown to the next try.

use crate::client::{Connection, Pace, Progress, Transport, use_client};
use crate::locale;
use crate::part::icon::{Icon, icon};
use crate::route::{Route, use_router};
use leptos::prelude::*;
use std::time::Duration;

/// How often the countdown is looked at. Twice a second, so that no second is skipped.
const TICK: Duration = Duration::from_millis(500);

/// The line of status.
#[component]
pub(crate) fn Status() -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let text = &locale::text().status;
    let waits = Memo::new(move |_| matches!(client.connection(), Connection::Reconnecting { .. }));
    let now = RwSignal::new(client.now());
    Effect::new(move |_| {
        if waits.get() {
            now.set(client.now());
            if let Ok(timer) = set_interval_with_handle(move || now.set(client.now()), TICK) {
                on_cleanup(move || timer.clear());
            }
        }
    });
    let detail = move || match client.connection() {
        Connection::Reconnecting { attempt, next_try_at, pace, .. } => {
            let attempt = locale::number(attempt);
            let wait_s = next_try_at.since(now.get()).0.div_ceil(1_000);
            Some(if wait_s == 0 {
                (text.reconnecting_now)(&attempt)
            } else {
                let wait = locale::number(u32::try_from(wait_s).unwrap_or(u32::MAX));
                let said = match pace {
                    Pace::Backoff => text.reconnecting_in,
                    Pace::Pause => text.pausing,
                };
                said(&attempt, &(locale::text().time.seconds)(&wait))
            })
        }
        Connection::Online { progress: Progress::CaughtUp, .. } => {
            let carried = transport_of(client.connection()).map(|way| (locale::text().transport)(way).to_owned());
            Some([carried, round_trip(client.connection())].into_iter().flatten().collect::<Vec<_>>().join(" · "))
        }
        Connection::None | Connection::Connecting | Connection::Online { .. } | Connection::Offline => None,
    };
    let refusal = move || match client.connection() {
        Connection::Reconnecting { refusal, .. } => refusal.map(locale::text().code),
        Connection::None | Connection::Connecting | Connection::Online { .. } | Connection::Offline => None,
    };
    view! {
        <div class="status" data-status=move || name(client.connection())>
            <span class="status-light" aria-hidden="true"></span>
            // The countdown stands outside of what is announced: nobody wants to hear each second.
            <span class="status-words" class:hidden=move || waits.get() role="status">{move || words(client.connection())}</span>
            {move || (client.connection() == Connection::Offline).then(|| icon(Icon::Offline))}
            <a
                class="status-detail"
                href=Route::Connection.path()
                title=locale::text().link.title
                on:click=move |click| router.follow(&click, Route::Connection)
            >
                {detail}
            </a>
            <Show when=move || waits.get()>
                <button type="button" class="status-button" on:click=move |_| client.reconnect()>
                    {text.try_now}
                </button>
            </Show>
            {move || refusal().map(|words| view! { <span class="status-refusal">{words}</span> })}
        </div>
    }
}

fn name(connection: Connection) -> &'static str {
    match connection {
        Connection::None => "signed-out",
        Connection::Connecting => "connecting",
        Connection::Online { progress: Progress::CaughtUp, .. } => "online",
        Connection::Online { progress: Progress::CatchingUp, .. } => "catching-up",
        Connection::Reconnecting { .. } => "reconnecting",
        Connection::Offline => "offline",
    }
}

/// What carries the events, when they flow.
pub(crate) fn transport_of(connection: Connection) -> Option<Transport> {
    match connection {
        Connection::Online { transport, .. } => Some(transport),
        Connection::None | Connection::Connecting | Connection::Reconnecting { .. } | Connection::Offline => None,
    }
}

/// From a question to its answer, when that was measured.
pub(crate) fn round_trip(connection: Connection) -> Option<String> {
    match connection {
        Connection::Online { round_trip, .. } => {
            let ms = round_trip.map(|took| u32::try_from(took.0).unwrap_or(u32::MAX));
            ms.map(|ms| (locale::text().link.milliseconds)(&locale::number(ms)))
        }
        Connection::None | Connection::Connecting | Connection::Reconnecting { .. } | Connection::Offline => None,
    }
}

/// The state in words.
pub(crate) fn words(connection: Connection) -> &'static str {
    let text = &locale::text().status;
    match connection {
        Connection::None => text.signed_out,
        Connection::Connecting => text.connecting,
        Connection::Online { progress: Progress::CaughtUp, .. } => text.online,
        Connection::Online { progress: Progress::CatchingUp, .. } => text.catching_up,
        Connection::Reconnecting { .. } => text.reconnecting_short,
        Connection::Offline => text.offline_hint,
    }
}
