//! One item of a timeline: a bubble, or a line that tells what is not there. Owns how it looks; follows its own signal
//! only. Rule: what people wrote is set as text, never as HTML.

use crate::client::{Author, Body, Item, MessageState, Millis, Row, UnreadableCause, use_client};
use crate::locale;
use crate::part::attempt::Attempt;
use crate::part::icon::{Icon, icon};
use crate::part::markdown;
use crate::part::receipt::{name, receipt};
use leptos::prelude::*;

/// How an item follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lead {
    /// It is the first of its day: a line says which.
    Day,
    /// Somebody else speaks, or after a while.
    Turn,
    /// The same person goes on.
    Continues,
}

/// After this long the same person's next message stands apart.
const PAUSE_MS: Millis = Millis(5 * 60 * 1_000);

/// How `item` follows `before`.
pub(crate) fn lead(before: Option<&Item>, item: &Item) -> Lead {
    let Some(before) = before else { return Lead::Day };
    if !locale::same_day(before.at, item.at) {
        return Lead::Day;
    }
    let goes_on = spoken(before) && spoken(item) && before.author == item.author && item.at.since(before.at) < PAUSE_MS;
    if goes_on { Lead::Continues } else { Lead::Turn }
}

/// An item of the log. `author` is what the other side is called.
#[component]
pub(crate) fn Message(row: Row, lead: Lead, #[prop(into)] author: Signal<String>) -> impl IntoView {
    let client = use_client();
    let item = RwSignal::from(row.item);
    let number = row.number.to_string();
    let mine = item.with_untracked(|item| item.author == Author::Me);
    let state = move || item.with(|item| spoken(item).then(|| name(item.state)));
    let failed_now = move || item.with(|item| matches!(item.state, MessageState::Failed(_)));
    // A row is put in within a frame's budget: as few effects as can be, each of which costs more than what it draws.
    view! {
        <li
            class="message"
            class:message-continues=lead == Lead::Continues
            data-row=number
            data-author=if mine { "me" } else { "other" }
            data-body=move || item.with(|item| body_name(&item.body))
            data-state=mine.then_some(state)
        >
            {(lead == Lead::Day)
                .then(|| {
                    let at = move || item.with(|item| item.at);
                    view! {
                        <p class="day">
                            <time datetime=move || locale::machine(at())>{move || locale::day(at(), client.now())}</time>
                        </p>
                    }
                })}
            {move || item.with(|item| contents(item, author))}
            {mine.then_some(move || failed_now().then(|| failed(item)))}
        </li>
    }
}

fn spoken(item: &Item) -> bool {
    matches!(item.body, Body::Text(_) | Body::Deleted | Body::Unreadable(_))
}

fn contents(item: &Item, author: Signal<String>) -> AnyView {
    match &item.body {
        Body::Text(text) => bubble(item, author, markdown::text(text)),
        Body::Deleted => {
            let said = locale::text().message.deleted;
            bubble(item, author, view! { <span class="text">{said}</span> }.into_any())
        }
        Body::Unreadable(cause) => bubble(item, author, unreadable(*cause)),
        Body::JoinedHere => notice(Icon::Key, locale::text().message.joined_here),
        Body::HistoryLost => notice(Icon::Gap, locale::text().message.history_lost),
        Body::Missing => notice(Icon::Gap, locale::text().message.missing),
        // Shown by what the groups' pages say of it.
        Body::Note(_) => ().into_any(),
    }
}

fn body_name(body: &Body) -> &'static str {
    match body {
        Body::Text(_) => "text",
        Body::Deleted => "deleted",
        Body::Unreadable(_) => "unreadable",
        Body::JoinedHere => "joined",
        Body::HistoryLost => "lost",
        Body::Missing => "missing",
        Body::Note(_) => "note",
    }
}

/// Contents with author, time and state.
fn bubble(item: &Item, author: Signal<String>, contents: AnyView) -> AnyView {
    let (speaker, state) = match item.author {
        Author::Me => (locale::text().message.you.to_owned(), Some(receipt(item.state))),
        Author::Other(_) => (author.get(), None),
    };
    view! {
        <span class="hidden">{speaker} ": "</span>
        <div class="bubble">
            {contents}
            <span class="meta">
                <time datetime=locale::machine(item.at)>{locale::clock(item.at)}</time>
                {state}
            </span>
            {matches!(item.body, Body::Text(_)).then(more)}
        </div>
    }
    .into_any()
}

/// The button that asks for the message's menu. The log hears it; it is no stop of its own for Tab.
fn more() -> AnyView {
    let name = locale::text().message.actions;
    view! {
        <button type="button" class="more" tabindex="-1" aria-haspopup="menu" aria-label=name title=name>
            {icon(Icon::More)}
        </button>
    }
    .into_any()
}

fn unreadable(cause: UnreadableCause) -> AnyView {
    let shape = match cause {
        UnreadableCause::WrongEpoch | UnreadableCause::UnknownContent => Icon::Lock,
        UnreadableCause::NotAuthentic => Icon::Alert,
    };
    view! { <span class="text text-unreadable">{icon(shape)} {(locale::text().unreadable)(cause)}</span> }.into_any()
}

fn notice(shape: Icon, words: &'static str) -> AnyView {
    view! { <p class="notice">{icon(shape)} <span>{words}</span></p> }.into_any()
}

/// Why a message was not sent, and what can be done.
fn failed(item: RwSignal<Item>) -> AnyView {
    let client = use_client();
    let attempt = Attempt::new();
    let text = &locale::text().message;
    let cause = move || match item.with(|item| item.state) {
        MessageState::Failed(code) => (locale::text().code)(code),
        MessageState::Sending | MessageState::Sent | MessageState::Delivered | MessageState::Read => "",
    };
    let key = item.with_untracked(|item| item.key);
    view! {
        <div class="failed" role="group" aria-label=text.failed>
            <p>{text.failed} ": " {cause}</p>
            <button type="button" class="text-button" on:click=move |_| attempt.run(client.retry(key), |()| {})>
                {text.retry}
            </button>
            <button type="button" class="text-button" on:click=move |_| attempt.run(client.discard(key), |()| {})>
                {text.discard}
            </button>
            {move || attempt.failure().map(|failure| view! { <p role="alert">{(locale::text().failure)(failure)}</p> })}
        </div>
    }
    .into_any()
}
