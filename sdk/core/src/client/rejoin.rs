//! Joining from outside (RFC 9420 §12.4.3.2): on a new device, and where this one can no longer follow.

use super::connect::may_pass;
use super::{Client, Reading};
use crate::alarms::Alarm;
use crate::calls::Purpose;
use crate::conversation::{End, Reason, Row, Stage, Update};
use crate::group::GroupError;
use crate::membership::Membership;
use crate::record;
use crate::session::{Conversations, Session};
use crate::timeline::{Logged, LoggedBody};
use sotto_wire::conversation::{
    Commit, CommitRequest, ConversationsLoaded, GroupLoaded, Kind, LoadConversations, LoadConversationsRequest,
    LoadGroup, LoadGroupRequest,
};
use sotto_wire::{ClientId, Code, ConversationId, Millis, Problem};

/// Within this time a conversation is joined from outside: not all at once.
const REJOIN_MS: Millis = Millis(2_000);
/// So long after another commit the update that is owed is made.
const UPDATE_MS: Millis = Millis(5_000);
/// How often it is tried to join a conversation whose state is refused here, before it rests until the next connection.
const TRIES_MAX: u32 = 8;

impl Client {
    /// The account's conversations are to be asked for, also after a restart.
    pub(super) fn want_conversations(&mut self) {
        self.mark_conversations(Conversations::Wanted);
        self.ask_conversations(None);
    }

    fn mark_conversations(&mut self, conversations: Conversations) {
        if let Session::SignedIn(account) = &mut self.session {
            account.conversations = conversations;
            self.ledger.put(record::write(record::account(record::ACCOUNT), account));
        }
    }

    /// Asks for the account's conversations, after one of them or from the start.
    pub(super) fn ask_conversations(&mut self, after: Option<ConversationId>) {
        self.ask::<LoadConversations>(Purpose::LoadConversations, &LoadConversationsRequest { after });
    }

    pub(super) fn conversations_loaded(&mut self, answer: Result<ConversationsLoaded, Problem>) {
        let loaded = match answer {
            Ok(loaded) => loaded,
            Err(problem) if may_pass(&problem) => return self.later(Alarm::Conversations, &problem),
            Err(_) => return,
        };
        self.went_well(Alarm::Conversations);
        let last = loaded.conversations.last().map(|summary| summary.conversation);
        for summary in loaded.conversations {
            if !self.is_nameable(summary.kind, &summary.members) {
                continue;
            }
            self.meet(summary.kind, &summary.members);
            if self.list.row(summary.conversation).is_none() {
                self.begin_outside(summary.conversation, summary.kind);
            }
        }
        match last.filter(|_| loaded.more) {
            Some(last) => self.ask_conversations(Some(last)),
            None => self.mark_conversations(Conversations::Known),
        }
    }

    /// A conversation that this device is to join from outside.
    pub(super) fn begin_outside(&mut self, id: ConversationId, kind: Kind) {
        let now = self.server_now();
        self.list.add(id, Row::new(kind, Stage::Outside(Reason::NewDevice), now));
        if kind == Kind::Group {
            self.list.add_membership(id, Membership::default());
        }
        self.reading.insert(id, Reading::Absent);
        self.soon(Alarm::Rejoin(id), REJOIN_MS);
        self.presence.meet();
        self.has_come(id);
    }

    /// The group cannot be followed any more.
    pub(super) fn missed(&mut self, id: ConversationId) {
        self.outside(id, Reason::Missed);
    }

    /// The group is to be joined anew.
    pub(super) fn outside(&mut self, id: ConversationId, reason: Reason) {
        let Some(row) = self.list.row_mut(id) else { return };
        if matches!(row.stage, Stage::Member) {
            row.stage = Stage::Outside(reason);
            self.soon(Alarm::Rejoin(id), REJOIN_MS);
        }
    }

    /// Asks for the state that an external commit starts from, or goes on with the one under way.
    pub(super) fn ask_rejoin_state(&mut self, id: ConversationId) {
        let Some(row) = self.list.row(id) else { return };
        let stage = row.stage.clone();
        if !self.stream.is_open() {
            return;
        }
        if !self.stream.is_caught_up() {
            // Its Welcome may be on its way.
            return self.soon(Alarm::Rejoin(id), REJOIN_MS);
        }
        if self.reading.get(&id) != Some(&Reading::Absent) && !self.has_group(id) {
            return;
        }
        let pending = self.groups.as_ref().and_then(|groups| groups.pending(id));
        match (stage, pending) {
            (Stage::Rejoining(_), Some(pending)) => self.commit_again(id, pending.client_id),
            (Stage::Rejoining(reason) | Stage::Outside(reason), _) => {
                self.put_outside(id, reason);
                let request = LoadGroupRequest { conversation: id, epoch: None };
                self.ask::<LoadGroup>(Purpose::Rejoin(id), &request);
            }
            (Stage::Member | Stage::Creating(_) | Stage::Over(_), _) => {}
        }
    }

    pub(super) fn rejoin_state(&mut self, id: ConversationId, answer: Result<GroupLoaded, Problem>) {
        let (reason, kind) = match self.list.row(id).map(|row| (&row.stage, row.kind)) {
            Some((Stage::Outside(reason), kind)) => (*reason, kind),
            _ => return,
        };
        let loaded = match answer {
            Ok(loaded) => loaded,
            Err(problem) if may_pass(&problem) => return self.later(Alarm::Rejoin(id), &problem),
            // Removed, or gone, while this device could not follow.
            Err(problem) if kind == Kind::Group && matches!(problem.code, Code::NotAMember | Code::NotFound) => {
                let end = if self.wishes_to_leave(id) { End::Left } else { End::Removed(None) };
                return self.is_over(id, end);
            }
            // Not this account's any more.
            Err(_) => return,
        };
        // Of other people than before, or under a name that is somebody else's: it rests.
        if loaded.kind != kind || !self.is_nameable(kind, &loaded.people) {
            return;
        }
        self.meet(kind, &loaded.people);
        let client_id = ClientId(self.random.id());
        let Some(groups) = &mut self.groups else { return };
        // Who was in an older epoch knows its secrets: nobody is led back there unseen.
        if reason != Reason::HistoryLost && groups.epoch(id).is_some_and(|epoch| loaded.state.epoch < epoch) {
            return self.try_again(id);
        }
        groups.abandon(id);
        match groups.rejoin(id, &loaded, client_id) {
            Ok(_) => {
                self.reading.remove(&id);
                if let Some(row) = self.list.row_mut(id) {
                    row.stage = Stage::Rejoining(reason);
                }
                self.commit_again(id, client_id);
            }
            Err(GroupError::NothingToReplace) => {}
            Err(_) => self.try_again(id),
        }
    }

    fn try_again(&mut self, id: ConversationId) {
        if self.failures.get(&Alarm::Rejoin(id)).is_none_or(|failed| *failed < TRIES_MAX) {
            self.later(Alarm::Rejoin(id), &Problem::new(Code::Unavailable));
        }
    }

    fn put_outside(&mut self, id: ConversationId, reason: Reason) {
        if let Some(row) = self.list.row_mut(id).filter(|row| !matches!(row.stage, Stage::Outside(_))) {
            row.stage = Stage::Outside(reason);
        }
    }

    /// Sends the commit that is pending, once it is on disk.
    pub(super) fn commit_again(&mut self, conversation: ConversationId, client_id: ClientId) {
        let pending = self.groups.as_ref().and_then(|groups| groups.pending(conversation));
        let Some(pending) = pending.filter(|pending| pending.client_id == client_id) else { return };
        let (commit, state) = (pending.commit, pending.state);
        let request = CommitRequest {
            client_id,
            conversation,
            commit,
            state,
            welcome: pending.beside.welcome(),
            roles: pending.beside.roles,
            invites: None,
            invite: None,
        };
        self.ask_after::<Commit>(Purpose::Commit(conversation, client_id), &request);
    }

    /// The server's answer about the commit that is pending.
    pub(super) fn committed(
        &mut self,
        id: ConversationId,
        client_id: ClientId,
        answer: Result<sotto_wire::conversation::Committed, Problem>,
    ) {
        let Some(groups) = &mut self.groups else { return };
        // Its event may have come before, or another commit.
        if groups.pending(id).is_none_or(|pending| pending.client_id != client_id) {
            return;
        }
        match answer {
            Ok(committed) => {
                let left = groups.leaving(id);
                if let Ok(followed) = groups.confirm(id) {
                    self.moved(id, &followed, (client_id, committed.sent_at), &left);
                }
                self.is_committed(id);
            }
            Err(problem) if may_pass(&problem) => self.later(Alarm::Commit(id, client_id), &problem),
            Err(problem) => {
                groups.abandon(id);
                self.went_well(Alarm::Commit(id, client_id));
                self.is_refused(id, client_id, &problem);
            }
        }
    }

    /// The own commit is in the log.
    pub(super) fn is_committed(&mut self, id: ConversationId) {
        let at = self.server_now();
        let (Some(me), Some(row)) = (self.me(), self.list.row_mut(id)) else { return };
        row.update = match self.groups.as_ref().is_some_and(|groups| groups.needs_update(id)) {
            true if row.update != Update::None => Update::Due,
            _ => Update::None,
        };
        if row.update == Update::Due {
            self.alarms.set(self.now.after(UPDATE_MS), Alarm::Update(id));
        }
        if !matches!(row.stage, Stage::Member) {
            row.ours.excuse();
            row.heard.excuse();
        }
        match std::mem::replace(&mut row.stage, Stage::Member) {
            Stage::Rejoining(_) | Stage::Outside(_) => {}
            over @ Stage::Over(_) => {
                row.stage = over;
                return;
            }
            Stage::Member | Stage::Creating(_) => return,
        }
        self.went_well(Alarm::Rejoin(id));
        let client_id = ClientId(self.random.id());
        self.log(id, &Logged::new(me, client_id, at, LoggedBody::JoinedHere));
        self.introduce(id);
        self.has_come(id);
        self.look_for_card(id);
        self.look_for_names(id);
        self.resume_wishes(id);
    }

    fn is_refused(&mut self, id: ConversationId, client_id: ClientId, problem: &Problem) {
        let stage = self.list.row(id).map(|row| row.stage.clone());
        match stage {
            Some(Stage::Rejoining(reason)) => {
                self.put_outside(id, reason);
                if self.groups.as_ref().is_some_and(|groups| !groups.is_loaded(id)) {
                    self.reading.insert(id, Reading::Absent);
                }
                self.try_again(id);
            }
            Some(Stage::Member) if self.is_wished(id, client_id) => self.wish_refused(id, problem),
            Some(Stage::Member) if problem.code == Code::StaleEpoch => self.owe_update(id),
            Some(Stage::Member) => self.forgive_update(id),
            Some(Stage::Outside(_) | Stage::Creating(_) | Stage::Over(_)) | None => {}
        }
    }
}
