//! Where rows of different heights stand, and which of them are near the viewport (M2). Owns the arithmetic; touches no
//! document. Rule: a height is an estimate until the row was on screen, and what was measured is never forgotten while
//! the row exists.

use std::collections::HashMap;
use std::ops::Range;

/// Height of a row that nothing is known of, in CSS pixels: one line in a bubble.
const FIRST_ESTIMATE_PX: f64 = 46.0;
/// How much one more measurement moves the estimate.
const ESTIMATE_WEIGHT: f64 = 0.05;

/// How far beyond the viewport rows are put into the document, in CSS pixels: more than a fling moves in a frame.
const NEAR_PX: f64 = 700.0;
/// How far beyond the viewport they are taken out again: as far again, so that reading to and fro costs nothing.
const KEPT_PX: f64 = 1_400.0;

/// What the viewport holds on to while heights above it change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Anchor {
    /// The end: what comes is shown.
    Bottom,
    /// This row, whose top is so far below the viewport's top.
    Row {
        /// The row's number.
        number: u64,
        /// In CSS pixels; negative when its top is above.
        offset_px: f64,
    },
}

/// What is to be in the document, as ranges of rows: each lies within the next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// In the viewport.
    pub seen: Range<usize>,
    /// So near that they are put in.
    pub near: Range<usize>,
    /// So near that they stay when they are in: more than what is put in, so that no row comes and goes by turns.
    pub kept: Range<usize>,
}

impl Wanted {
    /// What is to be in the document next when `shown` is now, with at most `most` rows that were not. From where the
    /// viewport holds on to: the end is drawn upwards and anything else downwards.
    pub(crate) fn next(&self, shown: &Range<usize>, anchor: Anchor, most: usize) -> Range<usize> {
        let overlap = shown.start.max(self.near.start)..shown.end.min(self.near.end);
        if overlap.is_empty() {
            return match anchor {
                Anchor::Bottom => self.near.end.saturating_sub(most).max(self.near.start)..self.near.end,
                Anchor::Row { .. } => self.seen.start..(self.seen.start + most).min(self.near.end),
            };
        }
        let mut next = shown.clone();
        let mut left = most;
        for goal in [&self.seen, &self.near] {
            let down = goal.end.saturating_sub(next.end).min(left);
            next.end += down;
            left -= down;
            let up = next.start.saturating_sub(goal.start).min(left);
            next.start -= up;
            left -= up;
        }
        // At the end what is in sight goes last: until the new end is drawn, the old one is what is seen.
        let behind = anchor == Anchor::Bottom && next.end < self.near.end && next.len() < 2 * self.kept.len();
        if !behind {
            next.start = next.start.max(self.kept.start);
        }
        next.start..next.end.min(self.kept.end)
    }
}

/// Rows from top to bottom.
#[derive(Default)]
pub(crate) struct Layout {
    rows: Vec<Slot>,
    estimate_px: Option<f64>,
}

#[derive(Clone, Copy)]
struct Slot {
    number: u64,
    height_px: Option<f64>,
}

impl Layout {
    /// Takes over the rows that there are now. What stays at either end costs no look-up.
    pub(crate) fn replace(&mut self, numbers: &[u64]) {
        let same = self.rows.iter().zip(numbers).take_while(|(slot, number)| slot.number == **number).count();
        let left = &self.rows[same..];
        let mut known: HashMap<u64, f64> = HashMap::new();
        if same < numbers.len() {
            known.extend(left.iter().filter_map(|slot| Some((slot.number, slot.height_px?))));
        }
        self.rows.truncate(same);
        let fresh =
            numbers[same..].iter().map(|number| Slot { number: *number, height_px: known.get(number).copied() });
        self.rows.extend(fresh);
    }

    /// Forgets every height: the width has changed.
    pub(crate) fn forget_heights(&mut self) {
        for row in &mut self.rows {
            row.height_px = None;
        }
        self.estimate_px = None;
    }

    /// What a viewport of `height_px` wants whose top is `top_px` below the first row's.
    pub(crate) fn wanted(&self, top_px: f64, height_px: f64) -> Wanted {
        let around = |beyond_px: f64| self.touching(top_px - beyond_px, top_px + height_px + beyond_px);
        Wanted { seen: around(0.0), near: around(NEAR_PX), kept: around(KEPT_PX) }
    }

    /// Takes over what the row at `index` measures. Whether that is news.
    pub(crate) fn measure(&mut self, index: usize, number: u64, height_px: f64) -> bool {
        let Some(slot) = self.rows.get_mut(index).filter(|slot| slot.number == number) else { return false };
        let old = slot.height_px.replace(height_px);
        if old.is_none() {
            let estimate = self.estimate_px.unwrap_or(height_px);
            self.estimate_px = Some(estimate + (height_px - estimate) * ESTIMATE_WEIGHT);
        }
        // Half a pixel is what browsers round by.
        old.is_none_or(|old| (old - height_px).abs() >= 0.5)
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Where a row stands in the order.
    pub(crate) fn index_of(&self, number: u64) -> Option<usize> {
        // From the end: what is asked for is nearly always new.
        self.rows.iter().rposition(|slot| slot.number == number)
    }

    /// The number of the last row.
    pub(crate) fn last(&self) -> Option<u64> {
        self.rows.last().map(|slot| slot.number)
    }

    /// Height of the rows of a range together, in CSS pixels.
    pub(crate) fn height_px(&self, range: Range<usize>) -> f64 {
        self.rows[range].iter().map(|slot| self.height_of(slot)).sum()
    }

    /// Height of all rows together, in CSS pixels.
    pub(crate) fn total_px(&self) -> f64 {
        self.height_px(0..self.rows.len())
    }

    /// The rows that touch `from_px..to_px`, counted from the top of the first row.
    pub(crate) fn touching(&self, from_px: f64, to_px: f64) -> Range<usize> {
        let mut bottom_px = 0.0;
        let mut start = None;
        for (index, slot) in self.rows.iter().enumerate() {
            let top_px = bottom_px;
            bottom_px += self.height_of(slot);
            if start.is_none() && bottom_px > from_px {
                start = Some(index);
            }
            if top_px >= to_px {
                return start.unwrap_or(index)..index;
            }
        }
        start.unwrap_or(self.rows.len())..self.rows.len()
    }

    /// The row at `at_px` and its distance below `at_px`, for holding on to it.
    pub(crate) fn anchor_at(&self, at_px: f64) -> Anchor {
        let index = self.touching(at_px, at_px + 1.0).start;
        match self.rows.get(index) {
            Some(slot) => Anchor::Row { number: slot.number, offset_px: self.height_px(0..index) - at_px },
            None => Anchor::Bottom,
        }
    }

    fn height_of(&self, slot: &Slot) -> f64 {
        slot.height_px.or(self.estimate_px).unwrap_or(FIRST_ESTIMATE_PX)
    }
}
