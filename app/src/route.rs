//! Addresses of screens, and going from one to another by the browser's history. Owns the address bar and where the
//! focus goes when the screen changes; knows no screen.

use crate::client::ConversationId;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlElement, MouseEvent};

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/`: the list of conversations, or sign-up when nobody is signed in.
    List,
    /// `/sign-up`.
    SignUp,
    /// `/sign-in`.
    SignIn,
    /// `/settings`.
    Settings,
    /// `/connection`.
    Connection,
    /// `/c/<conversation>`.
    Conversation(ConversationId),
}

impl Route {
    /// The address.
    pub(crate) fn path(self) -> String {
        match self {
            Route::List => "/".to_owned(),
            Route::SignUp => "/sign-up".to_owned(),
            Route::SignIn => "/sign-in".to_owned(),
            Route::Settings => "/settings".to_owned(),
            Route::Connection => "/connection".to_owned(),
            Route::Conversation(id) => format!("/c/{id}"),
        }
    }

    /// The route of an address; what is not known is the list.
    fn parse(path: &str) -> Self {
        match path.trim_end_matches('/') {
            "/sign-up" => Route::SignUp,
            "/sign-in" => Route::SignIn,
            "/settings" => Route::Settings,
            "/connection" => Route::Connection,
            path => {
                let id = path.strip_prefix("/c/").and_then(|id| id.parse().ok());
                id.map_or(Route::List, Route::Conversation)
            }
        }
    }
}

/// The present route. Copied into every closure that needs it.
#[derive(Clone, Copy)]
pub(crate) struct Router {
    route: RwSignal<Route>,
}

impl Router {
    /// Follows the browser's history. Once a page.
    pub(crate) fn start() -> Self {
        let route = RwSignal::new(present());
        window_event_listener(leptos::ev::popstate, move |_| show(route, present()));
        Self { route }
    }

    /// The present route.
    pub(crate) fn route(self) -> Route {
        self.route.get()
    }

    /// Goes on to a route; the browser's back button comes back.
    pub(crate) fn go(self, route: Route) {
        if self.route.get_untracked() != route {
            let _ = history().and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(&route.path())));
        }
        show(self.route, route);
    }

    /// Goes to a route in place of the present one.
    pub(crate) fn replace(self, route: Route) {
        let _ = history().and_then(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(&route.path())));
        show(self.route, route);
    }

    /// Follows a click on a link, unless it asks the browser for another tab or a download.
    pub(crate) fn follow(self, click: &MouseEvent, route: Route) {
        let plain =
            click.button() == 0 && !(click.ctrl_key() || click.meta_key() || click.shift_key() || click.alt_key());
        if plain {
            click.prevent_default();
            self.go(route);
        }
    }
}

/// The router of this page.
pub(crate) fn use_router() -> Router {
    expect_context::<Router>()
}

fn history() -> Result<web_sys::History, JsValue> {
    window().history()
}

fn present() -> Route {
    Route::parse(&window().location().pathname().unwrap_or_default())
}

fn show(signal: RwSignal<Route>, route: Route) {
    let before = signal.get_untracked();
    if before != route {
        signal.set(route);
        request_animation_frame(move || focus_after(before));
    }
}

/// Focus goes to the heading of the new screen; from a conversation back to the list, to that conversation's row.
fn focus_after(before: Route) {
    let left = matches!(before, Route::Conversation(_) | Route::Settings) && present() == Route::List;
    let row = if left { find(&format!("nav a[href='{}']", before.path())) } else { None };
    match row {
        Some(row) => drop(row.focus()),
        None => focus_page(),
    }
    // A pane of the same build takes the place of the one before in the document, and would keep its position.
    if let Some(scroller) = find(".settings") {
        scroller.set_scroll_top(0.0);
    }
}

/// Focus goes to what the screen begins with: the pane's where there is one beside the list.
pub(crate) fn focus_page() {
    if let Some(element) = find("[data-page-focus]") {
        // Cannot fail in a browser of today: focus takes no options here.
        let _ = element.focus();
    }
}

/// The last element of this selector that is on screen.
fn find(selector: &str) -> Option<HtmlElement> {
    let found = document().query_selector_all(selector).ok()?;
    (0..found.length())
        .filter_map(|index| found.item(index)?.dyn_into::<HtmlElement>().ok())
        .rfind(|element| element.offset_parent().is_some())
}
