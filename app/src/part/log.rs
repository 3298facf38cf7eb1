//! The messages of a conversation as a virtual list (M2): of all rows only those near the viewport are in the document,
//! between two empty spaces as high as the rest. Owns the frame around them and what is said of news; which rows are in
//! the document and where it is scrolled to is `sheet`'s.

mod actions;
mod sheet;

use crate::client::{Author, Body, Client, ConversationId, ConversationKind, Paging, Row, use_client};
use crate::locale;
use crate::part::icon::{Icon, icon};
use crate::part::markdown;
use crate::part::menu::{Menu, menu};
use crate::part::message::Message;
use leptos::prelude::*;
use sheet::Sheet;

/// Of what comes in one frame so many texts are said: nobody hears out more.
const SAID_MAX: usize = 3;

/// Handles of the list. Copied into every closure that needs it.
#[derive(Clone, Copy)]
struct Log {
    client: Client,
    conversation: ConversationId,
    sheet: Sheet,
    unseen: RwSignal<u32>,
    news: RwSignal<String>,
    /// How it went what was chosen from a menu.
    said: RwSignal<String>,
    menu: RwSignal<Option<Menu>>,
    author: Signal<String>,
}

/// The log of the open conversation.
#[component]
pub(crate) fn MessageLog(
    conversation: ConversationId,
    kind: Memo<Option<ConversationKind>>,
    #[prop(into)] author: Signal<String>,
    #[prop(into)] typing: Signal<Option<String>>,
) -> impl IntoView {
    let client = use_client();
    let log = Log {
        client,
        conversation,
        sheet: Sheet::new(client, conversation),
        unseen: RwSignal::new(0),
        news: RwSignal::new(String::new()),
        said: RwSignal::new(String::new()),
        menu: RwSignal::new(None),
        author,
    };
    let nodes = log.sheet.nodes;
    Effect::new(move |_| log.take_rows());
    Effect::new(move |_| {
        if !log.sheet.away.get() && log.unseen.get_untracked() > 0 {
            log.unseen.set(0);
        }
    });
    log.sheet.follow_sizes();
    let visible = window_event_listener_untyped("visibilitychange", move |_| log.mark_read());
    on_cleanup(move || visible.remove());
    let paging = Memo::new(move |_| {
        let timeline = client.timeline();
        timeline.with(|open| open.as_ref().filter(|open| open.conversation == conversation).map(|open| open.paging))
    });
    let text = &locale::text().conversation;
    view! {
        <div class="log-frame">
            // New messages are announced below and not by the log itself: scrolling puts old rows into the document,
            // and a screen reader would read each of them out as if it had just come.
            <div class="log" node_ref=nodes.scroller role="log" aria-label=text.messages aria-live="off" tabindex="0"
                aria-description=text.keys
                on:scroll=move |_| log.scrolled()
                on:click=move |click| log.clicked(&click)
                on:contextmenu=move |asked| log.menu_asked(&asked)
                on:keydown=move |press| log.pressed(&press)>
                <div class="log-inner" node_ref=nodes.inner>
                    <div class="log-start">{move || start(paging.get(), kind.get())}</div>
                    <div class="log-space" node_ref=nodes.above></div>
                    <ol class="log-rows" node_ref=nodes.rows>
                        <For each=move || log.sheet.shown.get() key=|shown| (shown.row.number, shown.lead) let(shown)>
                            <Message row=shown.row lead=shown.lead author=author />
                        </For>
                    </ol>
                    <div class="log-space" node_ref=nodes.below></div>
                    {move || typing.get().map(typing_line)}
                </div>
            </div>
            <p class="hidden" aria-live="polite">{move || log.news.get()}</p>
            <p class="said" role="status">{move || log.said.get()}</p>
            {move || log.sheet.away.get().then(|| jump(log))}
            {menu(log.menu, locale::text().message.actions)}
        </div>
    }
}

/// What stands above the oldest row.
fn start(paging: Option<Paging>, kind: Option<ConversationKind>) -> Option<AnyView> {
    let text = &locale::text().conversation;
    let (title, words) = match (paging?, kind?) {
        (Paging::More | Paging::Loading, _) => {
            return Some(view! { <p class="spinner" role="img" aria-label=text.loading_older></p> }.into_any());
        }
        (Paging::Complete, ConversationKind::Direct(other)) => {
            ((text.beginning)(other.title()), (text.beginning_text)(other.title()))
        }
        (Paging::Complete, ConversationKind::Notes) => {
            (text.beginning_notes.to_owned(), text.beginning_notes_text.to_owned())
        }
        (Paging::Complete, ConversationKind::Group(group)) => {
            ((text.beginning)(&group.name), (text.beginning_text)(&group.name))
        }
    };
    Some(
        view! {
            <div class="beginning">
                <span class="beginning-icon">{icon(Icon::Lock)}</span>
                <p class="beginning-title" dir="auto">{title}</p>
                <p dir="auto">{words}</p>
            </div>
        }
        .into_any(),
    )
}

fn typing_line(words: String) -> impl IntoView {
    view! {
        <p class="typing" role="status">
            <span class="typing-dots" aria-hidden="true"><i></i><i></i><i></i></span>
            <span class="typing-words" dir="auto">{words}</span>
        </p>
    }
}

fn jump(log: Log) -> impl IntoView {
    let text = &locale::text().conversation;
    let name = move || match log.unseen.get() {
        0 => text.jump.to_owned(),
        count => locale::plural(&text.jump_count, count),
    };
    view! {
        <button type="button" class="jump" aria-label=name on:click=move |_| log.jump()>
            {icon(Icon::Down)}
            <Show when=move || { log.unseen.get() > 0 }>
                <span class="count" aria-hidden="true">{move || locale::number(log.unseen.get())}</span>
            </Show>
        </button>
    }
}

impl Log {
    /// Takes over which rows there are.
    fn take_rows(self) {
        let arrived = self.client.timeline().with(|timeline| {
            let open = timeline.as_ref().filter(|open| open.conversation == self.conversation);
            open.map(|open| self.sheet.take_rows(&open.rows))
        });
        if let Some(arrived) = arrived {
            self.announce(&arrived);
            self.sheet.settle();
            self.mark_read();
        }
    }

    /// Tells of what came, newest first; own words bring the reader to the end.
    fn announce(self, arrived: &[Row]) {
        let mut said = Vec::new();
        let mut unseen = 0;
        for row in arrived {
            row.item.with_untracked(|item| match (item.author, &item.body) {
                (Author::Me, _) => self.sheet.hold_end(),
                (Author::Other(_), Body::Text(text)) => {
                    unseen += 1;
                    if said.len() < SAID_MAX {
                        said.push((locale::text().conversation.news)(
                            &self.author.get_untracked(),
                            &markdown::plain(text),
                        ));
                    }
                }
                (
                    Author::Other(_),
                    Body::Deleted
                    | Body::Unreadable(_)
                    | Body::JoinedHere
                    | Body::HistoryLost
                    | Body::Missing
                    | Body::Note(_),
                ) => {}
            });
        }
        if !said.is_empty() {
            said.reverse();
            self.news.set(said.join("\n"));
        }
        if unseen > 0 && self.sheet.away.get_untracked() {
            self.unseen.update(|count| *count += unseen);
        }
    }

    /// The scroll position has changed.
    fn scrolled(self) {
        if self.sheet.scrolled() {
            self.mark_read();
        }
    }

    fn jump(self) {
        self.sheet.hold_end();
        self.sheet.settle();
        self.mark_read();
        // The button goes, and with it the focus would.
        if let Some(scroller) = self.sheet.nodes.scroller.get_untracked() {
            let _ = scroller.focus();
        }
    }

    /// What stands at the end of the log on a page in sight has been seen.
    fn mark_read(self) {
        if self.sheet.is_at_end() && document().visibility_state() == web_sys::VisibilityState::Visible {
            self.client.mark_read(self.conversation);
        }
    }
}
