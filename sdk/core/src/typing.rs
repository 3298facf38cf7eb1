//! Who is writing: notices that came and that are sent. Ephemeral, nothing of it is on disk. The rule: a notice that is
//! not renewed ends by itself.

use crate::sorted::SortedMap;
use sotto_wire::{ConversationId, Millis, UserId, limit};

/// Most people of whom it is remembered that they write: what the server may tell is bounded.
const WRITING_MAX: usize = 256;

/// Who is writing.
#[derive(Debug, Default)]
pub(crate) struct Typing {
    others: SortedMap<(ConversationId, UserId), Millis>,
    said: SortedMap<ConversationId, Millis>,
}

impl Typing {
    /// The user writes: whether this is to be said now.
    pub(crate) fn write(&mut self, conversation: ConversationId, now: Millis) -> Say {
        let said = self.said.get(&conversation);
        if said.is_some_and(|at| now.since(*at).0 < limit::TYPING_EVERY_MS) {
            return Say::Nothing;
        }
        self.said.insert(conversation, now);
        Say::Start
    }

    /// What the user wrote is on its way, or has come to the server: the next letter is said at once. Both, because the text
    /// ends what was said before it at the other side.
    pub(crate) fn sent(&mut self, conversation: ConversationId) {
        self.said.remove(&conversation);
    }

    /// Somebody writes.
    pub(crate) fn start(&mut self, conversation: ConversationId, user: UserId, now: Millis) {
        if self.others.len() < WRITING_MAX {
            self.others.insert((conversation, user), now.after(Millis(limit::TYPING_LIFE_MS)));
        }
    }

    /// Somebody writes no longer.
    pub(crate) fn stop(&mut self, conversation: ConversationId, user: UserId) {
        self.others.remove(&(conversation, user));
    }

    /// Who writes in a conversation.
    pub(crate) fn of(&self, conversation: ConversationId) -> Vec<UserId> {
        self.others.keys().filter(|(id, _)| *id == conversation).map(|(_, user)| *user).collect()
    }

    /// When the first notice ends.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        self.others.values().min().copied()
    }

    /// Ends what has not been renewed; gives the conversations back that look different.
    pub(crate) fn expire(&mut self, now: Millis) -> Vec<ConversationId> {
        let ended: Vec<_> = self.others.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
        for key in &ended {
            self.others.remove(key);
        }
        ended.into_iter().map(|(conversation, _)| conversation).collect()
    }
}

/// What to say to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// That the user writes.
    Start,
    /// Nothing: it was said a moment ago.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHERE: ConversationId = ConversationId([1; 16]);
    const WHO: UserId = UserId([2; 16]);

    #[test]
    fn a_notice_that_is_not_renewed_ends() {
        let mut typing = Typing::default();
        typing.start(WHERE, WHO, Millis(0));
        typing.start(WHERE, WHO, Millis(3_000));
        assert_eq!(typing.of(WHERE), [WHO]);
        assert_eq!(typing.deadline(), Some(Millis(9_000)));
        assert_eq!(typing.expire(Millis(8_999)), []);
        assert_eq!(typing.expire(Millis(9_000)), [WHERE]);
        assert_eq!(typing.of(WHERE), []);
    }

    #[test]
    fn writing_is_said_at_most_every_three_seconds() {
        let mut typing = Typing::default();
        let said: Vec<_> = (0..10).map(|second| typing.write(WHERE, Millis(second * 1_000))).collect();
        assert_eq!(said.iter().filter(|say| **say == Say::Start).count(), 4);
        typing.sent(WHERE);
        assert_eq!(typing.write(WHERE, Millis(9_500)), Say::Start);
    }
}
