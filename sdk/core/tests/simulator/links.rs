//! The way between browsers and server: links of every transport, and what stands between. The rule: a link brings its
//! frames in order, or it ends; what a proxy does to one transport it does to no other.

use super::{Event, Life, World};
use crate::dice::Fault;
use crate::server::Post;
use bytes::Bytes;
use sotto_core::contract::{Input, StreamKey};
use sotto_core::wire::ticket::{EVENTS, EventsPage, Transport};
use sotto_core::wire::{Envelope, Millis, Ticket, limit};

/// Every transport.
const TRANSPORTS: [Transport; 3] = [Transport::Sse, Transport::WebSocket, Transport::LongPoll];

/// A stream, or a poll that is held.
pub(super) struct Link {
    pub(super) life: Life,
    pub(super) key: StreamKey,
    transport: Transport,
    flow: Flow,
    /// Frames come one after the other.
    free_at: Millis,
    /// What a poll will answer.
    page: Vec<Bytes>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Passes,
    /// Nothing comes any more, nor the end.
    IsHeld,
}

/// What stands between a browser and the server.
#[derive(Clone, Copy)]
pub(super) struct Proxy {
    pub(super) browser: usize,
    transport: Transport,
    does: Does,
}

/// What a proxy does to a transport.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Block,
    Buffer,
    Cut,
    Delay(Millis),
}

impl World {
    /// A proxy that dislikes a transport comes between a browser and the server, for a while.
    pub(crate) fn put_proxy(&mut self, browser: usize) {
        let transport = TRANSPORTS[self.dice.place(TRANSPORTS.len())];
        let all = [Does::Block, Does::Buffer, Does::Cut];
        let does = all[self.dice.place(all.len())];
        self.proxies.push(Proxy { browser, transport, does });
        let is_its = |link: &Link| link.life.0 == browser && link.transport == transport;
        let links: Vec<u64> = self.links.iter().filter(|(_, link)| is_its(link)).map(|(number, _)| *number).collect();
        for link in links {
            self.server.close(link);
            self.cut(link);
        }
        let stays = self.dice.between(3_000, 25_000);
        self.at(stays, Event::ProxyGone(browser));
    }

    /// Blocks a transport for good.
    pub(crate) fn block(&mut self, browser: usize, transport: Transport) {
        self.proxies.push(Proxy { browser, transport, does: Does::Block });
    }

    /// Lets a transport open and holds everything back, for good.
    pub(crate) fn buffer(&mut self, browser: usize, transport: Transport) {
        self.proxies.push(Proxy { browser, transport, does: Does::Buffer });
    }

    /// Lets a transport open, and its first frames come so much later.
    pub(crate) fn delay(&mut self, browser: usize, transport: Transport, by: Millis) {
        self.proxies.push(Proxy { browser, transport, does: Does::Delay(by) });
    }

    /// What comes by the links of a browser from now on comes so much later.
    pub(crate) fn delay_links(&mut self, browser: usize, by: Millis) {
        let free_at = self.now.after(by);
        self.links.values_mut().filter(|link| link.life.0 == browser).for_each(|link| link.free_at = free_at);
    }

    /// Every proxy is gone.
    pub(crate) fn take_proxies(&mut self) {
        self.proxies.clear();
    }

    /// A browser sleeps: nothing happens in it, and its links may be dead when it wakes.
    pub(crate) fn sleep(&mut self, browser: usize, ms: u64) {
        if self.asleep_until(browser).is_some() {
            return;
        }
        self.dice.note(Fault::Sleep);
        self.asleep.insert(browser, self.now.after(Millis(ms)));
        if self.dice.once_in(2) {
            self.hold_links(browser);
        }
    }

    /// How many links a browser holds.
    pub(crate) fn links_of(&self, browser: usize) -> usize {
        self.links.values().filter(|link| link.life.0 == browser).count()
    }

    /// The links of a browser bring nothing any more, and do not end.
    pub(crate) fn hold_links(&mut self, browser: usize) {
        for link in self.links.values_mut().filter(|link| link.life.0 == browser) {
            link.flow = Flow::IsHeld;
        }
    }

    /// Until when a browser sleeps.
    pub(crate) fn asleep_until(&self, browser: usize) -> Option<Millis> {
        self.asleep.get(&browser).copied().filter(|until| *until > self.now)
    }

    pub(super) fn open(&mut self, (life, key): (Life, StreamKey), transport: Transport, ticket: &str) {
        self.next_link += 1;
        let number = self.next_link;
        let refused = self.dice.strikes(Fault::StreamRefused, 12);
        let proxy = self.proxies.iter().find(|it| it.browser == life.0 && it.transport == transport);
        let does = proxy.map(|proxy| proxy.does);
        let struck = match does {
            Some(Does::Block) => Some(Fault::TransportBlocked),
            Some(Does::Buffer) => Some(Fault::TransportBuffers),
            Some(Does::Cut) => Some(Fault::TransportCuts),
            Some(Does::Delay(_)) | None => None,
        };
        struck.into_iter().for_each(|fault| self.dice.note(fault));
        let opens = self.is_alive(life) && !refused && self.is_up && does != Some(Does::Block);
        if !opens || !self.server.open(number, ticket, self.now) {
            return self.at(10, Event::Input(life, Input::StreamClosed(key)));
        }
        let flow = if does == Some(Does::Buffer) { Flow::IsHeld } else { Flow::Passes };
        let delay = if let Some(Does::Delay(by)) = does { by } else { Millis(0) };
        let free_at = self.now.after(delay);
        self.links.insert(number, Link { life, key, transport, flow, free_at, page: Vec::new() });
        if does == Some(Does::Cut) {
            let soon = self.dice.between(1, 3_000);
            self.at(soon, Event::Cut(number));
        }
        if transport == Transport::LongPoll {
            self.at(limit::POLL_HOLD_MS, Event::PollEnd(number));
        } else {
            self.at(1, Event::Input(life, Input::StreamOpened(key)));
        }
        self.carry();
    }

    /// Brings what the server has sent on its way.
    pub(super) fn carry(&mut self) {
        let mut polls = Vec::new();
        for sent in self.server.take_outgoing() {
            if self.dice.strikes(Fault::StreamCut, 40) {
                self.server.close(sent.stream);
                self.cut(sent.stream);
            }
            let half_open = self.dice.strikes(Fault::HalfOpen, 150);
            let Some(link) = self.links.get_mut(&sent.stream) else { continue };
            if half_open {
                link.flow = Flow::IsHeld;
            }
            if link.transport == Transport::LongPoll {
                link.page.push(sent.frame);
                if sent.end {
                    self.server.close(sent.stream);
                }
                polls.push(sent.stream);
                continue;
            }
            let times = if self.dice.strikes(Fault::FrameDoubled, 20) { 2 } else { 1 };
            for _ in 0..times {
                self.bring(sent.stream, sent.frame.clone());
            }
            if sent.end {
                self.cut(sent.stream);
            }
        }
        polls.into_iter().for_each(|poll| self.answer_poll(poll));
    }

    /// Brings a frame to the browser.
    fn bring(&mut self, number: u64, frame: Bytes) {
        let delay = self.dice.between(1, 40);
        let Some(link) = self.links.get_mut(&number).filter(|link| link.flow == Flow::Passes) else { return };
        let at = link.free_at.max(self.now.after(Millis(delay)));
        link.free_at = at;
        let (life, key, wait) = (link.life, link.key, at.since(self.now).0);
        let bytes = self.tapped(life.0, frame);
        self.at(wait, Event::Input(life, Input::Frame { key, bytes }));
    }

    /// Answers a poll with what there is.
    pub(super) fn answer_poll(&mut self, number: u64) {
        let Some(link) = self.links.get_mut(&number).filter(|link| link.flow == Flow::Passes) else { return };
        let frames = std::mem::take(&mut link.page);
        let browser = link.life.0;
        let ticket: Option<Ticket> = self.server.end_poll(number, self.now);
        let frames: Vec<Bytes> = frames.into_iter().map(|frame| self.tapped(browser, frame)).collect();
        let events = frames.iter().map(|frame| serde_json::from_slice(frame).expect("frames are JSON"));
        let events: Vec<serde_json::Value> = events.collect();
        let page = Envelope::new(EVENTS, EventsPage { events, ticket, more: false }, self.now).to_json();
        self.bring(number, page.into());
        self.links.remove(&number);
    }

    /// A request on its way by a WebSocket.
    pub(super) fn post_by_link(&mut self, (life, by): (Life, StreamKey), post: Post) {
        let link = self.links.iter().find(|(_, link)| link.life == life && link.key == by);
        let Some((link, flow)) = link.map(|(number, link)| (*number, link.flow)) else { return };
        if flow == Flow::Passes {
            let delay = self.dice.between(2, 60);
            self.at(delay, Event::ArriveByLink { link, post });
        }
    }

    /// A request has come by a WebSocket.
    pub(super) fn arrive_by_link(&mut self, link: u64, post: Post) {
        let Some(device) = self.server.device_of(link).filter(|_| self.is_up) else { return };
        let reply = self.server.post(&Post { device: Some(device), ..post }, self.now);
        self.carry();
        self.bring(link, reply.body);
    }

    /// The client notices that its stream has ended, once what was on its way has come.
    pub(super) fn cut(&mut self, number: u64) {
        let Some(link) = self.links.remove(&number) else { return };
        if link.flow == Flow::Passes {
            let wait = link.free_at.since(self.now).0 + self.dice.between(1, 50);
            self.at(wait, Event::Input(link.life, Input::StreamClosed(link.key)));
        }
    }
}
