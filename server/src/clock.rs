//! The clock: the one file that reads it. Everything else is given the time.

use sotto_wire::Millis;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands until it is moved: milliseconds since the Unix epoch.
    Standing(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands at `now`. Clones show the same time.
    pub fn standing(now: Millis) -> Self {
        Self::Standing(Arc::new(AtomicU64::new(now.0)))
    }

    /// Moves a standing clock on; the machine's clock goes its own way.
    pub fn advance(&self, by: Millis) {
        if let Self::Standing(ms) = self {
            ms.fetch_add(by.0, Ordering::SeqCst);
        }
    }

    /// Milliseconds since the Unix epoch; zero on a machine whose clock lies before it.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> Millis {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Standing(ms) => Millis(ms.load(Ordering::SeqCst)),
        }
    }
}
