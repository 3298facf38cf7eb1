//! The model server's part about groups: who is in them, who may change that, and who has left.

use super::{Answer, Conversation, PairKind, Server, refuse};
use sotto_core::wire::conversation::{CommitRequest, Kind, Welcome};
use sotto_core::wire::event::{ConversationWelcome, Durable};
use sotto_core::wire::group::{ConversationLeft, LeaveConversationRequest, PersonRole, Role};
use sotto_core::wire::{Code, ConversationId, DeviceRef, Millis, Problem, UserId};
use std::collections::BTreeSet;

impl Conversation {
    pub(super) fn role(&self, user: UserId) -> Role {
        self.roles.get(&user).copied().unwrap_or_default()
    }

    /// Who gets the row `n`: who is in it, and who was then.
    pub(super) fn gets(&self, device: DeviceRef, n: u64) -> bool {
        let was = self.gone.iter().any(|(gone, from, until)| *gone == device && n > *from && n <= *until);
        was || self.members.get(&device).is_some_and(|joined| n > *joined)
    }
}

impl Server {
    /// Whether somebody may bring the people and roles of a group to what the commit says.
    pub(super) fn may_commit(&self, device: DeviceRef, request: &CommitRequest) -> Answer<()> {
        let it = self.conversations.get(&request.conversation).ok_or(Problem::new(Code::NotFound))?;
        if !matches!(it.kind, PairKind::Group(_)) {
            return Ok(());
        }
        let role = it.role(device.user);
        let before: BTreeSet<UserId> = it.people.iter().copied().collect();
        let after: BTreeSet<UserId> = request.state.members.iter().map(|member| member.user).collect();
        for removed in before.difference(&after).filter(|user| !it.left.contains(user)) {
            match (role, it.role(*removed)) {
                (Role::Owner, Role::Admin | Role::Member) | (Role::Admin, Role::Member) => {}
                _ => return refuse(Code::Forbidden),
            }
        }
        let welcomed = |user: &UserId| {
            let to = request.welcome.iter().flat_map(|welcome| &welcome.to);
            to.clone().any(|device| device.user == *user)
        };
        for added in after.difference(&before) {
            if !matches!(role, Role::Owner | Role::Admin) {
                return refuse(Code::Forbidden);
            }
            assert!(welcomed(added), "who is added is welcomed");
        }
        if request.state.members.iter().any(|member| self.accounts.current_ref(member.user) != Some(*member)) {
            let was = |member: &DeviceRef| it.members.contains_key(member);
            if request
                .state
                .members
                .iter()
                .any(|member| !was(member) && self.accounts.current_ref(member.user) != Some(*member))
            {
                return refuse(Code::StaleDevices);
            }
        }
        if let Some(roles) = &request.roles {
            let now = |user: UserId| roles.iter().find(|it| it.user == user).map_or(Role::Member, |it| it.role);
            let changed = before.union(&after).any(|user| after.contains(user) && now(*user) != it.role(*user));
            if changed && role != Role::Owner {
                return refuse(Code::Forbidden);
            }
            assert!(roles.iter().any(|it| it.role == Role::Owner) && roles.iter().all(|it| after.contains(&it.user)));
        }
        Ok(())
    }

    /// Brings people and roles of a group to what a commit, which the row `n` is, says.
    pub(super) fn regroup(
        &mut self,
        id: ConversationId,
        (members, roles): (&[DeviceRef], Option<&[PersonRole]>),
        n: u64,
    ) {
        let it = self.conversations.get_mut(&id).expect("it was looked up");
        let before = std::mem::take(&mut it.members);
        for member in members.iter().filter(|member| !it.left.contains(&member.user)) {
            it.members.insert(*member, before.get(member).copied().unwrap_or(n - 1));
        }
        if matches!(it.kind, PairKind::Group(_)) {
            let gone = before.iter().filter(|(device, _)| !it.members.contains_key(device));
            it.gone.extend(gone.map(|(device, from)| (*device, *from, n)));
            let people: BTreeSet<UserId> = members.iter().map(|member| member.user).collect();
            it.left.retain(|user| people.contains(user));
            it.people = people.into_iter().collect();
        }
        if let Some(roles) = roles {
            it.roles = roles.iter().map(|it| (it.user, it.role)).collect();
        }
    }

    /// Tells those whom a Welcome is for.
    pub(super) fn invite(
        &mut self,
        id: ConversationId,
        (device, epoch): (DeviceRef, u64),
        welcome: &Welcome,
        now: Millis,
    ) {
        let n = self.log.len() as u64;
        for invited in &welcome.to {
            if let Some(it) = self.conversations.get_mut(&id) {
                it.members.insert(*invited, n);
            }
            let welcome = welcome.welcome.clone();
            self.append(Some(*invited), |cursor| {
                let (conversation, kind, people, accepted) = (id, Kind::Group, Vec::new(), true);
                let (sender, sent_at) = (device, now);
                Durable::ConversationWelcome(ConversationWelcome {
                    cursor,
                    conversation,
                    kind,
                    people,
                    accepted,
                    sender,
                    epoch,
                    welcome,
                    sent_at,
                })
            });
        }
    }

    pub(super) fn leave(&mut self, device: DeviceRef, request: LeaveConversationRequest) -> Answer<ConversationLeft> {
        let head = self.log.len() as u64;
        let it = self.conversations.get_mut(&request.conversation).ok_or(Problem::new(Code::NotFound))?;
        if it.left.contains(&device.user) {
            return Ok(ConversationLeft {});
        }
        if !it.people.contains(&device.user) {
            return refuse(Code::NotAMember);
        }
        let owners = it.roles.values().filter(|role| **role == Role::Owner).count();
        if it.role(device.user) == Role::Owner && owners == 1 && it.people.len() > 1 {
            return refuse(Code::Forbidden);
        }
        it.left.insert(device.user);
        let gone: Vec<_> =
            it.members.iter().filter(|(member, _)| member.user == device.user).map(|(d, f)| (*d, *f)).collect();
        for (member, from) in gone {
            it.members.remove(&member);
            it.gone.push((member, from, head));
        }
        Ok(ConversationLeft {})
    }
}
