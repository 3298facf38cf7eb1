//! What came by the stream, in the order of the log. The rule: an event, what it changes and the cursor behind it stand
//! in one batch; what cannot be read is an item that says so, or nothing, never an error.

use super::connect::may_pass;
use super::{Client, Reading, Sought, Tree};
use crate::alarms::Alarm;
use crate::calls::Purpose;
use crate::changes::What;
use crate::content::{Content, Receipt, Text, Visibility};
use crate::contract::{Output, Record};
use crate::conversation::{Reason, Row, Stage, Update};
use crate::group::{Groups, Unreadable};
use crate::inbox::Entry;
use crate::ledger::Effect;
use crate::marks::Heard;
use crate::record;
use crate::timeline::{Logged, LoggedBody};
use sotto_wire::conversation::{GroupLoaded, Kind, LoadGroup, LoadGroupRequest};
use sotto_wire::event::{ConversationCommitted, ConversationWelcome, Durable, MessageReceived};
use sotto_wire::{ClientId, ConversationId, DeviceRef, Millis, Problem};

/// Within this time after joining, the device puts a fresh key into its leaf.
const UPDATE_MS: Millis = Millis(3_000);
/// How often the tree of a Welcome is asked for while everything behind it waits, about two minutes; then its
/// conversation is joined from outside.
const TREE_TRIES_MAX: u32 = 10;

/// How far the handling of an entry has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handled {
    /// It is handled.
    Yes,
    /// It needs something first, which has been asked for.
    NotYet,
}

impl Client {
    /// Handles what waits in the inbox, as far as it can be handled now.
    pub(super) fn receive(&mut self) {
        while self.session.account().is_some() && !self.ledger.is_full() && !self.changes.is_full() {
            let Some(taken) = self.inbox.take() else { break };
            let handled = match &taken.entry {
                Entry::Event(event) if self.inbox.has_seen(event) => Handled::Yes,
                Entry::Event(event) => self.event(event),
                Entry::CaughtUp(_) => {
                    self.caught_up();
                    Handled::Yes
                }
                Entry::Lost(_) => {
                    self.lose_history();
                    Handled::Yes
                }
            };
            match handled {
                Handled::Yes => {
                    // That others have got something is of no matter.
                    if matches!(taken.entry, Entry::Event(_)) {
                        self.owe_cursor();
                    }
                    self.inbox.done(taken);
                }
                Handled::NotYet => {
                    self.inbox.put_back(taken);
                    break;
                }
            }
        }
    }

    fn event(&mut self, event: &Durable) -> Handled {
        match event {
            Durable::ConversationWelcome(event) => self.welcome(event),
            Durable::MessageReceived(_) | Durable::ConversationCommitted(_) => {
                let id = event.conversation();
                // Of a conversation that this device has not joined.
                let Some(row) = self.list.row(id) else { return Handled::Yes };
                let is_created = matches!(row.stage, Stage::Creating(_));
                if self.reading.get(&id) != Some(&Reading::Absent) && !self.has_group(id) {
                    return Handled::NotYet;
                }
                if is_created {
                    // The answer is lost or still on its way, but here is the proof.
                    self.is_created(id);
                }
                match event {
                    Durable::MessageReceived(event) => self.message(event),
                    Durable::ConversationCommitted(event) => self.commit(event),
                    Durable::ConversationWelcome(_) => {}
                }
                Handled::Yes
            }
        }
    }

    /// Whether the group is in memory; else it is being read.
    pub(super) fn has_group(&mut self, id: ConversationId) -> bool {
        if self.groups.as_ref().is_some_and(|groups| groups.is_loaded(id)) {
            return true;
        }
        if !self.reading.contains_key(&id) {
            self.reading.insert(id, Reading::UnderWay);
            self.ledger.after(Effect::Load(Sought::Group(id), Groups::wanted(id)));
        }
        false
    }

    /// A group has been read from the store.
    pub(super) fn group_loaded(&mut self, id: ConversationId, records: Vec<Record>) {
        if self.reading.get(&id) != Some(&Reading::UnderWay) {
            return;
        }
        let Some(groups) = &mut self.groups else { return };
        if groups.is_loaded(id) || groups.load(id, records).unwrap_or(false) {
            self.reading.remove(&id);
        } else {
            self.reading.insert(id, Reading::Absent);
            self.missed(id);
        }
        match self.list.row(id).map(|row| (&row.stage, row.update)) {
            Some((Stage::Creating(_), _)) => self.ask_create(id),
            Some((Stage::Outside(_) | Stage::Rejoining(_), _)) => self.ask_rejoin_state(id),
            Some((Stage::Member, Update::Due | Update::UnderWay)) => self.update(id),
            Some((Stage::Member, Update::None) | (Stage::Over(_), _)) | None => {}
        }
        self.resume_membership(id);
    }

    fn message(&mut self, event: &MessageReceived) {
        let Some(me) = self.me() else { return };
        if event.sender == me {
            return self.own_message(event);
        }
        let Some(groups) = &mut self.groups else { return };
        let body = match groups.open(event) {
            Ok(opened) => match Content::decode(opened.kind, &opened.plaintext) {
                Ok(content) => return self.content(event, content),
                Err(unknown) if unknown.visibility == Visibility::Quiet => return,
                Err(_) => LoggedBody::UnknownContent,
            },
            // Known already.
            Err(Unreadable::Own | Unreadable::Repeated | Unreadable::NotLoaded) => return,
            // Sealed before this device came, for the one that it replaced.
            Err(Unreadable::BeforeJoining | Unreadable::EpochGone) => LoggedBody::WrongEpoch,
            Err(Unreadable::EpochAhead) => {
                self.missed(event.conversation);
                LoggedBody::WrongEpoch
            }
            Err(Unreadable::NotAuthentic | Unreadable::Refused(_)) => LoggedBody::NotAuthentic,
        };
        if let Some(row) = self.list.row_mut(event.conversation) {
            row.ours.excuse();
            row.heard.excuse();
        }
        self.count_unread(event.conversation);
        self.log(event.conversation, &logged(event, body));
    }

    fn content(&mut self, event: &MessageReceived, content: Content) {
        let (id, sender) = (event.conversation, event.sender);
        match content {
            Content::Text(text) => {
                self.typing.stop(id, sender.user);
                if self.me().is_some_and(|me| me.user != sender.user) && !self.hear(event, &text) {
                    return;
                }
                self.log(id, &Logged::text(sender, event.client_id, event.sent_at, text));
            }
            Content::Card(card) => self.card(id, &card),
            Content::AskCard(_) => self.card_asked(event),
            Content::Leave(_) => self.somebody_leaves(event),
            Content::Profile(profile) => {
                if self.me().is_some_and(|me| me.user != sender.user) {
                    self.list.contact_mut(sender.user).display_name = profile.display_name;
                }
            }
            Content::Receipt(Receipt { of, delivered, read, missing }) => {
                let is_about_me = self.me().is_some_and(|me| me == of && me.user != sender.user);
                if let Some(row) = self.list.row_mut(id).filter(|_| is_about_me) {
                    row.theirs.advance(delivered, read, &missing);
                    self.show_marks(id);
                }
            }
            content @ (Content::Edit(_) | Content::Delete(_) | Content::Reaction(_)) => {
                if let Some((of, what)) = What::of(content) {
                    self.step(id, of, (sender.user, event.sent_at), what);
                }
            }
        }
    }

    /// Counts a text of the other side; `false` when it was here before. A server that has said of a message that it
    /// cannot take it, and gets it sealed anew, may bring both.
    fn hear(&mut self, event: &MessageReceived, text: &Text) -> bool {
        let id = event.conversation;
        let heard = self.list.row_mut(id).map(|row| match row.kind {
            Kind::Group => row.heard.hear(event.sender, text),
            Kind::Direct { .. } | Kind::Notes => row.ours.hear(event.sender, text),
        });
        match heard {
            Some(Heard::Next) => {}
            Some(Heard::AfterGap) => {
                let gap = Logged { client_id: ClientId(self.random.id()), ..logged(event, LoggedBody::Missing) };
                self.log(id, &gap);
            }
            Some(Heard::Repeated) | None => return false,
        }
        self.count_unread(id);
        let names_me = |me: DeviceRef| text.mentions.iter().any(|mention| mention.user == me.user);
        if self.me().is_some_and(names_me)
            && let Some(row) = self.list.row_mut(id)
        {
            row.mentions = row.mentions.saturating_add(1);
        }
        if self.list.row(id).is_some_and(|row| row.kind != Kind::Group) {
            self.owed.insert(id);
        }
        self.ledger.after(Effect::Tell(Output::Notify { conversation: id }));
        true
    }

    fn count_unread(&mut self, id: ConversationId) {
        if let Some(row) = self.list.row_mut(id) {
            row.unread = row.unread.saturating_add(1);
        }
    }

    /// This device's own message has come back: it is in the log now.
    fn own_message(&mut self, event: &MessageReceived) {
        if let Some(sequence) = self.outbox.find(event.conversation, event.client_id) {
            self.settle_item(sequence, (event.sender, event.client_id), event.sent_at);
        }
    }

    pub(super) fn settle_item(&mut self, sequence: u64, (sender, client_id): (DeviceRef, ClientId), at: Millis) {
        let Some(item) = self.outbox.remove(sequence) else { return };
        self.ledger.delete(record::outbox(sequence));
        let conversation = item.conversation;
        if let Content::Text(text) = item.content {
            let sequence = text.sequence;
            self.typing.sent(conversation);
            if let Some(row) = self.list.row_mut(item.conversation) {
                row.taken = row.taken.max(sequence);
            }
            let logged = Logged::text(sender, client_id, at, text);
            self.log(conversation, &Logged { sequence: Some(sequence), ..logged });
        } else if let Some((of, what)) = What::of(item.content) {
            self.step(conversation, of, (sender.user, at), what);
        }
    }

    fn commit(&mut self, event: &ConversationCommitted) {
        let (Some(me), Some(groups)) = (self.me(), &mut self.groups) else { return };
        let id = event.conversation;
        let left = groups.leaving(id);
        match groups.follow(event) {
            Ok(followed) => {
                let is_group = self.list.row(id).is_some_and(|row| row.kind == Kind::Group);
                if is_group && followed.removed.contains(&me) && followed.by.user != me.user {
                    if self.wishes_to_leave(id) {
                        return self.is_over(id, crate::conversation::End::Left);
                    }
                    self.log_note(id, followed.by, event.sent_at, crate::view::Note::Removed(vec![me.user]));
                    return self.is_over(id, crate::conversation::End::Removed(Some(followed.by.user)));
                }
                self.moved(id, &followed, (event.client_id, event.sent_at), &left);
                if followed.by == me {
                    return self.is_committed(id);
                }
                if followed.removed.contains(&me) {
                    // Another device took this one's place; the session ends, or else it is joined anew.
                    return self.missed(id);
                }
                if self.list.row(id).is_some_and(|row| row.update == Update::UnderWay) {
                    self.owe_update(id);
                }
            }
            Err(Unreadable::Own | Unreadable::Repeated | Unreadable::BeforeJoining | Unreadable::EpochGone) => {}
            Err(Unreadable::NotLoaded) => {}
            Err(Unreadable::EpochAhead | Unreadable::NotAuthentic | Unreadable::Refused(_)) => self.missed(id),
        }
    }

    fn welcome(&mut self, event: &ConversationWelcome) -> Handled {
        let id = event.conversation;
        match self.list.row(id).map(|row| (&row.stage, row.kind)) {
            Some((Stage::Outside(_), kind))
                if kind == event.kind && self.reading.get(&id) == Some(&Reading::Absent) => {}
            Some((Stage::Over(_), kind)) if kind == event.kind => {}
            Some(_) => return Handled::Yes,
            None => {}
        }
        // Under a name that is somebody else's.
        if !self.is_nameable(event.kind, &event.people) {
            return Handled::Yes;
        }
        let state = match std::mem::take(&mut self.tree) {
            Tree::Here(conversation, state) if conversation == id && state.epoch == event.epoch => state,
            Tree::Absent(conversation) if conversation == id => {
                self.meet(event.kind, &event.people);
                self.begin_outside(id, event.kind);
                return Handled::Yes;
            }
            Tree::Asked { conversation, failed } if conversation == id => {
                self.tree = Tree::Asked { conversation, failed };
                return Handled::NotYet;
            }
            Tree::Unknown | Tree::Asked { .. } | Tree::Here(..) | Tree::Absent(_) => {
                self.ask_welcome_tree(id, event.epoch);
                return Handled::NotYet;
            }
        };
        let Some(groups) = &mut self.groups else { return Handled::Yes };
        match groups.join(event, &state.ratchet_tree) {
            Ok(_) => {
                self.meet(event.kind, &event.people);
                self.reading.remove(&id);
                self.went_well(Alarm::Rejoin(id));
                let row = self.list.row(id).cloned();
                let row = row.unwrap_or_else(|| Row::new(event.kind, Stage::Member, event.sent_at));
                self.list.add(id, Row { stage: Stage::Member, update: Update::Due, ..row });
                self.soon(Alarm::Update(id), UPDATE_MS);
                self.enter_group(id, event);
                self.introduce(id);
                self.presence.meet();
                self.has_come(id);
            }
            // Somebody lies about who is in it.
            Err(crate::group::GroupError::Refused(_)) => {}
            Err(_) => {
                self.meet(event.kind, &event.people);
                self.begin_outside(id, event.kind);
            }
        }
        Handled::Yes
    }

    /// Asks for the tree that the Welcome at the head of the inbox leaves out.
    pub(super) fn ask_welcome_tree(&mut self, conversation: ConversationId, epoch: u64) {
        let failed = match self.tree {
            Tree::Asked { conversation: asked, failed } if asked == conversation => failed,
            _ => 0,
        };
        self.tree = Tree::Asked { conversation, failed };
        let request = LoadGroupRequest { conversation, epoch: Some(epoch) };
        self.ask::<LoadGroup>(Purpose::Welcome(conversation, epoch), &request);
    }

    pub(super) fn welcome_tree(&mut self, (id, epoch): (ConversationId, u64), answer: Result<GroupLoaded, Problem>) {
        let failed = match self.tree {
            Tree::Asked { conversation, failed } if conversation == id => failed,
            _ => return,
        };
        // Without a stream nothing comes, so nothing waits for this Welcome either.
        let failed = if self.stream.is_open() { failed + 1 } else { failed };
        match answer {
            Ok(loaded) if loaded.state.epoch == epoch => {
                self.went_well(Alarm::Welcome(id, epoch));
                if loaded.kind == Kind::Group {
                    self.meet(loaded.kind, &loaded.people);
                }
                self.tree = Tree::Here(id, loaded.state);
            }
            Err(problem) if may_pass(&problem) && failed < TREE_TRIES_MAX => {
                self.tree = Tree::Asked { conversation: id, failed };
                self.later(Alarm::Welcome(id, epoch), &problem);
            }
            Ok(_) | Err(_) => {
                self.went_well(Alarm::Welcome(id, epoch));
                self.tree = Tree::Absent(id);
            }
        }
    }

    fn caught_up(&mut self) {
        self.stream.caught_up(self.now);
        self.stop_awaiting();
        let Some(me) = self.me() else { return };
        // The server had these before the stream began, so their events are lost, or were before its memory.
        for sequence in std::mem::take(&mut self.overdue) {
            if let Some(item) = self.outbox.item(sequence)
                && let crate::outbox::Stage::Taken { sent_at } = item.stage
            {
                let client_id = item.client_id;
                self.settle_item(sequence, (me, client_id), sent_at);
            }
        }
    }

    /// Events are gone for good: never silently.
    pub(super) fn lose_history(&mut self) {
        let Some(me) = self.me() else { return };
        let members: Vec<_> =
            self.list.rows().filter(|(_, row)| matches!(row.stage, Stage::Member)).map(|(id, _)| id).collect();
        let at = self.server_now();
        for id in members {
            let client_id = ClientId(self.random.id());
            self.log(id, &Logged::new(me, client_id, at, LoggedBody::HistoryLost));
            if let Some(row) = self.list.row_mut(id) {
                row.ours.excuse();
            }
            self.outside(id, Reason::HistoryLost);
        }
        self.want_conversations();
    }
}

fn logged(event: &MessageReceived, body: LoggedBody) -> Logged {
    Logged::new(event.sender, event.client_id, event.sent_at, body)
}
