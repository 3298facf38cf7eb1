//! Whether somebody is there, as a dot on their avatar and in words (M5). Owns both; what is not known is not shown. Rule:
//! no state is told by its colour alone, each has a shape and a name.

use crate::client::{Audience, Connection, PersonPresence, Presence, Status, UserId, use_client};
use crate::locale;
use leptos::prelude::*;

/// A dot: what it looks like and what it is called.
#[derive(Clone, Copy, PartialEq)]
struct Dot {
    shape: &'static str,
    name: &'static str,
}

fn drawn(dot: Dot) -> impl IntoView {
    view! {
        <span class="dot" data-presence=dot.shape aria-hidden="true"></span>
        <span class="hidden">{dot.name}</span>
    }
}

/// The dot of somebody who is there.
pub(crate) fn dot_of(user: UserId) -> impl IntoView {
    let client = use_client();
    let text = &locale::text().presence;
    let dot = Memo::new(move |_| match client.presence_of(user)?.presence {
        Presence::Online => Some(Dot { shape: "online", name: text.online }),
        Presence::Away => Some(Dot { shape: "away", name: text.away }),
        Presence::Busy => Some(Dot { shape: "busy", name: text.busy }),
        Presence::Offline | Presence::Unknown => None,
    });
    move || dot.get().map(drawn)
}

/// The user's own dot: as others are shown it.
pub(crate) fn dot_of_me() -> impl IntoView {
    let client = use_client();
    let text = &locale::text().presence;
    let dot = Memo::new(move |_| {
        let privacy = client.privacy();
        let shown = privacy.presence == Audience::People && matches!(client.connection(), Connection::Online { .. });
        match privacy.status {
            Status::Busy if shown => Some(Dot { shape: "busy", name: text.shown_busy }),
            Status::Available if shown => Some(Dot { shape: "online", name: text.shown_online }),
            Status::Available | Status::Busy | Status::Unknown => None,
        }
    });
    move || dot.get().map(drawn)
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
