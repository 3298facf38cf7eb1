//! The theme: shown by an attribute of the document, remembered in this browser. Owns both. `theme.js` reads the same
//! key before the first paint, so that a page never flashes in the other theme.

use leptos::prelude::{document, window};
use wasm_bindgen::JsCast;
use web_sys::Element;

/// The key in local storage, known to `theme.js` too. Holds `light` or `dark`; absent for the system's.
const KEY: &str = "sotto.theme";

/// The colour of the browser's own frame, light and dark; index.html has the same two, each for its media query.
const PAPER: [&str; 2] = ["#f4f2ee", "#10171a"];

/// Which colours are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system says, also when it changes its mind.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme, in the order in which they are offered.
    pub(crate) const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    fn attribute(self) -> Option<&'static str> {
        match self {
            Theme::System => None,
            Theme::Light => Some("light"),
            Theme::Dark => Some("dark"),
        }
    }
}

/// What was chosen before; the system's when storage is closed to us.
pub(super) fn remembered() -> Theme {
    let text = storage().and_then(|storage| storage.get_item(KEY).ok().flatten());
    let theme = Theme::ALL.into_iter().find(|theme| theme.attribute() == text.as_deref()).unwrap_or(Theme::System);
    paint_frame(theme);
    theme
}

/// Shows a theme and remembers it. Where storage is closed to us it lasts as long as the page.
pub(super) fn show(theme: Theme) {
    if let Some(root) = document().document_element() {
        // Neither can fail: the name is a constant and well-formed.
        let _ = match theme.attribute() {
            Some(text) => root.set_attribute("data-theme", text),
            None => root.remove_attribute("data-theme"),
        };
    }
    paint_frame(theme);
    if let Some(storage) = storage() {
        let _ = match theme.attribute() {
            Some(text) => storage.set_item(KEY, text),
            None => storage.remove_item(KEY),
        };
    }
}

/// Tells the browser the colour for its frame: `<meta name="theme-color">` knows the system's theme only.
fn paint_frame(theme: Theme) {
    let metas = document().query_selector_all("meta[name='theme-color']");
    for (index, own) in PAPER.into_iter().enumerate() {
        let colour = match theme {
            Theme::System => own,
            Theme::Light => PAPER[0],
            Theme::Dark => PAPER[1],
        };
        let meta = metas.as_ref().ok().and_then(|metas| metas.item(index as u32)?.dyn_into::<Element>().ok());
        if let Some(meta) = meta {
            let _ = meta.set_attribute("content", colour);
        }
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}
