//! The screens, one a file, and which of them is shown. Owns the choice; it follows from where the tab stands and who is
//! signed in, and from the address only within that.

mod account;
mod conversation;
mod list;
mod main;
mod place;
mod settings;
mod start;

use crate::client::{Missing, Place, Session, StoreFailure, use_client};
use crate::locale;
use leptos::prelude::*;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Screen {
    Starting,
    Elsewhere,
    Unsupported(Missing),
    Failed(StoreFailure),
    Account,
    Main,
}

/// The present screen.
pub(crate) fn screen() -> impl IntoView {
    let client = use_client();
    let screen = Memo::new(move |_| match (client.place(), client.session()) {
        (Place::Elsewhere, _) => Screen::Elsewhere,
        (Place::Unsupported(missing), _) => Screen::Unsupported(missing),
        (Place::Failed(failure), _) => Screen::Failed(failure),
        (Place::Starting, _) | (Place::Leading, Session::Starting) => Screen::Starting,
        // One screen for both, so that the form stays while it waits.
        (Place::Leading, Session::SignedOut(_) | Session::Authenticating) => Screen::Account,
        (Place::Leading, Session::SignedIn(_)) => Screen::Main,
    });
    Effect::new(move |_| show_shell(screen.get() == Screen::Starting));
    Effect::new(move |_| document().set_title(&title(client.unread())));
    move || match screen.get() {
        // The shell of index.html is in sight.
        Screen::Starting => ().into_any(),
        Screen::Elsewhere => place::elsewhere().into_any(),
        Screen::Unsupported(missing) => place::unsupported(missing).into_any(),
        Screen::Failed(failure) => place::failed(failure).into_any(),
        Screen::Account => view! { <account::AccountPage /> }.into_any(),
        Screen::Main => view! { <main::MainPage /> }.into_any(),
    }
}

fn title(unread: u32) -> String {
    let app = &locale::text().app;
    if unread == 0 { app.name.to_owned() } else { (app.title_with_count)(&locale::number(unread), app.name) }
}

fn show_shell(shown: bool) {
    if let Some(shell) = document().get_element_by_id("shell") {
        // Cannot fail: the name is a constant and well-formed.
        let _ = shell.toggle_attribute_with_force("hidden", !shown);
    }
}
