//! What befell the connection, newest last: a ring, for the page that shows it. Owns how much is kept and the form in
//! which it is exported; the SDK says what may stand in it.

use leptos::prelude::*;
use sotto::view::{LogEntry, LogKind};
use std::collections::VecDeque;
use std::sync::Arc;
use wasm_bindgen::JsValue;

/// Entries that are kept: an hour of a bad connection (X3).
const KEPT_MAX: usize = 500;

/// An entry with its number, which names it on screen.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    /// Ascending from 1.
    pub(crate) number: u32,
    /// What happened.
    pub(crate) entry: LogEntry,
}

impl Noted {
    /// The whole entry as JSON, indented by two. Made when it is asked for: most entries nobody ever looks at.
    pub(crate) fn json(&self) -> String {
        let value = serde_wasm_bindgen::to_value(&self.entry).ok();
        let text = value.and_then(|value| {
            js_sys::JSON::stringify_with_replacer_and_space(&value, &JsValue::NULL, &JsValue::from_f64(2.0)).ok()
        });
        text.map(String::from).unwrap_or_default()
    }
}

/// What an entry is about, for a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Streams that open, end and are waited for.
    Stream,
    /// Ways to carry the stream.
    Transport,
    /// What the system said of network and sleep.
    System,
    /// Requests and tokens.
    Request,
}

impl Topic {
    pub(crate) const ALL: [Topic; 4] = [Topic::Stream, Topic::Transport, Topic::System, Topic::Request];

    /// What an entry is about.
    pub(crate) fn of(kind: &LogKind) -> Self {
        match kind {
            LogKind::Asked(_)
            | LogKind::Refused(_)
            | LogKind::Opening(_)
            | LogKind::Opened { .. }
            | LogKind::Resumed { .. }
            | LogKind::FellBehind
            | LogKind::Closed { .. }
            | LogKind::Waiting { .. }
            | LogKind::HistoryLost(_) => Topic::Stream,
            LogKind::TransportChanged { .. } | LogKind::TransportDoubted { .. } | LogKind::TransportPinned(_) => {
                Topic::Transport
            }
            LogKind::NetworkFound | LogKind::NetworkLost | LogKind::Woke(_) => Topic::System,
            LogKind::RequestFailed { .. }
            | LogKind::SentAgain(_)
            | LogKind::TokenRenewed
            | LogKind::SessionEnded(_) => Topic::Request,
        }
    }
}

/// The ring.
#[derive(Clone, Copy)]
pub(crate) struct Journal {
    noted: RwSignal<VecDeque<Arc<Noted>>>,
    newest: StoredValue<u32>,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self { noted: RwSignal::new(VecDeque::new()), newest: StoredValue::new(0) }
    }

    pub(super) fn note(self, entry: &LogEntry) {
        self.newest.update_value(|newest| *newest += 1);
        let noted = Noted { number: self.newest.get_value(), entry: entry.clone() };
        self.noted.update(|ring| {
            if ring.len() >= KEPT_MAX {
                ring.pop_front();
            }
            ring.push_back(Arc::new(noted));
        });
    }

    /// Everything that is kept, newest first.
    pub(crate) fn noted(self) -> Vec<Arc<Noted>> {
        self.noted.with(|ring| ring.iter().rev().cloned().collect())
    }
}
