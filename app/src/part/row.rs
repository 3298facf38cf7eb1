//! One row of the list of conversations. Owns how a conversation is summed up; follows its own signal only.

use crate::client::{Author, Conversation, ConversationKind, LastWhat, UserId, use_client};
use crate::locale;
use crate::part::avatar;
use crate::part::markdown;
use crate::part::receipt::receipt;
use crate::route::{Route, use_router};
use leptos::prelude::*;

/// A conversation's title.
pub(crate) fn title(kind: &ConversationKind) -> String {
    match kind {
        ConversationKind::Direct(other) => other.title().to_owned(),
        ConversationKind::Notes => locale::text().list.notes.to_owned(),
        ConversationKind::Group(group) => group.name.clone(),
    }
}

/// The sign-in name of who a conversation is with, which no other person can have; `None` for one's own notes.
pub(crate) fn sign_in_name(kind: &ConversationKind) -> Option<String> {
    match kind {
        ConversationKind::Direct(other) => Some((locale::text().conversation.sign_in_name)(other.name.as_str())),
        ConversationKind::Notes | ConversationKind::Group(_) => None,
    }
}

/// Who a conversation is with; `None` for one's own notes.
pub(crate) fn other(kind: &ConversationKind) -> Option<UserId> {
    match kind {
        ConversationKind::Direct(other) => Some(other.user),
        ConversationKind::Notes | ConversationKind::Group(_) => None,
    }
}

/// A row.
#[component]
pub(crate) fn ConversationRow(conversation: ArcRwSignal<Conversation>) -> impl IntoView {
    let (client, router) = (use_client(), use_router());
    let row = RwSignal::from(conversation);
    let id = row.with_untracked(|row| row.id);
    let kind = Memo::new(move |_| row.with(|row| row.kind.clone()));
    let unread = Memo::new(move |_| row.with(|row| row.unread));
    let open = Memo::new(move |_| router.route() == Route::Conversation(id));
    let preview = move || row.with(preview);
    let last = move || {
        let now = client.now();
        row.with(|row| row.last.as_ref().map(|last| last.at)).map(|at| {
            view! { <time datetime=locale::machine(at)>{locale::short(at, now)}</time> }
        })
    };
    let state = move || {
        row.with(|row| {
            let shown = !matches!(row.kind, ConversationKind::Notes) && row.typing.is_empty();
            row.last.as_ref().filter(|last| shown && last.author == Author::Me).map(|last| receipt(last.state))
        })
    };
    view! {
        <li class="row" class:row-unread=move || { unread.get() > 0 }>
            <a
                href=Route::Conversation(id).path()
                aria-current=move || open.get().then_some("page")
                on:click=move |click| router.follow(&click, Route::Conversation(id))
            >
                {move || kind.with(avatar::with_presence)}
                <span class="row-title"><bdi>{move || kind.with(title)}</bdi></span>
                <span class="row-time">{last}</span>
                <span class="row-preview">{state}{preview}</span>
                <Show when=move || { unread.get() > 0 }>
                    <span class="count">
                        <span aria-hidden="true">{move || locale::number(unread.get())}</span>
                        <span class="hidden">{move || locale::plural(&locale::text().list.unread, unread.get())}</span>
                    </span>
                </Show>
            </a>
        </li>
    }
}

fn preview(row: &Conversation) -> AnyView {
    let text = &locale::text().list;
    if !row.typing.is_empty() {
        return view! { <span class="row-typing">{text.typing}</span> }.into_any();
    }
    let notes = matches!(row.kind, ConversationKind::Notes);
    let words = match &row.last {
        Some(last) if last.what == LastWhat::Deleted => locale::text().message.deleted.to_owned(),
        Some(last) if last.author == Author::Me && !notes => (text.you)(&markdown::plain(&last.text)),
        Some(last) => markdown::plain(&last.text),
        None if notes => text.notes_nothing_yet.to_owned(),
        None => text.nothing_yet.to_owned(),
    };
    view! { <bdi>{words}</bdi> }.into_any()
}
