//! What goes on between the devices of a group besides its commits: cards, who leaves, who is to be added, and names.
//!
//! The rule: what many could do at once (answer for a card, remove who has left) each does after a wait of its own rank,
//! and not when it is done already.

use super::Client;
use super::connect::may_pass;
use crate::alarms::Alarm;
use crate::calls::Purpose;
use crate::content::{AskCard, Content};
use crate::conversation::{End, Stage};
use crate::group::{Card, is_staff};
use crate::membership::{Deed, Leaving, Wish};
use crate::outbox::Stage as OutboxStage;
use crate::sorted::SortedMap;
use crate::view::Note;
use sha2::{Digest, Sha256};
use sotto_wire::account::{FindUser, FindUserRequest, Name, UserFound};
use sotto_wire::conversation::{GroupLoaded, Kind, LoadGroup, LoadGroupRequest};
use sotto_wire::event::MessageReceived;
use sotto_wire::group::{ConversationLeft, LeaveConversation, LeaveConversationRequest};
use sotto_wire::key::{ClaimKeys, ClaimKeysRequest, KeysClaimed};
use sotto_wire::{ClientId, Code, ConversationId, Millis, Problem, UserId};

/// So long a device waits for the card that the charter binds before it asks for it: its sender sends it by itself.
const CARD_MS: Millis = Millis(20_000);
/// After the last who could have answered it is asked for again.
const CARD_AGAIN_MS: Millis = Millis(90_000);
/// By then who bound a card has sent it, or is gone.
const CARD_LOST_MS: Millis = Millis(180_000);
/// Between the answers of two devices.
const RANK_MS: u64 = 3_000;
/// Further back in the order of answers nobody stands.
const RANK_MAX: u64 = 20;
/// Owners and admins remove who has left; others only when none of them has done so by then.
const STAFF_FIRST_MS: u64 = 30_000;
/// Within this time names are asked for: whoever was added is asked for by everybody.
const NAMES_MS: Millis = Millis(10_000);

/// What is sealed of a group that the user is no longer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    /// It may be on its way.
    UnderWay,
    /// Nobody waits for an answer to it.
    Forgotten,
}

/// People who are to be added to a group, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    missing: Vec<Name>,
    found: Vec<UserFound>,
}

/// The gatherings that are under way, one for each group.
pub(crate) type Gatherings = SortedMap<ConversationId, Gathering>;

impl Client {
    /// Asks for everybody who is to be added.
    pub(super) fn gather(&mut self, id: ConversationId, names: Vec<Name>) {
        self.gatherings.insert(id, Gathering { missing: names.clone(), found: Vec::new() });
        for name in names {
            self.ask::<FindUser>(Purpose::Gather(id, name.clone()), &FindUserRequest { name });
        }
    }

    pub(super) fn gathered(&mut self, id: ConversationId, name: &Name, answer: Result<UserFound, Problem>) {
        let known = answer.as_ref().ok().filter(|found| found.name == *name);
        let is_true = known.is_some_and(|found| self.stands_for(name, found.user));
        let here = known.and_then(|found| self.list.membership(id)?.role(found.user));
        let Some(gathering) = self.gatherings.get_mut(&id) else { return };
        match answer {
            // Who is nobody, or in the group already, is left out; the others are added.
            Ok(found) if is_true && here.is_none() => gathering.found.push(found),
            Err(problem) if may_pass(&problem) => {
                self.gatherings.remove(&id);
                return self.later(Alarm::Wish(id), &problem);
            }
            Ok(_) | Err(_) => {}
        }
        gathering.missing.retain(|missing| missing != name);
        if !gathering.missing.is_empty() {
            return;
        }
        let users: Vec<UserId> = gathering.found.iter().map(|found| found.user).collect();
        if users.is_empty() {
            self.gatherings.remove(&id);
            return self.end_wish(id);
        }
        self.ask::<ClaimKeys>(Purpose::GatherKeys(id), &ClaimKeysRequest { users });
    }

    pub(super) fn gathered_keys(&mut self, id: ConversationId, answer: Result<KeysClaimed, Problem>) {
        let Some(mut gathering) = self.gatherings.remove(&id) else { return };
        let claimed = match answer {
            Ok(claimed) => claimed.key_packages,
            Err(problem) if may_pass(&problem) => return self.later(Alarm::Wish(id), &problem),
            Err(_) => return self.end_wish(id),
        };
        let is_pending = self.groups.as_ref().is_some_and(|groups| groups.pending(id).is_some());
        let is_wished = self.list.membership(id).and_then(|it| it.wishes.first());
        if is_pending || !is_wished.is_some_and(|wish| matches!(wish.deed, Deed::Add(_))) {
            return self.later_wish(id);
        }
        gathering.found.retain(|found| claimed.iter().any(|key| key.owner.user == found.user));
        for found in &gathering.found {
            if self.stands_for(&found.name, found.user) {
                self.list.contact_mut(found.user).name = Some(found.name.clone());
            }
        }
        self.carry_out(id, &gathering.found, &claimed);
    }

    /// Whether the card here is the one that the charter binds.
    pub(super) fn has_card(&self, id: ConversationId) -> bool {
        let bound = self.groups.as_ref().and_then(|groups| groups.charter(id)).map(|charter| charter.card);
        let card = self.list.membership(id).and_then(|membership| membership.card.as_ref());
        bound.is_none() || card.map(Card::hash) == bound
    }

    /// Waits for the card, if it is not here.
    pub(super) fn look_for_card(&mut self, id: ConversationId) {
        if self.has_card(id) {
            self.alarms.cancel(Alarm::AskCard(id));
        } else if !self.alarms.is_set(Alarm::AskCard(id)) {
            self.alarms.set(self.now.after(CARD_MS), Alarm::AskCard(id));
        }
    }

    /// The card has not come: it is asked for.
    pub(super) fn ask_card(&mut self, id: ConversationId) {
        let is_member = self.list.row(id).is_some_and(|row| matches!(row.stage, Stage::Member));
        if is_member && !self.has_card(id) {
            let asked = |item: &crate::outbox::Item| matches!(item.content, Content::AskCard(_));
            if !self.outbox.of(id).any(|(_, item)| asked(item)) {
                self.put_waiting(id, Content::AskCard(AskCard {}), ClientId(self.random.id()));
            }
            // Who was to answer may be gone.
            self.alarms.set(self.now.after(CARD_AGAIN_MS), Alarm::AskCard(id));
            self.restore_card(id);
        }
    }

    /// Who bound the card may have gone before it was sent. Then nobody has it, and nothing could be changed any more: an
    /// owner or an admin binds the one before again.
    fn restore_card(&mut self, id: ConversationId) {
        let (now, me) = (self.server_now(), self.me().map(|me| me.user));
        // Looked at before it is to be changed: what is to be changed is written, and a card is 32 kB.
        let Some(membership) = self.list.membership(id) else { return };
        let role = me.and_then(|me| membership.role(me)).unwrap_or_default();
        let is_lost = membership.renamed.is_some_and(|(_, at)| now.since(at) >= CARD_LOST_MS);
        let is_under_way = membership.wishes.first().is_some_and(|wish| wish.commit.is_some() || wish.is_upkeep());
        let is_due = is_staff(role) && is_lost && membership.card.is_some() && !is_under_way;
        if is_due && let Some(membership) = self.list.membership_mut(id) {
            membership.wishes.insert(0, Wish { deed: Deed::Restore, commit: None, card: None });
            self.resume_wishes(id);
        }
    }

    /// Somebody lacks the card: it is sent, unless somebody else has by then.
    pub(super) fn card_asked(&mut self, event: &MessageReceived) {
        let id = event.conversation;
        if self.has_card(id) && !self.alarms.is_set(Alarm::AnswerCard(id)) {
            let wait = Millis(self.rank(id, event.client_id) * RANK_MS);
            self.alarms.set(self.now.after(wait), Alarm::AnswerCard(id));
        }
    }

    /// Nobody else has sent the card.
    pub(super) fn answer_card(&mut self, id: ConversationId) {
        let card = self.list.membership(id).and_then(|membership| membership.card.clone());
        if let Some(card) = card.filter(|_| self.has_card(id)) {
            self.put_waiting(id, Content::Card(card), ClientId(self.random.id()));
        }
    }

    /// This device's place among those that could do the same, up to [`RANK_MAX`].
    fn rank(&self, id: ConversationId, of: ClientId) -> u64 {
        let Some((me, groups)) = self.me().zip(self.groups.as_ref()) else { return RANK_MAX };
        let hash = |user: UserId| Sha256::digest([of.0, user.0].concat());
        let mine = hash(me.user);
        let before = groups.people(id).into_iter().filter(|(user, _)| hash(*user) < mine).count();
        u64::try_from(before).unwrap_or(RANK_MAX).min(RANK_MAX)
    }

    /// A card has come.
    pub(super) fn card(&mut self, id: ConversationId, card: &Card) {
        if self.take_card(id, card) {
            self.alarms.cancel(Alarm::AnswerCard(id));
            self.alarms.cancel(Alarm::AskCard(id));
            self.resume_wishes(id);
        }
    }

    /// Takes a card that the charter binds, and writes down what it changes.
    pub(super) fn take_card(&mut self, id: ConversationId, card: &Card) -> bool {
        let Some(groups) = &mut self.groups else { return false };
        if !groups.learn(id, card) {
            return false;
        }
        let Some(membership) = self.list.membership_mut(id) else { return false };
        let before = membership.card.replace(card.clone());
        let by = membership.renamed.take();
        if let (Some(before), Some((by, at))) = (before, by) {
            if before.name != card.name {
                self.log_note(id, by, at, Note::Renamed(card.name.clone()));
            }
            if before.description != card.description {
                self.log_note(id, by, at, Note::Described);
            }
            if before.picture != card.picture {
                self.log_note(id, by, at, Note::Pictured);
            }
        }
        true
    }

    /// Somebody has said that they leave.
    pub(super) fn somebody_leaves(&mut self, event: &MessageReceived) {
        let (id, user) = (event.conversation, event.sender.user);
        let Some(me) = self.me().filter(|me| me.user != user) else { return };
        if let Some(groups) = &mut self.groups {
            groups.note_left(id, user);
        }
        let role = self.list.membership(id).and_then(|membership| membership.role(me.user)).unwrap_or_default();
        let last = if is_staff(role) { 0 } else { STAFF_FIRST_MS };
        let wait = Millis(last + self.rank(id, event.client_id) * RANK_MS);
        self.alarms.set(self.now.after(wait), Alarm::Tidy(id));
    }

    /// The group is in memory again, and what was to be done in it may have been forgotten with what was before.
    pub(super) fn resume_membership(&mut self, id: ConversationId) {
        self.resume_wishes(id);
        self.look_for_card(id);
        let is_left = self.groups.as_ref().is_some_and(|groups| !groups.leaving(id).is_empty());
        if is_left && !self.alarms.is_set(Alarm::Tidy(id)) {
            self.soon(Alarm::Tidy(id), CARD_MS);
        }
    }

    /// Nobody else has removed who has left.
    pub(super) fn tidy(&mut self, id: ConversationId) {
        if !self.has_group(id) {
            return;
        }
        let is_left = self.groups.as_ref().is_some_and(|groups| !groups.leaving(id).is_empty());
        let Some(membership) = self.list.membership(id).filter(|_| is_left) else { return };
        let is_wished = membership.wishes.iter().any(|wish| wish.deed == Deed::Tidy);
        if !is_wished && let Some(membership) = self.list.membership_mut(id) {
            membership.wishes.push(Wish { deed: Deed::Tidy, commit: None, card: None });
        }
        self.resume_wishes(id);
    }

    /// Whether the user has wished to leave.
    pub(super) fn wishes_to_leave(&self, id: ConversationId) -> bool {
        self.list.membership(id).is_some_and(|membership| membership.leaving == Leaving::Wished)
    }

    /// The others are told that the user leaves: now the server is.
    pub(super) fn ask_leave(&mut self, id: ConversationId) {
        let wishes = self.wishes_to_leave(id);
        let is_said = |item: &crate::outbox::Item| {
            !matches!(item.content, Content::Leave(_)) || matches!(item.stage, crate::outbox::Stage::Taken { .. })
        };
        let is_over = self.list.row(id).is_none_or(|row| matches!(row.stage, Stage::Over(_)));
        if wishes && !is_over && self.stream.is_open() && self.outbox.of(id).all(|(_, item)| is_said(item)) {
            let request = LeaveConversationRequest { conversation: id };
            self.ask::<LeaveConversation>(Purpose::Leave(id), &request);
        }
    }

    pub(super) fn has_left(&mut self, id: ConversationId, answer: Result<ConversationLeft, Problem>) {
        match answer {
            Ok(_) => self.is_over(id, End::Left),
            Err(problem) if may_pass(&problem) => self.later(Alarm::Leave(id), &problem),
            Err(problem) if problem.code == Code::NotAMember => self.is_over(id, End::Left),
            // The last owner, as it turns out.
            Err(_) => {
                if let Some(membership) = self.list.membership_mut(id) {
                    membership.leaving = Leaving::No;
                }
            }
        }
    }

    /// The user is no longer in a group: what is here can be read, and nothing more comes or goes.
    pub(super) fn is_over(&mut self, id: ConversationId, end: End) {
        if let Some(groups) = &mut self.groups {
            groups.drop_group(id);
        }
        self.reading.insert(id, super::Reading::Absent);
        self.stop_sending(id, Sealed::UnderWay);
        for alarm in [Alarm::Wish(id), Alarm::Leave(id), Alarm::Tidy(id), Alarm::AskCard(id), Alarm::AnswerCard(id)] {
            self.went_well(alarm);
        }
        self.went_well(Alarm::Update(id));
        if let Some(membership) = self.list.membership_mut(id) {
            membership.wishes.clear();
            membership.leaving = Leaving::No;
        }
        if let Some(row) = self.list.row_mut(id) {
            (row.stage, row.update) = (Stage::Over(end), crate::conversation::Update::None);
        }
    }

    /// Nothing more goes out to a group that the user is no longer in. What is sealed and under way is left to the server's
    /// answer: its row must be on disk before it leaves. After a restart nobody waits for that answer any more.
    pub(super) fn stop_sending(&mut self, id: ConversationId, sealed: Sealed) {
        let Some(me) = self.me() else { return };
        let items: Vec<(u64, ClientId, OutboxStage)> =
            self.outbox.of(id).map(|(sequence, item)| (sequence, item.client_id, item.stage.clone())).collect();
        for (sequence, client_id, stage) in items {
            match stage {
                OutboxStage::Taken { sent_at } => self.settle_item(sequence, (me, client_id), sent_at),
                OutboxStage::Sealed { .. } if sealed == Sealed::UnderWay => {}
                OutboxStage::Waiting | OutboxStage::Sealed { .. } => {
                    self.outbox.fail(sequence, Code::NotAMember);
                    self.show_waiting(sequence);
                    // A quiet one goes.
                    self.write_waiting(sequence);
                }
                OutboxStage::Failed { .. } => {}
            }
        }
    }

    /// Asks for the names of those who were added.
    pub(super) fn look_for_names(&mut self, id: ConversationId) {
        if self.lacks_names(id) && !self.alarms.is_set(Alarm::Names(id)) {
            self.soon(Alarm::Names(id), NAMES_MS);
        }
    }

    /// Whether somebody is in a group whose sign-in name is not known here.
    pub(super) fn lacks_names(&self, id: ConversationId) -> bool {
        let me = self.me().map(|me| me.user);
        let people = self.list.membership(id).map(|it| it.people.as_slice()).unwrap_or_default();
        people.iter().any(|person| Some(person.user) != me && self.list.name(person.user).is_none())
    }

    pub(super) fn ask_names(&mut self, id: ConversationId) {
        let request = LoadGroupRequest { conversation: id, epoch: None };
        self.ask::<LoadGroup>(Purpose::Names(id), &request);
    }

    pub(super) fn names_loaded(&mut self, id: ConversationId, answer: Result<GroupLoaded, Problem>) {
        match answer {
            Ok(loaded) => {
                self.went_well(Alarm::Names(id));
                self.meet(Kind::Group, &loaded.people);
                self.list.touch(id);
            }
            Err(problem) if may_pass(&problem) => self.later(Alarm::Names(id), &problem),
            Err(_) => {}
        }
    }
}
