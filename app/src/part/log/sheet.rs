//! Which rows of the log are in the document, and where it is scrolled to. Owns both; where rows stand is `window`'s, what
//! the rows are the client's.
//!
//! The rule that it keeps: **a frame's work has a bound**. Only so many rows are put into the document in one frame as fit
//! its budget, from where the reader looks outwards; everything is measured at once, after everything was written, and
//! before the browser paints.

use crate::client::{Client, ConversationId, Item, Row};
use crate::part::message::{Lead, lead};
use crate::part::window::{Anchor, Layout, Wanted};
use leptos::html;
use leptos::prelude::*;
use leptos::task::{spawn_local, tick};
use std::ops::Range;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{HtmlElement, ResizeObserver};

/// From so near to the end on the reader counts as being at the end, in CSS pixels.
const END_PX: f64 = 48.0;
/// What putting rows in may take of a frame: half of one at 60 Hz; the browser draws them in the rest.
const BUDGET_MS: f64 = 8.0;
/// Rows that are put in in any frame: a slow machine gets on, and a quick one does not stall by a wrong estimate.
const ROWS_MIN: usize = 2;
const ROWS_MAX: usize = 24;
/// What a row costs before one was put in: a slow phone's.
const ROW_FIRST_MS: f64 = 1.5;

/// A row that is in the document.
#[derive(Clone, PartialEq)]
pub(super) struct Shown {
    pub(super) row: Row,
    pub(super) lead: Lead,
}

/// The elements of the log.
#[derive(Clone, Copy)]
pub(super) struct Nodes {
    pub(super) scroller: NodeRef<html::Div>,
    pub(super) inner: NodeRef<html::Div>,
    pub(super) above: NodeRef<html::Div>,
    pub(super) rows: NodeRef<html::Ol>,
    pub(super) below: NodeRef<html::Div>,
}

/// What is remembered between two events; nothing draws from it.
struct State {
    layout: Layout,
    anchor: Anchor,
    /// The rows in the document.
    range: Range<usize>,
    /// Height of the space above them, as it was written.
    above_px: f64,
    below_px: f64,
    /// Where this code has put the scroll position: an event that tells of it is no news.
    placed_at_px: f64,
    width_px: i32,
    height_px: f64,
    /// Height of the contents when the rows were last measured.
    inner_px: i32,
    /// What it took lately to put in one row.
    row_ms: f64,
    frame: Frame,
}

/// Whether a frame was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    None,
    Coming,
}

/// The rows in the document. Copied into every closure that needs it.
#[derive(Clone, Copy)]
pub(super) struct Sheet {
    client: Client,
    conversation: ConversationId,
    state: StoredValue<State, LocalStorage>,
    pub(super) nodes: Nodes,
    pub(super) shown: RwSignal<Vec<Shown>>,
    /// Whether the reader is at the end.
    pub(super) away: RwSignal<bool>,
}

impl State {
    /// Where the viewport's top is, from the top of the first row, if what it holds on to is there.
    fn top_px(&self) -> Option<f64> {
        match self.anchor {
            Anchor::Bottom => Some(self.layout.total_px() - self.height_px),
            Anchor::Row { number, offset_px } => {
                self.layout.index_of(number).map(|index| self.layout.height_px(0..index) - offset_px)
            }
        }
    }

    fn wanted(&self) -> Wanted {
        let top_px = self.top_px().unwrap_or(self.placed_at_px);
        self.layout.wanted(top_px, self.height_px)
    }

    /// How many rows one frame may put in.
    fn most(&self) -> usize {
        ((BUDGET_MS / self.row_ms) as usize).clamp(ROWS_MIN, ROWS_MAX)
    }

    fn next(&self) -> Range<usize> {
        self.wanted().next(&self.range, self.anchor, self.most())
    }

    /// The spaces above and below the rows in the document. At the end there is none below: what is not drawn yet is not
    /// there yet.
    fn spaces_px(&self) -> (f64, f64) {
        let below = self.range.end..self.layout.count();
        let below_px = if self.anchor == Anchor::Bottom { 0.0 } else { self.layout.height_px(below) };
        (self.layout.height_px(0..self.range.start), below_px)
    }

    /// From how far the document's rows are from where the layout has them.
    fn shift_px(&self) -> f64 {
        self.above_px - self.layout.height_px(0..self.range.start)
    }
}

impl Sheet {
    pub(super) fn new(client: Client, conversation: ConversationId) -> Self {
        let nodes = Nodes {
            scroller: NodeRef::new(),
            inner: NodeRef::new(),
            above: NodeRef::new(),
            rows: NodeRef::new(),
            below: NodeRef::new(),
        };
        let state = State {
            layout: Layout::default(),
            anchor: Anchor::Bottom,
            range: 0..0,
            above_px: 0.0,
            below_px: 0.0,
            placed_at_px: -1.0,
            width_px: 0,
            height_px: 0.0,
            inner_px: 0,
            row_ms: ROW_FIRST_MS,
            frame: Frame::None,
        };
        let state = StoredValue::new_local(state);
        Self { client, conversation, state, nodes, shown: RwSignal::new(Vec::new()), away: RwSignal::new(false) }
    }

    /// Takes over which rows there are. Answers those that have just come.
    pub(super) fn take_rows(self, rows: &[Row]) -> Vec<Row> {
        let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
        self.state
            .try_update_value(|state| {
                let after = state.layout.last();
                state.layout.replace(&numbers);
                state.range = self.shown.with_untracked(|shown| {
                    let index = |shown: &Shown| state.layout.index_of(shown.row.number);
                    let (first, last) = (shown.iter().find_map(index), shown.iter().rev().find_map(index));
                    first.zip(last).map_or(0..0, |(first, last)| first..last + 1)
                });
                // Only what stands behind the last row and was made after it has just come.
                let newer = rows.iter().rev().take_while(|row| Some(row.number) != after);
                let newer = newer.filter(|row| after.is_some_and(|after| row.number > after));
                newer.cloned().collect()
            })
            .unwrap_or_default()
    }

    /// The reader goes to the end.
    pub(super) fn hold_end(self) {
        self.state.update_value(|state| state.anchor = Anchor::Bottom);
    }

    /// Whether the reader is at the end of something.
    pub(super) fn is_at_end(self) -> bool {
        self.state.with_value(|state| state.anchor == Anchor::Bottom && state.layout.count() > 0)
    }

    /// Goes on with the next frame.
    fn go_on(self) {
        let before = self.state.try_update_value(|state| std::mem::replace(&mut state.frame, Frame::Coming));
        if before == Some(Frame::None) {
            request_animation_frame(move || {
                if self.state.try_update_value(|state| state.frame = Frame::None).is_some() {
                    self.step();
                }
            });
        }
    }

    /// Brings the document nearer to what is wanted, unless this frame's turn is still to come.
    pub(super) fn settle(self) {
        if self.state.with_value(|state| state.frame == Frame::None) {
            self.step();
        }
    }

    /// One frame's work: writes rows and spaces, then measures, then scrolls.
    fn step(self) {
        let (Some(above), Some(below)) = (self.nodes.above.get_untracked(), self.nodes.below.get_untracked()) else {
            return;
        };
        let began_ms = now_ms();
        let range = self.state.try_update_value(|state| {
            let next = state.next();
            let before = std::mem::replace(&mut state.range, next);
            let built = state.range.clone().filter(|index| !before.contains(index)).count();
            let (above_px, below_px) = state.spaces_px();
            set_height(&above, &mut state.above_px, above_px);
            set_height(&below, &mut state.below_px, below_px);
            (state.range.clone(), built)
        });
        let Some((range, built)) = range else { return };
        let shown = self.rows_in(range);
        if self.shown.with_untracked(|old| *old == shown) {
            self.place();
            return;
        }
        self.shown.set(shown);
        spawn_local(async move {
            // The rows come into the document with the reactive system's next turn.
            tick().await;
            if self.state.try_with_value(|_| ()).is_none() {
                return;
            }
            self.measure();
            self.place();
            let took_ms = now_ms() - began_ms;
            let unfinished = self.state.try_update_value(|state| {
                if built > 0 {
                    state.row_ms = (state.row_ms + took_ms / built as f64) / 2.0;
                }
                let (above_px, below_px) = state.spaces_px();
                let spaced = (above_px - state.above_px).abs() < 1.0 && (below_px - state.below_px).abs() < 1.0;
                !spaced || state.next() != state.range
            });
            if unfinished == Some(true) {
                self.go_on();
            }
        });
    }

    fn rows_in(self, range: Range<usize>) -> Vec<Shown> {
        self.client.timeline().with_untracked(|timeline| {
            let Some(open) = timeline.as_ref().filter(|open| open.conversation == self.conversation) else {
                return Vec::new();
            };
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

    /// Measures the rows in the document: the first reading makes the browser lay them out, the others cost little.
    fn measure(self) {
        let (Some(rows), Some(inner)) = (self.nodes.rows.get_untracked(), self.nodes.inner.get_untracked()) else {
            return;
        };
        let elements = rows.children();
        self.state.update_value(|state| {
            state.inner_px = inner.client_height();
            for (position, index) in state.range.clone().enumerate() {
                let element = u32::try_from(position).ok().and_then(|position| elements.item(position));
                let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) else { return };
                let number = element.dataset().get("row").and_then(|number| number.parse().ok());
                let height_px = element.get_bounding_client_rect().height();
                if let Some(number) = number {
                    state.layout.measure(index, number, height_px);
                }
            }
        });
    }

    /// Sets the scroll position that the anchor asks for.
    fn place(self) {
        let (Some(scroller), Some(above)) = (self.nodes.scroller.get_untracked(), self.nodes.above.get_untracked())
        else {
            return;
        };
        let asked = self.state.with_value(|state| match state.anchor {
            Anchor::Bottom => Some(None),
            Anchor::Row { .. } => state.top_px().map(|top_px| Some(top_px + state.shift_px())),
        });
        let top_px = match asked {
            Some(None) => f64::from(scroller.scroll_height() - scroller.client_height()),
            Some(Some(rows_px)) => f64::from(above.offset_top()) + rows_px,
            // The row has gone.
            None => scroller.scroll_top(),
        };
        // Browsers round the position to their own pixels; less than one is no move.
        if (scroller.scroll_top() - top_px).abs() >= 1.0 {
            scroller.set_scroll_top(top_px);
        }
        let placed_at_px = scroller.scroll_top();
        self.state.update_value(|state| state.placed_at_px = placed_at_px);
        self.tell_away();
    }

    /// The scroll position has changed. Whether by the reader.
    pub(super) fn scrolled(self) -> bool {
        let (Some(scroller), Some(above)) = (self.nodes.scroller.get_untracked(), self.nodes.above.get_untracked())
        else {
            return false;
        };
        let top_px = scroller.scroll_top();
        let height_px = f64::from(scroller.client_height());
        if top_px < height_px * 2.0 {
            self.client.load_older(self.conversation);
        }
        if self.state.with_value(|state| state.placed_at_px == top_px) {
            return false;
        }
        let left_px = f64::from(scroller.scroll_height()) - top_px - height_px;
        let rows_px = top_px - f64::from(above.offset_top());
        let unfinished = self.state.try_update_value(|state| {
            state.placed_at_px = top_px;
            state.anchor =
                if left_px <= END_PX { Anchor::Bottom } else { state.layout.anchor_at(rows_px - state.shift_px()) };
            state.next() != state.range
        });
        self.tell_away();
        if unfinished == Some(true) {
            self.go_on();
        }
        true
    }

    fn tell_away(self) {
        let away = self.state.with_value(|state| state.anchor != Anchor::Bottom);
        if self.away.get_untracked() != away {
            self.away.set(away);
        }
    }

    /// Settles again when the viewport or a row changes its size.
    pub(super) fn follow_sizes(self) {
        let resized = Closure::<dyn Fn()>::new(move || self.resized());
        let Ok(observer) = ResizeObserver::new(resized.as_ref().unchecked_ref()) else { return };
        let kept = StoredValue::new_local((observer, resized));
        Effect::new(move |_| {
            if let (Some(scroller), Some(inner)) = (self.nodes.scroller.get(), self.nodes.inner.get()) {
                kept.with_value(|(observer, _)| {
                    observer.observe(&scroller);
                    observer.observe(&inner);
                });
                self.state.update_value(|state| {
                    state.height_px = f64::from(scroller.client_height());
                    state.width_px = scroller.client_width();
                });
                self.settle();
            }
        });
        on_cleanup(move || kept.with_value(|(observer, _)| observer.disconnect()));
    }

    /// Told by the browser after it has laid out and before it paints: reading costs nothing here.
    fn resized(self) {
        let (Some(scroller), Some(inner)) = (self.nodes.scroller.get_untracked(), self.nodes.inner.get_untracked())
        else {
            return;
        };
        let (width_px, height_px) = (scroller.client_width(), f64::from(scroller.client_height()));
        let known = self.state.try_update_value(|state| {
            if std::mem::replace(&mut state.width_px, width_px) != width_px {
                state.layout.forget_heights();
            }
            std::mem::replace(&mut state.height_px, height_px) == height_px && state.inner_px == inner.client_height()
        });
        if known == Some(false) {
            self.measure();
            self.place();
            self.go_on();
        }
        // A screen that is not full has nothing to scroll, and so nothing that would ask for more.
        if scroller.scroll_top() < height_px {
            self.client.load_older(self.conversation);
        }
    }
}

fn now_ms() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

/// By the object model: a `style` attribute would be refused by the content security policy.
fn set_height(element: &HtmlElement, written_px: &mut f64, height_px: f64) {
    if *written_px != height_px {
        *written_px = height_px;
        // The browser writes the number: Rust's own code for that would be 4 kB of the download.
        let number = js_sys::Number::from(height_px).to_string_with_radix(10).map(String::from).unwrap_or_default();
        let _ = element.style().set_property("height", &(number + "px"));
    }
}
