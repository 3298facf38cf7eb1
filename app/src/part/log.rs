//! The messages of a conversation as a virtual list (M2): of all rows only those near the viewport are in the document,
//! between two empty spaces as high as the rest. Owns the scrolling: the end stays in sight while the reader is at the
//! end, and what is being read stays where it is when rows above come or change. Where rows stand is `window`'s.
//!
//! All corrections happen within the task that causes them, before the browser paints.

use crate::client::{Author, Body, Client, ConversationId, ConversationKind, Item, Paging, Row, use_client};
use crate::locale;
use crate::part::icon::{Icon, icon};
use crate::part::message::{Lead, Message, lead};
use crate::part::window::{Anchor, Layout};
use leptos::html;
use leptos::prelude::*;
use leptos::task::{spawn_local, tick};
use std::ops::Range;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{HtmlElement, ResizeObserver};

/// How far beyond the viewport rows are kept in the document, in CSS pixels: more than a fling moves in a frame.
const BEYOND_PX: f64 = 900.0;
/// From so near to the end on the reader counts as being at the end, in CSS pixels.
const END_PX: f64 = 48.0;
/// How often heights may correct one another before the rest waits for the next frame.
const ROUNDS_MAX: u8 = 6;

/// A row that is in the document.
#[derive(Clone, PartialEq)]
struct Shown {
    row: Row,
    lead: Lead,
}

/// What is remembered between two events; nothing draws from it.
struct Sheet {
    layout: Layout,
    anchor: Anchor,
    range: Range<usize>,
    /// Where this code has put the scroll position: an event that tells of it is no news.
    placed_at_px: f64,
    width_px: i32,
}

/// Handles of the list. Copied into every closure that needs it.
#[derive(Clone, Copy)]
struct Log {
    client: Client,
    conversation: ConversationId,
    sheet: StoredValue<Sheet, LocalStorage>,
    shown: RwSignal<Vec<Shown>>,
    unseen: RwSignal<u32>,
    away: RwSignal<bool>,
    news: RwSignal<String>,
    author: Signal<String>,
    scroller: NodeRef<html::Div>,
    inner: NodeRef<html::Div>,
    above: NodeRef<html::Div>,
    rows: NodeRef<html::Ol>,
    below: NodeRef<html::Div>,
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
        sheet: StoredValue::new_local(Sheet {
            layout: Layout::default(),
            anchor: Anchor::Bottom,
            range: 0..0,
            placed_at_px: -1.0,
            width_px: 0,
        }),
        shown: RwSignal::new(Vec::new()),
        unseen: RwSignal::new(0),
        away: RwSignal::new(false),
        news: RwSignal::new(String::new()),
        author,
        scroller: NodeRef::new(),
        inner: NodeRef::new(),
        above: NodeRef::new(),
        rows: NodeRef::new(),
        below: NodeRef::new(),
    };
    Effect::new(move |_| log.take_rows());
    log.follow_sizes();
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
            <div class="log" node_ref=log.scroller role="log" aria-label=text.messages aria-live="off" tabindex="0" on:scroll=move |_| log.scrolled()>
                <div class="log-inner" node_ref=log.inner>
                    <div class="log-start">{move || start(paging.get(), kind.get())}</div>
                    <div class="log-space" node_ref=log.above></div>
                    <ol class="log-rows" node_ref=log.rows>
                        <For each=move || log.shown.get() key=|shown| (shown.row.number, shown.lead) let(shown)>
                            <Message row=shown.row lead=shown.lead author=author />
                        </For>
                    </ol>
                    <div class="log-space" node_ref=log.below></div>
                    {move || typing.get().map(typing_line)}
                </div>
            </div>
            <p class="hidden" aria-live="polite">{move || log.news.get()}</p>
            {move || log.away.get().then(|| jump(log))}
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
        let mut arrived: Vec<Row> = Vec::new();
        let known = self.client.timeline().with(|timeline| {
            let Some(open) = timeline.as_ref().filter(|open| open.conversation == self.conversation) else {
                return false;
            };
            let numbers: Vec<u64> = open.rows.iter().map(|row| row.number).collect();
            self.sheet.update_value(|sheet| {
                if let Some(after) = sheet.layout.last() {
                    let newer = open.rows.iter().rev().take_while(|row| row.number != after);
                    // Only what stands behind the last row and was made after it has just come.
                    arrived.extend(newer.filter(|row| row.number > after).cloned());
                }
                sheet.layout.replace(&numbers);
            });
            true
        });
        if known {
            self.announce(&arrived);
            self.settle(0);
            self.mark_read();
        }
    }

    /// Tells of what came; own words bring the reader to the end.
    fn announce(self, arrived: &[Row]) {
        for row in arrived.iter().rev() {
            row.item.with_untracked(|item| match (item.author, &item.body) {
                (Author::Me, _) => self.sheet.update_value(|sheet| sheet.anchor = Anchor::Bottom),
                (Author::Other(_), Body::Text(text)) => {
                    self.news.set((locale::text().conversation.news)(&self.author.get_untracked(), text));
                    if self.away.get_untracked() {
                        self.unseen.update(|count| *count += 1);
                    }
                }
                (Author::Other(_), Body::Unreadable(_) | Body::JoinedHere | Body::HistoryLost | Body::Missing) => {}
            });
        }
    }

    /// Puts rows, spaces and scroll position where they belong, measures what is new, and again until all fits.
    fn settle(self, round: u8) {
        let (Some(scroller), Some(above), Some(below)) =
            (self.scroller.get_untracked(), self.above.get_untracked(), self.below.get_untracked())
        else {
            return;
        };
        let height_px = f64::from(scroller.client_height());
        let (anchor, range) = (self.sheet)
            .try_update_value(|sheet| {
                let top_px = match sheet.anchor {
                    Anchor::Bottom => sheet.layout.total_px() - height_px,
                    Anchor::Row { number, offset_px } => match sheet.layout.index_of(number) {
                        Some(index) => sheet.layout.height_px(0..index) - offset_px,
                        // The row has gone.
                        None => scroller.scroll_top() - f64::from(above.offset_top()),
                    },
                };
                sheet.range = sheet.layout.touching(top_px - BEYOND_PX, top_px + height_px + BEYOND_PX);
                set_height(&above, sheet.layout.height_px(0..sheet.range.start));
                set_height(&below, sheet.layout.height_px(sheet.range.end..sheet.layout.count()));
                (sheet.anchor, sheet.range.clone())
            })
            .unwrap_or((Anchor::Bottom, 0..0));
        let shown = self.rows_in(range);
        let changed = self.shown.with_untracked(|old| *old != shown);
        if changed {
            self.shown.set(shown);
        }
        self.place(&scroller, &above, anchor);
        if (changed || round > 0) && round < ROUNDS_MAX {
            spawn_local(async move {
                // The rows come into the document with the reactive system's next turn.
                tick().await;
                if self.measure() {
                    self.settle(round + 1);
                } else if let (Some(scroller), Some(above)) =
                    (self.scroller.get_untracked(), self.above.get_untracked())
                {
                    self.place(&scroller, &above, anchor);
                }
            });
        }
    }

    /// Sets the scroll position that the anchor asks for.
    fn place(self, scroller: &HtmlElement, above: &HtmlElement, anchor: Anchor) {
        let top_px = match anchor {
            Anchor::Bottom => f64::from(scroller.scroll_height() - scroller.client_height()),
            Anchor::Row { number, offset_px } => {
                let rows_px = self
                    .sheet
                    .with_value(|sheet| sheet.layout.index_of(number).map(|index| sheet.layout.height_px(0..index)));
                let Some(rows_px) = rows_px else { return };
                f64::from(above.offset_top()) + rows_px - offset_px
            }
        };
        // Browsers round the position to their own pixels; less than one is no move.
        if (scroller.scroll_top() - top_px).abs() >= 1.0 {
            scroller.set_scroll_top(top_px);
        }
        let placed_at_px = scroller.scroll_top();
        self.sheet.update_value(|sheet| sheet.placed_at_px = placed_at_px);
        self.tell_away(anchor);
    }

    fn rows_in(self, range: Range<usize>) -> Vec<Shown> {
        self.client.timeline().with_untracked(|timeline| {
            let Some(open) = timeline else { return Vec::new() };
            let item = |index: usize| open.rows.get(index).map(|row| row.item.read_untracked());
            let shown = |index: usize| {
                let before = index.checked_sub(1).and_then(item);
                let present = item(index)?;
                let before: Option<&Item> = before.as_deref();
                Some(Shown { row: open.rows.get(index)?.clone(), lead: lead(before, &present) })
            };
            range.filter_map(shown).collect()
        })
    }

    /// Measures the rows in the document. Whether a height is news.
    fn measure(self) -> bool {
        let Some(rows) = self.rows.get_untracked() else { return false };
        let elements = rows.children();
        self.sheet
            .try_update_value(|sheet| {
                let first = sheet.range.start;
                (0..elements.length()).fold(false, |news, index| {
                    let element = elements.item(index).and_then(|element| element.dyn_into::<HtmlElement>().ok());
                    let Some(element) = element else { return news };
                    let number = element.dataset().get("row").and_then(|number| number.parse().ok());
                    let height_px = element.get_bounding_client_rect().height();
                    let index = first + index as usize;
                    number.is_some_and(|number| sheet.layout.measure(index, number, height_px)) || news
                })
            })
            .unwrap_or(false)
    }

    /// The scroll position has changed.
    fn scrolled(self) {
        let (Some(scroller), Some(above)) = (self.scroller.get_untracked(), self.above.get_untracked()) else { return };
        let (top_px, height_px) = (scroller.scroll_top(), f64::from(scroller.client_height()));
        if self.sheet.with_value(|sheet| sheet.placed_at_px != top_px) {
            let left_px = f64::from(scroller.scroll_height()) - top_px - height_px;
            let rows_px = top_px - f64::from(above.offset_top());
            let covered = self.sheet.try_update_value(|sheet| {
                sheet.placed_at_px = top_px;
                sheet.anchor = if left_px <= END_PX { Anchor::Bottom } else { sheet.layout.anchor_at(rows_px) };
                let near = sheet.layout.touching(rows_px - BEYOND_PX / 2.0, rows_px + height_px + BEYOND_PX / 2.0);
                (sheet.range.start <= near.start && near.end <= sheet.range.end, sheet.anchor)
            });
            if let Some((covered, anchor)) = covered {
                self.tell_away(anchor);
                if !covered {
                    self.settle(0);
                }
                self.mark_read();
            }
        }
        if top_px < height_px * 2.0 {
            self.client.load_older(self.conversation);
        }
    }

    fn tell_away(self, anchor: Anchor) {
        let away = anchor != Anchor::Bottom;
        if self.away.get_untracked() != away {
            self.away.set(away);
        }
        if !away && self.unseen.get_untracked() > 0 {
            self.unseen.set(0);
        }
    }

    fn jump(self) {
        self.sheet.update_value(|sheet| sheet.anchor = Anchor::Bottom);
        self.settle(0);
        self.mark_read();
        // The button goes, and with it the focus would.
        if let Some(scroller) = self.scroller.get_untracked() {
            let _ = scroller.focus();
        }
    }

    /// What stands at the end of the log on a page in sight has been seen.
    fn mark_read(self) {
        let at_end = self.sheet.with_value(|sheet| sheet.anchor == Anchor::Bottom && sheet.layout.count() > 0);
        if at_end && document().visibility_state() == web_sys::VisibilityState::Visible {
            self.client.mark_read(self.conversation);
        }
    }

    /// Settles again when the viewport or a row changes its size.
    fn follow_sizes(self) {
        let resized = Closure::<dyn Fn()>::new(move || self.resized());
        let Ok(observer) = ResizeObserver::new(resized.as_ref().unchecked_ref()) else { return };
        let kept = StoredValue::new_local((observer, resized));
        Effect::new(move |_| {
            if let (Some(scroller), Some(inner)) = (self.scroller.get(), self.inner.get()) {
                kept.with_value(|(observer, _)| {
                    observer.observe(&scroller);
                    observer.observe(&inner);
                });
                self.settle(0);
            }
        });
        on_cleanup(move || kept.with_value(|(observer, _)| observer.disconnect()));
    }

    fn resized(self) {
        let Some(scroller) = self.scroller.get_untracked() else { return };
        let width_px = scroller.client_width();
        let turned = self.sheet.try_update_value(|sheet| {
            let turned = sheet.width_px != 0 && sheet.width_px != width_px;
            sheet.width_px = width_px;
            if turned {
                sheet.layout.forget_heights();
            }
            turned
        });
        if self.measure() || turned == Some(true) {
            self.settle(1);
        } else if let Some(above) = self.above.get_untracked() {
            self.place(&scroller, &above, self.sheet.with_value(|sheet| sheet.anchor));
        }
        // A screen that is not full has nothing to scroll, and so nothing that would ask for more.
        if scroller.scroll_top() < f64::from(scroller.client_height()) {
            self.client.load_older(self.conversation);
        }
    }
}

/// By the object model: a `style` attribute would be refused by the content security policy.
fn set_height(element: &HtmlElement, height_px: f64) {
    // The browser writes the number: Rust's own code for that would be 4 kB of the download.
    let number = js_sys::Number::from(height_px).to_string_with_radix(10).map(String::from).unwrap_or_default();
    let _ = element.style().set_property("height", &(number + "px"));
}
