//! Where the app cannot run: a tab of another version has taken over, the browser lacks something, or the local store does
//! not work. Owns these three screens.

use crate::client::{Missing, StoreFailure};
use crate::locale;
use crate::part::icon::{Icon, icon};
use leptos::prelude::*;

/// A tab of another version leads.
pub(crate) fn other_version() -> impl IntoView {
    let text = &locale::text().place;
    state(Icon::Tabs, text.other_version_title, [text.other_version_text, ""], reload())
}

/// This browser cannot carry Sotto.
pub(crate) fn unsupported(missing: Missing) -> impl IntoView {
    let text = &locale::text();
    let words = [(text.missing)(missing), text.place.unsupported_text];
    state(Icon::Alert, text.place.unsupported_title, words, ())
}

/// The local store does not work.
pub(crate) fn failed(failure: StoreFailure) -> impl IntoView {
    let text = &locale::text();
    let words = [(text.store_failure)(failure), text.place.failed_text];
    state(Icon::Alert, text.place.failed_title, words, reload())
}

fn reload() -> impl IntoView {
    view! {
        <button type="button" class="button" on:click=move |_| drop(window().location().reload())>
            {locale::text().place.reload}
        </button>
    }
}

fn state(shape: Icon, title: &'static str, words: [&'static str; 2], action: impl IntoView) -> impl IntoView {
    view! {
        <main class="state" role="main">
            <div class="state-body" role="alert">
                <span class="state-icon">{icon(shape)}</span>
                <h1>{title}</h1>
                {words.into_iter().filter(|words| !words.is_empty()).map(|words| view! { <p>{words}</p> }).collect_view()}
                {action.into_view()}
            </div>
        </main>
    }
}
