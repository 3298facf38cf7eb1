//! Groups (G3–G5, G7, G8) over HTTP: who may do what, and what they get to see.

mod invites;
mod requests;

use crate::client::{Person, Server, bearer, code_of};
use crate::room::{direct, group, invite, message, role, say, step};
use crate::stream::Socket;
use reqwest::header::HeaderMap;
use sotto_wire::conversation::{Commit, CommitRequest, LoadGroup, LoadGroupRequest};
use sotto_wire::event::{Durable, Event};
use sotto_wire::group::{LeaveConversation, LeaveConversationRequest, PersonRole, Role};
use sotto_wire::invite::{InviteChange, PublishedInvite};
use sotto_wire::message::{LoadMessages, LoadMessagesRequest, SendMessage, SendMessageRequest};
use sotto_wire::people::{Block, BlockRequest};
use sotto_wire::session::{EndSession, EndSessionRequest};
use sotto_wire::typing::{TypingRequest, TypingStart};
use sotto_wire::{Code, ConversationId, Endpoint, Millis, Problem};

/// What is tried in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    AddMember,
    RemoveMember,
    RemoveAdmin,
    RemoveOwner,
    RemoveWhoLeft,
    ChangeRoles,
    NameRolesAsTheyAre,
    Publish,
    Revoke,
    Leave,
    Send,
    LoadGroup,
    LoadMessages,
    Type,
}

/// Who tries.
const CALLERS: [&str; 7] = ["owner", "admin", "member", "left", "removed", "stranger", "blocked"];

const FORBIDDEN: Option<Code> = Some(Code::Forbidden);
const OUTSIDE: Option<Code> = Some(Code::NotAMember);

/// What each of [`CALLERS`] is answered.
const TABLE: [(Action, [Option<Code>; 7]); 14] = [
    (Action::AddMember, [None, None, FORBIDDEN, OUTSIDE, OUTSIDE, OUTSIDE, FORBIDDEN]),
    (Action::RemoveMember, [None, None, FORBIDDEN, OUTSIDE, OUTSIDE, OUTSIDE, FORBIDDEN]),
    (Action::RemoveAdmin, [None, FORBIDDEN, FORBIDDEN, OUTSIDE, OUTSIDE, OUTSIDE, FORBIDDEN]),
    (Action::RemoveOwner, [FORBIDDEN, FORBIDDEN, FORBIDDEN, OUTSIDE, OUTSIDE, OUTSIDE, FORBIDDEN]),
    (Action::RemoveWhoLeft, [None, None, None, OUTSIDE, OUTSIDE, OUTSIDE, None]),
    (Action::ChangeRoles, [None, FORBIDDEN, FORBIDDEN, OUTSIDE, OUTSIDE, OUTSIDE, FORBIDDEN]),
    (Action::NameRolesAsTheyAre, [None, None, None, OUTSIDE, OUTSIDE, OUTSIDE, None]),
    (Action::Publish, [None, None, FORBIDDEN, OUTSIDE, OUTSIDE, OUTSIDE, FORBIDDEN]),
    (Action::Revoke, [None, None, FORBIDDEN, OUTSIDE, OUTSIDE, OUTSIDE, FORBIDDEN]),
    (Action::Leave, [None, None, None, None, None, OUTSIDE, None]),
    (Action::Send, [None, None, None, OUTSIDE, OUTSIDE, OUTSIDE, None]),
    (Action::LoadGroup, [None, None, None, OUTSIDE, OUTSIDE, OUTSIDE, None]),
    (Action::LoadMessages, [None, None, None, OUTSIDE, OUTSIDE, OUTSIDE, None]),
    (Action::Type, [None, None, None, OUTSIDE, OUTSIDE, OUTSIDE, None]),
];

/// The people of the table.
struct Cast {
    callers: Vec<Person>,
    /// Of the group, each with nothing to say.
    member: Person,
    admin: Person,
    owner: Person,
    /// Of no group.
    newcomer: Person,
}

impl Cast {
    async fn sign_up(server: &Server) -> Self {
        let mut callers = Vec::new();
        for name in CALLERS {
            callers.push(Person::sign_up(server, name).await);
        }
        let blocks = BlockRequest { user: callers[6].user, blocked: true };
        callers[0].call::<Block>(server, &blocks).await.expect("blocked");
        Self {
            callers,
            member: Person::sign_up(server, "other-member").await,
            admin: Person::sign_up(server, "other-admin").await,
            owner: Person::sign_up(server, "other-owner").await,
            newcomer: Person::sign_up(server, "newcomer").await,
        }
    }

    fn roles(&self) -> Vec<PersonRole> {
        let admins = [&self.callers[1], &self.admin].map(|person| role(person, Role::Admin));
        [&self.callers[0], &self.owner].map(|person| role(person, Role::Owner)).into_iter().chain(admins).collect()
    }

    /// Those who have a leaf after the commit that removes one.
    fn leaves(&self) -> Vec<&Person> {
        let of = &self.callers;
        vec![&of[0], &of[1], &of[2], &of[3], &of[6], &self.member, &self.admin, &self.owner]
    }

    fn leaves_but(&self, gone: &Person) -> Vec<&Person> {
        self.leaves().into_iter().filter(|person| person.user != gone.user).collect()
    }

    /// A group that one has left and from which one was removed, in epoch 3, and its invite.
    async fn group(&self, server: &Server) -> (ConversationId, PublishedInvite) {
        let of = &self.callers;
        let all: Vec<&Person> = self.leaves().into_iter().chain([&of[4]]).collect();
        let room = group(server, &all, self.roles()).await;
        of[3].call::<LeaveConversation>(server, &LeaveConversationRequest { conversation: room }).await.expect("left");
        let published = invite([7; 32], (Millis(u64::MAX >> 1), 5));
        let change = InviteChange { publish: vec![published.clone()], revoke: vec![] };
        let commits = [
            step((room, 2), &self.leaves(), &[]),
            CommitRequest { invites: Some(change), ..step((room, 3), &self.leaves(), &[]) },
        ];
        for commit in commits {
            of[0].call::<Commit>(server, &commit).await.expect("committed");
        }
        (room, published)
    }

    /// The commit that is tried, when the action is one.
    fn commit(&self, action: Action, (room, published): (ConversationId, &PublishedInvite)) -> Option<CommitRequest> {
        let at = (room, 4);
        let plain = || step(at, &self.leaves(), &[]);
        let without = |gone: &Person| step(at, &self.leaves_but(gone), &[]);
        match action {
            Action::AddMember => {
                let people: Vec<&Person> = self.leaves().into_iter().chain([&self.newcomer]).collect();
                Some(step(at, &people, &[&self.newcomer]))
            }
            Action::RemoveMember => Some(without(&self.member)),
            Action::RemoveAdmin => Some(without(&self.admin)),
            Action::RemoveOwner => Some(without(&self.owner)),
            Action::RemoveWhoLeft => Some(without(&self.callers[3])),
            Action::ChangeRoles => {
                let roles = self.roles().into_iter().chain([role(&self.member, Role::Admin)]).collect();
                Some(CommitRequest { roles: Some(roles), ..plain() })
            }
            Action::NameRolesAsTheyAre => Some(CommitRequest { roles: Some(self.roles()), ..plain() }),
            Action::Publish => {
                let publish = vec![invite([8; 32], (Millis(u64::MAX >> 1), 5))];
                Some(CommitRequest { invites: Some(InviteChange { publish, revoke: vec![] }), ..plain() })
            }
            Action::Revoke => {
                let change = InviteChange { publish: vec![], revoke: vec![published.id] };
                Some(CommitRequest { invites: Some(change), ..plain() })
            }
            Action::Leave | Action::Send | Action::LoadGroup | Action::LoadMessages | Action::Type => None,
        }
    }

    /// Tries an action with this token.
    async fn act(
        &self,
        server: &Server,
        token: &HeaderMap,
        (action, room, published): (Action, ConversationId, &PublishedInvite),
    ) -> Option<Code> {
        if let Some(commit) = self.commit(action, (room, published)) {
            return ask::<Commit>(server, token, &commit).await;
        }
        match action {
            Action::Leave => {
                ask::<LeaveConversation>(server, token, &LeaveConversationRequest { conversation: room }).await
            }
            Action::Send => {
                let message = SendMessageRequest { epoch: 3, ..message(room, "hello") };
                ask::<SendMessage>(server, token, &message).await
            }
            Action::LoadGroup => {
                ask::<LoadGroup>(server, token, &LoadGroupRequest { conversation: room, epoch: None }).await
            }
            Action::LoadMessages => {
                let page = LoadMessagesRequest { conversation: room, before: None, limit: 5 };
                ask::<LoadMessages>(server, token, &page).await
            }
            Action::Type => ask::<TypingStart>(server, token, &TypingRequest { conversation: room }).await,
            Action::AddMember
            | Action::RemoveMember
            | Action::RemoveAdmin
            | Action::RemoveOwner
            | Action::RemoveWhoLeft
            | Action::ChangeRoles
            | Action::NameRolesAsTheyAre
            | Action::Publish
            | Action::Revoke => panic!("{action:?} is a commit"),
        }
    }
}

async fn ask<E: Endpoint>(server: &Server, token: &HeaderMap, request: &E::Request) -> Option<Code> {
    code_of::<E::Response>(server.call_with::<E>(token.clone(), request).await)
}

#[tokio::test]
async fn every_role_may_do_what_the_table_says_and_nobody_more() {
    let server = Server::start().await;
    let cast = Cast::sign_up(&server).await;
    for (action, expected) in TABLE {
        for (place, caller) in CALLERS.iter().enumerate() {
            let (room, published) = cast.group(&server).await;
            let token = bearer(&cast.callers[place].access_token);
            let answer = cast.act(&server, &token, (action, room, &published)).await;
            assert_eq!(answer, expected[place], "{caller}: {action:?}");
            if answer.is_some() {
                let loaded = LoadGroupRequest { conversation: room, epoch: None };
                let loaded = cast.callers[0].call::<LoadGroup>(&server, &loaded).await.expect("loaded");
                assert_eq!((loaded.state.epoch, loaded.people.len()), (3, 7), "{caller}: {action:?} changed nothing");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_token_or_with_one_of_an_ended_session_nobody_may_do_anything() {
    let server = Server::start().await;
    let cast = Cast::sign_up(&server).await;
    let (room, published) = cast.group(&server).await;
    let owner = &cast.callers[0];
    let (reply, _) =
        server.answer::<EndSession>(crate::client::cookie_header(&owner.cookie), &EndSessionRequest {}).await;
    assert_eq!(reply.status, 200);
    for (action, _) in TABLE {
        for token in [HeaderMap::new(), bearer(&owner.access_token), bearer("made-up")] {
            let answer = cast.act(&server, &token, (action, room, &published)).await;
            assert_eq!(answer, Some(Code::Unauthorized), "{action:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn last_owner_hands_over_before_leaving_and_who_has_left_stays_out() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let room = group(&server, &[&ada, &ben], vec![]).await;
    let leave = LeaveConversationRequest { conversation: room };
    assert_eq!(code_of(ada.call::<LeaveConversation>(&server, &leave).await), Some(Code::Forbidden));
    let roles = vec![role(&ada, Role::Owner), role(&ben, Role::Owner)];
    let over = CommitRequest { roles: Some(roles), ..step((room, 2), &[&ada, &ben], &[]) };
    let first = ada.call::<Commit>(&server, &over).await.expect("committed");
    assert_eq!(ada.call::<Commit>(&server, &over).await.expect("again"), first, "P4");
    for _ in 0..2 {
        ada.call::<LeaveConversation>(&server, &leave).await.expect("left, also said again");
    }
    let external = crate::room::joining((room, 3), &[&ada, &ben], [0; 32]);
    let back = CommitRequest { invite: None, ..external };
    assert_eq!(code_of(ada.call::<Commit>(&server, &back).await), Some(Code::NotAMember));
    let pair = direct(&server, &ada, &ben).await;
    let leave = LeaveConversationRequest { conversation: pair };
    assert_eq!(code_of(ada.call::<LeaveConversation>(&server, &leave).await), Some(Code::Forbidden));
    server.stop().await;
}

/// The next durable event of a stream.
async fn durable(socket: &mut Socket) -> Durable {
    loop {
        if let Event::Durable(event) = socket.event().await {
            return event;
        }
    }
}

#[tokio::test]
async fn removed_device_gets_the_commit_that_removes_it_and_nothing_after() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let cam = Person::sign_up(&server, "cam").await;
    let room = group(&server, &[&ada, &ben, &cam], vec![]).await;
    let (mut removed, mut gone) =
        (Socket::open((&server, &ben), None, &[]).await, Socket::open((&server, &cam), None, &[]).await);
    for socket in [&mut removed, &mut gone] {
        assert!(matches!(durable(socket).await, Durable::ConversationWelcome(_)));
    }
    cam.call::<LeaveConversation>(&server, &LeaveConversationRequest { conversation: room }).await.expect("left");
    let commit = step((room, 2), &[&ada], &[]);
    ada.call::<Commit>(&server, &commit).await.expect("committed");
    let after = SendMessageRequest { epoch: 2, ..message(room, "alone at last") };
    ada.call::<SendMessage>(&server, &after).await.expect("sent");
    // What comes next for them shows that nothing came between.
    direct(&server, &ada, &ben).await;
    direct(&server, &ada, &cam).await;
    let last = durable(&mut removed).await;
    assert!(matches!(&last, Durable::ConversationCommitted(event) if event.epoch == 2), "{last:?}");
    for socket in [&mut removed, &mut gone] {
        let next = durable(socket).await;
        assert!(matches!(&next, Durable::ConversationWelcome(event) if event.conversation != room), "{next:?}");
    }
    // Neither does who comes back later with an old cursor.
    let mut again = Socket::open((&server, &ben), None, &[]).await;
    let kinds: Vec<bool> = [durable(&mut again).await, durable(&mut again).await, durable(&mut again).await]
        .iter()
        .map(|event| matches!(event, Durable::MessageReceived(_)))
        .collect();
    assert_eq!(kinds, [false, false, false]);
    server.stop().await;
}

#[tokio::test]
async fn added_people_read_from_their_joining_on_and_are_listed_with_their_roles() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let room = group(&server, &[&ada], vec![]).await;
    ada.call::<SendMessage>(&server, &message(room, "before")).await.expect("sent");
    ada.call::<Commit>(&server, &step((room, 2), &[&ada, &ben], &[&ben])).await.expect("committed");
    let after: Result<_, Problem> =
        ada.call::<SendMessage>(&server, &SendMessageRequest { epoch: 2, ..message(room, "after") }).await;
    after.expect("sent");
    let page = LoadMessagesRequest { conversation: room, before: None, limit: 9 };
    let texts: Vec<_> = ben.call::<LoadMessages>(&server, &page).await.expect("loaded").events;
    let texts: Vec<&[u8]> = texts
        .iter()
        .filter_map(|event| match event {
            Durable::MessageReceived(event) => Some(event.ciphertext.as_slice()),
            Durable::ConversationCommitted(_) | Durable::ConversationWelcome(_) => None,
        })
        .collect();
    assert_eq!(texts, [b"after"]);
    let loaded = LoadGroupRequest { conversation: room, epoch: None };
    let loaded = ben.call::<LoadGroup>(&server, &loaded).await.expect("loaded");
    let roles: Vec<(bool, Role)> = loaded.people.iter().map(|person| (person.user == ada.user, person.role)).collect();
    assert_eq!((roles.len(), loaded.accepted), (2, false));
    assert!(roles.contains(&(true, Role::Owner)) && roles.contains(&(false, Role::Member)), "{roles:?}");
    let pair = direct(&server, &ada, &ben).await;
    say(&server, &ada, (pair, "hello")).await;
    server.stop().await;
}
