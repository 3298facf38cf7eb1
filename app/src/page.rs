//! The screens, one a file, and which of them is shown. Owns the choice; it follows from where the tab stands and who is
//! signed in, and from the address only within that.

mod account;
mod connection;
mod conversation;
mod later;
mod list;
mod main;
mod pane;
mod place;
mod privacy;
mod settings;
mod start;

use crate::client::{Missing, Place, Session, StoreFailure, use_client};
use crate::locale;
use crate::part::row;
use crate::route::{Route, focus_page, use_router};
use leptos::prelude::*;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Screen {
    Starting,
    OtherVersion,
    Unsupported(Missing),
    Failed(StoreFailure),
    Account,
    Main,
}

/// The present screen.
pub(crate) fn screen() -> impl IntoView {
    let client = use_client();
    let screen = Memo::new(move |_| match (client.place(), client.session()) {
        (Place::OtherVersion, _) => Screen::OtherVersion,
        (Place::Unsupported(missing), _) => Screen::Unsupported(missing),
        // Another tab has taken over while this one was frozen, and this one is about to follow it: nothing has failed.
        (Place::Failed(StoreFailure::Superseded), session) => by_session(&session),
        (Place::Failed(failure), _) => Screen::Failed(failure),
        (Place::Starting, _) => Screen::Starting,
        (Place::Leading | Place::Following, session) => by_session(&session),
    });
    Effect::new(move |before: Option<Screen>| {
        let screen = screen.get();
        show_shell(screen == Screen::Starting);
        // What had the focus has gone. On a page that has just come, the focus is the user's.
        if before.is_some_and(|before| before != screen && before != Screen::Starting) {
            request_animation_frame(focus_page);
        }
        screen
    });
    let router = use_router();
    Effect::new(move |_| {
        // The list is followed, since a conversation may be opened by its address before it is known.
        let listed = client.order().is_some() && screen.get() == Screen::Main;
        let open = match router.route() {
            Route::Conversation(id) if listed => {
                client.conversation(id).map(|row| row.with(|row| row::title(&row.kind)))
            }
            Route::Conversation(_)
            | Route::List
            | Route::SignUp
            | Route::SignIn
            | Route::Settings
            | Route::Connection => None,
        };
        document().set_title(&title(open.as_deref(), client.unread()));
    });
    move || match screen.get() {
        // The shell of index.html is in sight.
        Screen::Starting => ().into_any(),
        Screen::OtherVersion => place::other_version().into_any(),
        Screen::Unsupported(missing) => place::unsupported(missing).into_any(),
        Screen::Failed(failure) => place::failed(failure).into_any(),
        Screen::Account => view! { <account::AccountPage /> }.into_any(),
        Screen::Main => view! { <main::MainPage /> }.into_any(),
    }
}

/// What is shown in every tab alike.
fn by_session(session: &Session) -> Screen {
    match session {
        Session::Starting => Screen::Starting,
        // One screen for both, so that the form stays while it waits.
        Session::SignedOut(_) | Session::Authenticating => Screen::Account,
        Session::SignedIn(_) => Screen::Main,
    }
}

/// The document's title: what is open, and before it how many messages are unread.
fn title(open: Option<&str>, unread: u32) -> String {
    let app = &locale::text().app;
    let title = open.map_or_else(|| app.name.to_owned(), |open| (app.title_of)(open));
    if unread == 0 { title } else { (app.title_with_count)(&locale::number(unread), &title) }
}

fn show_shell(shown: bool) {
    if let Some(shell) = document().get_element_by_id("shell") {
        // Cannot fail: the name is a constant and well-formed.
        let _ = shell.toggle_attribute_with_force("hidden", !shown);
    }
}
