//! What changes messages that are there: edits, deletions, reactions, of this device and of others. The rule: a change is
//! shown at once and done when its own event has come back, by every device in the order of the log.

use super::{Client, Sought};
use crate::alarms::Alarm;
use crate::changes::{Changes, Entry, Name, QUOTED_MAX, Round, Step, What};
use crate::client::send::checked;
use crate::content::{Content, Delete, Edit, Mention, MessageRef, Reaction, is_emoji};
use crate::contract::{Failure, OUTBOX_MAX, Record, Wanted};
use crate::ledger;
use crate::outbox::{Item, Stage};
use crate::record;
use crate::timeline::{Effect, Eyes, LoggedBody};
use crate::view::{Change, MessageKey};
use sotto_wire::{ClientId, Code, ConversationId, Millis, UserId};

/// What could not be read is read again after this time.
const AGAIN_MS: Millis = Millis(1_000);

impl Client {
    /// An own text says something else.
    pub(super) fn edit(&mut self, message: MessageKey, text: String, mentions: Vec<Mention>) -> Result<(), Failure> {
        checked(&text, &mentions)?;
        self.is_mine(message)?;
        if let Some((sequence, Content::Text(old))) = self.unsent(message) {
            self.outbox.reword(sequence, Content::Text(crate::content::Text { text, mentions, ..old }));
            self.write_waiting(sequence);
            self.show_waiting(sequence);
            return Ok(());
        }
        self.say(message, Content::Edit(Edit { of: message.message(), text, mentions }))
    }

    /// An own message goes for all.
    pub(super) fn delete_for_all(&mut self, message: MessageKey) -> Result<(), Failure> {
        self.is_mine(message)?;
        if self.drop_unsent(message) {
            return Ok(());
        }
        self.say(message, Content::Delete(Delete { of: message.message() }))
    }

    /// A message goes from this device.
    pub(super) fn delete_for_me(&mut self, message: MessageKey) -> Result<(), Failure> {
        let me = self.me().ok_or(Failure::WrongState)?;
        self.list.row(message.conversation).ok_or(Failure::NotFound)?;
        if self.drop_unsent(message) {
            return Ok(());
        }
        if self.in_outbox(message).is_some() {
            return Err(Failure::WrongState);
        }
        self.step(message.conversation, message.message(), (me.user, self.server_now()), What::Forget);
        Ok(())
    }

    /// The user thinks something of a message.
    pub(super) fn react(&mut self, message: MessageKey, emoji: Option<String>) -> Result<(), Failure> {
        if !emoji.as_deref().is_none_or(is_emoji) {
            return Err(Failure::EmojiInvalid);
        }
        self.say(message, Content::Reaction(Reaction { of: message.message(), emoji }))
    }

    fn is_mine(&self, message: MessageKey) -> Result<(), Failure> {
        let me = self.me().ok_or(Failure::WrongState)?;
        if message.sender.user == me.user { Ok(()) } else { Err(Failure::NotYours) }
    }

    fn in_outbox(&self, message: MessageKey) -> Option<u64> {
        self.me().filter(|me| *me == message.sender)?;
        self.outbox.find(message.conversation, message.client_id)
    }

    /// A message of which nothing has left.
    fn unsent(&self, message: MessageKey) -> Option<(u64, Content)> {
        let sequence = self.in_outbox(message)?;
        let item = self.outbox.item(sequence).filter(|item| item.stage == Stage::Waiting)?;
        Some((sequence, item.content.clone()))
    }

    /// Forgets a message that waits or has failed.
    fn drop_unsent(&mut self, message: MessageKey) -> bool {
        let Some(sequence) = self.in_outbox(message) else { return false };
        let stage = self.outbox.item(sequence).map(|item| &item.stage);
        if !stage.is_some_and(|stage| matches!(stage, Stage::Waiting | Stage::Failed { .. })) {
            return false;
        }
        self.outbox.remove(sequence);
        self.ledger.delete(record::outbox(sequence));
        self.show_gone(message);
        true
    }

    /// Puts a change into the outbox.
    fn say(&mut self, message: MessageKey, content: Content) -> Result<(), Failure> {
        self.me().ok_or(Failure::WrongState)?;
        self.list.row(message.conversation).ok_or(Failure::NotFound)?;
        if self.outbox.len() >= OUTBOX_MAX {
            return Err(Failure::OutboxFull);
        }
        let client_id = ClientId(self.random.id());
        self.put_waiting(message.conversation, content, client_id);
        self.look(message);
        Ok(())
    }

    /// Shows a message anew, wherever it stands.
    fn look(&mut self, message: MessageKey) {
        self.list.touch(message.conversation);
        match self.in_outbox(message) {
            Some(sequence) => self.show_waiting(sequence),
            None => self.changes.look(message),
        }
    }

    /// What was refused is no longer shown.
    pub(super) fn take_back(&mut self, item: Option<Item>, code: Code) {
        let Some(Item { conversation, content, .. }) = item else { return };
        if let Some((of, _)) = What::of(content) {
            let message = MessageKey::of(conversation, of);
            self.tell(Change::TakenBack { message, code });
            self.look(message);
        }
    }

    /// A message is to be changed: written with what has brought this.
    pub(super) fn step(&mut self, conversation: ConversationId, of: MessageRef, by: (UserId, Millis), what: What) {
        let record = self.changes.add(Step { conversation, of, by: by.0, at: by.1, what });
        self.ledger.put(record);
    }

    /// What is to be changed in a conversation and is not yet: what has come, then what is to go out.
    pub(super) fn pending(&self, conversation: ConversationId) -> Vec<Step> {
        let Some(me) = self.me() else { return Vec::new() };
        let own = self.outbox.of(conversation).filter_map(|(_, item)| {
            let (of, what) = What::of(item.content.clone())?;
            Some(Step { conversation, of, by: me.user, at: item.at, what })
        });
        self.changes.of(conversation).cloned().chain(own).collect()
    }

    /// Reads what the next changes need.
    pub(super) fn change(&mut self) {
        if self.session.account().is_none() || self.alarms.is_set(Alarm::Change) {
            return;
        }
        if let Some(places) = self.changes.begin() {
            self.ledger.after(ledger::Effect::Load(Sought::Entries, Wanted::Places(places)));
        }
    }

    /// What was to be read could not be.
    pub(super) fn change_later(&mut self) {
        self.changes.give_up();
        self.alarms.set(self.now.after(AGAIN_MS), Alarm::Change);
    }

    /// This store is nobody's any more.
    pub(super) fn forget_changes(&mut self) {
        self.changes = Changes::default();
        self.loads.retain(|_, load| !matches!(load.sought, Sought::Entries | Sought::Items));
    }

    /// Where the messages stand has been read.
    pub(super) fn entries_loaded(&mut self, records: &[Record]) {
        let places = self.changes.found(records);
        self.ledger.after(ledger::Effect::Load(Sought::Items, Wanted::Places(places)));
    }

    /// All that the changes need has been read: they are done.
    pub(super) fn items_loaded(&mut self, records: &[Record]) {
        let Some(mut round) = self.changes.end(records) else { return };
        for (number, step) in std::mem::take(&mut round.steps) {
            self.ledger.delete(record::change(number));
            self.do_step(&mut round, &step);
        }
        for message in std::mem::take(&mut round.looks) {
            let entry = round.entries.get(&(message.conversation, message.message()));
            if let Some(position) = entry.and_then(|entry| entry.position) {
                self.show_changed(&round, (message.conversation, position));
            }
        }
    }

    fn do_step(&mut self, round: &mut Round, step: &Step) {
        let name = (step.conversation, step.of);
        let Some(entry) = round.entries.get(&name).cloned() else { return };
        match step.what {
            What::Quoted { by } => self.quote(round, (name, entry), by),
            What::Forget => self.forget(round, name, entry),
            What::Edit { .. } | What::Delete | What::React(_) => {
                // Of a message that is not here only its words in the answers are.
                let Some(position) = entry.position else {
                    if step.what == What::Delete && step.by == step.of.sender.user {
                        self.unquote(round, name, entry);
                    }
                    return;
                };
                let Some(logged) = round.items.get_mut(&(step.conversation, position)) else { return };
                let names_me = self.session.account().is_some_and(|account| logged.mentions(account.user));
                // What is as it was is shown all the same: another change may have been shown in its place.
                if logged.change(step) == Effect::Changed {
                    self.ledger.put(record::write(record::message(step.conversation, position), logged));
                    match step.what {
                        What::Delete => {
                            self.uncount(name, position, names_me);
                            self.unquote(round, name, entry);
                        }
                        What::Edit { .. } | What::React(_) | What::Quoted { .. } | What::Forget => {}
                    }
                    self.change_last(step);
                }
                self.show_changed(round, (step.conversation, position));
            }
        }
    }

    /// An item answers a message.
    fn quote(&mut self, round: &mut Round, (name, mut entry): (Name, Entry), by: u64) {
        let (conversation, of) = name;
        let target = entry.position.and_then(|position| round.items.get(&(conversation, position)));
        let body = if entry.deleted { Some(LoggedBody::Deleted) } else { target.map(|logged| logged.body.clone()) };
        if let Some(answer) = round.items.get_mut(&(conversation, by)) {
            answer.quote(of, body.as_ref());
            self.ledger.put(record::write(record::message(conversation, by), answer));
            self.show_changed(round, (conversation, by));
        }
        entry.quoted_by.push(by);
        let surplus = entry.quoted_by.len().saturating_sub(QUOTED_MAX);
        entry.quoted_by.drain(..surplus);
        self.put_entry(round, name, entry);
    }

    /// The words of a message go from the answers to it.
    fn unquote(&mut self, round: &mut Round, name: Name, mut entry: Entry) {
        let (conversation, of) = name;
        for by in std::mem::take(&mut entry.quoted_by) {
            if let Some(answer) = round.items.get_mut(&(conversation, by)) {
                answer.quote(of, Some(&LoggedBody::Deleted));
                self.ledger.put(record::write(record::message(conversation, by), answer));
                self.show_changed(round, (conversation, by));
            }
        }
        for sequence in self.outbox.strip(conversation, of) {
            self.write_waiting(sequence);
            self.show_waiting(sequence);
        }
        entry.deleted = true;
        self.put_entry(round, name, entry);
    }

    /// A message goes from this device; what is known of the answers to it stays.
    fn forget(&mut self, round: &mut Round, name: Name, mut entry: Entry) {
        let (conversation, of) = name;
        let Some(position) = entry.position.take() else { return };
        let logged = round.items.remove(&(conversation, position));
        self.ledger.delete(record::message(conversation, position));
        let names_me = self.session.account().map(|account| account.user);
        let names_me = logged.zip(names_me).is_some_and(|(logged, user)| logged.mentions(user));
        self.uncount(name, position, names_me);
        if let Some(row) = self.list.row_mut(conversation)
            && row.last.as_ref().is_some_and(|last| last.of == Some(of))
        {
            row.last = None;
        }
        self.put_entry(round, name, entry);
        self.tell_changed(round, MessageKey::of(conversation, of), position);
    }

    fn put_entry(&mut self, round: &mut Round, name: Name, entry: Entry) {
        self.ledger.put(entry.record(name.0, name.1));
        round.entries.insert(name, entry);
    }

    /// A message that was not read is none to be read any more.
    fn uncount(&mut self, (conversation, of): Name, position: u64, names_me: bool) {
        let is_mine = self.me().is_none_or(|me| me.user == of.sender.user);
        let Some(row) = self.list.row_mut(conversation).filter(|row| !is_mine && position > row.read_to) else {
            return;
        };
        row.unread = row.unread.saturating_sub(1);
        if names_me {
            row.mentions = row.mentions.saturating_sub(1);
        }
    }

    /// The list shows what the newest message says now.
    fn change_last(&mut self, step: &Step) {
        let Some(row) = self.list.row_mut(step.conversation) else { return };
        let Some(last) = row.last.as_mut().filter(|last| last.of == Some(step.of)) else { return };
        match &step.what {
            What::Edit { text, .. } => last.reword(text),
            What::Delete => last.delete(),
            What::React(_) | What::Forget | What::Quoted { .. } => {}
        }
    }

    fn show_changed(&mut self, round: &Round, (conversation, position): (ConversationId, u64)) {
        if let Some(logged) = round.items.get(&(conversation, position)) {
            self.tell_changed(round, MessageKey::of(conversation, logged.message()), position);
        }
    }

    fn tell_changed(&mut self, round: &Round, key: MessageKey, position: u64) {
        let Some(me) = self.me() else { return };
        let (reads, pending) = (self.reads(), self.pending(key.conversation));
        let Some(row) = self.list.row(key.conversation) else { return };
        let logged = round.items.get(&(key.conversation, position));
        let changes = self.timeline.changed((key, position), logged, Eyes { me, row, reads, pending: &pending });
        self.tell_viewers(changes);
    }
}
