//! A modal dialog over the page: the browser's own, which traps and returns the focus and closes on Escape. Owns opening
//! and closing; the contents are made anew each time.

use crate::locale;
use crate::part::icon::{Icon, icon};
use leptos::html;
use leptos::prelude::*;
use leptos::task::{spawn_local, tick};

/// A dialog that is open while `open` says so. `id` is unique in the page.
#[component]
pub(crate) fn Dialog(
    id: &'static str,
    open: RwSignal<bool>,
    title: &'static str,
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    let title_id = format!("{id}-title");
    let labelled = title_id.clone();
    let children = StoredValue::new(children);
    let title_id = StoredValue::new(title_id);
    Effect::new(move |_| {
        let wanted = open.get();
        let Some(dialog) = node.get() else { return };
        if !wanted {
            dialog.close();
            return;
        }
        spawn_local(async move {
            // The contents come first, so that the browser finds the field that wants the cursor.
            tick().await;
            if !dialog.open() {
                // Fails only for a dialog that has left the document.
                let _ = dialog.show_modal();
            }
        });
    });
    // A click on the dialog itself, and not on what is in it, is one on the backdrop.
    let outside = move |click: web_sys::MouseEvent| {
        let dialog = node.get_untracked();
        if click.target().as_ref() == dialog.as_ref().map(|dialog| dialog.as_ref()) {
            open.set(false);
        }
    };
    // The event comes a moment after Escape: by then the dialog may have been opened again.
    let closed = move |_| {
        if node.get_untracked().is_none_or(|dialog| !dialog.open()) {
            open.set(false);
        }
    };
    view! {
        <dialog node_ref=node class="dialog" aria-labelledby=labelled on:close=closed on:click=outside>
            <Show when=move || open.get()>
                <div class="dialog-body">
                    <header class="dialog-head">
                        <h2 id=title_id.get_value()>{title}</h2>
                        <button
                            type="button"
                            class="icon-button"
                            aria-label=locale::text().app.close
                            title=locale::text().app.close
                            on:click=move |_| open.set(false)
                        >
                            {icon(Icon::Close)}
                        </button>
                    </header>
                    {children.with_value(|children| children())}
                </div>
            </Show>
        </dialog>
    }
}
