//! The theme: shown by an attribute of the document, remembered in this browser. Owns both. `theme.js` reads the same
//! key before the first paint, so that a page never flashes in the other theme.

use leptos::prelude::{document, window};

/// The key in local storage, known to `theme.js` too. Holds `light` or `dark`; absent for the system's.
const KEY: &str = "sotto.theme";

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
    Theme::ALL.into_iter().find(|theme| theme.attribute() == text.as_deref()).unwrap_or(Theme::System)
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
    if let Some(storage) = storage() {
        let _ = match theme.attribute() {
            Some(text) => storage.set_item(KEY, text),
            None => storage.remove_item(KEY),
        };
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}
