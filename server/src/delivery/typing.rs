//! Typing notices: who may cause one now.
//!
//! The rule: a device that repeats itself costs its conversation nothing. Clients renew every
//! [`limit::TYPING_EVERY_MS`]; what comes much more often is answered and goes nowhere.

use sotto_wire::{ConversationId, DeviceId, Millis, limit};
use std::collections::HashMap;

/// Pairs of device and conversation that are remembered, 4 MB; with more of them at a time notices are dropped, which
/// an ephemeral event may be.
const REMEMBERED_MAX: usize = 65_536;

/// What comes sooner after the one before is no renewal.
const PACE: Millis = Millis(limit::TYPING_EVERY_MS / 2);

/// The newest notices.
#[derive(Default)]
pub(crate) struct Typing(HashMap<(DeviceId, ConversationId), Millis>);

impl Typing {
    /// Whether a notice that somebody writes is to be passed on.
    pub(crate) fn begin(&mut self, device: DeviceId, conversation: ConversationId, now: Millis) -> bool {
        let newest = self.0.get(&(device, conversation));
        let is_early = newest.is_some_and(|newest| now.since(*newest) < PACE);
        if is_early || (newest.is_none() && self.0.len() >= REMEMBERED_MAX) {
            return false;
        }
        self.0.insert((device, conversation), now);
        true
    }

    /// Whether a notice that somebody has stopped is to be passed on: only when they were said to write.
    pub(crate) fn end(&mut self, device: DeviceId, conversation: ConversationId) -> bool {
        self.0.remove(&(device, conversation)).is_some()
    }

    /// A message of `device` was taken, by which those who get it know that it was written: the next notice is news
    /// again. So is that it has stopped: the message may be one that nobody typed, such as a receipt.
    pub(crate) fn sent(&mut self, device: DeviceId, conversation: ConversationId, now: Millis) {
        if let Some(newest) = self.0.get_mut(&(device, conversation)) {
            *newest = Millis(now.0.saturating_sub(PACE.0)).min(*newest);
        }
    }

    /// Forgets what clients have dropped by themselves.
    pub(crate) fn sweep(&mut self, now: Millis) {
        self.0.retain(|_, newest| now.since(*newest) < Millis(limit::TYPING_LIFE_MS));
        self.0.shrink_to(64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_renewed_at_its_pace_and_not_faster() {
        let (mut typing, device, conversation) = (Typing::default(), DeviceId([1; 16]), ConversationId([2; 16]));
        assert!(typing.begin(device, conversation, Millis(10_000)));
        assert!(!typing.begin(device, conversation, Millis(10_100)));
        assert!(typing.begin(device, conversation, Millis(10_000 + limit::TYPING_EVERY_MS)));
        assert!(typing.end(device, conversation));
        assert!(!typing.end(device, conversation), "has stopped already");
        assert!(typing.begin(device, conversation, Millis(13_001)), "after a stop it begins anew");
    }

    #[test]
    fn who_sends_and_types_on_is_passed_on_at_once_and_so_is_that_they_stop() {
        let (mut typing, device, conversation) = (Typing::default(), DeviceId([1; 16]), ConversationId([2; 16]));
        typing.sent(device, conversation, Millis(9_000));
        assert!(!typing.end(device, conversation), "a message is no notice");
        assert!(typing.begin(device, conversation, Millis(10_000)));
        typing.sent(device, conversation, Millis(10_100));
        assert!(typing.begin(device, conversation, Millis(10_101)));
        assert!(!typing.begin(device, conversation, Millis(10_102)));
        (0..10).for_each(|_| typing.sent(device, conversation, Millis(10_200)));
        typing.sweep(Millis(10_200));
        assert!(typing.end(device, conversation));
    }
}
