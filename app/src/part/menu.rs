//! A menu at a point of the page: the browser's own popover, which closes on Escape and on a click elsewhere. Owns where it
//! stands and the keys within it; what can be chosen is the caller's.

use crate::part::icon::{Icon, icon};
use leptos::html;
use leptos::prelude::*;
use leptos::task::{spawn_local, tick};
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, KeyboardEvent};

/// What keeps the menu away from the edge of the page.
const EDGE_PX: i32 = 8;

/// Something that can be chosen.
#[derive(Clone)]
pub(crate) struct Choice {
    pub shape: Icon,
    pub words: &'static str,
    pub act: Callback<()>,
}

/// An open menu.
#[derive(Clone)]
pub(crate) struct Menu {
    /// Where it is to stand, from the left and from the top of the page; it stays within the page.
    pub at_px: (i32, i32),
    pub choices: Vec<Choice>,
}

/// The menu that is open, if one is. `name` is what a screen reader says.
pub(crate) fn menu(open: RwSignal<Option<Menu>>, name: &'static str) -> AnyView {
    let node = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        let at_px = open.with(|menu| menu.as_ref().map(|menu| menu.at_px));
        let Some(element) = node.get() else { return };
        match at_px {
            Some(at_px) => spawn_local(async move {
                // The choices come first: the menu is as large as they are.
                tick().await;
                show(&element, at_px);
            }),
            // Fails for a menu that has closed by itself.
            None => drop(element.hide_popover()),
        }
    });
    // It may have been opened elsewhere since the event was made.
    let toggled = move |_| {
        if node.get_untracked().is_some_and(|element| !is_open(&element)) {
            open.set(None);
        }
    };
    let choice = move |choice: Choice| {
        let Choice { shape, words, act } = choice;
        let choose = move |_| {
            open.set(None);
            act.run(());
        };
        view! { <button type="button" role="menuitem" tabindex="-1" on:click=choose>{icon(shape)} {words}</button> }
    };
    let choices = move || open.with(|menu| menu.as_ref().map(|menu| menu.choices.clone()).unwrap_or_default());
    view! {
        <div node_ref=node class="menu" role="menu" popover="auto" aria-label=name on:toggle=toggled on:keydown=key>
            {move || choices().into_iter().map(choice).collect_view()}
        </div>
    }
    .into_any()
}

fn is_open(menu: &HtmlElement) -> bool {
    menu.matches(":popover-open").unwrap_or(false)
}

fn show(menu: &HtmlElement, (left_px, top_px): (i32, i32)) {
    // Fails for a menu that is open already: it moves.
    let _ = menu.show_popover();
    let page = document().document_element();
    let (width_px, height_px) = page.map_or((0, 0), |page| (page.client_width(), page.client_height()));
    let within = |at_px: i32, page_px: i32, own_px: i32| at_px.min(page_px - own_px - EDGE_PX).max(EDGE_PX);
    let place = |name: &str, at_px: i32| menu.style().set_property(name, &format!("{at_px}px"));
    let _ = place("left", within(left_px, width_px, menu.offset_width()));
    let _ = place("top", within(top_px, height_px, menu.offset_height()));
    focus(menu.first_element_child());
}

fn focus(element: Option<web_sys::Element>) {
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Up and down go round; Home and End to the first and the last; Tab leaves.
fn key(press: KeyboardEvent) {
    let Some(menu) = press.current_target().and_then(|menu| menu.dyn_into::<HtmlElement>().ok()) else { return };
    let present = document().active_element();
    let to = match press.key().as_str() {
        "ArrowDown" => present.and_then(|one| one.next_element_sibling()).or_else(|| menu.first_element_child()),
        "ArrowUp" => present.and_then(|one| one.previous_element_sibling()).or_else(|| menu.last_element_child()),
        "Home" => menu.first_element_child(),
        "End" => menu.last_element_child(),
        "Tab" => {
            let _ = menu.hide_popover();
            None
        }
        _ => return,
    };
    press.prevent_default();
    focus(to);
}
