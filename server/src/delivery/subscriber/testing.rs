//! What tests see of a subscriber that nobody else needs to know.

use super::{Phase, Subscriber};

impl Subscriber {
    /// Whether it was given up or ended, and has its last words before it.
    pub(crate) fn is_ending(&self) -> bool {
        self.state().phase == Phase::Ending
    }
}
