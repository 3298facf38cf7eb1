//! What goes out: texts, profiles, receipts, typing notices. The rule: the row of an item, with the bytes it is sealed
//! in, is on disk together with the ratchet step before anything of it leaves.

use super::Client;
use super::command::display_name;
use crate::calls::Purpose;
use crate::content::{Content, Mention, Profile, Quote, Receipt, Text, are_mentions, excerpt};
use crate::contract::{Failure, OUTBOX_MAX, Outgoing, ReplyTo};
use crate::conversation::{Row, Stage as RowStage};
use crate::marks::Ours;
use crate::outbox::{Item, May, Next, Outcome, Stage};
use crate::record;
use crate::session::Session;
use crate::typing::Say;
use crate::view::{MessageKey, Sharing};
use sotto_wire::conversation::Kind;
use sotto_wire::message::{MessageSent, SendMessage, SendMessageRequest};
use sotto_wire::presence::Audience;
use sotto_wire::typing::{TypingRequest, TypingStart};
use sotto_wire::{ClientId, Code, ConversationId, Problem, limit};

impl Client {
    /// Puts a text into the outbox, once under an id that is not its own.
    pub(super) fn write_text(
        &mut self,
        conversation: ConversationId,
        message: Outgoing,
        asked_id: Option<ClientId>,
    ) -> Result<MessageKey, Failure> {
        let me = self.me().ok_or(Failure::WrongState)?;
        if let Some(client_id) = asked_id.filter(|id| self.outbox.knows(*id)) {
            return Ok(MessageKey { conversation, sender: me, client_id });
        }
        let Outgoing { text, reply, mentions, origin } = message;
        checked(&text, &mentions)?;
        if reply.as_ref().is_some_and(|reply| reply.message.conversation != conversation) {
            return Err(Failure::NotFound);
        }
        let quote = |reply: ReplyTo| Quote { of: reply.message.message(), excerpt: excerpt(&reply.excerpt) };
        let reply = reply.map(quote);
        self.list.row(conversation).ok_or(Failure::NotFound)?;
        if self.outbox.len() >= OUTBOX_MAX {
            return Err(Failure::OutboxFull);
        }
        let sequence = self.outbox.next_sequence();
        let client_id = asked_id.unwrap_or_else(|| ClientId(self.random.id()));
        if asked_id.is_some() {
            let known = self.outbox.known_record(client_id);
            self.ledger.put(known);
        }
        self.put_waiting(
            conversation,
            Content::Text(Text { sequence, after: 0, text, reply, mentions, origin }),
            client_id,
        );
        self.show_waiting(sequence);
        self.typing.sent(conversation);
        Ok(MessageKey { conversation, sender: me, client_id })
    }

    /// Tries a failed message again, at the end.
    pub(super) fn retry(&mut self, message: MessageKey) -> Result<(), Failure> {
        let Some(sequence) = self.failed(message)? else { return Ok(()) };
        let Some(Item { conversation, client_id, content: Content::Text(text), .. }) = self.outbox.remove(sequence)
        else {
            return Err(Failure::NotFound);
        };
        self.ledger.delete(record::outbox(sequence));
        let content = Content::Text(Text { sequence: self.outbox.next_sequence(), ..text });
        let sequence =
            self.outbox.add(Item { conversation, client_id, content, at: self.server_now(), stage: Stage::Waiting });
        self.write_waiting(sequence);
        self.show_waiting(sequence);
        Ok(())
    }

    /// Forgets a failed message.
    pub(super) fn discard(&mut self, message: MessageKey) -> Result<(), Failure> {
        let Some(sequence) = self.failed(message)? else { return Ok(()) };
        self.outbox.remove(sequence);
        self.ledger.delete(record::outbox(sequence));
        self.show_gone(message);
        Ok(())
    }

    /// The number of a failed message. `None` when it is that no more, or was never: whoever asks again, because a lead has
    /// ended before it answered, is answered as the first time.
    fn failed(&self, message: MessageKey) -> Result<Option<u64>, Failure> {
        self.list.row(message.conversation).filter(|_| self.me() == Some(message.sender)).ok_or(Failure::NotFound)?;
        let sequence = self.outbox.find(message.conversation, message.client_id);
        let item = sequence.and_then(|sequence| self.outbox.item(sequence));
        Ok(sequence.filter(|_| item.is_some_and(|item| matches!(item.stage, Stage::Failed { .. }))))
    }

    /// Everything in a conversation has been seen.
    pub(super) fn mark_read(&mut self, id: ConversationId) {
        let Some(row) = self.list.row(id) else { return };
        // What was read while nobody was to know is not told afterwards either.
        if row.unread == 0 {
            return;
        }
        let reads = self.reads();
        if let Some(row) = self.list.row_mut(id) {
            (row.unread, row.mentions, row.read_to) = (0, 0, row.next_position.saturating_sub(1));
            if reads == Sharing::Shared {
                row.ours.mark.read = row.ours.mark.delivered;
            }
        }
        if self.list.row(id).is_some_and(|row| row.kind != Kind::Group) {
            self.owed.insert(id);
        }
    }

    /// Changes what others see of this account.
    pub(super) fn set_display_name(&mut self, name: String) -> Result<(), Failure> {
        let name = display_name(&name)?;
        let Session::SignedIn(account) = &mut self.session else { return Err(Failure::WrongState) };
        account.display_name = name;
        self.ledger.put(record::write(record::account(record::ACCOUNT), account));
        self.show_session();
        // One that is being created is introduced to when it is there, and may never be.
        let is_told = |row: &Row| row.kind != Kind::Notes && !matches!(row.stage, RowStage::Creating(_));
        let ids: Vec<_> = self.list.rows().filter(|(_, row)| is_told(row)).map(|(id, _)| id).collect();
        ids.into_iter().for_each(|id| self.put_profile(id));
        Ok(())
    }

    /// Tells the others of a conversation who this is.
    pub(super) fn introduce(&mut self, id: ConversationId) {
        let is_direct = self.list.row(id).is_some_and(|row| row.kind != Kind::Notes);
        if is_direct && self.session.account().is_some_and(|account| !account.display_name.is_empty()) {
            self.put_profile(id);
        }
    }

    fn put_profile(&mut self, id: ConversationId) {
        let Some(account) = self.session.account() else { return };
        let profile = Content::Profile(Profile { display_name: account.display_name.clone() });
        self.replace_or_put(id, profile);
    }

    /// Says something quiet once, in place of what was to be said of the same kind.
    fn replace_or_put(&mut self, id: ConversationId, content: Content) {
        let same = |item: &Item| item.content.kind() == content.kind() && item.stage == Stage::Waiting;
        let waiting = self.outbox.of(id).find(|(_, item)| same(item)).map(|(sequence, _)| sequence);
        match waiting {
            Some(sequence) => {
                self.outbox.reword(sequence, content);
                self.write_waiting(sequence);
            }
            None => {
                let client_id = ClientId(self.random.id());
                self.put_waiting(id, content, client_id);
            }
        }
    }

    /// Tells the other sides how far this device has come, one receipt at a time for each conversation.
    pub(super) fn acknowledge(&mut self) {
        if self.session.account().is_none() || !self.inbox.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.owed) {
            let Some(row) = self.list.row(id) else { continue };
            let Ours { of, mark, missing, .. } = row.ours.clone();
            let (Some(of), true) = (of, row.ours.is_owed()) else { continue };
            let under_way =
                |item: &Item| matches!(item.content, Content::Receipt(_)) && matches!(item.stage, Stage::Sealed { .. });
            if self.outbox.of(id).any(|(_, item)| under_way(item)) {
                self.owed.insert(id);
                continue;
            }
            if let Some(row) = self.list.row_mut(id) {
                row.ours.told = mark;
            }
            let (delivered, read) = (mark.delivered, mark.read);
            self.replace_or_put(id, Content::Receipt(Receipt { of, delivered, read, missing }));
        }
    }

    pub(super) fn put_waiting(&mut self, conversation: ConversationId, content: Content, client_id: ClientId) {
        let at = self.server_now();
        let sequence = self.outbox.add(Item { conversation, client_id, content, at, stage: Stage::Waiting });
        self.write_waiting(sequence);
    }

    /// Writes the row of an item of the outbox; one that has failed and is not for eyes goes.
    pub(super) fn write_waiting(&mut self, sequence: u64) {
        let Some(item) = self.outbox.item(sequence) else { return };
        let is_quiet = !matches!(item.content, Content::Text(_));
        if let Stage::Failed { code } = item.stage
            && is_quiet
        {
            let item = self.outbox.remove(sequence);
            self.ledger.delete(record::outbox(sequence));
            self.take_back(item, code);
        } else if let Some(record) = self.outbox.record(sequence) {
            self.ledger.put(record);
        }
    }

    /// Seals and sends what can be.
    pub(super) fn dispatch(&mut self) {
        if self.session.account().is_none() || !self.stream.is_open() {
            return;
        }
        loop {
            let (list, reading, groups) = (&self.list, &self.reading, &self.groups);
            let may = |id: ConversationId| {
                let is_member = list.row(id).is_some_and(|row| matches!(row.stage, RowStage::Member));
                if is_member && !reading.contains_key(&id) {
                    May::Send { epoch: groups.as_ref().and_then(|groups| groups.epoch(id)) }
                } else {
                    May::Not
                }
            };
            match self.outbox.next(self.now, may) {
                Some(Next::Seal(sequence)) => self.seal(sequence),
                Some(Next::Send(sequence)) => self.post(sequence),
                None => break,
            }
        }
    }

    fn seal(&mut self, sequence: u64) {
        let Some(item) = self.outbox.item(sequence) else { return };
        let (id, kind, client_id) = (item.conversation, item.content.kind(), item.client_id);
        if !self.has_group(id) {
            return;
        }
        self.name_before(id, sequence);
        let Some(plaintext) = self.outbox.item(sequence).map(|item| item.content.encode()) else { return };
        let Some(groups) = &mut self.groups else { return };
        match groups.seal(id, kind, client_id, &plaintext) {
            Ok(sealed) => {
                self.outbox.sealed(sequence, sealed.epoch, sealed.ciphertext);
                self.write_waiting(sequence);
                self.post(sequence);
            }
            Err(_) => {
                self.outbox.fail(sequence, Code::Internal);
                self.show_waiting(sequence);
                self.write_waiting(sequence);
            }
        }
    }

    /// Writes into a text which one the server took before it. Only now is that known for good.
    fn name_before(&mut self, id: ConversationId, sequence: u64) {
        let is_taken = |item: &Item| matches!((&item.stage, &item.content), (Stage::Taken { .. }, Content::Text(_)));
        let newest = self.outbox.of(id).filter(|(_, item)| is_taken(item)).map(|(sequence, _)| sequence).max();
        let logged = self.list.row(id).map(|row| row.taken);
        if let Some(Content::Text(text)) = self.outbox.item(sequence).map(|item| item.content.clone()) {
            let after = newest.max(logged).unwrap_or_default();
            self.outbox.reword(sequence, Content::Text(Text { after, ..text }));
        }
    }

    /// Sends an item that is sealed, once that is on disk.
    fn post(&mut self, sequence: u64) {
        let Some(item) = self.outbox.item(sequence) else { return };
        let Stage::Sealed { epoch, ciphertext } = &item.stage else { return };
        let (client_id, conversation) = (item.client_id, item.conversation);
        let request = SendMessageRequest { client_id, conversation, epoch: *epoch, ciphertext: ciphertext.clone() };
        self.outbox.asked(sequence);
        self.ask_after::<SendMessage>(Purpose::Send(conversation, sequence), &request);
    }

    /// The server's answer about an item.
    pub(super) fn sent(&mut self, (id, sequence): (ConversationId, u64), answer: Result<MessageSent, Problem>) {
        let epoch = self.groups.as_ref().and_then(|groups| groups.epoch(id));
        let is_text = self.outbox.item(sequence).is_some_and(|item| matches!(item.content, Content::Text(_)));
        if is_text && answer.is_ok() {
            self.typing.sent(id);
        }
        let random = self.random.clone();
        match self.outbox.answered((id, sequence), answer, epoch, (self.now, &random)) {
            Outcome::Unchanged => {}
            Outcome::Shown => {
                self.show_waiting(sequence);
                // It may have been the word that the user leaves.
                self.ask_leave(id);
            }
            Outcome::Changed => {
                self.show_waiting(sequence);
                self.write_waiting(sequence);
            }
        }
    }

    /// The user is writing; told to nobody by who shows nobody whether they are there.
    pub(super) fn write_typing(&mut self, conversation: ConversationId) {
        let account = self.session.account();
        if account.is_none_or(|account| account.settings.privacy().presence == Audience::Nobody) {
            return;
        }
        let is_member = self.list.row(conversation).is_some_and(|row| matches!(row.stage, RowStage::Member));
        if is_member && self.stream.is_open() && self.typing.write(conversation, self.now) == Say::Start {
            self.ask::<TypingStart>(Purpose::Typing, &TypingRequest { conversation });
        }
    }
}

/// Checks a text and whom it names.
pub(super) fn checked(text: &str, mentions: &[Mention]) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::TextEmpty);
    }
    if text.len() > limit::TEXT_MAX_BYTES {
        return Err(Failure::TextTooLong);
    }
    if are_mentions(text, mentions) { Ok(()) } else { Err(Failure::MentionsInvalid) }
}
