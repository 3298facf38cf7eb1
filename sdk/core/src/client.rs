//! The client: takes inputs, lets the parts decide, passes values between them, gives outputs out.
//!
//! Owns the parts and the order in which they are asked; each file of `client/` is one thing that a client does. The
//! rule: within [`Client::handle`] everything is decided in memory, then [`Client::settle`] puts all that changed into
//! one batch, and what depends on it waits for that batch.

mod authenticate;
mod change;
mod command;
mod connect;
mod create;
mod groups;
mod members;
mod names;
mod presence;
mod receive;
mod rejoin;
mod send;
mod show;
mod start;
mod time;
mod update;

use crate::alarms::{Alarm, Alarms};
use crate::calls::{self, Answer, Call, Calls, Purpose, Verdict, Waiting};
use crate::changes::Changes;
use crate::contract::{
    BatchKey, CommandKey, Failure, Input, LoadKey, Network, NoAnswer, Output, Record, Request, RequestKey, Start,
    Wanted,
};
use crate::conversation::List;
use crate::group::Groups;
use crate::inbox::Inbox;
use crate::ledger::{Effect, Health, Ledger};
use crate::meter::Meter;
use crate::outbox::Outbox;
use crate::presence::Presence;
use crate::random::Random;
use crate::record;
use crate::session::{Progress, Session};
use crate::sorted::{SortedMap, SortedSet};
use crate::stream::Stream;
use crate::timeline::{Timeline, Wish};
use crate::typing::Typing;
use crate::view::{CloseCause, Connection, LogKind};
use bytes::Bytes;
use sotto_suite::Provider;
use sotto_wire::account::Name;
use sotto_wire::conversation::{GroupState, Kind};
use sotto_wire::event::SessionEndCause;
use sotto_wire::{Code, ConversationId, DeviceRef, Endpoint, Millis, Problem, Retry, envelope};

/// How often a read is tried before what it was to find counts as not there.
const LOAD_TRIES_MAX: u32 = 3;

/// A Sotto client: what it takes in and gives out stands in [`crate::contract`].
pub struct Client {
    provider: Provider,
    random: Random,
    /// Time of the latest input, by the device's clock.
    now: Millis,
    /// What the server's clock is ahead of the device's.
    clock: ServerClock,
    ledger: Ledger,
    calls: Calls,
    alarms: Alarms,
    loads: SortedMap<LoadKey, Load>,
    next_load: u64,
    session: Session<Box<authenticate::Step>>,
    stream: Stream,
    told: Connection,
    inbox: Inbox,
    outbox: Outbox,
    changes: Changes,
    groups: Option<Groups>,
    /// Groups that are not in memory.
    reading: SortedMap<ConversationId, Reading>,
    /// The tree for the Welcome at the head of the inbox.
    tree: Tree,
    /// Conversations that exist and whose Welcome is to come, with how often everything has come since.
    awaited: SortedMap<ConversationId, u8>,
    /// Conversations in which the other side is owed a receipt.
    owed: SortedSet<ConversationId>,
    list: List,
    timeline: Timeline,
    typing: Typing,
    presence: Presence,
    waiting: WaitingCommands,
    /// People who are to be added to groups.
    gatherings: members::Gatherings,
    written: Progress,
    /// How often something has failed in a row, for its backoff.
    failures: SortedMap<Alarm, u32>,
    /// Items of the outbox that the server had before the stream was opened: their events come before `caught_up`.
    overdue: Vec<u64>,
    /// The same of the spare stream.
    spare_overdue: Vec<u64>,
    meter: Meter,
    /// When the next input comes at the latest.
    idle_until: Option<Millis>,
}

/// Commands that wait for something of the network.
#[derive(Debug, Default)]
struct WaitingCommands {
    /// For a person's conversation.
    direct: SortedMap<Name, Waiting>,
    /// For a conversation, by its id: until it is created, or has come.
    conversation: SortedMap<ConversationId, Expected>,
}

/// Commands that wait for a conversation of this kind, with this peer.
#[derive(Debug)]
struct Expected {
    kind: Kind,
    commands: Waiting,
}

impl WaitingCommands {
    fn into_keys(self) -> impl Iterator<Item = CommandKey> {
        let conversation = self.conversation.into_iter().map(|(_, expected)| expected.commands);
        self.direct.into_iter().map(|(_, waiting)| waiting).chain(conversation).flatten()
    }
}

/// A group that is not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It is being read.
    UnderWay,
    /// It is not in the store.
    Absent,
}

/// The ratchet tree that the Welcome at the head of the inbox leaves out.
#[derive(Debug, Default)]
enum Tree {
    /// Not asked for.
    #[default]
    Unknown,
    /// Asked for, so many times in vain.
    Asked { conversation: ConversationId, failed: u32 },
    /// Here, of this epoch.
    Here(ConversationId, GroupState),
    /// The server has none.
    Absent(ConversationId),
}

/// What is read from the store, and what for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sought {
    /// Everything that is always in memory.
    Start,
    /// A group.
    Group(ConversationId),
    /// A page of the timeline.
    Page(Wish),
    /// Where the messages stand that are to be changed.
    Entries,
    /// The items that are to be changed.
    Items,
    /// The secrets of a device that this store no longer is.
    Leftovers,
}

/// A read of the store that is under way.
#[derive(Debug)]
struct Load {
    sought: Sought,
    wanted: Wanted,
    /// How often it has failed.
    failed: u32,
}

/// What the server's clock is ahead of the device's, or behind.
#[derive(Clone, Copy, Debug, Default)]
enum ServerClock {
    #[default]
    Unknown,
    Ahead(Millis),
    Behind(Millis),
}

impl Client {
    /// A client that begins by reading its local store.
    pub fn new(start: Start) -> Self {
        let provider = Provider::new(start.seed);
        let mut client = Self {
            random: Random::new(provider.clone()),
            provider,
            now: Millis::default(),
            clock: ServerClock::default(),
            ledger: Ledger::default(),
            calls: Calls::default(),
            alarms: Alarms::default(),
            loads: SortedMap::default(),
            next_load: 0,
            session: Session::Starting,
            stream: Stream::new(Network::Online),
            told: Connection::None,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            changes: Changes::default(),
            groups: None,
            reading: SortedMap::default(),
            tree: Tree::default(),
            awaited: SortedMap::default(),
            owed: SortedSet::default(),
            list: List::default(),
            timeline: Timeline::default(),
            typing: Typing::default(),
            presence: Presence::default(),
            waiting: WaitingCommands::default(),
            gatherings: members::Gatherings::default(),
            written: Progress::default(),
            failures: SortedMap::default(),
            overdue: Vec::new(),
            spare_overdue: Vec::new(),
            meter: Meter::default(),
            idle_until: None,
        };
        client.begin();
        client
    }

    /// Takes note of `input` at time `now`, which never goes back.
    pub fn handle(&mut self, input: Input, now: Millis) {
        self.now = self.now.max(now);
        self.notice_sleep();
        match input {
            Input::Command { key, command } => self.command(key, command),
            Input::Loaded { key, records } => self.loaded(key, records),
            Input::LoadFailed(key) => self.load_failed(key),
            Input::Persisted(key) => self.persisted(key),
            Input::PersistFailed(key) => self.persist_failed(key),
            Input::Response { key, body } => self.response(key, body),
            Input::StreamOpened(_) => {}
            Input::Frame { key, bytes } => self.frame(key, &bytes),
            Input::StreamClosed(key) => self.stream_closed(key, None),
            Input::Timer => self.timer(),
            Input::Network(network) => self.network(network),
            Input::Visibility(visibility) => self.visibility(visibility),
        }
        self.settle();
    }

    /// What to do next. To be called after [`Client::new`] and each [`Client::handle`] until it is [`Output::Idle`].
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.ledger.next_output() {
            return output;
        }
        let deadline = self.deadline();
        // What is due already comes at once: that is not late.
        self.idle_until = deadline.map(|at| at.max(self.now));
        Output::Idle(deadline)
    }

    /// Brings everything that has changed to its place: inbox, outbox, batch, effects, view.
    fn settle(&mut self) {
        if self.ledger.health() == Health::Well {
            let again = self.calls.use_socket(self.stream.socket(), self.now);
            self.send_again(again);
            self.receive();
            self.change();
            self.acknowledge();
            self.dispatch();
            self.show();
            self.write();
        }
        self.attend();
        self.show_connection();
        loop {
            let effects = self.ledger.flush();
            if effects.is_empty() {
                break;
            }
            self.run(effects);
        }
    }

    /// Puts what changed into the next batch.
    fn write(&mut self) {
        if let Some(groups) = &mut self.groups {
            let writes = groups.take_writes();
            writes.puts.into_iter().for_each(|record| self.ledger.put(record));
            writes.deletes.into_iter().for_each(|place| self.ledger.delete(place));
            for (user, pin) in writes.pins {
                self.list.contact_mut(user).learn(pin);
            }
        }
        for unwritten in self.list.take_unwritten() {
            match unwritten {
                Ok(record) => self.ledger.put(record),
                Err(id) => {
                    self.ledger.delete(record::conversation(id));
                    self.ledger.delete(record::membership(id));
                }
            }
        }
        if self.groups.is_some() {
            let cursor = self.inbox.cursor().cloned();
            let (next_sequence, transport) = (self.outbox.next_sequence(), self.stream.working());
            let progress = Progress { cursor, next_sequence, transport };
            if progress != self.written {
                self.ledger.put(record::write(record::account(record::PROGRESS), &progress));
                self.written = progress;
            }
        }
    }

    fn persisted(&mut self, key: BatchKey) {
        let effects = self.ledger.persisted(key);
        self.run(effects);
    }

    /// What is in memory is ahead of the disk: nothing leaves any more. A restart goes on from the disk.
    fn persist_failed(&mut self, key: BatchKey) {
        for key in self.ledger.failed(key) {
            self.refuse(key, Failure::Storage);
        }
        let waiting = std::mem::take(&mut self.waiting);
        for key in waiting.into_keys().chain(self.session_command()) {
            self.refuse(key, Failure::Storage);
        }
        self.calls.forget();
        let actions = self.stream.stop(CloseCause::NotWanted);
        self.connect(actions);
        self.inbox.clear();
    }

    fn run(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Tell(output) => self.ledger.tell(output),
                Effect::Call(call) if self.is_void(call.purpose()) => {}
                Effect::Call(call) => self.send(*call),
                Effect::Load(sought, wanted) => self.load(sought, wanted),
            }
        }
    }

    /// Whether a commit that waited for its batch has lost against another one meanwhile: then it was never written, and
    /// must not leave.
    fn is_void(&self, purpose: &Purpose) -> bool {
        let Purpose::Commit(conversation, client_id) = purpose else { return false };
        let pending = self.groups.as_ref().and_then(|groups| groups.pending(*conversation));
        pending.is_none_or(|pending| pending.client_id != *client_id)
    }

    /// Asks the server once everything up to now is on disk.
    fn ask_after<E: Endpoint>(&mut self, purpose: Purpose, request: &E::Request) {
        let call = self.calls.prepare::<E>(purpose, request, self.now);
        self.ledger.after(Effect::Call(Box::new(call)));
    }

    /// Asks the server something that depends on nothing unwritten.
    fn ask<E: Endpoint>(&mut self, purpose: Purpose, request: &E::Request) {
        let call = self.calls.prepare::<E>(purpose, request, self.now);
        self.send(call);
    }

    fn send(&mut self, call: Call) {
        let requests = self.calls.send(call, self.now);
        self.post_all(requests);
    }

    fn post_all(&mut self, requests: Vec<Request>) {
        for request in requests {
            self.meter.left(request.body.len());
            self.ledger.tell(Output::Request(request));
        }
    }

    /// What a WebSocket has not answered goes by POST.
    fn send_again(&mut self, requests: Vec<Request>) {
        if let Some(count) = u32::try_from(requests.len()).ok().filter(|count| *count > 0) {
            self.note(LogKind::SentAgain(count));
        }
        self.post_all(requests);
    }

    fn load(&mut self, sought: Sought, wanted: Wanted) {
        self.ask_store(Load { sought, wanted, failed: 0 });
    }

    fn ask_store(&mut self, load: Load) {
        let key = LoadKey(self.next_load);
        self.next_load += 1;
        self.ledger.tell(Output::Load { key, wanted: load.wanted.clone() });
        self.loads.insert(key, load);
    }

    fn loaded(&mut self, key: LoadKey, records: Vec<Record>) {
        match self.loads.remove(&key).map(|load| load.sought) {
            Some(Sought::Start) => self.started(records),
            Some(Sought::Group(conversation)) => self.group_loaded(conversation, records),
            Some(Sought::Page(wish)) => self.page_loaded(wish, &records),
            Some(Sought::Entries) => self.entries_loaded(&records),
            Some(Sought::Items) => self.items_loaded(&records),
            Some(Sought::Leftovers) => self.leftovers_loaded(records),
            None => {}
        }
    }

    fn load_failed(&mut self, key: LoadKey) {
        let Some(load) = self.loads.remove(&key) else { return };
        let failed = load.failed + 1;
        if failed < LOAD_TRIES_MAX && load.sought != Sought::Start && self.ledger.health() == Health::Well {
            return self.ask_store(Load { failed, ..load });
        }
        match load.sought {
            Sought::Start => self.unreadable(),
            Sought::Group(conversation) => self.group_loaded(conversation, Vec::new()),
            Sought::Page(wish) => self.page_loaded(wish, &[]),
            Sought::Entries | Sought::Items => self.change_later(),
            Sought::Leftovers => self.leftovers_loaded(Vec::new()),
        }
    }

    fn response(&mut self, key: RequestKey, body: Result<Bytes, NoAnswer>) {
        let problem = body.as_ref().ok().and_then(|bytes| calls::problem(bytes));
        let answer = match (&body, &problem) {
            (Err(NoAnswer), _) => Answer::None,
            (Ok(_), Some(problem)) if problem.retry == Retry::Refresh => Answer::RefusesToken,
            (Ok(_), _) => Answer::Came,
        };
        self.meter.came(body.as_ref().map_or(0, Bytes::len));
        self.note_failure(key, (answer, problem.as_ref()));
        let is_replaced = problem.is_some_and(|problem| problem.code == Code::DeviceNeeded);
        match self.calls.answered(key, answer, self.now) {
            Verdict::Stale => {}
            Verdict::Again(requests) => self.post_all(requests),
            Verdict::For(_) if is_replaced && self.session.account().is_some() => {
                self.end_session(SessionEndCause::DeviceReplaced);
            }
            Verdict::For(purpose) => self.answered(purpose, &body),
        }
    }

    fn answered(&mut self, purpose: Purpose, body: &Result<Bytes, NoAnswer>) {
        match purpose {
            Purpose::Refresh => self.refreshed(read::<sotto_wire::session::Refresh>(body)),
            Purpose::RegisterStart => self.register_started(read::<sotto_wire::account::RegisterStart>(body)),
            Purpose::RegisterFinish => self.registered(read::<sotto_wire::account::RegisterFinish>(body)),
            Purpose::LoginStart => self.login_started(read::<sotto_wire::session::LoginStart>(body)),
            Purpose::LoginFinish => self.login_finished(read::<sotto_wire::session::LoginFinish>(body)),
            Purpose::RegisterDevice => self.device_registered(read::<sotto_wire::session::RegisterDevice>(body)),
            Purpose::EndSession => self.session_over(),
            Purpose::Ticket(number) => self.ticket(number, read::<sotto_wire::ticket::OpenTicket>(body)),
            Purpose::LoadConversations => {
                self.conversations_loaded(read::<sotto_wire::conversation::LoadConversations>(body));
            }
            Purpose::FindUser(name) => self.user_found(&name, read::<sotto_wire::account::FindUser>(body)),
            Purpose::ClaimKeys(found) => self.keys_claimed(&found, read::<sotto_wire::key::ClaimKeys>(body)),
            Purpose::Gather(id, name) => self.gathered(id, &name, read::<sotto_wire::account::FindUser>(body)),
            Purpose::GatherKeys(id) => self.gathered_keys(id, read::<sotto_wire::key::ClaimKeys>(body)),
            Purpose::Leave(id) => self.has_left(id, read::<sotto_wire::group::LeaveConversation>(body)),
            Purpose::Names(id) => self.names_loaded(id, read::<sotto_wire::conversation::LoadGroup>(body)),
            Purpose::Create(id) => self.created(id, read::<sotto_wire::conversation::CreateConversation>(body)),
            Purpose::Welcome(id, epoch) => {
                self.welcome_tree((id, epoch), read::<sotto_wire::conversation::LoadGroup>(body))
            }
            Purpose::Rejoin(id) => self.rejoin_state(id, read::<sotto_wire::conversation::LoadGroup>(body)),
            Purpose::Commit(id, client_id) => {
                self.committed(id, client_id, read::<sotto_wire::conversation::Commit>(body));
            }
            Purpose::Send(id, sequence) => self.sent((id, sequence), read::<sotto_wire::message::SendMessage>(body)),
            Purpose::Ping => {
                if read::<sotto_wire::ping::Ping>(body).is_ok() {
                    self.stream.ponged();
                }
            }
            Purpose::Presence(number) => self.attended(number, read::<sotto_wire::presence::Attend>(body)),
            // What comes of these is told by the stream, or is of no matter.
            Purpose::PublishKeys | Purpose::Typing | Purpose::Acknowledge => {}
        }
    }

    /// This device, when somebody is signed in on it.
    fn me(&self) -> Option<DeviceRef> {
        self.session.account()?;
        self.groups.as_ref().map(Groups::device)
    }

    /// Says no to a command at once.
    fn refuse(&mut self, key: CommandKey, failure: Failure) {
        self.ledger.tell(Output::Answer { key, result: Err(failure) });
    }
}

/// Reads the answer of endpoint `E`; none is the problem [`Code::Unreachable`].
fn read<E: Endpoint>(body: &Result<Bytes, NoAnswer>) -> Result<E::Response, Problem> {
    match body {
        Ok(bytes) => envelope::response::<E>(bytes),
        Err(NoAnswer) => Err(Problem::new(Code::Unreachable)),
    }
}
