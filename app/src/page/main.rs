//! The screen of somebody who is signed in: the list beside what is open, or one of the two where there is no room for
//! both. Owns the frame; the style sheet decides by the room there is.

use crate::client::use_client;
use crate::locale;
use crate::page::conversation::ConversationPane;
use crate::page::later;
use crate::page::list::ListPane;
use crate::page::start::StartDialog;
use crate::part::field;
use crate::part::icon::logo;
use crate::part::status::Status;
use crate::route::{Route, use_router};
use leptos::prelude::*;

/// The main screen.
#[component]
pub(crate) fn MainPage() -> impl IntoView {
    let router = use_router();
    let starting = RwSignal::new(false);
    // The addresses of the forms mean nothing any more.
    Effect::new(move |_| {
        if matches!(router.route(), Route::SignIn | Route::SignUp) {
            router.replace(Route::List);
        }
    });
    later::prefetch();
    let pane = Memo::new(move |_| router.route());
    let side = move || matches!(pane.get(), Route::List | Route::SignIn | Route::SignUp);
    let skip = move |click: web_sys::MouseEvent| {
        click.prevent_default();
        field::focus("pane");
    };
    view! {
        <a class="skip" href="#pane" on:click=skip>{locale::text().app.skip}</a>
        <main class="frame">
            <div class="panes" data-showing=move || if side() { "list" } else { "pane" }>
                <Status />
                <ListPane starting=starting />
                <section class="pane" id="pane" tabindex="-1" aria-labelledby="pane-title">
                    {move || match pane.get() {
                        Route::Conversation(id) => view! { <ConversationPane id=id /> }.into_any(),
                        Route::Settings => later::settings().into_any(),
                        Route::Connection => later::connection().into_any(),
                        Route::List | Route::SignIn | Route::SignUp => nothing_open().into_any(),
                    }}
                </section>
            </div>
        </main>
        <StartDialog open=starting />
    }
}

fn nothing_open() -> impl IntoView {
    // A conversation that was open is open no more.
    use_client().close();
    let text = &locale::text().list;
    view! {
        <div class="nothing">
            {logo()}
            <h2 id="pane-title">{text.choose_title}</h2>
            <p>{text.choose_text}</p>
        </div>
    }
}
