//! An item of a timeline: how it stands on disk, how others may change it, and what a person sees of it. Decides who may
//! change what; reads and writes nothing.

use super::{Eyes, WAITING_FROM};
use crate::changes::{Step, What};
use crate::content::{Content, DELETE_WITHIN_MS, EDIT_WITHIN_MS, Mention, MessageRef, Origin, Text};
use crate::conversation;
use crate::outbox;
use crate::view::{
    Body, Item, MessageKey, MessageState, Note, Position, QuoteStanding, QuoteView, ReactionCount, UnreadableCause,
};
use serde::{Deserialize, Serialize};
use sotto_wire::{ClientId, ConversationId, DeviceRef, Millis, UserId, limit};

/// Names of those who reacted that are shown with an emoji.
const WHO_MAX: usize = 8;
/// Most reactions of an item: one of each who can be there.
const REACTIONS_MAX: usize = limit::MEMBERS_MAX;

/// An item as it stands on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Logged {
    /// Who sent it.
    pub(crate) sender: DeviceRef,
    /// The sender's id of it.
    pub(crate) client_id: ClientId,
    /// When the server took it.
    pub(crate) at: Millis,
    /// Number of it, when this device sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sequence: Option<u64>,
    /// What it is.
    pub(crate) body: LoggedBody,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) edited_at: Option<Millis>,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<LoggedQuote>,
    /// Whom it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mentions: Vec<Mention>,
    /// Where it comes from.
    #[serde(default)]
    pub(crate) origin: Origin,
    /// What people think of it, in the order in which they said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reactions: Vec<Reacted>,
}

/// What an item on disk is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LoggedBody {
    /// A text.
    Text(String),
    /// A text that is gone for all.
    Deleted,
    /// Not readable: keys that are gone or were never here.
    WrongEpoch,
    /// Not readable: somebody has changed it.
    NotAuthentic,
    /// Not readable: of a kind that was not known when it came.
    UnknownContent,
    /// The device joined here.
    JoinedHere,
    /// Events were lost here.
    HistoryLost,
    /// The sender wrote something here that the server has kept back.
    Missing,
    /// Something happened in the group.
    Note(Note),
}

/// What an item on disk answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoggedQuote {
    /// Which message.
    pub(crate) of: MessageRef,
    /// Its first characters: by its own words where it is here, else as the answer claims; none once it is deleted.
    excerpt: String,
    standing: Standing,
}

/// [`QuoteStanding`] on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Here,
    Deleted,
    Elsewhere,
}

/// What somebody thinks of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reacted {
    user: UserId,
    emoji: String,
}

/// Whether a change has changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It has.
    Changed,
    /// Whoever asked for it may not, or no longer, or it is so already.
    None,
}

/// Who may delete somebody's message for all: its author.
fn may_delete(author: UserId, actor: UserId) -> bool {
    author == actor
}

impl Logged {
    /// An item that has nothing about it but its body.
    pub(crate) fn new(sender: DeviceRef, client_id: ClientId, at: Millis, body: LoggedBody) -> Self {
        let (mentions, reactions, origin) = (Vec::new(), Vec::new(), Origin::Written);
        Self { sender, client_id, at, sequence: None, body, edited_at: None, reply: None, mentions, origin, reactions }
    }

    /// A text.
    pub(crate) fn text(sender: DeviceRef, client_id: ClientId, at: Millis, text: Text) -> Self {
        let quote = |quote: crate::content::Quote| LoggedQuote {
            of: quote.of,
            excerpt: quote.excerpt,
            standing: Standing::Elsewhere,
        };
        let (reply, mentions, origin) = (text.reply.map(quote), text.mentions, text.origin);
        Self { reply, mentions, origin, ..Self::new(sender, client_id, at, LoggedBody::Text(text.text)) }
    }

    /// Its name.
    pub(crate) fn message(&self) -> MessageRef {
        MessageRef { sender: self.sender, client_id: self.client_id }
    }

    /// Whether it names somebody.
    pub(crate) fn mentions(&self, user: UserId) -> bool {
        self.mentions.iter().any(|mention| mention.user == user)
    }

    /// Somebody changes it.
    pub(crate) fn change(&mut self, step: &Step) -> Effect {
        let LoggedBody::Text(text) = &mut self.body else { return Effect::None };
        let age = step.at.since(self.at);
        match &step.what {
            What::Edit { text: new, mentions } if step.by == self.sender.user && age <= EDIT_WITHIN_MS => {
                text.clone_from(new);
                self.mentions.clone_from(mentions);
                self.edited_at = Some(step.at);
            }
            What::Delete if may_delete(self.sender.user, step.by) && age <= DELETE_WITHIN_MS => {
                *self = Self { sequence: self.sequence, ..self.bare(LoggedBody::Deleted) };
            }
            What::React(emoji) => return self.react(step.by, emoji.as_ref()),
            What::Edit { .. } | What::Delete | What::Forget | What::Quoted { .. } => return Effect::None,
        }
        Effect::Changed
    }

    fn bare(&self, body: LoggedBody) -> Self {
        Self::new(self.sender, self.client_id, self.at, body)
    }

    fn react(&mut self, user: UserId, emoji: Option<&String>) -> Effect {
        let before = self.reactions.clone();
        self.reactions.retain(|reacted| reacted.user != user);
        if let Some(emoji) = emoji.filter(|_| self.reactions.len() < REACTIONS_MAX) {
            self.reactions.push(Reacted { user, emoji: emoji.clone() });
        }
        if self.reactions == before { Effect::None } else { Effect::Changed }
    }

    /// What it answers says so itself, is gone, or is not here.
    pub(crate) fn quote(&mut self, of: MessageRef, target: Option<&LoggedBody>) {
        let Some(reply) = self.reply.as_mut().filter(|reply| reply.of == of) else { return };
        match target {
            Some(LoggedBody::Text(text)) => {
                (reply.excerpt, reply.standing) = (crate::content::excerpt(text), Standing::Here);
            }
            Some(_) => (reply.excerpt, reply.standing) = (String::new(), Standing::Deleted),
            None => reply.standing = Standing::Elsewhere,
        }
    }

    fn reaction_counts(&self, me: UserId) -> Vec<ReactionCount> {
        let mut counts: Vec<ReactionCount> = Vec::new();
        for Reacted { user, emoji } in &self.reactions {
            let at = counts.iter().position(|count| count.emoji == *emoji).unwrap_or(counts.len());
            if at == counts.len() {
                counts.push(ReactionCount { emoji: emoji.clone(), count: 0, mine: false, who: Vec::new() });
            }
            let count = &mut counts[at];
            count.count += 1;
            count.mine |= *user == me;
            if count.who.len() < WHO_MAX {
                count.who.push(*user);
            }
        }
        counts
    }
}

/// How far an item has come.
pub(super) fn state(logged: &Logged, eyes: Eyes<'_>) -> MessageState {
    let state = logged.sequence.map_or(MessageState::Sent, |sequence| eyes.row.state_of(sequence));
    eyes.reads.shown(state)
}

/// What a person sees of an item.
pub(super) fn item(conversation: ConversationId, position: u64, logged: &Logged, eyes: Eyes<'_>) -> Item {
    let mut changed = logged.clone();
    for step in eyes.pending.iter().filter(|step| step.of == logged.message()) {
        changed.change(step);
    }
    let state = state(logged, eyes);
    seen(MessageKey::of(conversation, logged.message()), (Position(position), state), changed, eyes.me.user)
}

fn seen(key: MessageKey, (position, state): (Position, MessageState), logged: Logged, me: UserId) -> Item {
    let reactions = logged.reaction_counts(me);
    let body = match logged.body {
        LoggedBody::Text(text) => Body::Text(text),
        LoggedBody::Deleted => Body::Deleted,
        LoggedBody::WrongEpoch => Body::Unreadable(UnreadableCause::WrongEpoch),
        LoggedBody::NotAuthentic => Body::Unreadable(UnreadableCause::NotAuthentic),
        LoggedBody::UnknownContent => Body::Unreadable(UnreadableCause::UnknownContent),
        LoggedBody::JoinedHere => Body::JoinedHere,
        LoggedBody::HistoryLost => Body::HistoryLost,
        LoggedBody::Missing => Body::Missing,
        LoggedBody::Note(note) => Body::Note(note),
    };
    let reply = logged.reply.map(|quote| {
        Box::new(QuoteView {
            message: MessageKey::of(key.conversation, quote.of),
            author: conversation::author(quote.of.sender.user, me),
            excerpt: quote.excerpt,
            standing: match quote.standing {
                Standing::Here => QuoteStanding::Here,
                Standing::Deleted => QuoteStanding::Deleted,
                Standing::Elsewhere => QuoteStanding::Elsewhere,
            },
        })
    });
    Item {
        key,
        position,
        author: conversation::author(logged.sender.user, me),
        at: logged.at,
        body,
        state,
        reply,
        edited_at: logged.edited_at,
        reactions,
        mentions: logged.mentions,
        forwarded: logged.origin == Origin::Forwarded,
    }
}

/// What a person sees of an item of the outbox, with what is to be changed in it; nothing of one that is not for eyes.
pub(crate) fn waiting_item(me: DeviceRef, item: &outbox::Item, pending: &[Step]) -> Option<Item> {
    let Content::Text(text) = &item.content else { return None };
    let (at, state) = match &item.stage {
        outbox::Stage::Waiting | outbox::Stage::Sealed { .. } => (item.at, MessageState::Sending),
        outbox::Stage::Taken { sent_at } => (*sent_at, MessageState::Sent),
        outbox::Stage::Failed { code } => (item.at, MessageState::Failed(*code)),
    };
    let mut logged = Logged::text(me, item.client_id, at, text.clone());
    let of = logged.message();
    for step in pending.iter().filter(|step| step.of == of) {
        logged.change(step);
    }
    let position = Position(WAITING_FROM.saturating_add(text.sequence));
    Some(seen(MessageKey::of(item.conversation, of), (position, state), logged, me.user))
}

#[cfg(test)]
#[path = "item/tests.rs"]
mod tests;
