//! The world between browsers and server: virtual time, a network and disks on which everything may go wrong. The rule:
//! one queue of events in the order of time, and nothing happens beside it.

use crate::browser::Browser;
use crate::dice::{Dice, Fault, Weather};
use crate::server::{Post, Server};
use bytes::Bytes;
use sotto_core::contract::{
    Batch, CommandKey, Cookies, Input, LoadKey, Network, NoAnswer, Request, RequestKey, StreamKey, Visibility, Wanted,
};
use sotto_core::wire::event::{Durable, Event as WireEvent};
use sotto_core::wire::{Base64, Millis, limit};
use sotto_core::{Command, Output};
use std::collections::BTreeMap;

/// Most outputs of one input: over it the client runs in circles.
const OUTPUTS_MAX: usize = 10_000;

/// Where an event belongs: a browser, and which of its lives.
type Life = (usize, u64);

enum Event {
    Input(Life, Input),
    Arrive { life: Life, key: RequestKey, post: Post, echo: Echo },
    Answer { life: Life, key: RequestKey, cookie: Option<u64>, body: Bytes },
    Open { life: Life, key: StreamKey, ticket: String },
    Land { life: Life, batch: Batch, then: Then },
    Read { life: Life, key: LoadKey, wanted: Wanted },
    Timer(Life, Millis),
    Boot(usize),
    ServerUp,
    Heartbeat,
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

/// What listens on the way to a browser.
struct Tap {
    browser: usize,
    frames: Vec<Bytes>,
    spoils: Option<Spoiled>,
}

/// What is broken on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoiled {
    Message,
    Commit,
    /// A message, which does not come at all.
    Kept,
}

struct Link {
    life: Life,
    key: StreamKey,
    /// Frames come one after the other.
    free_at: Millis,
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
            self.dice.struck.entry(Fault::Offline).and_modify(|n| *n += 1).or_insert(1);
        }
        self.input(browser, Input::Network(network));
    }

    /// The page can be seen, or not.
    pub(crate) fn visibility(&mut self, browser: usize, visibility: Visibility) {
        self.input(browser, Input::Visibility(visibility));
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
        for browser in 0..self.browsers.len() {
            if self.browsers[browser].client.is_none() {
                self.boot(browser);
            }
            self.input(browser, Input::Network(Network::Online));
            self.input(browser, Input::Visibility(Visibility::Visible));
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
        match event {
            Event::Input(life, input) if self.is_alive(life) => self.input(life.0, input),
            Event::Input(..) => {}
            Event::Arrive { life, key, post, echo } => self.arrive(life, key, &post, echo),
            Event::Answer { life, key, cookie, body } if self.is_alive(life) => {
                self.browsers[life.0].cookie = cookie;
                self.input(life.0, Input::Response { key, body: Ok(body) });
            }
            Event::Answer { .. } => {}
            Event::Open { life, key, ticket } => self.open(life, key, &ticket),
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
                self.server.tell_caught_up(self.now);
                self.carry();
                self.at(limit::HEARTBEAT_MS, Event::Heartbeat);
            }
        }
    }

    fn input(&mut self, browser: usize, input: Input) {
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
                Output::OpenStream { key, path, .. } => {
                    let ticket = path.rsplit('=').next().unwrap_or_default().to_owned();
                    let delay = self.dice.between(5, 80);
                    self.at(delay, Event::Open { life, key, ticket });
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
                Output::Changed(change) => self.browsers[browser].show(change),
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
        let Request { key, path, access_token: token, body, .. } = request;
        let post = Post { path, token, cookie, body };
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

    fn open(&mut self, life: Life, key: StreamKey, ticket: &str) {
        self.next_link += 1;
        let number = self.next_link;
        let refused = self.dice.strikes(Fault::StreamRefused, 12);
        if !self.is_alive(life) || refused || !self.is_up || !self.server.open(number, ticket, self.now) {
            return self.at(10, Event::Input(life, Input::StreamClosed(key)));
        }
        self.links.insert(number, Link { life, key, free_at: self.now });
        self.at(1, Event::Input(life, Input::StreamOpened(key)));
        self.carry();
    }

    /// Brings what the server has sent on its way.
    fn carry(&mut self) {
        for sent in self.server.take_outgoing() {
            if self.dice.strikes(Fault::StreamCut, 40) {
                self.server.close(sent.stream);
                self.cut(sent.stream);
            }
            let delay = self.dice.between(1, 40);
            let times = if self.dice.strikes(Fault::FrameDoubled, 20) { 2 } else { 1 };
            let Some(link) = self.links.get_mut(&sent.stream) else { continue };
            let at = link.free_at.max(self.now.after(Millis(delay)));
            link.free_at = at;
            let (life, key, wait) = (link.life, link.key, at.since(self.now).0);
            let bytes = self.tapped(life.0, sent.frame);
            for _ in 0..times {
                self.at(wait, Event::Input(life, Input::Frame { key, bytes: bytes.clone() }));
            }
            if sent.end {
                self.cut(sent.stream);
            }
        }
    }

    /// The client notices that its stream has ended, once what was on its way has come.
    fn cut(&mut self, number: u64) {
        if let Some(link) = self.links.remove(&number) {
            let wait = link.free_at.since(self.now).0 + self.dice.between(1, 50);
            self.at(wait, Event::Input(link.life, Input::StreamClosed(link.key)));
        }
    }

    /// The stream that a browser has open.
    pub(crate) fn stream_of(&self, browser: usize) -> Option<StreamKey> {
        self.links.values().find(|link| link.life.0 == browser).map(|link| link.key)
    }

    /// Brings a frame that the server has not sent.
    pub(crate) fn inject(&mut self, browser: usize, bytes: Bytes) {
        let key = self.stream_of(browser).expect("it is online");
        self.input(browser, Input::Frame { key, bytes });
    }

    /// Keeps a copy of every frame that comes to a browser.
    pub(crate) fn record_frames(&mut self, browser: usize) {
        self.tap = Some(Tap { browser, frames: Vec::new(), spoils: None });
    }

    /// Breaks the next message or commit that comes to a browser.
    pub(crate) fn spoil_next(&mut self, browser: usize, spoils: Spoiled) {
        self.tap = Some(Tap { browser, frames: Vec::new(), spoils: Some(spoils) });
    }

    /// The copies that were kept.
    pub(crate) fn recorded(&mut self) -> Vec<Bytes> {
        self.tap.take().map(|tap| tap.frames).unwrap_or_default()
    }

    fn tapped(&mut self, browser: usize, frame: Bytes) -> Bytes {
        let Some(tap) = self.tap.as_mut().filter(|tap| tap.browser == browser) else { return frame };
        tap.frames.push(frame.clone());
        let spoiled = match (WireEvent::from_frame(&frame), tap.spoils) {
            (Ok(WireEvent::Durable(Durable::ConversationCommitted(mut event))), Some(Spoiled::Commit)) => {
                flip_last(&mut event.commit);
                Durable::ConversationCommitted(event)
            }
            (Ok(WireEvent::Durable(Durable::MessageReceived(mut event))), Some(Spoiled::Message)) => {
                flip_last(&mut event.ciphertext);
                Durable::MessageReceived(event)
            }
            (Ok(WireEvent::Durable(Durable::MessageReceived(_))), Some(Spoiled::Kept)) => {
                tap.spoils = None;
                return Bytes::from_static(b"{}");
            }
            _ => return frame,
        };
        tap.spoils = None;
        spoiled.to_frame(self.now).into()
    }

    /// Whether a fault of this kind strikes now.
    pub(crate) fn strikes(&mut self, fault: Fault, times: u64) -> bool {
        self.dice.strikes(fault, times)
    }
}

fn flip_last(bytes: &mut Base64) {
    if let Some(last) = bytes.0.last_mut() {
        *last ^= 1;
    }
}
