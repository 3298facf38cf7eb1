//! The world between browsers and server: virtual time, a network and disks on which everything may go wrong. The rule:
//! one queue of events in the order of time, and nothing happens beside it.

#[path = "links.rs"]
mod links;
#[path = "tap.rs"]
mod tap;

use crate::browser::Browser;
use crate::dice::{Dice, Fault, Weather};
use crate::server::{Post, Server};
use bytes::Bytes;
use links::{Link, Proxy};
use sotto_core::contract::{
    Batch, CommandKey, Cookies, Input, LoadKey, Network, NoAnswer, Request, RequestKey, StreamKey, Visibility, Wanted,
    Way,
};
use sotto_core::view::{Change, LogEntry, LogKind};
use sotto_core::wire::ticket::Transport;
use sotto_core::wire::{Millis, limit};
use sotto_core::{Command, Output};
use std::collections::BTreeMap;
pub(crate) use tap::Spoiled;
use tap::Tap;

/// Most outputs of one input: over it the client runs in circles.
const OUTPUTS_MAX: usize = 10_000;

/// Where an event belongs: a browser, and which of its lives.
type Life = (usize, u64);

enum Event {
    Input(Life, Input),
    Arrive { life: Life, key: RequestKey, post: Post, echo: Echo },
    Answer { life: Life, key: RequestKey, cookie: Option<u64>, body: Bytes },
    Open { life: Life, key: StreamKey, transport: Transport, ticket: String },
    Cut(u64),
    PollEnd(u64),
    ArriveByLink { link: u64, post: Post },
    ProxyGone(usize),
    Land { life: Life, batch: Batch, then: Then },
    Read { life: Life, key: LoadKey, wanted: Wanted },
    Timer(Life, Millis),
    Boot(usize),
    ServerUp,
    Heartbeat,
}

impl Event {
    /// To which browser it happens, when it does not happen to the server or on the way.
    fn life(&self) -> Option<Life> {
        match self {
            Event::Input(life, _)
            | Event::Answer { life, .. }
            | Event::Land { life, .. }
            | Event::Read { life, .. }
            | Event::Timer(life, _) => Some(*life),
            Event::Arrive { .. }
            | Event::Open { .. }
            | Event::Cut(_)
            | Event::PollEnd(_)
            | Event::ArriveByLink { .. }
            | Event::ProxyGone(_)
            | Event::Boot(_)
            | Event::ServerUp
            | Event::Heartbeat => None,
        }
    }
}

/// What becomes of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Echo {
    Comes,
    IsLost,
    /// The request is a double: nobody waits for its answer.
    IsIgnored,
}

/// What follows a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Tell,
    Crash,
    Fail,
}

/// Everything.
pub(crate) struct World {
    pub(crate) now: Millis,
    pub(crate) dice: Dice,
    pub(crate) server: Server,
    pub(crate) browsers: Vec<Browser>,
    is_up: bool,
    is_traced: bool,
    queue: BTreeMap<(Millis, u64), Event>,
    next_event: u64,
    links: BTreeMap<u64, Link>,
    next_link: u64,
    proxies: Vec<Proxy>,
    asleep: BTreeMap<usize, Millis>,
    /// How often each browser has posted to each path.
    posts: BTreeMap<(usize, &'static str), u64>,
    tap: Option<Tap>,
}

impl World {
    /// A world at `now`.
    pub(crate) fn new(seed: u64, now: Millis, server: Server, browsers: Vec<Browser>) -> Self {
        let mut world = Self {
            now,
            dice: Dice::new(seed),
            server,
            browsers,
            is_up: true,
            is_traced: std::env::var_os("SOTTO_TRACE").is_some(),
            queue: BTreeMap::new(),
            next_event: 0,
            links: BTreeMap::new(),
            next_link: 0,
            proxies: Vec::new(),
            asleep: BTreeMap::new(),
            posts: BTreeMap::new(),
            tap: None,
        };
        world.at(limit::HEARTBEAT_MS, Event::Heartbeat);
        for browser in 0..world.browsers.len() {
            world.boot(browser);
        }
        world
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, ms: u64) {
        let end = self.now.after(Millis(ms));
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            self.happen(event);
        }
        self.now = end;
    }

    /// Gives a command.
    pub(crate) fn command(&mut self, browser: usize, command: Command) -> Option<CommandKey> {
        self.browsers[browser].client.as_ref()?;
        let key = self.browsers[browser].name_command(&command);
        self.input(browser, Input::Command { key, command });
        Some(key)
    }

    /// What the system says of the network.
    pub(crate) fn network(&mut self, browser: usize, network: Network) {
        if network == Network::Offline {
            self.dice.note(Fault::Offline);
        }
        self.input(browser, Input::Network(network));
    }

    /// The page can be seen, or not.
    pub(crate) fn visibility(&mut self, browser: usize, visibility: Visibility) {
        self.input(browser, Input::Visibility(visibility));
    }

    /// How often a browser has posted to a path.
    pub(crate) fn posts(&self, browser: usize, path: &'static str) -> u64 {
        self.posts.get(&(browser, path)).copied().unwrap_or_default()
    }

    /// Starts a browser's client anew.
    pub(crate) fn boot(&mut self, browser: usize) {
        let seed = self.dice.seed();
        self.browsers[browser].boot(seed);
        self.drain(browser);
    }

    /// Stops the server for a while: tickets, tokens and streams are gone.
    pub(crate) fn stop_server(&mut self, ms: u64) {
        self.is_up = false;
        for number in self.server.restart() {
            self.cut(number);
        }
        self.at(ms, Event::ServerUp);
    }

    /// Ends the storm: from now on everything works.
    pub(crate) fn calm(&mut self) {
        self.dice.weather = Weather::Calm;
        self.is_up = true;
        self.proxies.clear();
        for browser in 0..self.browsers.len() {
            if self.browsers[browser].client.is_none() {
                self.boot(browser);
            }
            let life = (browser, self.browsers[browser].generation);
            self.at(0, Event::Input(life, Input::Network(Network::Online)));
            self.at(0, Event::Input(life, Input::Visibility(Visibility::Visible)));
            self.command(browser, Command::UseTransport(None));
        }
    }

    fn at(&mut self, in_ms: u64, event: Event) {
        self.next_event += 1;
        self.queue.insert((self.now.after(Millis(in_ms)), self.next_event), event);
    }

    fn is_alive(&self, (browser, generation): Life) -> bool {
        self.browsers[browser].generation == generation && self.browsers[browser].client.is_some()
    }

    fn happen(&mut self, event: Event) {
        if let Some(wakes_at) = event.life().and_then(|life| self.asleep_until(life.0)) {
            return self.at(wakes_at.since(self.now).0, event);
        }
        match event {
            Event::Input(life, input) if self.is_alive(life) => self.input(life.0, input),
            Event::Input(..) => {}
            Event::Arrive { life, key, post, echo } => self.arrive(life, key, &post, echo),
            Event::Answer { life, key, cookie, body } if self.is_alive(life) => {
                self.browsers[life.0].cookie = cookie;
                self.input(life.0, Input::Response { key, body: Ok(body) });
            }
            Event::Answer { .. } => {}
            Event::Open { life, key, transport, ticket } => self.open((life, key), transport, &ticket),
            Event::Cut(number) => {
                self.server.close(number);
                self.cut(number);
            }
            Event::PollEnd(number) => self.answer_poll(number),
            Event::ArriveByLink { link, post } => self.arrive_by_link(link, post),
            Event::ProxyGone(browser) => self.proxies.retain(|proxy| proxy.browser != browser),
            Event::Land { life, batch, then } if self.is_alive(life) => self.land(life.0, &batch, then),
            Event::Land { .. } => {}
            Event::Read { life, key, wanted } if self.is_alive(life) => {
                let input = self.browsers[life.0].answer_load(key, &wanted);
                self.input(life.0, input);
            }
            Event::Read { .. } => {}
            Event::Timer(life, at) if self.is_alive(life) && self.browsers[life.0].timer == Some(at) => {
                self.browsers[life.0].timer = None;
                self.browsers[life.0].rings += 1;
                self.input(life.0, Input::Timer);
            }
            Event::Timer(..) => {}
            Event::Boot(browser) => {
                if self.browsers[browser].client.is_none() {
                    self.boot(browser);
                }
            }
            Event::ServerUp => self.is_up = true,
            Event::Heartbeat => {
                self.server.tell_presence(self.now);
                self.server.tell_caught_up(self.now);
                self.carry();
                self.at(limit::HEARTBEAT_MS, Event::Heartbeat);
            }
        }
    }

    pub(crate) fn input(&mut self, browser: usize, input: Input) {
        self.trace(browser, '<', &input);
        if let Some(client) = &mut self.browsers[browser].client {
            client.handle(input, self.now);
            self.drain(browser);
        }
    }

    /// Does what a client asks.
    fn drain(&mut self, browser: usize) {
        for _ in 0..OUTPUTS_MAX {
            let life = (browser, self.browsers[browser].generation);
            let Some(client) = &mut self.browsers[browser].client else { return };
            let output = client.poll();
            if !matches!(output, Output::Idle(_)) {
                self.trace(browser, '>', &output);
            }
            match output {
                Output::Idle(deadline) => return self.set_timer(life, deadline),
                Output::Request(request) => self.post(life, request),
                Output::OpenStream { key, transport, path } => {
                    let ticket = path.rsplit('=').next().unwrap_or_default().to_owned();
                    let delay = self.dice.between(5, 80);
                    self.at(delay, Event::Open { life, key, transport, ticket });
                }
                Output::CloseStream(key) => {
                    let closed = self.links.iter().find(|(_, link)| link.life == life && link.key == key);
                    if let Some(number) = closed.map(|(number, _)| *number) {
                        self.links.remove(&number);
                        self.server.close(number);
                    }
                }
                Output::Persist(batch) => self.persist(life, batch),
                Output::Load { key, wanted } => {
                    let at = self.disk_time(browser);
                    self.at(at, Event::Read { life, key, wanted });
                }
                Output::Answer { key, result } => self.browsers[browser].answered(key, result),
                Output::Changed(change) => {
                    if let Change::Logged(LogEntry { kind: LogKind::TransportChanged { .. }, .. }) = &change {
                        self.dice.note(Fault::TransportChanged);
                    }
                    self.browsers[browser].show(change);
                }
                Output::Notify { .. } => {}
            }
        }
        panic!("a client runs in circles");
    }

    /// Tells what goes into a client and what comes out of it, when `SOTTO_TRACE` is set.
    fn trace(&self, browser: usize, way: char, what: &impl std::fmt::Debug) {
        if self.is_traced {
            println!("{} {browser} {way} {what:?}", self.now.0 % 10_000_000);
        }
    }

    fn set_timer(&mut self, life: Life, deadline: Option<Millis>) {
        if self.browsers[life.0].timer != deadline {
            self.browsers[life.0].timer = deadline;
            if let Some(at) = deadline {
                self.at(at.since(self.now).0.max(1), Event::Timer(life, at));
                // A deadline in the past comes at once, under the name that it has.
            }
        }
    }

    /// Disks do one thing after the other.
    fn disk_time(&mut self, browser: usize) -> u64 {
        let free_at = self.browsers[browser].disk_free_at.max(self.now);
        let at = free_at.after(Millis(self.dice.between(1, 8)));
        self.browsers[browser].disk_free_at = at;
        at.since(self.now).0
    }

    fn persist(&mut self, life: Life, batch: Batch) {
        let at = self.disk_time(life.0);
        let then = if self.dice.strikes(Fault::CrashBeforePersist, 40) {
            return self.crash(life.0);
        } else if self.dice.strikes(Fault::CrashAfterPersist, 40) {
            Then::Crash
        } else if self.dice.strikes(Fault::PersistFailed, 100) {
            Then::Fail
        } else {
            Then::Tell
        };
        self.at(at, Event::Land { life, batch, then });
    }

    fn land(&mut self, browser: usize, batch: &Batch, then: Then) {
        match then {
            Then::Tell => {
                self.browsers[browser].write(batch);
                self.input(browser, Input::Persisted(batch.key));
            }
            Then::Crash => {
                self.browsers[browser].write(batch);
                self.crash(browser);
            }
            Then::Fail => {
                self.input(browser, Input::PersistFailed(batch.key));
                assert!(self.browsers[browser].asked.is_empty(), "every command is answered when the disk fails");
                self.crash(browser);
            }
        }
    }

    /// A browser dies; somebody opens it again.
    pub(crate) fn crash(&mut self, browser: usize) {
        self.browsers[browser].crash();
        let dead: Vec<u64> =
            self.links.iter().filter(|(_, link)| link.life.0 == browser).map(|(number, _)| *number).collect();
        for number in dead {
            self.links.remove(&number);
            self.server.close(number);
        }
        let after = self.dice.between(10, 2_000);
        self.at(after, Event::Boot(browser));
    }

    fn post(&mut self, life: Life, request: Request) {
        crate::check::request_is_on_disk(&self.browsers[life.0], &request);
        let cookie = self.browsers[life.0].cookie.filter(|_| request.cookies == Cookies::SameOrigin);
        let Request { key, way, path, access_token: token, body, .. } = request;
        let post = Post { path, token, device: None, cookie, body };
        if let Way::Stream(by) = way {
            return self.post_by_link((life, by), post);
        }
        *self.posts.entry((life.0, path)).or_default() += 1;
        if self.dice.strikes(Fault::RequestLost, 25) {
            let late = self.dice.between(500, 5_000);
            return self.at(late, Event::Input(life, Input::Response { key, body: Err(NoAnswer) }));
        }
        if self.dice.strikes(Fault::RequestDoubled, 25) {
            let late = self.dice.between(1, 3_000);
            self.at(late, Event::Arrive { life, key, post: post.clone(), echo: Echo::IsIgnored });
        }
        let delay = if self.dice.strikes(Fault::RequestLate, 25) {
            self.dice.between(2_000, 8_000)
        } else {
            self.dice.between(2, 60)
        };
        let echo = if self.dice.strikes(Fault::ResponseLost, 20) { Echo::IsLost } else { Echo::Comes };
        self.at(delay, Event::Arrive { life, key, post, echo });
    }

    fn arrive(&mut self, life: Life, key: RequestKey, post: &Post, echo: Echo) {
        if !self.is_up {
            if echo != Echo::IsIgnored {
                self.at(1, Event::Input(life, Input::Response { key, body: Err(NoAnswer) }));
            }
            return;
        }
        let reply = self.server.post(post, self.now);
        self.carry();
        let delay = self.dice.between(2, 60);
        match echo {
            Echo::Comes => {
                let cookie = if post.cookie == reply.cookie { self.browsers[life.0].cookie } else { reply.cookie };
                self.at(delay, Event::Answer { life, key, cookie, body: reply.body });
            }
            Echo::IsLost => self.at(delay, Event::Input(life, Input::Response { key, body: Err(NoAnswer) })),
            Echo::IsIgnored => {}
        }
    }

    /// Whether a fault of this kind strikes now.
    pub(crate) fn strikes(&mut self, fault: Fault, times: u64) -> bool {
        self.dice.strikes(fault, times)
    }
}
