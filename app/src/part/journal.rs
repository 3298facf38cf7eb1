//! The log of the connection on screen (X3): filters with counts, search, pause, export. Owns what of it is shown; the
//! entries are the client's.

use crate::client::{Noted, Severity, Topic, use_client};
use crate::locale;
use leptos::prelude::*;
use std::sync::Arc;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

const SEVERITIES: [Severity; 4] = [Severity::Error, Severity::Warning, Severity::Info, Severity::Debug];

/// What is asked for of the log.
#[derive(Clone, Default)]
struct Filter {
    hidden: Vec<Severity>,
    topic: Option<Topic>,
    /// In lower case.
    words: String,
}

impl Filter {
    fn takes(&self, noted: &Noted) -> bool {
        let entry = &noted.entry;
        !self.hidden.contains(&entry.severity)
            && self.topic.is_none_or(|topic| topic == Topic::of(&entry.kind))
            && (self.words.is_empty()
                || lower(&title(noted)).contains(&self.words)
                || lower(&noted.json()).contains(&self.words))
    }
}

/// The card of the log.
#[component]
pub(crate) fn JournalCard() -> impl IntoView {
    let client = use_client();
    let text = &locale::text().journal;
    let filter = RwSignal::new(Filter::default());
    let held = RwSignal::new(None::<Vec<Arc<Noted>>>);
    let all = move || held.get().unwrap_or_else(|| client.journal().noted());
    let shown = move || {
        let filter = filter.get();
        all().into_iter().filter(|noted| filter.takes(noted)).collect::<Vec<_>>()
    };
    let pause = move |_| {
        let now = client.journal().noted();
        held.update(|held| *held = if held.is_some() { None } else { Some(now) });
    };
    let severity = move |severity: Severity| {
        let count = move || number(all().iter().filter(|noted| noted.entry.severity == severity).count());
        let toggle = move |_| {
            filter.update(|filter| match filter.hidden.iter().position(|hidden| *hidden == severity) {
                Some(at) => drop(filter.hidden.remove(at)),
                None => filter.hidden.push(severity),
            });
        };
        view! {
            <label class="chip">
                <input
                    type="checkbox"
                    prop:checked=move || filter.with(|filter| !filter.hidden.contains(&severity))
                    on:change=toggle
                />
                <span>{(text.severity)(severity)} " " <b>{count}</b></span>
            </label>
        }
    };
    let topic = move |(at, topic): (usize, Topic)| {
        let count = move || number(all().iter().filter(|noted| Topic::of(&noted.entry.kind) == topic).count());
        view! { <option value=at.to_string()>{(text.topic)(topic)} " (" {count} ")"</option> }
    };
    let choose = move |change: web_sys::Event| {
        let at = event_target_value(&change).parse::<usize>().ok();
        filter.update(|filter| filter.topic = at.and_then(|at| Topic::ALL.get(at).copied()));
    };
    view! {
        <section class="card" aria-labelledby="journal-title">
            <h2 id="journal-title">{text.title}</h2>
            <div class="chips" role="group" aria-label=text.severities>
                {SEVERITIES.map(severity).collect_view()}
            </div>
            <div class="form-row">
                <select aria-label=text.topics on:change=choose>
                    <option value="">{text.all} " (" {move || number(all().len())} ")"</option>
                    {Topic::ALL.into_iter().enumerate().map(topic).collect_view()}
                </select>
                <input
                    type="search"
                    aria-label=text.search
                    placeholder=text.search
                    on:input=move |input| filter.update(|filter| filter.words = lower(event_target_value(&input).trim()))
                />
            </div>
            <div class="form-row">
                <button type="button" class="button button-quiet" aria-pressed=move || held.get().is_some().to_string() on:click=pause>
                    {move || if held.get().is_some() { text.resume } else { text.pause }}
                </button>
                <button type="button" class="button button-quiet" on:click=move |_| export(&shown())>
                    {text.export}
                </button>
            </div>
            <ol class="journal" aria-live="off">
                <For each=shown key=|noted| noted.number let(noted)>
                    <li>{row(&noted)}</li>
                </For>
            </ol>
            <Show when=move || shown().is_empty()>
                <p class="field-hint">{text.empty}</p>
            </Show>
        </section>
    }
}

fn row(noted: &Noted) -> impl IntoView {
    let (at, severity) = (noted.entry.at, noted.entry.severity);
    view! {
        <details>
            <summary>
                <time datetime=locale::machine(at)>{locale::seconds(at)}</time>
                <b data-severity=name(severity)>{(locale::text().journal.severity)(severity)}</b>
                <span>{title(noted)}</span>
            </summary>
            <pre dir="ltr">{noted.json()}</pre>
        </details>
    }
}

fn title(noted: &Noted) -> String {
    (locale::text().journal.kind)(&noted.entry.kind)
}

fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Debug => "debug",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// By the browser: the tables for it would be part of the module else.
fn lower(text: &str) -> String {
    String::from(js_sys::JsString::from(text).to_lower_case())
}

fn number(count: usize) -> String {
    locale::number(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Gives the entries to the user as a file. Nothing of it is secret: the SDK tells no content, name or key.
fn export(noted: &[Arc<Noted>]) {
    let entries: Vec<String> = noted.iter().map(|noted| noted.json()).collect();
    let text = JsValue::from_str(&format!("[\n{}\n]\n", entries.join(",\n")));
    let properties = BlobPropertyBag::new();
    properties.set_type("application/json");
    let parts = js_sys::Array::of1(&text);
    let Ok(blob) = Blob::new_with_str_sequence_and_options(&parts, &properties) else { return };
    let Ok(address) = Url::create_object_url_with_blob(&blob) else { return };
    if let Some(link) = document().create_element("a").ok().and_then(|link| link.dyn_into::<HtmlAnchorElement>().ok()) {
        link.set_href(&address);
        link.set_download("sotto-connection.json");
        link.click();
    }
    // Cannot fail: the address is one of ours.
    let _ = Url::revoke_object_url(&address);
}
