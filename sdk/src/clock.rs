//! The clock: the one file of this crate that reads it.

use sotto_core::wire::Millis;

/// Milliseconds since the Unix epoch by the wall clock, which may jump: the core takes that into account.
#[expect(clippy::disallowed_methods, reason = "this is the crate's clock file")]
pub(crate) fn now() -> Millis {
    // Whole milliseconds since 1970, far below 2⁵³; a clock before 1970 becomes 0.
    Millis(js_sys::Date::now() as u64)
}
