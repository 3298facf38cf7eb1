//! One conversation: who it is with, its messages, and where one writes. Owns the frame around the log.

use crate::client::{ConversationId, ConversationKind, use_client};
use crate::locale;
use crate::part::composer::Composer;
use crate::part::icon::{Icon, icon};
use crate::part::log::MessageLog;
use crate::part::{avatar, presence, row};
use crate::route::{Route, use_router};
use leptos::prelude::*;

/// The pane of a conversation. Made anew for each.
#[component]
pub(crate) fn ConversationPane(id: ConversationId) -> impl IntoView {
    let client = use_client();
    // `None` while the list is being read.
    let there = Memo::new(move |_| client.order().map(|order| order.contains(&id)));
    move || match there.get() {
        None => ().into_any(),
        Some(false) => gone().into_any(),
        Some(true) => view! { <Open id=id /> }.into_any(),
    }
}

#[component]
fn Open(id: ConversationId) -> impl IntoView {
    let client = use_client();
    client.open(id);
    let text = &locale::text().conversation;
    let row = client.conversation(id);
    let kind = {
        let row = row.clone();
        Memo::new(move |_| row.as_ref().map(|row| row.with(|row| row.kind.clone())))
    };
    let title = Memo::new(move |_| kind.with(|kind| kind.as_ref().map(row::title).unwrap_or_default()));
    // Display names are chosen by whoever bears them, and may be another's: the sign-in name always stands beside it.
    let sign_in_name = Memo::new(move |_| kind.with(|kind| kind.as_ref().and_then(row::sign_in_name)));
    let typing = Memo::new(move |_| row.as_ref().map_or(0, |row| row.with(|row| row.typing.len())));
    let typing_words = Signal::derive(move || match typing.get() {
        0 => None,
        1 => Some((text.typing)(&title.get())),
        _ => Some(text.typing_many.to_owned()),
    });
    let other = move || kind.with(|kind| kind.as_ref().and_then(row::other));
    // Who writes is there: that says more than any presence.
    let presence = move || match typing.get() {
        0 => other().and_then(|user| client.presence_of(user)).and_then(presence::words),
        _ => Some(locale::text().list.typing.to_owned()),
    };
    let notes = kind.with_untracked(|kind| matches!(kind, Some(ConversationKind::Notes)));
    let composer = &locale::text().composer;
    let (placeholder, encrypted) =
        if notes { (composer.placeholder_notes, text.encrypted_notes) } else { (composer.placeholder, text.encrypted) };
    view! {
        <header class="bar">
            {back()} {move || kind.with(|kind| kind.as_ref().map(avatar::with_presence))}
            <div class="bar-title">
                <h1 id="pane-title" tabindex="-1" data-page-focus><bdi>{move || title.get()}</bdi></h1>
                <p class="bar-lead">
                    {move || sign_in_name.get().map(|name| view! { <bdi class="bar-name">{name}</bdi> })}
                    {move || presence().map(|words| view! { <span class="bar-presence">{words}</span> })}
                    {icon(Icon::Lock)} <span>{encrypted}</span>
                </p>
            </div>
        </header>
        <MessageLog conversation=id kind=kind author=title typing=typing_words />
        <Composer conversation=id placeholder=placeholder />
    }
}

/// The link back to the list, where both have no room beside each other.
pub(crate) fn back() -> impl IntoView {
    let router = use_router();
    let name = locale::text().conversation.back;
    view! {
        <a class="icon-button bar-back" href=Route::List.path() aria-label=name title=name on:click=move |click| router.follow(&click, Route::List)>
            {icon(Icon::Back)}
        </a>
    }
}

fn gone() -> impl IntoView {
    let text = &locale::text().conversation;
    view! {
        <header class="bar">{back()}</header>
        <div class="nothing">
            <h1 id="pane-title" tabindex="-1" data-page-focus>{text.gone_title}</h1>
            <p>{text.gone_text}</p>
        </div>
    }
}
