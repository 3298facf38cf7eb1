//! How far each side of a conversation has come with the texts of the other. Owns the counting; knows no clock, no
//! network and no screen.
//!
//! The rule: a text counts once, and one that the server keeps back is noticed by the next one, which names it.

use crate::content::{Missing, Text};
use serde::{Deserialize, Serialize};
use sotto_wire::DeviceRef;

/// Most gaps that are told and remembered: the newest. A server that drops more than every other text is seen by then.
pub(crate) const MISSING_MAX: usize = 8;

/// How far a device has come with the texts of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Stored up to this number.
    pub(crate) delivered: u64,
    /// Seen up to this number.
    pub(crate) read: u64,
}

/// How far the other side has come with this device's texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Theirs {
    /// How far.
    #[serde(flatten)]
    pub(crate) mark: Mark,
    /// What never came there, although the server has taken it.
    #[serde(default)]
    missing: Vec<Missing>,
}

/// How far this device has come with the other side's texts, and what it has told of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ours {
    /// The device that the numbers are of.
    pub(crate) of: Option<DeviceRef>,
    /// How far.
    pub(crate) mark: Mark,
    /// What the newest receipt says.
    pub(crate) told: Mark,
    /// What never came here.
    #[serde(default)]
    pub(crate) missing: Vec<Missing>,
    /// Whether the reader has been told already why the next text may not follow the one before.
    #[serde(default)]
    excuse: Excuse,
}

/// Whether something on screen explains a gap before the next text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Excuse {
    /// Nothing does.
    #[default]
    None,
    /// An item that cannot be read, or one that says that this device joined or lost history here.
    Shown,
}

/// So many sending devices of a group are counted: those heard last.
const HEARD_MAX: usize = 64;

/// How far this device has come with the texts of each device of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeardOf(Vec<Ours>);

impl HeardOf {
    /// A text has come.
    pub(crate) fn hear(&mut self, sender: DeviceRef, text: &Text) -> Heard {
        let known = self.0.iter().position(|ours| ours.of == Some(sender));
        // What it wrote before this device counted it was for others.
        let mut ours = known.map_or_else(|| Ours { excuse: Excuse::Shown, ..Ours::default() }, |at| self.0.remove(at));
        let heard = ours.hear(sender, text);
        self.0.push(ours);
        let surplus = self.0.len().saturating_sub(HEARD_MAX);
        self.0.drain(..surplus);
        heard
    }

    /// Something on screen explains what may be missing.
    pub(crate) fn excuse(&mut self) {
        self.0.iter_mut().for_each(Ours::excuse);
    }
}

/// What a text is to this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The next one, or one after a gap that is explained.
    Next,
    /// One or more before it never came.
    AfterGap,
    /// It was here before.
    Repeated,
}

impl Ours {
    /// The other side's text has come.
    pub(crate) fn hear(&mut self, sender: DeviceRef, text: &Text) -> Heard {
        if self.of != Some(sender) {
            *self = Self { of: Some(sender), excuse: self.excuse, ..Self::default() };
        }
        let newest = self.mark.delivered;
        if text.sequence <= newest {
            return Heard::Repeated;
        }
        self.mark.delivered = text.sequence;
        let excuse = std::mem::take(&mut self.excuse);
        if text.after <= newest {
            return Heard::Next;
        }
        self.missing.push(Missing { first: newest + 1, last: text.after });
        if self.missing.len() > MISSING_MAX {
            self.missing.remove(0);
        }
        match excuse {
            Excuse::None => Heard::AfterGap,
            Excuse::Shown => Heard::Next,
        }
    }

    /// Something on screen says why the next text may not follow the one before.
    pub(crate) fn excuse(&mut self) {
        self.excuse = Excuse::Shown;
    }

    /// Whether a receipt is owed.
    pub(crate) fn is_owed(&self) -> bool {
        self.mark != self.told
    }
}

impl Theirs {
    /// The other side says that it has come so far; it never goes back, and what it has had is never missing again: a
    /// new device of theirs may not have it.
    pub(crate) fn advance(&mut self, delivered: u64, read: u64, missing: &[Missing]) {
        let before = self.mark.delivered;
        self.mark.read = self.mark.read.max(read);
        self.mark.delivered = self.mark.delivered.max(delivered).max(self.mark.read);
        for gap in missing.iter().filter(|gap| gap.last > before) {
            self.missing.push(Missing { first: gap.first.max(before + 1), last: gap.last });
        }
        let surplus = self.missing.len().saturating_sub(MISSING_MAX);
        self.missing.drain(..surplus);
    }

    /// Whether this device's text of this number never came to the other side.
    pub(crate) fn is_missing(&self, sequence: u64) -> bool {
        self.missing.iter().any(|gap| (gap.first..=gap.last).contains(&sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_wire::{DeviceId, UserId};

    fn device(id: u8) -> DeviceRef {
        DeviceRef { user: UserId([9; 16]), device: DeviceId([id; 16]) }
    }

    fn text(sequence: u64, after: u64) -> Text {
        Text { sequence, after, text: "x".to_owned(), ..Text::default() }
    }

    #[test]
    fn a_text_counts_once_however_often_it_comes() {
        let mut ours = Ours::default();
        assert_eq!(ours.hear(device(1), &text(3, 0)), Heard::Next);
        assert_eq!(ours.hear(device(1), &text(3, 0)), Heard::Repeated);
        assert_eq!(ours.hear(device(1), &text(7, 3)), Heard::Next);
        assert_eq!(ours.hear(device(1), &text(3, 0)), Heard::Repeated);
        assert_eq!(ours.mark.delivered, 7);
    }

    #[test]
    fn a_text_that_was_kept_back_is_noticed_by_the_next_one() {
        let mut ours = Ours::default();
        assert_eq!(ours.hear(device(1), &text(1, 0)), Heard::Next);
        assert_eq!(ours.hear(device(1), &text(5, 3)), Heard::AfterGap);
        assert_eq!(ours.missing, [Missing { first: 2, last: 3 }]);
        assert_eq!(ours.hear(device(1), &text(6, 5)), Heard::Next);
    }

    #[test]
    fn a_gap_that_the_screen_explains_is_not_told_a_second_time() {
        let mut ours = Ours::default();
        ours.excuse();
        assert_eq!(ours.hear(device(1), &text(5, 4)), Heard::Next);
        assert_eq!(ours.missing, [Missing { first: 1, last: 4 }]);
        assert_eq!(ours.hear(device(1), &text(9, 8)), Heard::AfterGap);
    }

    #[test]
    fn the_numbers_of_another_device_begin_anew() {
        let mut ours = Ours::default();
        ours.hear(device(1), &text(50, 0));
        assert_eq!(ours.hear(device(2), &text(1, 0)), Heard::Next);
        assert_eq!(ours.mark.delivered, 1);
    }

    #[test]
    fn what_is_missing_there_is_not_delivered_and_what_was_delivered_is_never_missing() {
        let mut theirs = Theirs::default();
        theirs.advance(4, 2, &[]);
        theirs.advance(9, 9, &[Missing { first: 1, last: 6 }]);
        assert_eq!((3..=8).map(|n| theirs.is_missing(n)).collect::<Vec<_>>(), [false, false, true, true, false, false]);
        assert_eq!(theirs.mark, Mark { delivered: 9, read: 9 });
        theirs.advance(1, 1, &[]);
        assert_eq!(theirs.mark, Mark { delivered: 9, read: 9 });
    }

    #[test]
    fn gaps_that_are_remembered_are_bounded() {
        let mut ours = Ours::default();
        for n in 1..100 {
            ours.hear(device(1), &text(4 * n, 4 * n - 2));
        }
        assert_eq!(ours.missing.len(), MISSING_MAX);
        assert_eq!(ours.missing.last(), Some(&Missing { first: 4 * 98 + 1, last: 4 * 99 - 2 }));
        let mut theirs = Theirs::default();
        for n in 1..100 {
            theirs.advance(4 * n, 0, &[Missing { first: 4 * n - 3, last: 4 * n - 2 }]);
        }
        assert_eq!(theirs.missing.len(), MISSING_MAX);
    }
}
