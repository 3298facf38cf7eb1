//! The one place of this program that reads the clock: time is what it measures.

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time; this is its one file that does")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
