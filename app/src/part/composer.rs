//! Where a message is written: grows with the text, keeps it per conversation, sends. Owns the keys: Enter sends and
//! Shift+Enter makes a line, except where the keyboard is on the screen and has no Shift to speak of.

use crate::client::limit;
use crate::client::{ConversationId, Failure, use_client};
use crate::locale;
use crate::part::icon::{Icon, icon};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// From so many bytes before the limit on the rest is shown.
const COUNT_FROM_BYTES: usize = 500;

/// The composer of a conversation.
#[component]
pub(crate) fn Composer(conversation: ConversationId, placeholder: &'static str) -> impl IntoView {
    let client = use_client();
    let text = &locale::text().composer;
    let node = NodeRef::<html::Textarea>::new();
    let value = RwSignal::new(client.draft(conversation));
    let failure = RwSignal::new(None::<Failure>);
    let size_bytes = Memo::new(move |_| value.read().trim().len());
    let sendable = Memo::new(move |_| (1..=limit::TEXT_MAX_BYTES).contains(&size_bytes.get()));
    Effect::new(move |_| {
        value.track();
        if let Some(area) = node.get() {
            grow(&area);
        }
    });
    let write = move |words: String| {
        client.keep_draft(conversation, words.clone());
        value.set(words);
    };
    let send = move || {
        if let Some(area) = node.get_untracked() {
            let _ = area.focus();
        }
        if !sendable.get_untracked() {
            return;
        }
        let words = value.get_untracked().trim().to_owned();
        write(String::new());
        let sent = client.send(conversation, words.clone());
        // Each text on its own: the next one does not wait until this one is on disk.
        spawn_local(async move {
            if let Err(cause) = sent.await {
                failure.try_set(Some(cause));
                // Nothing is lost: the words come back before what was written meanwhile.
                let meanwhile = client.draft(conversation);
                let back = if meanwhile.is_empty() { words } else { format!("{words}\n{meanwhile}") };
                client.keep_draft(conversation, back.clone());
                value.try_set(back);
            }
        });
    };
    let key = move |press: web_sys::KeyboardEvent| {
        if press.key() == "Enter" && !press.shift_key() && !press.is_composing() && has_keyboard() {
            press.prevent_default();
            send();
        }
    };
    let typed = move |input: web_sys::Event| {
        failure.set(None);
        write(event_target_value(&input));
        if size_bytes.get_untracked() > 0 {
            client.typing(conversation);
        }
    };
    let rest = move || {
        let size_bytes = size_bytes.get();
        if size_bytes > limit::TEXT_MAX_BYTES {
            Some((true, locale::plural(&text.over, count(size_bytes - limit::TEXT_MAX_BYTES))))
        } else if size_bytes + COUNT_FROM_BYTES > limit::TEXT_MAX_BYTES {
            Some((false, locale::plural(&text.left, count(limit::TEXT_MAX_BYTES - size_bytes))))
        } else {
            None
        }
    };
    let submit = move |submit: web_sys::SubmitEvent| {
        submit.prevent_default();
        send();
    };
    view! {
        <form class="composer" on:submit=submit>
            {move || {
                failure.get().map(|failure| view! { <p class="composer-failure" role="alert">{(locale::text().failure)(failure)}</p> })
            }}
            {move || {
                rest().map(|(over, words)| view! { <p class="composer-rest" class:composer-over=over role="status">{words}</p> })
            }}
            <div class="composer-box">
                <textarea
                    node_ref=node
                    rows="1"
                    data-page-focus=has_keyboard().then_some("")
                    dir="auto"
                    aria-label=text.label
                    placeholder=placeholder
                    enterkeyhint=if has_keyboard() { "send" } else { "enter" }
                    aria-invalid=move || (size_bytes.get() > limit::TEXT_MAX_BYTES).then_some("true")
                    prop:value=move || value.get()
                    on:input=typed
                    on:keydown=key
                ></textarea>
                <button type="submit" class="send" aria-label=text.send title=text.send aria-disabled=move || (!sendable.get()).then_some("true")>
                    {icon(Icon::Send)}
                </button>
            </div>
        </form>
    }
}

fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Whether there is a keyboard with keys to press; a screen's has none, and no mouse is with it.
fn has_keyboard() -> bool {
    window().match_media("(hover: hover) and (pointer: fine)").ok().flatten().is_some_and(|query| query.matches())
}

/// As high as its text; the style sheet says how high at most.
fn grow(area: &web_sys::HtmlElement) {
    let style = area.style();
    let _ = style.set_property("height", "auto");
    let _ = style.set_property("height", &format!("{}px", area.scroll_height()));
}
