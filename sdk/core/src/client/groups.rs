//! Groups of many: made, and changed by wishes that are kept until the group has taken or refused them.
//!
//! The rule: a wish is on disk before it is answered; its commit, and the card that goes out after it, are each in one
//! batch with what they change. Who loses an epoch makes the commit anew.

use super::Client;
use super::command::Progress;
use super::create::Made;
use crate::alarms::Alarm;
use crate::content::Content;
use crate::contract::{CommandKey, Failure};
use crate::conversation::Stage;
use crate::group::{Card, Charter, Followed, GroupChange, GroupError, is_name, is_picture, is_staff, may_remove};
use crate::membership::{Deed, Leaving, Membership, Picture, WISHES_MAX, Wish};
use crate::sorted::SortedSet;
use crate::timeline::{Logged, LoggedBody};
use crate::view::Note;
use bytes::Bytes;
use sotto_wire::account::{Name, UserFound};
use sotto_wire::conversation::Kind;
use sotto_wire::event::ConversationWelcome;
use sotto_wire::group::{PersonRole, Role};
use sotto_wire::key::ClaimedKey;
use sotto_wire::{Base64, ClientId, Code, ConversationId, DeviceRef, Millis, Problem, UserId, limit};

/// Within this time a change that lost an epoch is made anew: the others who lost do so too.
const AGAIN_MS: Millis = Millis(4_000);
/// In groups of more people nobody says again who they are when somebody comes: it would be a message of each.
const INTRODUCED_MAX: usize = 32;

impl Client {
    /// Makes a group of one, and wishes the others into it.
    pub(super) fn create_group(
        &mut self,
        key: CommandKey,
        (name, people): (String, Vec<String>),
    ) -> Result<Progress, Failure> {
        let me = self.me().ok_or(Failure::WrongState)?;
        let names = self.names(people)?;
        if !is_name(&name) {
            return Err(Failure::GroupNameInvalid);
        }
        let card = Card { salt: self.salt(), name, ..Card::default() };
        let charter = Charter::new(me.user, card.hash());
        let id = self.make(Made::Group(&charter), &[], &[], vec![key])?;
        let mut membership = Membership::new(me.user, card);
        if !names.is_empty() {
            membership.wishes.push(Wish { deed: Deed::Add(names), commit: None, card: None });
        }
        self.list.add_membership(id, membership);
        self.log_note(id, me, self.server_now(), Note::Created);
        Ok(Progress::UnderWay)
    }

    fn salt(&self) -> Base64 {
        Base64([self.random.id(), self.random.id()].concat())
    }

    fn names(&self, people: Vec<String>) -> Result<Vec<Name>, Failure> {
        if people.len() > limit::CLAIM_USERS_MAX {
            return Err(Failure::TooManyPeople);
        }
        let mut names = Vec::new();
        for name in people {
            let name = Name::new(&name).ok_or(Failure::NameInvalid)?;
            let is_mine = self.session.account().is_some_and(|account| account.name == name);
            if !is_mine && !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Wishes people into a group.
    pub(super) fn add_people(&mut self, id: ConversationId, people: Vec<String>) -> Result<(), Failure> {
        let names = self.names(people)?;
        self.may(id, is_staff)?;
        if names.is_empty() { Ok(()) } else { self.wish(id, Deed::Add(names)) }
    }

    /// Wishes somebody out of a group.
    pub(super) fn remove_person(&mut self, id: ConversationId, user: UserId) -> Result<(), Failure> {
        let theirs = self.list.membership(id).ok_or(Failure::NotFound)?.role(user).ok_or(Failure::NotFound)?;
        self.may(id, |role| may_remove(role, theirs))?;
        self.wish(id, Deed::Remove(user))
    }

    /// Wishes a role for somebody.
    pub(super) fn set_role(&mut self, id: ConversationId, user: UserId, role: Role) -> Result<(), Failure> {
        let membership = self.list.membership(id).ok_or(Failure::NotFound)?;
        let theirs = membership.role(user).ok_or(Failure::NotFound)?;
        let is_last = theirs == Role::Owner && role != Role::Owner && membership.owners() == 1;
        self.may(id, |role| role == Role::Owner)?;
        if is_last {
            return Err(Failure::LastOwner);
        }
        self.wish(id, Deed::SetRole(user, role))
    }

    /// Wishes another name, description or picture.
    pub(super) fn set_group(
        &mut self,
        id: ConversationId,
        (name, description): (Option<String>, Option<String>),
        picture: Option<Option<Bytes>>,
    ) -> Result<(), Failure> {
        self.may(id, is_staff)?;
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(Failure::GroupNameInvalid);
        }
        if description.as_ref().is_some_and(|text| text.len() > limit::GROUP_DESCRIPTION_MAX_BYTES) {
            return Err(Failure::DescriptionTooLong);
        }
        if picture.iter().flatten().any(|picture| !is_picture(picture)) {
            return Err(Failure::PictureInvalid);
        }
        let picture = picture.map(|it| it.map_or(Picture::Gone, |it| Picture::Set(Base64(it.to_vec()))));
        self.wish(id, Deed::Describe { name, description, picture })
    }

    /// Whether the user may do something in a group.
    fn may(&self, id: ConversationId, allowed: impl FnOnce(Role) -> bool) -> Result<(), Failure> {
        let me = self.me().ok_or(Failure::WrongState)?;
        let row = self.list.row(id).ok_or(Failure::NotFound)?;
        let membership = self.list.membership(id).ok_or(Failure::NotFound)?;
        let role = membership.role(me.user).filter(|_| !matches!(row.stage, Stage::Over(_)));
        if role.is_some_and(allowed) { Ok(()) } else { Err(Failure::NotAllowed) }
    }

    fn wish(&mut self, id: ConversationId, deed: Deed) -> Result<(), Failure> {
        let membership = self.list.membership_mut(id).ok_or(Failure::NotFound)?;
        // Asked for again, because a lead has ended before it answered.
        if membership.wishes.iter().any(|wish| wish.deed == deed) {
            return Ok(());
        }
        if membership.wishes.len() >= WISHES_MAX {
            return Err(Failure::OutboxFull);
        }
        membership.wishes.push(Wish { deed, commit: None, card: None });
        self.soon(Alarm::Wish(id), Millis(0));
        Ok(())
    }

    /// Goes on with the first wish of a group.
    pub(super) fn grant(&mut self, id: ConversationId) {
        let is_member = self.list.row(id).is_some_and(|row| matches!(row.stage, Stage::Member));
        let Some(membership) = self.list.membership(id) else { return };
        let Some(wish) = membership.wishes.first().cloned() else { return };
        if !is_member || !self.stream.is_open() || !self.has_group(id) {
            return;
        }
        if let Some(pending) = self.groups.as_ref().and_then(|groups| groups.pending(id)) {
            return self.commit_again(id, pending.client_id);
        }
        match &wish.deed {
            Deed::Add(names) => self.gather(id, names.clone()),
            Deed::Remove(_) | Deed::SetRole(..) | Deed::Describe { .. } | Deed::Tidy | Deed::Restore => {
                self.carry_out(id, &[], &[]);
            }
        }
    }

    /// Makes the commit of the first wish; `found` and `claimed` are who is added by it.
    pub(super) fn carry_out(&mut self, id: ConversationId, found: &[UserFound], claimed: &[ClaimedKey]) {
        let (now, client_id) = (self.server_now(), ClientId(self.random.id()));
        let salt = self.salt();
        let Some(membership) = self.list.membership(id) else { return };
        let (Some(wish), Some(groups)) = (membership.wishes.first(), &mut self.groups) else { return };
        let Some(mut charter) = groups.charter(id).cloned() else { return };
        let here: Vec<UserId> = groups.people(id).into_iter().map(|(user, _)| user).collect();
        let known = membership.card.clone().filter(|card| card.hash() == charter.card);
        let (mut remove, mut card) = (Vec::new(), None);
        match &wish.deed {
            Deed::Add(_) => card = known,
            Deed::Remove(user) => remove.push(*user),
            Deed::SetRole(user, role) => charter.set_role(*user, *role),
            Deed::Describe { name, description, picture } => {
                let Some(before) = known else { return self.later_wish(id) };
                let picture = match picture {
                    None => before.picture,
                    Some(Picture::Set(picture)) => Some(picture.clone()),
                    Some(Picture::Gone) => None,
                };
                let name = name.clone().unwrap_or(before.name);
                let description = description.clone().unwrap_or(before.description);
                let new = Card { salt, name, description, picture, invites: before.invites };
                charter.card = new.hash();
                card = Some(new);
            }
            Deed::Tidy => remove.extend(groups.leaving(id)),
            Deed::Restore if known.is_some() => {}
            Deed::Restore => {
                card = membership.card.clone().map(|old| Card { salt, ..old });
                charter.card = card.as_ref().map_or(charter.card, Card::hash);
            }
        }
        remove.retain(|user| here.contains(user));
        remove.iter().for_each(|user| charter.set_role(*user, Role::Member));
        let is_nothing = found.is_empty() && remove.is_empty() && groups.charter(id) == Some(&charter);
        let change = GroupChange { charter, add: (found, claimed), remove: &remove };
        if is_nothing {
            return self.end_wish(id);
        }
        match groups.change(id, &change, (client_id, String::new()), now) {
            Ok(_) => {
                if let Some(wish) = self.list.membership_mut(id).and_then(|it| it.wishes.first_mut()) {
                    (wish.commit, wish.card) = (Some(client_id), card);
                }
                self.commit_again(id, client_id);
            }
            Err(GroupError::CommitPending | GroupError::NotLoaded) => self.later_wish(id),
            // Nobody would follow it: what it was based on has changed since.
            Err(_) => self.end_wish(id),
        }
    }

    pub(super) fn later_wish(&mut self, id: ConversationId) {
        self.soon(Alarm::Wish(id), AGAIN_MS);
    }

    /// The first wish is granted, or never will be.
    pub(super) fn end_wish(&mut self, id: ConversationId) {
        let Some(membership) = self.list.membership_mut(id) else { return };
        if !membership.wishes.is_empty() {
            membership.wishes.remove(0);
        }
        self.went_well(Alarm::Wish(id));
        self.resume_wishes(id);
    }

    /// Goes on with what waits, if anything does.
    pub(super) fn resume_wishes(&mut self, id: ConversationId) {
        if self.list.membership(id).is_some_and(|membership| !membership.wishes.is_empty()) {
            self.soon(Alarm::Wish(id), Millis(0));
        }
    }

    /// A group has moved to another epoch: what that did is written down, and what depends on it goes on.
    pub(super) fn moved(
        &mut self,
        id: ConversationId,
        followed: &Followed,
        (commit, at): (ClientId, Millis),
        left: &[UserId],
    ) {
        if self.list.row(id).is_none_or(|row| row.kind != Kind::Group) {
            return;
        }
        let Some(me) = self.me() else { return };
        self.count_people(id);
        self.note_changes(id, followed, (left, at));
        let is_carded = self.has_card(id);
        let Some(membership) = self.list.membership_mut(id) else { return };
        if !is_carded {
            membership.renamed = Some((followed.by, at));
        }
        let granted = membership.wishes.first().is_some_and(|wish| followed.by == me && wish.commit == Some(commit));
        if granted {
            let card = membership.wishes.first().and_then(|wish| wish.card.clone());
            if let Some(card) = card {
                self.take_card(id, &card);
                self.put_waiting(id, Content::Card(card), ClientId(self.random.id()));
            }
            self.end_wish(id);
        } else if let Some(wish) = membership.wishes.first_mut() {
            // Another commit won: it is made anew.
            wish.commit = None;
            self.later_wish(id);
        }
        self.look_for_card(id);
        self.look_for_names(id);
        // Who came knows of nobody what they call themselves.
        let is_small = self.list.membership(id).is_some_and(|it| it.people.len() <= INTRODUCED_MAX);
        if is_small && followed.by != me && !followed.added.is_empty() || granted && !followed.added.is_empty() {
            self.introduce(id);
        }
    }

    /// Takes over who is in a group.
    pub(super) fn count_people(&mut self, id: ConversationId) {
        let Some(groups) = &self.groups else { return };
        let people = groups.people(id).into_iter().map(|(user, role)| PersonRole { user, role }).collect();
        if let Some(membership) = self.list.membership_mut(id) {
            membership.people = people;
        }
    }

    fn note_changes(&mut self, id: ConversationId, followed: &Followed, (left, at): (&[UserId], Millis)) {
        let by = followed.by;
        let users = |devices: &[DeviceRef]| devices.iter().map(|device| device.user).collect::<SortedSet<UserId>>();
        let (came, went) = (users(&followed.added), users(&followed.removed));
        let added: Vec<UserId> = came.iter().filter(|user| !went.contains(user)).copied().collect();
        let gone: Vec<UserId> = went.iter().filter(|user| !came.contains(user)).copied().collect();
        let (left, removed): (Vec<UserId>, Vec<UserId>) = gone.iter().partition(|user| left.contains(user));
        left.into_iter().for_each(|user| self.log_note(id, by, at, Note::Left(user)));
        if !removed.is_empty() {
            self.log_note(id, by, at, Note::Removed(removed));
        }
        if followed.invite.is_some() && !added.is_empty() {
            self.log_note(id, by, at, Note::Joined);
        } else if !added.is_empty() {
            self.log_note(id, by, at, Note::Added(added));
        }
        if let Some(changed) = &followed.amended {
            let (was, is) = changed.as_ref();
            let named: Vec<UserId> = was.staff().chain(is.staff()).map(|(user, _)| user).collect();
            let mut told = Vec::new();
            for user in named {
                if was.role(user) == is.role(user) || told.contains(&user) || gone.contains(&user) {
                    continue;
                }
                told.push(user);
                let note = match is.role(user) {
                    Role::Owner => Note::MadeOwner(user),
                    Role::Admin => Note::MadeAdmin(user),
                    Role::Member | Role::Unknown => Note::MadeMember(user),
                };
                self.log_note(id, by, at, note);
            }
        }
    }

    /// Whether this commit was to grant a wish.
    pub(super) fn is_wished(&self, id: ConversationId, commit: ClientId) -> bool {
        let wish = self.list.membership(id).and_then(|membership| membership.wishes.first());
        wish.is_some_and(|wish| wish.commit == Some(commit))
    }

    /// The server has refused the commit that was to grant a wish.
    pub(super) fn wish_refused(&mut self, id: ConversationId, problem: &Problem) {
        let is_upkeep = self.list.membership(id).is_some_and(|it| it.wishes.first().is_some_and(Wish::is_upkeep));
        if let Some(wish) = self.list.membership_mut(id).and_then(|it| it.wishes.first_mut()) {
            wish.commit = None;
        }
        match problem.code {
            Code::StaleEpoch | Code::StaleDevices => self.later_wish(id),
            // The server does not know yet that they leave.
            Code::Forbidden if is_upkeep => self.later(Alarm::Wish(id), &Problem::new(Code::Unavailable)),
            _ => self.end_wish(id),
        }
    }

    /// This device was added to a group.
    pub(super) fn enter_group(&mut self, id: ConversationId, event: &ConversationWelcome) {
        if event.kind != Kind::Group {
            return;
        }
        let Some(me) = self.me() else { return };
        let card = self.list.membership(id).and_then(|membership| membership.card.clone());
        self.list.add_membership(id, Membership { card, ..Membership::default() });
        self.count_people(id);
        self.log_note(id, event.sender, event.sent_at, Note::Added(vec![me.user]));
        self.look_for_card(id);
        self.look_for_names(id);
    }

    /// Writes down what happened in a group.
    pub(super) fn log_note(&mut self, id: ConversationId, sender: DeviceRef, at: Millis, note: Note) {
        let client_id = ClientId(self.random.id());
        self.log(id, &Logged::new(sender, client_id, at, LoggedBody::Note(note)));
    }

    /// Whether the user may leave: the last owner hands over first.
    pub(super) fn leave_group(&mut self, id: ConversationId) -> Result<(), Failure> {
        let me = self.me().ok_or(Failure::WrongState)?;
        let row = self.list.row(id).filter(|row| row.kind == Kind::Group).ok_or(Failure::NotFound)?;
        if matches!(row.stage, Stage::Over(_)) {
            return Ok(());
        }
        let membership = self.list.membership_mut(id).ok_or(Failure::NotFound)?;
        let is_last = membership.role(me.user) == Some(Role::Owner) && membership.owners() == 1;
        if is_last && membership.people.len() > 1 {
            return Err(Failure::LastOwner);
        }
        if membership.leaving == Leaving::No {
            membership.leaving = Leaving::Wished;
            membership.wishes.clear();
            self.put_waiting(id, Content::Leave(crate::content::Leave {}), ClientId(self.random.id()));
            self.soon(Alarm::Leave(id), Millis(0));
        }
        Ok(())
    }
}
