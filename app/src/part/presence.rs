//! Whether somebody is there, as a dot on their avatar and in words (M5). Owns both; what is not known is not shown. Rule:
//! no state is told by its colour alone, each has a shape and a name.

use crate::client::{Audience, Connection, PersonPresence, Presence, Status, UserId, use_client};
use crate::locale;
use leptos::prelude::*;

/// A dot: what it looks like and what it is called.
fn drawn(shape: &'static str, name: &'static str) -> AnyView {
    view! {
        <span class="dot" data-presence=shape aria-hidden="true"></span>
        <span class="hidden">{name}</span>
    }
    .into_any()
}

/// The dot of somebody who is there.
pub(crate) fn dot_of(user: UserId) -> AnyView {
    let client = use_client();
    let text = &locale::text().presence;
    let dot = move || match client.presence_of(user)?.presence {
        Presence::Online => Some(drawn("online", text.online)),
        Presence::Away => Some(drawn("away", text.away)),
        Presence::Busy => Some(drawn("busy", text.busy)),
        Presence::Offline | Presence::Unknown => None,
    };
    dot.into_any()
}

/// The user's own dot: as others are shown it.
pub(crate) fn dot_of_me() -> AnyView {
    let client = use_client();
    let text = &locale::text().presence;
    let dot = move || {
        let privacy = client.privacy();
        let shown = privacy.presence == Audience::People && matches!(client.connection(), Connection::Online { .. });
        match privacy.status {
            Status::Busy if shown => Some(drawn("busy", text.shown_busy)),
            Status::Available if shown => Some(drawn("online", text.shown_online)),
            Status::Available | Status::Busy | Status::Unknown => None,
        }
    };
    dot.into_any()
}

/// How it is with somebody, in words; `None` when that is not known or not shown.
pub(crate) fn words(person: PersonPresence) -> Option<String> {
    let text = &locale::text().presence;
    match person.presence {
        Presence::Online => Some(text.online.to_owned()),
        Presence::Away => Some(text.away.to_owned()),
        Presence::Busy => Some(text.busy.to_owned()),
        Presence::Offline => person.last_seen.map(|at| locale::last_seen(at, use_client().now())),
        Presence::Unknown => None,
    }
}
