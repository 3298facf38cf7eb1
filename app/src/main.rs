//! The Sotto app: a client-side Leptos program over the SDK. Owns the start and the choice of the screen.
//!
//! `client` is the only bridge to the SDK, `page` holds one screen a file, `part` one piece a file, `locale` every
//! text. The rule that this crate keeps: **no page and no part calls network, storage or cryptography.**

// Leptos' component macro writes `pub` structs, in a program where nothing is.
#![allow(unreachable_pub)]

mod client;
mod locale;
mod page;
mod part;
mod route;

use client::Client;
use leptos::prelude::*;
use route::Router;
use wasm_bindgen::JsCast;

fn main() {
    let root = document().get_element_by_id("app").and_then(|root| root.dyn_into::<web_sys::HtmlElement>().ok());
    let root = root.expect("index.html of this build has an element with the id app");
    leptos::mount::mount_to(root, App).forget();
    // Whatever theme.js took for a failure, the app is here.
    if let Some(document) = document().document_element() {
        // Cannot fail: the name is a constant and well-formed.
        let _ = document.remove_attribute("data-boot");
    }
}

/// The whole app.
#[component]
fn App() -> impl IntoView {
    locale::start();
    provide_context(Client::start());
    provide_context(Router::start());
    page::screen()
}
