//! Time on the wire: RFC 3339 UTC with milliseconds in the envelope, milliseconds everywhere else.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// Milliseconds: since the Unix epoch for a point in time, a plain length for a duration. The name of the field says
/// which (`…_at`, `…_ms`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// This point in time moved on by `duration`, at most to the end of time.
    pub fn after(self, duration: Millis) -> Millis {
        Millis(self.0.saturating_add(duration.0))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Millis) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

/// A point in time that stands as RFC 3339 UTC (`2026-11-20T09:43:45.123Z`) in JSON.
///
/// Reads what [`Timestamp`] writes and any RFC 3339 text in UTC; finer than a millisecond is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Millis);

const DAY_MS: u64 = 86_400_000;
/// 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for the year.
const LATEST_MS: u64 = 253_402_300_799_999;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0.0.min(LATEST_MS);
        let (year, month, day) = civil_of_days(at / DAY_MS);
        let ms = at % DAY_MS;
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1_000)
    }
}

impl Timestamp {
    /// Reads RFC 3339 §5.6 in UTC (`Z` or `+00:00`), 1970 to 9999; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let field = |from: usize, to: usize| -> Option<u64> {
            let digits = bytes.get(from..to)?;
            digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
        };
        let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
        let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
        let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
        let marked = marks.iter().all(|&(at, mark)| bytes.get(at) == Some(&mark));
        let separated = matches!(bytes.get(10), Some(b'T' | b't' | b' '));
        let in_range = year >= 1970
            && (1..=12).contains(&month)
            && (1..=days_of_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 61;
        if !(marked && separated && in_range) {
            return None;
        }
        let (fraction, zone) = match bytes.get(19)? {
            b'.' => {
                let end = 20 + bytes.get(20..)?.iter().take_while(|b| b.is_ascii_digit()).count();
                let digits = bytes.get(20..end).filter(|d| !d.is_empty())?;
                let ms = (0..3).fold(0, |n, i| n * 10 + u64::from(digits.get(i).map_or(0, |d| d - b'0')));
                (ms, text.get(end..)?)
            }
            _ => (0, text.get(19..)?),
        };
        if !matches!(zone, "Z" | "z" | "+00:00" | "-00:00") {
            return None;
        }
        let days = days_of_civil(year, month, day);
        let ms = days * DAY_MS + hour * 3_600_000 + minute * 60_000 + second.min(59) * 1_000 + fraction;
        Some(Self(Millis(ms)))
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date, after H. Hinnant, "chrono-compatible low-level date algorithms".
fn days_of_civil(year: u64, month: u64, day: u64) -> u64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted / 400, shifted % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_of_civil`].
fn civil_of_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a time is not RFC 3339 in UTC"))
    }
}
