//! What can be done with a message, and how its menu is asked for (M3): by its button, by a click with the other button or a
//! long press, by keys. Owns the events of the log that mean this. One listener serves every row, so that a row costs no
//! more than its button.

use super::Log;
use crate::client::{Body, Item};
use crate::locale;
use crate::part::icon::Icon;
use crate::part::menu::{Choice, Menu};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent, MouseEvent};

/// The button of a row, which `message` draws.
const BUTTON: &str = ".more";
/// So long it is shown how it went.
const SAID_FOR: Duration = Duration::from_secs(3);
const ROW: &str = "li[data-row]";

impl Log {
    /// A click within the log: on a row's button it asks for the menu.
    pub(super) fn clicked(self, click: &MouseEvent) {
        let Some(button) = target(click).and_then(|target| target.closest(BUTTON).ok().flatten()) else { return };
        let place = button.get_bounding_client_rect();
        self.ask(&button, (place.left() as i32, place.bottom() as i32));
    }

    /// The other button of the mouse, a long press, or the keyboard's key for menus.
    pub(super) fn menu_asked(self, asked: &MouseEvent) {
        let Some(target) = target(asked) else { return };
        // Links and chosen words have a menu of the browser's own.
        let chosen = window().get_selection().ok().flatten().is_some_and(|selection| !selection.is_collapsed());
        if chosen || target.closest("a").ok().flatten().is_some() {
            return;
        }
        if self.ask(&target, (asked.client_x() as i32, asked.client_y() as i32)) {
            asked.prevent_default();
        }
    }

    /// Enter goes from the log to its newest message; up and down from one message to the next; Escape back to the log.
    pub(super) fn pressed(self, press: &KeyboardEvent) {
        let Some(scroller) = self.sheet.nodes.scroller.get_untracked() else { return };
        let Some(target) = press.target().and_then(|target| target.dyn_into::<HtmlElement>().ok()) else { return };
        let on_log = target.is_same_node(Some(&scroller));
        let on_button = target.matches(BUTTON).unwrap_or(false);
        let to = match press.key().as_str() {
            "Enter" if on_log => last_button(&scroller),
            "Escape" if on_button => scroller.clone().dyn_into().ok(),
            "ArrowUp" if on_button => beside(&target, Element::previous_element_sibling),
            "ArrowDown" if on_button => beside(&target, Element::next_element_sibling),
            _ => return,
        };
        press.prevent_default();
        if let Some(to) = to {
            let _ = to.focus();
        }
    }

    /// Opens the menu of the row that holds `element`. Whether there is anything to choose.
    fn ask(self, element: &Element, at_px: (i32, i32)) -> bool {
        let row = element.closest(ROW).ok().flatten().and_then(|row| row.dyn_into::<HtmlElement>().ok());
        let number: Option<u64> = row.and_then(|row| row.dataset().get("row")?.parse().ok());
        let item = self.client.timeline().with_untracked(|timeline| {
            let open = timeline.as_ref().filter(|open| open.conversation == self.conversation)?;
            let row = open.rows.iter().rev().find(|row| Some(row.number) == number)?;
            Some(row.item.get_untracked())
        });
        let choices = item.map(|item| self.choices(&item)).unwrap_or_default();
        let any = !choices.is_empty();
        if any {
            self.menu.set(Some(Menu { at_px, choices }));
        }
        any
    }

    fn choices(self, item: &Item) -> Vec<Choice> {
        let text = &locale::text().message;
        match &item.body {
            Body::Text(words) => {
                let words = words.clone();
                let act = Callback::new(move |()| self.copy(&words));
                vec![Choice { shape: Icon::Copy, words: text.copy, act }]
            }
            Body::Deleted
            | Body::Unreadable(_)
            | Body::Note(_)
            | Body::JoinedHere
            | Body::HistoryLost
            | Body::Missing => Vec::new(),
        }
    }

    /// Puts a text where it can be taken from elsewhere, and says so.
    fn copy(self, words: &str) {
        let text = &locale::text().message;
        let copied = window().navigator().clipboard().write_text(words);
        spawn_local(async move {
            let said = if copied.await.is_ok() { text.copied } else { text.not_copied };
            self.said.try_set(said.to_owned());
            set_timeout(move || drop(self.said.try_set(String::new())), SAID_FOR);
        });
    }
}

fn target(event: &MouseEvent) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

fn last_button(scroller: &Element) -> Option<HtmlElement> {
    let all = scroller.query_selector_all(BUTTON).ok()?;
    all.item(all.length().checked_sub(1)?)?.dyn_into().ok()
}

/// The button of the next row that has one.
fn beside(button: &HtmlElement, step: fn(&Element) -> Option<Element>) -> Option<HtmlElement> {
    let mut row = step(&button.closest(ROW).ok()??)?;
    loop {
        if let Some(found) = row.query_selector(BUTTON).ok()? {
            return found.dyn_into().ok();
        }
        row = step(&row)?;
    }
}
