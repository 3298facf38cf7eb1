//! What is said and how numbers, plurals and times are written. Owns the choice of the language; `text` lists every
//! text there is, one file a language fills the list, and the browser's `Intl` knows the grammar of numbers and dates.
//! Rule: no text of the app stands anywhere else, and a language without one of them does not build.

mod en;
mod text;

use crate::client::Millis;
use js_sys::{Array, Date, Function, Intl, JsString, Object};
use leptos::prelude::document;
use serde::Serialize;
use std::cell::OnceCell;
use text::Plural;
pub(crate) use text::Text;
use wasm_bindgen::{JsCast as _, JsValue};

const QUARTER_MS: u64 = 900_000;
const HOUR_MS: u64 = 4 * QUARTER_MS;
/// A day of the calendar has up to 25 hours; six of them never reach the same weekday again.
const WEEK_MS: u64 = 6 * 25 * HOUR_MS;
/// Last point in time that JavaScript can write (ECMA-262 §21.4.1.1); a later one would throw.
const LAST_MS: u64 = 8_640_000_000_000_000;

thread_local! {
    static LOCALE: OnceCell<Locale> = const { OnceCell::new() };
}

/// Which parts of a point in time are written, and how long (ECMA-402 §11.1.2).
#[derive(Default, Serialize)]
struct DateParts {
    weekday: Option<Length>,
    day: Option<Length>,
    month: Option<Length>,
    hour: Option<Length>,
    minute: Option<Length>,
    second: Option<Length>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Length {
    Numeric,
    #[serde(rename = "2-digit")]
    TwoDigits,
    Short,
    Long,
}

/// A language and what `Intl` made for it; making one takes the browser longer than using it.
struct Locale {
    text: &'static Text,
    plural: Intl::PluralRules,
    number: Function,
    clock: Function,
    seconds: Function,
    weekday: Function,
    date: Function,
    day: Function,
}

impl Locale {
    fn new(text: &'static Text) -> Self {
        use Length::{Long, Numeric, Short, TwoDigits};
        // Numbers and times go by the user's own region (24 hours or 12) where it is of the same language.
        let own = leptos::prelude::window().navigator().language().unwrap_or_default();
        let tag = if own.split('-').next() == Some(text.language) { own.as_str() } else { text.language };
        let tags = Array::of1(&JsValue::from_str(tag));
        let format = |parts: DateParts| {
            let options = serde_wasm_bindgen::to_value(&parts).expect("a struct of plain values becomes an object");
            Intl::DateTimeFormat::new(&tags, options.unchecked_ref()).format()
        };
        Self {
            text,
            plural: Intl::PluralRules::new(&tags, &Object::new()),
            number: Intl::NumberFormat::new(&tags, &Object::new()).format(),
            clock: format(DateParts { hour: Some(Numeric), minute: Some(TwoDigits), ..DateParts::default() }),
            seconds: format(DateParts {
                hour: Some(Numeric),
                minute: Some(TwoDigits),
                second: Some(TwoDigits),
                ..DateParts::default()
            }),
            weekday: format(DateParts { weekday: Some(Short), ..DateParts::default() }),
            date: format(DateParts { day: Some(Numeric), month: Some(Short), ..DateParts::default() }),
            day: format(DateParts {
                weekday: Some(Long),
                day: Some(Numeric),
                month: Some(Long),
                ..DateParts::default()
            }),
        }
    }
}

fn with<T>(run: impl FnOnce(&Locale) -> T) -> T {
    LOCALE.with(|locale| run(locale.get_or_init(|| Locale::new(&en::TEXT))))
}

/// Writes language and direction into the document. Once a page.
pub(crate) fn start() {
    let text = text();
    if let Some(root) = document().document_element() {
        // Neither can fail: the names are constants and well-formed.
        let _ = root.set_attribute("lang", text.language);
        let _ = root.set_attribute("dir", text.direction);
    }
}

/// Every text of the present language.
pub(crate) fn text() -> &'static Text {
    with(|locale| locale.text)
}

/// A number.
pub(crate) fn number(value: u32) -> String {
    with(|locale| written(&locale.number, &JsValue::from_f64(f64::from(value))))
}

/// A text that depends on a number.
pub(crate) fn plural(forms: &Plural, count: u32) -> String {
    let category = with(|locale| String::from(locale.plural.select(f64::from(count))));
    let form = match category.as_str() {
        "zero" => forms.zero,
        "one" => forms.one,
        "two" => forms.two,
        "few" => forms.few,
        "many" => forms.many,
        _ => None,
    };
    form.unwrap_or(forms.other)(&number(count))
}

/// The time of day.
pub(crate) fn clock(at: Millis) -> String {
    with(|locale| written(&locale.clock, &date(at)))
}

/// The time of day with its seconds.
pub(crate) fn seconds(at: Millis) -> String {
    with(|locale| written(&locale.seconds, &date(at)))
}

/// The day, long, for a line between two days.
pub(crate) fn day(at: Millis, now: Millis) -> String {
    match days_apart(at, now) {
        0 => text().time.today.to_owned(),
        1 => text().time.yesterday.to_owned(),
        _ => with(|locale| written(&locale.day, &date(at))),
    }
}

/// As short as it can be understood: the time today, the weekday of the last days, the date before.
pub(crate) fn short(at: Millis, now: Millis) -> String {
    match days_apart(at, now) {
        0 => clock(at),
        1 => text().time.yesterday.to_owned(),
        _ if now.since(at).0 < WEEK_MS => with(|locale| written(&locale.weekday, &date(at))),
        _ => with(|locale| written(&locale.date, &date(at))),
    }
}

/// When somebody was there last.
pub(crate) fn last_seen(at: Millis, now: Millis) -> String {
    let text = &text().presence;
    match days_apart(at, now) {
        0 => (text.last_seen_today)(&clock(at)),
        1 => text.last_seen_yesterday.to_owned(),
        _ => (text.last_seen_on)(&with(|locale| written(&locale.date, &date(at)))),
    }
}

/// A point in time for machines, as `<time datetime>` wants it.
pub(crate) fn machine(at: Millis) -> String {
    String::from(date(at).to_iso_string())
}

/// Whether two points in time are of the same calendar day, where this device is.
pub(crate) fn same_day(one: Millis, other: Millis) -> bool {
    // Days begin at whole quarters of an hour everywhere; asking the calendar takes a list of messages longer.
    one.0 / QUARTER_MS == other.0 / QUARTER_MS || calendar_day(one) == calendar_day(other)
}

/// Names the calendar day of a point in time, where this device is.
fn calendar_day(at: Millis) -> (u32, u32, u32) {
    let date = date(at);
    (date.get_full_year(), date.get_month(), date.get_date())
}

/// 0 for the same day, 1 for the day before, more for all others.
fn days_apart(at: Millis, now: Millis) -> u32 {
    if same_day(at, now) {
        return 0;
    }
    // The hour before midnight is within the day before, also where a day has 23 or 25 hours.
    let midnight = date(now);
    midnight.set_hours(0);
    midnight.set_minutes(0);
    midnight.set_seconds(0);
    let before = Millis((midnight.get_time() as u64).saturating_sub(HOUR_MS));
    if same_day(at, before) { 1 } else { 2 }
}

fn date(at: Millis) -> Date {
    // Exact: the last of them is below 2⁵³. Others' clocks may say any number at all.
    Date::new(&JsValue::from_f64(at.0.min(LAST_MS) as f64))
}

fn written(format: &Function, value: &JsValue) -> String {
    let text = format.call1(&JsValue::UNDEFINED, value).ok();
    text.and_then(|text| text.as_string()).unwrap_or_default()
}

/// First letters of a name, at most two, for an avatar.
pub(crate) fn initials(name: &str) -> String {
    let mut words = name.split([' ', '.', '_', '-']).filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let letters: String = [words.next(), words.next_back()].into_iter().flatten().collect();
    String::from(JsString::from(letters).to_locale_upper_case(None))
}
