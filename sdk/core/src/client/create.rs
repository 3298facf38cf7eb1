//! New conversations: direct ones, created once for each pair however many try at once (G1), and notes to self (G2).

use super::command::Progress;
use super::connect::may_pass;
use super::{Client, Expected, Reading};
use crate::alarms::Alarm;
use crate::calls::{Purpose, Waiting};
use crate::contract::{CommandKey, Failure, Reply};
use crate::conversation::{Row, Stage};
use crate::group::{Charter, GroupError};
use sotto_wire::account::{FindUser, FindUserRequest, Name, UserFound};
use sotto_wire::conversation::{ConversationCreated, CreateConversation, CreateConversationRequest, Kind};
use sotto_wire::key::{ClaimKeys, ClaimKeysRequest, ClaimedKey, KeysClaimed};
use sotto_wire::{ClientId, Code, ConversationId, Millis, Problem, UserId};

/// How long a command waits for the Welcome of a conversation that exists.
const WELCOME_MS: Millis = Millis(10_000);
/// After so many `caught_up` the Welcome of a conversation that exists will not come: the first may have left the server
/// before it, the next one not.
const CAUGHT_UP_BEFORE_JOINING: u8 = 2;

/// What is made.
pub(super) enum Made<'a> {
    /// A direct conversation.
    Direct { peer: UserId },
    /// Notes to self.
    Notes,
    /// A group, with its charter.
    Group(&'a Charter),
}

impl Client {
    pub(super) fn start_direct(&mut self, key: CommandKey, name: &str) -> Result<Progress, Failure> {
        let name = Name::new(name).ok_or(Failure::NameInvalid)?;
        if self.session.account().is_some_and(|account| account.name == name) {
            return Err(Failure::Yourself);
        }
        let existing = self.list.named(&name).and_then(|user| self.list.direct(user));
        if let Some(id) = existing {
            return Ok(self.existing(key, id));
        }
        let waiting = self.waiting.direct.get_or_insert(name.clone(), Vec::new());
        waiting.push(key);
        if waiting.len() == 1 {
            self.ask::<FindUser>(Purpose::FindUser(name.clone()), &FindUserRequest { name });
        }
        Ok(Progress::UnderWay)
    }

    pub(super) fn start_notes(&mut self, key: CommandKey) -> Result<Progress, Failure> {
        if let Some(id) = self.list.notes() {
            return Ok(self.existing(key, id));
        }
        self.make(Made::Notes, &[], &[], vec![key])?;
        Ok(Progress::UnderWay)
    }

    /// Answers with a conversation that is known here, or when it is created.
    fn existing(&mut self, key: CommandKey, id: ConversationId) -> Progress {
        match self.list.row(id).map(|row| (&row.stage, row.kind)) {
            Some((Stage::Creating(_), kind)) => {
                let expected = self.waiting.conversation.get_or_insert(id, Expected { kind, commands: Vec::new() });
                expected.commands.push(key);
                Progress::UnderWay
            }
            Some((Stage::Member | Stage::Outside(_) | Stage::Rejoining(_) | Stage::Over(_), _)) | None => {
                Progress::Done(Reply::Conversation(id))
            }
        }
    }

    pub(super) fn user_found(&mut self, name: &Name, answer: Result<UserFound, Problem>) {
        let found = match answer {
            Ok(found) if found.name == *name => found,
            Ok(_) => return self.refuse_direct(name, Failure::Refused(Code::NotSotto)),
            Err(problem) => return self.refuse_direct(name, Failure::Refused(problem.code)),
        };
        if self.me().is_some_and(|me| me.user == found.user) {
            return self.refuse_direct(name, Failure::Yourself);
        }
        if !self.stands_for(name, found.user) {
            return self.refuse_direct(name, Failure::Untrusted);
        }
        if let Some(id) = self.list.direct(found.user) {
            for key in self.waiting.direct.remove(name).unwrap_or_default() {
                if let Progress::Done(reply) = self.existing(key, id) {
                    self.ledger.answer(key, Ok(reply));
                }
            }
            return;
        }
        let request = ClaimKeysRequest { users: vec![found.user] };
        self.ask::<ClaimKeys>(Purpose::ClaimKeys(Box::new(found)), &request);
    }

    pub(super) fn keys_claimed(&mut self, found: &UserFound, answer: Result<KeysClaimed, Problem>) {
        let claimed = match answer {
            Ok(claimed) => claimed.key_packages,
            Err(problem) => return self.refuse_direct(&found.name, Failure::Refused(problem.code)),
        };
        // Somebody may have been met while the keys were on their way.
        if !self.stands_for(&found.name, found.user) {
            return self.refuse_direct(&found.name, Failure::Untrusted);
        }
        let waiting = self.waiting.direct.remove(&found.name).unwrap_or_default();
        // Its Welcome may have come while the keys were on their way.
        if let Some(id) = self.list.direct(found.user) {
            waiting.into_iter().for_each(|key| self.ledger.answer(key, Ok(Reply::Conversation(id))));
            return;
        }
        let people = std::slice::from_ref(found);
        if let Err(failure) = self.make(Made::Direct { peer: found.user }, people, &claimed, waiting.clone()) {
            waiting.into_iter().for_each(|key| self.refuse(key, failure));
        }
    }

    fn refuse_direct(&mut self, name: &Name, failure: Failure) {
        for key in self.waiting.direct.remove(name).unwrap_or_default() {
            self.refuse(key, failure);
        }
    }

    /// Makes a group of one's own and asks the server to take it, once it is on disk.
    pub(super) fn make(
        &mut self,
        made: Made<'_>,
        people: &[UserFound],
        claimed: &[ClaimedKey],
        waiting: Waiting,
    ) -> Result<ConversationId, Failure> {
        let now = self.server_now();
        let Some(groups) = &mut self.groups else { return Err(Failure::WrongState) };
        let conversation = ConversationId(self.random.id());
        let (kind, created, roles) = match made {
            Made::Direct { peer } => {
                (Kind::Direct { peer }, groups.create(conversation, people, claimed, now), Vec::new())
            }
            Made::Notes => (Kind::Notes, groups.create(conversation, people, claimed, now), Vec::new()),
            Made::Group(charter) => {
                let created = groups.create_group(conversation, charter, (people, claimed), now);
                (Kind::Group, created, charter.person_roles())
            }
        };
        let created = created.map_err(|error| match error {
            GroupError::KeyPackageMissing => Failure::Refused(Code::NoKeyPackage),
            _ => Failure::Untrusted,
        })?;
        let client_id = ClientId(self.random.id());
        let (state, welcome) = (created.state, created.welcome);
        let request = CreateConversationRequest { client_id, conversation, kind, state, welcome, roles };
        for person in people {
            self.list.contact_mut(person.user).name = Some(person.name.clone());
        }
        self.list.add(conversation, Row::new(kind, Stage::Creating(Box::new(request)), now));
        self.waiting.conversation.insert(conversation, Expected { kind, commands: waiting });
        self.ask_create(conversation);
        Ok(conversation)
    }

    /// Asks the server to take a conversation that was made here.
    pub(super) fn ask_create(&mut self, id: ConversationId) {
        let request = match self.list.row(id).map(|row| &row.stage) {
            Some(Stage::Creating(request)) => request.clone(),
            _ => return,
        };
        // After a restart its group is read first, so that it can be dropped when the other side was faster.
        if self.reading.get(&id) != Some(&Reading::Absent) && !self.has_group(id) {
            return;
        }
        self.ask_after::<CreateConversation>(Purpose::Create(id), &request);
    }

    pub(super) fn created(&mut self, id: ConversationId, answer: Result<ConversationCreated, Problem>) {
        let kind = match self.list.row(id).map(|row| (&row.stage, row.kind)) {
            Some((Stage::Creating(_), kind)) => kind,
            _ => return,
        };
        match answer {
            Ok(_) => self.is_created(id),
            Err(problem) if problem.code == Code::ConversationExists => {
                let waiting = self.withdraw(id);
                match problem.conversation {
                    Some(existing) => self.use_existing(existing, Expected { kind, commands: waiting }),
                    None => waiting.into_iter().for_each(|key| self.refuse(key, Failure::Refused(problem.code))),
                }
            }
            Err(problem) if may_pass(&problem) => self.later(Alarm::Create(id), &problem),
            Err(problem) => {
                let waiting = self.withdraw(id);
                waiting.into_iter().for_each(|key| self.refuse(key, Failure::Refused(problem.code)));
            }
        }
    }

    /// The server has taken a conversation that was made here.
    pub(super) fn is_created(&mut self, id: ConversationId) {
        let now = self.server_now();
        if let Some(row) = self.list.row_mut(id) {
            (row.stage, row.active_at) = (Stage::Member, now);
        }
        self.went_well(Alarm::Create(id));
        self.introduce(id);
        self.presence.meet();
        self.has_come(id);
        self.resume_wishes(id);
    }

    /// A conversation has come that somebody may wait for.
    pub(super) fn has_come(&mut self, id: ConversationId) {
        self.alarms.cancel(Alarm::Existing(id));
        self.awaited.remove(&id);
        if let Some(expected) = self.waiting.conversation.remove(&id) {
            self.answer_with(id, expected);
        }
    }

    /// Answers with a conversation that is here, if it is the one that was wanted.
    fn answer_with(&mut self, id: ConversationId, expected: Expected) {
        let is_wanted = self.list.row(id).is_some_and(|row| row.kind == expected.kind);
        for key in expected.commands {
            if is_wanted {
                self.ledger.answer(key, Ok(Reply::Conversation(id)));
            } else {
                self.refuse(key, Failure::Untrusted);
            }
        }
    }

    /// Throws away a group that nobody else knows.
    fn withdraw(&mut self, id: ConversationId) -> Waiting {
        if let Some(groups) = &mut self.groups {
            groups.drop_group(id);
        }
        self.list.remove(id);
        self.went_well(Alarm::Create(id));
        self.waiting.conversation.remove(&id).map(|expected| expected.commands).unwrap_or_default()
    }

    fn use_existing(&mut self, existing: ConversationId, expected: Expected) {
        if self.list.row(existing).is_some() {
            return self.answer_with(existing, expected);
        }
        match self.waiting.conversation.get_mut(&existing) {
            Some(other) if other.kind == expected.kind => other.commands.extend(expected.commands),
            // One conversation cannot be two.
            Some(_) => return expected.commands.into_iter().for_each(|key| self.refuse(key, Failure::Untrusted)),
            None => {
                self.waiting.conversation.insert(existing, expected);
            }
        }
        self.awaited.insert(existing, 0);
        self.alarms.set(self.now.after(WELCOME_MS), Alarm::Existing(existing));
    }

    /// The Welcome of a conversation that exists has not come yet: nobody waits any longer, though it may still come.
    pub(super) fn existing_is_late(&mut self, id: ConversationId) {
        let expected = self.waiting.conversation.remove(&id);
        for key in expected.into_iter().flat_map(|expected| expected.commands) {
            self.refuse(key, Failure::Refused(Code::Unreachable));
        }
    }

    /// Everything has come, except for the Welcomes that never will: those conversations are joined from outside.
    pub(super) fn stop_awaiting(&mut self) {
        self.awaited.values_mut().for_each(|times| *times = times.saturating_add(1));
        let before = self.awaited.len();
        self.awaited.retain(|_, times| *times < CAUGHT_UP_BEFORE_JOINING);
        if self.awaited.len() < before {
            self.ask_conversations(None);
        }
    }
}
