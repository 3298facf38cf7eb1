//! The list of conversations with what begins a new one. Owns the list's states: loading, empty, full.

use crate::client::use_client;
use crate::locale;
use crate::part::icon::{Icon, icon, logo};
use crate::part::row::ConversationRow;
use crate::part::{avatar, presence};
use crate::route::{Route, use_router};
use leptos::prelude::*;

/// The side of the list. `starting` opens the dialog for a new conversation.
#[component]
pub(crate) fn ListPane(starting: RwSignal<bool>) -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let text = &locale::text().list;
    let me = move || {
        client.me().map(|me| {
            let title = if me.display_name.is_empty() { me.name.as_str() } else { &me.display_name };
            avatar::person(me.user, title)
        })
    };
    let stage = Memo::new(move |_| client.order().map(|order| order.is_empty()));
    view! {
        <nav class="side" aria-label=text.title>
            <header class="bar">
                <h1 class="wordmark" tabindex="-1" data-page-focus>
                    {logo()} <span>{locale::text().app.name}</span>
                </h1>
                <button type="button" class="icon-button" aria-label=text.new title=text.new on:click=move |_| starting.set(true)>
                    {icon(Icon::Compose)}
                </button>
                <span class="avatar-frame">
                    <a
                        class="bar-me"
                        href=Route::Settings.path()
                        title=text.settings
                        aria-current=move || (router.route() == Route::Settings).then_some("page")
                        on:click=move |click| router.follow(&click, Route::Settings)
                    >
                        {me} <span class="hidden">{text.settings}</span>
                    </a>
                    {presence::dot_of_me()}
                </span>
            </header>
            {move || match stage.get() {
                None => loading().into_any(),
                Some(true) => empty(starting).into_any(),
                Some(false) => rows().into_any(),
            }}
        </nav>
    }
}

fn rows() -> impl IntoView {
    let client = use_client();
    view! {
        <ul class="rows" aria-label=locale::text().list.title>
            <For each=move || client.order().unwrap_or_default() key=|id| *id let(id)>
                {client.conversation(id).map(|conversation| view! { <ConversationRow conversation=conversation /> })}
            </For>
        </ul>
    }
}

fn loading() -> impl IntoView {
    view! {
        <div class="ghosts" role="status" aria-label=locale::text().list.loading>
            {(0..6).map(|_| view! { <div class="ghost"></div> }).collect_view()}
        </div>
    }
}

fn empty(starting: RwSignal<bool>) -> impl IntoView {
    let text = &locale::text().list;
    view! {
        <div class="empty">
            <span class="empty-icon">{icon(Icon::Compose)}</span>
            <h2>{text.empty_title}</h2>
            <p>{text.empty_text}</p>
            <button type="button" class="button" on:click=move |_| starting.set(true)>{locale::text().start.title}</button>
        </div>
    }
}
