//! The one file of the harness that reads the clock.

use sotto_wire::Millis;
use std::time::{Duration, SystemTime};

/// Milliseconds since the Unix epoch, by the clock of this machine.
#[expect(clippy::disallowed_methods, reason = "a driver acts at the edge: the core gets its time from here")]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// How long it is until `at`; zero when it has passed.
pub(crate) fn until(at: Millis) -> Duration {
    Duration::from_millis(at.since(now()).0)
}
