//! A labelled line of input with its hint and its error. Owns the wiring between them that a screen reader needs.

use crate::locale;
use crate::part::icon::{Icon, icon};
use leptos::prelude::*;

/// What sort of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A sign-in name: no capitals, no corrections.
    Name,
    /// Any text.
    Text,
    /// A password, hidden unless the user wants to see it.
    Password,
}

/// What stays the same about a field.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    /// The element's id, unique in the page.
    pub id: &'static str,
    /// Its label.
    pub label: &'static str,
    /// What sort.
    pub kind: Kind,
    /// The browser's `autocomplete` word.
    pub autocomplete: &'static str,
    /// Shown below while there is no error; may be empty.
    pub hint: &'static str,
}

/// A field. `error` is shown in place of the hint.
#[component]
pub(crate) fn Field(
    line: Line,
    value: RwSignal<String>,
    #[prop(into)] error: Signal<Option<&'static str>>,
    /// Whether the cursor begins here.
    #[prop(optional)]
    first: bool,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let hint_id = format!("{}-hint", line.id);
    let described = hint_id.clone();
    let kind = move || if line.kind == Kind::Password && !shown.get() { "password" } else { "text" };
    let plain = line.kind != Kind::Text;
    view! {
        <div class="field" class:field-wrong=move || error.get().is_some()>
            <label for=line.id>{line.label}</label>
            <div class="field-box">
                <input
                    id=line.id
                    name=line.id
                    type=kind
                    autocomplete=line.autocomplete
                    autocapitalize=plain.then_some("none")
                    spellcheck=plain.then_some("false")
                    dir=if plain { "ltr" } else { "auto" }
                    autofocus=first
                    aria-describedby=described
                    aria-invalid=move || error.get().map(|_| "true")
                    prop:value=move || value.get()
                    on:input=move |input| value.set(event_target_value(&input))
                />
                {(line.kind == Kind::Password).then(|| eye(shown))}
            </div>
            <p id=hint_id class="field-hint" role=move || error.get().map(|_| "alert")>
                {move || error.get().unwrap_or(line.hint)}
            </p>
        </div>
    }
}

/// The button that shows and hides a password.
fn eye(shown: RwSignal<bool>) -> impl IntoView {
    let account = &locale::text().account;
    let name = move || if shown.get() { account.hide_password } else { account.show_password };
    view! {
        <button type="button" class="field-eye" aria-label=name title=name on:click=move |_| shown.update(|shown| *shown = !*shown)>
            {move || icon(if shown.get() { Icon::EyeOff } else { Icon::Eye })}
        </button>
    }
}

/// Moves the cursor to a field.
pub(crate) fn focus(id: &str) {
    use wasm_bindgen::JsCast;
    if let Some(field) =
        document().get_element_by_id(id).and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok())
    {
        let _ = field.focus();
    }
}
