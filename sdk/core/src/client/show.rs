//! What a person is told. Each change is told once, after the batch that it stands in.

use super::{Client, Sought};
use crate::changes::{Entry, What};
use crate::content::Content;
use crate::contract::Wanted::Newest;
use crate::contract::{Output, Record, Table, ViewerKey, Wanted};
use crate::conversation::Last;
use crate::ledger::Effect;
use crate::record;
use crate::timeline::{self, Eyes, Logged, LoggedBody, Wish};
use crate::view::{
    Body, Change, Conversation, Item, LastMessage, LastWhat, Link, LogKind, MessageKey, Sharing, TimelineChange,
};
use sotto_wire::ConversationId;

impl Client {
    /// Tells who uses this device, and what others are shown of them.
    pub(super) fn show_session(&mut self) {
        self.tell(Change::Session(self.session.view()));
        self.show_privacy();
    }

    /// Tells the whole list.
    pub(super) fn show_list(&mut self) {
        self.list.take_unshown();
        let ids: Vec<_> = self.list.rows().map(|(id, _)| id).collect();
        let list = ids.into_iter().filter_map(|id| self.conversation(id)).collect();
        self.tell(Change::Conversations(list));
    }

    /// Tells the conversations that look different.
    pub(super) fn show(&mut self) {
        if self.session.account().is_none() {
            return;
        }
        for id in self.list.take_unshown() {
            if let Some(conversation) = self.conversation(id) {
                self.tell(Change::Conversation(conversation));
            }
        }
    }

    /// Tells of the connection.
    pub(super) fn show_connection(&mut self) {
        for kind in self.stream.take_log() {
            self.note(kind);
        }
        let connection = self.stream.connection(self.calls.round_trip());
        if connection != self.told {
            self.told = connection;
            self.ledger.tell(Output::Changed(Change::Connection(connection)));
        }
        let (pinned, better_try_at) = self.stream.plans();
        if let Some(link) = self.meter.news(|link| Link { pinned, better_try_at, ..link }, self.now) {
            self.ledger.tell(Output::Changed(Change::Link(link)));
        }
    }

    /// Tells what happened to the connection.
    pub(super) fn note(&mut self, kind: LogKind) {
        self.meter.note(&kind, self.now);
        self.ledger.tell(Output::Changed(Change::Logged(kind.at(self.now))));
    }

    /// Opens a conversation's timeline for a viewer.
    pub(super) fn open_timeline(&mut self, viewer: ViewerKey, conversation: ConversationId) {
        let wish = self.timeline.open(viewer, conversation);
        self.read_page(wish);
    }

    /// Reads one page further back for a viewer.
    pub(super) fn read_older(&mut self, viewer: ViewerKey, conversation: ConversationId) {
        if let Some(wish) = self.timeline.older(viewer, conversation) {
            self.read_page(wish);
        }
    }

    fn read_page(&mut self, wish: Wish) {
        let below = wish.below.map(|position| record::message_row(wish.conversation, position));
        let prefix = wish.conversation.0.to_vec();
        let wanted: Wanted = Newest { table: Table::Message, prefix, below, limit: timeline::PAGE + 1 };
        self.ledger.after(Effect::Load(Sought::Page(wish), wanted));
    }

    /// A page has been read.
    pub(super) fn page_loaded(&mut self, wish: Wish, records: &[Record]) {
        let Some(me) = self.me() else { return };
        let Some(row) = self.list.row(wish.conversation) else { return };
        let (reads, pending) = (self.reads(), self.pending(wish.conversation));
        let waiting = self.outbox.of(wish.conversation);
        let waiting = waiting.filter_map(|(_, item)| timeline::waiting_item(me, item, &pending)).collect();
        let change = self.timeline.loaded(wish, records, waiting, Eyes { me, row, reads, pending: &pending });
        self.tell_viewers(change);
    }

    /// Puts an item at the end of a conversation's log.
    pub(super) fn log(&mut self, conversation: ConversationId, logged: &Logged) {
        let Some(me) = self.me() else { return };
        let (reads, pending) = (self.reads(), self.pending(conversation));
        let Some(row) = self.list.row_mut(conversation) else { return };
        let position = row.take_position();
        row.active_at = row.active_at.max(logged.at);
        if let LoggedBody::Text(text) = &logged.body {
            row.last = Some(Last::new(logged.message(), text, logged.at, logged.sequence));
            let entry = Entry { position: Some(position), ..Entry::default() };
            self.ledger.put(entry.record(conversation, logged.message()));
            self.changes.came((conversation, logged.message()), position);
        }
        self.ledger.put(record::write(record::message(conversation, position), logged));
        let changes = self.timeline.logged(conversation, position, logged, Eyes { me, row, reads, pending: &pending });
        self.tell_viewers(changes);
        if let Some(reply) = &logged.reply {
            self.step(conversation, reply.of, (logged.sender.user, logged.at), What::Quoted { by: position });
        }
    }

    /// Tells of an item of the outbox that has come or changed.
    pub(super) fn show_waiting(&mut self, sequence: u64) {
        let Some(me) = self.me() else { return };
        let Some(item) = self.outbox.item(sequence) else { return };
        let conversation = item.conversation;
        let Some(seen) = timeline::waiting_item(me, item, &self.pending(conversation)) else { return };
        self.list.touch(conversation);
        let changes = self.timeline.waiting(conversation, &seen);
        self.tell_viewers(changes);
    }

    /// Tells that an item of the outbox is forgotten.
    pub(super) fn show_gone(&mut self, key: MessageKey) {
        self.list.touch(key.conversation);
        let changes = self.timeline.gone(key);
        self.tell_viewers(changes);
    }

    /// Tells that the other side has come further.
    pub(super) fn show_marks(&mut self, conversation: ConversationId) {
        let Some(me) = self.me() else { return };
        let Some(row) = self.list.row(conversation) else { return };
        let (reads, pending) = (self.reads(), self.pending(conversation));
        let changes = self.timeline.marked(conversation, Eyes { me, row, reads, pending: &pending });
        self.tell_viewers(changes);
    }

    pub(super) fn tell_viewers(&mut self, changes: impl IntoIterator<Item = (ViewerKey, TimelineChange)>) {
        for (viewer, change) in changes {
            self.tell(Change::Timeline(viewer, change));
        }
    }

    pub(super) fn tell(&mut self, change: Change) {
        self.ledger.after(Effect::Tell(Output::Changed(change)));
    }

    fn conversation(&self, id: ConversationId) -> Option<Conversation> {
        let me = self.me()?;
        let newest = self.outbox.of(id).rfind(|(_, item)| matches!(item.content, Content::Text(_)));
        let pending = self.pending(id);
        let waiting = newest.and_then(|(_, item)| waiting_message(timeline::waiting_item(me, item, &pending)?));
        let is_waiting = waiting.is_some();
        let account = self.session.account()?;
        let myself = (me.user, &account.name, account.display_name.as_str());
        let mut conversation = self.list.view(id, myself, waiting)?;
        if let Some(last) = &mut conversation.last {
            last.state = self.reads().shown(last.state);
        }
        let shown = self.list.row(id).and_then(|row| row.last.as_ref()?.of).filter(|_| !is_waiting);
        for step in pending.iter().filter(|step| Some(step.of) == shown && step.by == step.of.sender.user) {
            match (&step.what, &mut conversation.last) {
                (What::Edit { text, .. }, Some(last)) if last.what == LastWhat::Text => {
                    last.text = Last::new(step.of, text, step.at, None).text;
                }
                (What::Delete, Some(last)) => (last.what, last.text) = (LastWhat::Deleted, String::new()),
                _ => {}
            }
        }
        Some(Conversation { typing: self.typing.of(id), ..conversation })
    }

    /// Whether it is shown what others have read, and told what was read here.
    pub(super) fn reads(&self) -> Sharing {
        self.session.account().map(|account| account.settings.privacy().read_receipts).unwrap_or_default()
    }
}

fn waiting_message(item: Item) -> Option<LastMessage> {
    let of = item.key.message();
    let (what, text) = match item.body {
        Body::Text(text) => (LastWhat::Text, Last::new(of, &text, item.at, None).text),
        Body::Deleted => (LastWhat::Deleted, String::new()),
        Body::Unreadable(_) | Body::JoinedHere | Body::HistoryLost | Body::Missing | Body::Note(_) => return None,
    };
    Some(LastMessage { author: item.author, what, text, at: item.at, state: item.state })
}
