//! The frame of a pane of cards: its bar with the way back and the title, and what scrolls below. Owns no contents.

use crate::client::use_client;
use crate::page::conversation::back;
use leptos::prelude::*;

/// A pane of cards. A conversation that was open is open no more.
#[component]
pub(crate) fn Pane(title: &'static str, children: Children) -> impl IntoView {
    use_client().close();
    view! {
        <header class="bar">
            {back()}
            <div class="bar-title">
                <h1 id="pane-title" tabindex="-1" data-page-focus>{title}</h1>
            </div>
        </header>
        <div class="settings" tabindex="0" role="group" aria-labelledby="pane-title">
            <div class="settings-body">{children()}</div>
        </div>
    }
}
