//! A model of the server: what the wire promises, in memory, without a byte of its own encryption. What a real server
//! keeps on disk survives [`Server::restart`]; tickets, tokens and streams do not.

#[path = "crowd_server.rs"]
mod crowd_server;
#[path = "presence.rs"]
mod presence;
#[path = "streams.rs"]
mod streams;

use crate::accounts::Accounts;
use crate::lies::{Lies, States};
use bytes::Bytes;
use sotto_core::wire::conversation::{
    Commit, CommitRequest, Committed, ConversationCreated, ConversationSummary, ConversationsLoaded,
    CreateConversation, CreateConversationRequest, GroupLoaded, GroupState, Kind, LoadConversations, LoadGroup, Member,
    Welcome,
};
use sotto_core::wire::event::{ConversationCommitted, ConversationWelcome, Durable, MessageReceived, TypingUpdate};
use sotto_core::wire::group::{LeaveConversation, Role};
use sotto_core::wire::message::{MessageSent, SendMessage, SendMessageRequest};
use sotto_core::wire::ping::{Ping, Pong};
use sotto_core::wire::presence::Attend;
use sotto_core::wire::ticket::{OpenTicket, Transport};
use sotto_core::wire::typing::{TypingNoted, TypingStart};
use sotto_core::wire::{
    ClientId, Code, ConversationId, Cursor, DeviceRef, Endpoint, Envelope, Millis, Problem, UserId, envelope, limit,
};
use std::collections::{BTreeMap, BTreeSet};
use streams::Live;

/// Group states that are kept, as a real server keeps the newest few.
const STATES_KEPT: usize = 8;

/// One row of the log.
#[derive(Clone)]
struct Row {
    event: Durable,
    /// Only for this device; for the members of the conversation without.
    to: Option<DeviceRef>,
}

#[derive(Clone)]
struct Conversation {
    kind: PairKind,
    people: Vec<UserId>,
    states: Vec<(GroupState, u64)>,
    /// Members, each from the row after this one on.
    members: BTreeMap<DeviceRef, u64>,
    /// Who was a member, from the row after this one to that one.
    gone: Vec<(DeviceRef, u64, u64)>,
    /// Owners and admins.
    roles: BTreeMap<UserId, Role>,
    /// Who has left and is still in the group of the devices.
    left: BTreeSet<UserId>,
}

/// What a conversation exists once for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PairKind {
    Direct(UserId, UserId),
    Notes(UserId),
    Group(ConversationId),
}

/// The model server.
#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) accounts: Accounts,
    pub(crate) lies: Lies,
    /// How often a commit was asked for.
    pub(crate) commits_asked: usize,
    /// How far devices say that they have come.
    pub(crate) acknowledged: Vec<(DeviceRef, Cursor)>,
    log: Vec<Row>,
    conversations: BTreeMap<ConversationId, Conversation>,
    answers: BTreeMap<(DeviceRef, ClientId), Bytes>,
    shown: presence::Shown,
    /// What is offered, best first.
    pub(crate) transports: Vec<Transport>,
    live: Live,
}

/// A request as it arrives.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) path: &'static str,
    pub(crate) token: Option<String>,
    /// Whose WebSocket it came by.
    pub(crate) device: Option<DeviceRef>,
    /// The session that the browser's cookie names.
    pub(crate) cookie: Option<u64>,
    pub(crate) body: Vec<u8>,
}

/// An answer as it leaves.
pub(crate) struct Reply {
    pub(crate) body: Bytes,
    pub(crate) cookie: Option<u64>,
}

pub(crate) type Answer<T> = Result<T, Problem>;

pub(crate) fn refuse<T>(code: Code) -> Answer<T> {
    Err(Problem::new(code))
}

/// Reads a request, answers it. Clients send what the wire says, so what cannot be read is a defect of theirs.
pub(crate) fn serve<E: Endpoint>(
    post: &Post,
    now: Millis,
    run: impl FnOnce(E::Request) -> Answer<E::Response>,
) -> Bytes {
    let envelope = envelope::open(&post.body).expect("clients send envelopes");
    assert_eq!(envelope.kind, E::REQUEST);
    assert!(post.body.len() <= E::BODY_MAX_BYTES, "{} is too long", E::PATH);
    let request = envelope::payload::<E::Request>(&envelope).expect("clients send what the wire says");
    let body = match run(request) {
        Ok(answer) => Envelope::new(E::RESPONSE, answer, now).with_request_id(envelope.request_id).to_json(),
        Err(problem) => Envelope::new(envelope::ERROR, problem, now).with_request_id(envelope.request_id).to_json(),
    };
    body.into()
}

impl Server {
    /// A new server, with these transports, best first.
    pub(crate) fn offering(transports: Vec<Transport>) -> Self {
        Self { transports, ..Self::default() }
    }

    /// Answers a request.
    pub(crate) fn post(&mut self, post: &Post, now: Millis) -> Reply {
        if let Some(reply) = self.accounts.post(post, now, self.log.len() as u64) {
            for device in self.accounts.take_ended() {
                self.end_streams(device, now);
            }
            return reply;
        }
        let body = match post.path {
            OpenTicket::PATH => serve::<OpenTicket>(post, now, |request| self.open_ticket(post, &request, now)),
            Ping::PATH => serve::<Ping>(post, now, |request| {
                let device = self.accounts.device(post)?;
                self.acknowledged.extend(request.cursor.map(|cursor| (device, cursor)));
                Ok(Pong { server_time: now })
            }),
            CreateConversation::PATH => serve::<CreateConversation>(post, now, |request| {
                let device = self.accounts.device(post)?;
                self.create(device, request, now)
            }),
            LoadConversations::PATH => serve::<LoadConversations>(post, now, |_| {
                let user = self.accounts.device(post)?.user;
                Ok(self.conversations_of(user))
            }),
            LoadGroup::PATH => serve::<LoadGroup>(post, now, |request| {
                let user = self.accounts.device(post)?.user;
                self.group(user, request.conversation, request.epoch)
            }),
            Commit::PATH => serve::<Commit>(post, now, |request| {
                let device = self.accounts.device(post)?;
                self.commit(device, request, now)
            }),
            LeaveConversation::PATH => serve::<LeaveConversation>(post, now, |request| {
                let device = self.accounts.device(post)?;
                self.leave(device, request)
            }),
            SendMessage::PATH => serve::<SendMessage>(post, now, |request| {
                let device = self.accounts.device(post)?;
                self.send(device, request, now)
            }),
            TypingStart::PATH => serve::<TypingStart>(post, now, |request| {
                let device = self.accounts.device(post)?;
                let update = TypingUpdate { conversation: request.conversation, user: device.user, typing: true };
                self.tell_typing(update, now);
                Ok(TypingNoted {})
            }),
            Attend::PATH => serve::<Attend>(post, now, |request| {
                let device = self.accounts.device(post)?;
                self.attend(device, request, now)
            }),
            other => panic!("no model of {other}"),
        };
        self.deliver(now);
        self.tell_presence(now);
        Reply { body, cookie: post.cookie }
    }

    /// From which row on the newest ticket is, and how many rows there are.
    pub(crate) fn asked_from(&self) -> (u64, u64) {
        (self.live.asked_from, self.log.len() as u64)
    }

    /// Messages of a conversation in the order of the log.
    pub(crate) fn messages(&self, id: ConversationId) -> Vec<(DeviceRef, ClientId)> {
        let of = |row: &Row| match &row.event {
            Durable::MessageReceived(event) if event.conversation == id => Some((event.sender, event.client_id)),
            _ => None,
        };
        self.log.iter().filter_map(of).collect()
    }

    /// Every conversation with its epoch and members.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (ConversationId, u64, Vec<DeviceRef>)> {
        self.conversations.iter().map(|(id, it)| (*id, it.epoch(), it.members.keys().copied().collect()))
    }

    fn append(&mut self, to: Option<DeviceRef>, make: impl FnOnce(Cursor) -> Durable) -> Cursor {
        let cursor = Cursor::new((self.log.len() + 1).to_string()).expect("digits");
        self.log.push(Row { event: make(cursor.clone()), to });
        cursor
    }

    fn people(&self, users: &[UserId]) -> Vec<Member> {
        users
            .iter()
            .map(|user| Member { user: *user, name: self.lies.name(self.accounts.name(*user)), role: Role::Member })
            .collect()
    }

    fn create(
        &mut self,
        device: DeviceRef,
        request: CreateConversationRequest,
        now: Millis,
    ) -> Answer<ConversationCreated> {
        if let Some(first) = self.answers.get(&(device, request.client_id)) {
            return envelope::response::<CreateConversation>(first);
        }
        let kind = match request.kind {
            Kind::Direct { peer } => PairKind::Direct(device.user.min(peer), device.user.max(peer)),
            Kind::Notes => PairKind::Notes(device.user),
            Kind::Group => PairKind::Group(request.conversation),
        };
        let existing = self.conversations.iter().find(|(_, it)| it.kind == kind).map(|(id, _)| *id);
        if let Some(id) = self.lies.exists_as.or(existing) {
            return Err(Problem { conversation: Some(id), ..Problem::new(Code::ConversationExists) });
        }
        let people: Vec<UserId> = match kind {
            PairKind::Direct(one, other) => vec![one, other],
            PairKind::Notes(user) => vec![user],
            PairKind::Group(_) => request.state.members.iter().map(|member| member.user).collect(),
        };
        let current = people.iter().filter_map(|user| self.accounts.current_ref(*user));
        let mut members: Vec<_> = request.state.members.clone();
        members.sort();
        let mut expected: Vec<_> = current.collect();
        expected.sort();
        if members != expected {
            return refuse(Code::StaleDevices);
        }
        let (id, epoch) = (request.conversation, request.state.epoch);
        let head = self.log.len() as u64;
        let members = members.into_iter().map(|member| (member, head)).collect();
        let states = vec![(request.state, head)];
        let roles = request.roles.iter().map(|it| (it.user, it.role)).collect();
        let (gone, left) = (Vec::new(), BTreeSet::new());
        let conversation = Conversation { kind, people: people.clone(), states, members, gone, roles, left };
        let is_group = matches!(conversation.kind, PairKind::Group(_));
        self.conversations.insert(id, conversation);
        if let Some(welcome) = request.welcome.as_ref().filter(|_| is_group) {
            self.invite(id, (device, epoch), welcome, now);
        } else if let Some(Welcome { to, welcome }) = request.welcome {
            // One device for each person, so a Welcome is for one.
            let invited = *to.first().expect("a Welcome is for somebody");
            let other = people.iter().copied().find(|user| *user != invited.user).unwrap_or(invited.user);
            let people = self.people(&people);
            let (kind, sent_at) = (Kind::Direct { peer: other }, now);
            self.append(Some(invited), |cursor| {
                let sender = device;
                let conversation = id;
                Durable::ConversationWelcome(ConversationWelcome {
                    cursor,
                    conversation,
                    kind,
                    people,
                    accepted: true,
                    sender,
                    epoch,
                    welcome,
                    sent_at,
                })
            });
        }
        let created = ConversationCreated { conversation: id, cursor: self.head() };
        self.keep::<CreateConversation>((device, request.client_id), &created);
        Ok(created)
    }

    fn head(&self) -> Cursor {
        Cursor::new(self.log.len().to_string()).expect("digits")
    }

    fn keep<E: Endpoint>(&mut self, of: (DeviceRef, ClientId), answer: &E::Response) {
        let answer = Envelope::new(E::RESPONSE, answer, Millis(0)).to_json();
        self.answers.insert(of, answer.into());
    }

    fn conversations_of(&self, user: UserId) -> ConversationsLoaded {
        let mine = self.conversations.iter().filter(|(_, it)| it.people.contains(&user));
        let conversations = mine.map(|(id, it)| ConversationSummary {
            conversation: *id,
            kind: it.kind_for(user),
            epoch: it.epoch(),
            members: self.people(&it.people),
            people_count: u32::try_from(it.people.len()).expect("few people"),
            role: Role::Member,
            accepted: true,
            head: self.head(),
        });
        ConversationsLoaded { conversations: conversations.collect(), more: false }
    }

    fn group(&self, user: UserId, id: ConversationId, epoch: Option<u64>) -> Answer<GroupLoaded> {
        let it = self.conversations.get(&id).ok_or(Problem::new(Code::NotFound))?;
        if !it.people.contains(&user) {
            return refuse(Code::NotAMember);
        }
        if self.lies.states == States::Withheld {
            return refuse(Code::Unavailable);
        }
        let found = match epoch {
            Some(epoch) => it.states.iter().find(|(state, _)| state.epoch == epoch),
            None if self.lies.states == States::Oldest => it.states.first(),
            None => it.states.last(),
        };
        let (mut state, n) = found.cloned().ok_or(Problem::new(Code::NotFound))?;
        if epoch.is_some() && self.lies.states == States::OfAnotherEpoch {
            state.epoch += 1;
        }
        let cursor = Cursor::new(n.to_string()).expect("digits");
        Ok(GroupLoaded { state, kind: it.kind_for(user), people: self.people(&it.people), accepted: true, cursor })
    }

    fn commit(&mut self, device: DeviceRef, request: CommitRequest, now: Millis) -> Answer<Committed> {
        if let Some(first) = self.answers.get(&(device, request.client_id)) {
            return envelope::response::<Commit>(first);
        }
        self.commits_asked += 1;
        let head = self.head();
        let it = self.conversations.get_mut(&request.conversation).ok_or(Problem::new(Code::NotFound))?;
        if !it.people.contains(&device.user) {
            return refuse(Code::NotAMember);
        }
        if it.left.contains(&device.user) {
            return refuse(Code::NotAMember);
        }
        if request.state.epoch != it.epoch() + 1 {
            return Err(Problem { cursor: Some(head), ..Problem::new(Code::StaleEpoch) });
        }
        self.may_commit(device, &request)?;
        let n = self.log.len() as u64 + 1;
        // Who joins from outside gets the commit itself too, as every member does.
        self.regroup(request.conversation, (&request.state.members, request.roles.as_deref()), n);
        let it = self.conversations.get_mut(&request.conversation).ok_or(Problem::new(Code::NotFound))?;
        let welcome = request.welcome;
        let epoch = request.state.epoch;
        it.states.push((request.state, n));
        if it.states.len() > STATES_KEPT {
            it.states.remove(0);
        }
        let (conversation, client_id) = (request.conversation, request.client_id);
        let cursor = self.append(None, |cursor| {
            let commit = request.commit;
            let sent_at = now;
            Durable::ConversationCommitted(ConversationCommitted {
                cursor,
                conversation,
                sender: device,
                client_id,
                epoch,
                commit,
                sent_at,
            })
        });
        if let Some(welcome) = welcome {
            self.invite(conversation, (device, epoch), &welcome, now);
        }
        let committed = Committed { cursor, sent_at: now };
        self.keep::<Commit>((device, client_id), &committed);
        Ok(committed)
    }

    fn send(&mut self, device: DeviceRef, request: SendMessageRequest, now: Millis) -> Answer<MessageSent> {
        if let Some(first) = self.answers.get(&(device, request.client_id)) {
            return envelope::response::<SendMessage>(first);
        }
        let it = self.conversations.get(&request.conversation).ok_or(Problem::new(Code::NotFound))?;
        if !it.members.contains_key(&device) {
            return refuse(Code::NotAMember);
        }
        if request.epoch > it.epoch() || request.epoch + limit::EPOCHS_BEFORE < it.epoch() {
            return Err(Problem { cursor: Some(self.head()), ..Problem::new(Code::StaleEpoch) });
        }
        if let Some(code) = self.lies.refuses {
            return refuse(code);
        }
        if let Some(kept) = &mut self.lies.keeps {
            kept.push(request);
            return Err(Problem { cursor: Some(self.head()), ..Problem::new(Code::StaleEpoch) });
        }
        let SendMessageRequest { client_id, conversation, epoch, ciphertext } = request;
        let cursor = self.append(None, |cursor| {
            let (sender, sent_at) = (device, now);
            Durable::MessageReceived(MessageReceived {
                cursor,
                conversation,
                sender,
                client_id,
                epoch,
                ciphertext,
                sent_at,
            })
        });
        let sent = MessageSent { cursor, sent_at: now };
        self.keep::<SendMessage>((device, client_id), &sent);
        Ok(sent)
    }
}

impl Conversation {
    fn epoch(&self) -> u64 {
        self.states.last().map_or(0, |(state, _)| state.epoch)
    }

    fn kind_for(&self, user: UserId) -> Kind {
        match self.kind {
            PairKind::Direct(one, other) => Kind::Direct { peer: if one == user { other } else { one } },
            PairKind::Notes(_) => Kind::Notes,
            PairKind::Group(_) => Kind::Group,
        }
    }
}
