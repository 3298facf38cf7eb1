//! What is to be done later. Owns the order of deadlines; does nothing itself. The rule: one deadline for each thing.

use sotto_wire::{ClientId, ConversationId, Millis};

/// Something to be done when its time has come, with how often it has failed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// Give up waiting for the end of the session.
    SignOut,
    /// Ask for the account's conversations.
    Conversations,
    /// Create this conversation.
    Create(ConversationId),
    /// The Welcome of a conversation that exists should have come.
    Existing(ConversationId),
    /// Fetch the tree for the Welcome at the head of the inbox, which leads to this epoch.
    Welcome(ConversationId, u64),
    /// Join this conversation anew.
    Rejoin(ConversationId),
    /// Send this commit again.
    Commit(ConversationId, ClientId),
    /// Send the path update that is owed.
    Update(ConversationId),
    /// Go on with what is wished of this group.
    Wish(ConversationId),
    /// Tell the server that the user leaves this group.
    Leave(ConversationId),
    /// Remove who has left this group.
    Tidy(ConversationId),
    /// Ask for the card of this group.
    AskCard(ConversationId),
    /// Send the card of this group to who has asked for it.
    AnswerCard(ConversationId),
    /// Ask who is in this group.
    Names(ConversationId),
    /// Say again who is there.
    Presence,
    /// Say how far this device has come.
    Acknowledge,
    /// Read again what is to be changed.
    Change,
}

/// What is to be done later.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    due: Vec<(Millis, Alarm)>,
}

impl Alarms {
    /// Sets an alarm, in place of the same one.
    pub(crate) fn set(&mut self, at: Millis, alarm: Alarm) {
        self.due.retain(|(_, set)| *set != alarm);
        self.due.push((at, alarm));
    }

    /// Whether an alarm is set.
    pub(crate) fn is_set(&self, alarm: Alarm) -> bool {
        self.due.iter().any(|(_, set)| *set == alarm)
    }

    /// Forgets an alarm.
    pub(crate) fn cancel(&mut self, alarm: Alarm) {
        self.due.retain(|(_, set)| *set != alarm);
    }

    /// When the first alarm is due.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        self.due.iter().map(|(at, _)| *at).min()
    }

    /// Takes what is due, in order.
    pub(crate) fn take_due(&mut self, now: Millis) -> Vec<Alarm> {
        let mut due: Vec<_> = self.due.extract_if(.., |(at, _)| *at <= now).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, alarm)| alarm).collect()
    }
}
