//! What people do in a run: sign up once for all runs, then meet, write, read, leave and come back at random times.

use crate::browser::{Browser, Past, Saved};
use crate::check;
use crate::dice::{Fault, Weather};
use crate::server::Server;
use crate::world::World;
use sotto_core::Command;
use sotto_core::contract::{Network, Outgoing, ViewerKey, Visibility};
use sotto_core::view::{Privacy, Session, Sharing};
use sotto_core::wire::presence::{Audience, Status};
use sotto_core::wire::ticket::Transport;
use sotto_core::wire::{ConversationId, Millis};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Milliseconds since the epoch at which every run begins.
pub(crate) const BEGIN: Millis = Millis(1_790_000_000_000);
/// People who have signed up before a run begins.
pub(crate) const PEOPLE: &[&str] = &["anna", "bert", "cleo", "dora"];
pub(crate) const PASSWORD: &str = "correct horse";
/// How long a storm lasts.
const STORM_MS: u64 = 60_000;

/// What has happened before every run: the accounts are there. Made once, for signing up is slow by design.
pub(crate) struct Beginning {
    pub(crate) server: Server,
    pub(crate) browsers: Vec<Saved>,
}

impl Beginning {
    /// Signs everybody up, in calm weather.
    pub(crate) fn new() -> Self {
        let browsers = PEOPLE.iter().map(|name| Browser::new(name)).collect();
        let transports = vec![Transport::Sse, Transport::WebSocket, Transport::LongPoll];
        let mut world = World::new(0, BEGIN, Server::offering(transports), browsers);
        for (browser, name) in PEOPLE.iter().enumerate() {
            world.run_for(100);
            let (name, display_name) = ((*name).to_owned(), name.to_uppercase());
            let password = Zeroizing::new(PASSWORD.to_owned());
            world.command(browser, Command::SignUp { name, display_name, password });
            world.run_for(1_000);
            assert!(world.browsers[browser].is_signed_in(), "{:?}", world.browsers[browser].screen.session);
        }
        let browsers = world.browsers.iter().map(Browser::save).collect();
        world.server.restart();
        Self { server: world.server, browsers }
    }
}

/// Plays a seed; gives back how often each fault has struck.
pub(crate) fn play(beginning: &Beginning, seed: u64) -> BTreeMap<Fault, u64> {
    let people = 2 + usize::try_from(seed % 3).expect("a small number");
    let mut browsers: Vec<_> = beginning.browsers.iter().take(people).map(Browser::restore).collect();
    let moves = seed % 8 == 7;
    if moves {
        // Somebody has a second browser, which was never used.
        browsers.push(Browser { past: Past::Broken, ..Browser::new(PEOPLE[0]) });
    }
    let mut server = beginning.server.clone();
    server.transports.rotate_left(usize::try_from(seed / 3 % 3).expect("a small number"));
    let mut world = World::new(seed, BEGIN.after(Millis(60_000)), server, browsers);
    let mut play = Play { texts: 0, people, moves };
    play.storm(&mut world);
    play.come_to_rest(&mut world);
    check::all(&mut world);
    let words = play.last_words(&mut world);
    check::last_words(&mut world, &words);
    play.part(&mut world);
    world.dice.struck
}

/// Somebody chooses what others are shown.
fn choose(world: &mut World, browser: usize) {
    let dice = &mut world.dice;
    let read_receipts = if dice.once_in(2) { Sharing::Shared } else { Sharing::Kept };
    let presence = if dice.once_in(4) { Audience::Nobody } else { Audience::People };
    let status = if dice.once_in(4) { Status::Busy } else { Status::Available };
    world.command(browser, Command::SetPrivacy(Privacy { read_receipts, presence, status }));
}

struct Play {
    texts: u64,
    people: usize,
    moves: bool,
}

impl Play {
    fn storm(&mut self, world: &mut World) {
        world.dice.weather = Weather::Storm;
        let end = world.now.after(Millis(STORM_MS));
        while world.now < end {
            let pause = world.dice.between(50, 2_500);
            world.run_for(pause);
            let browser = world.dice.place(world.browsers.len());
            if world.asleep_until(browser).is_none() {
                self.act(world, browser);
            }
            self.hinder(world);
            if world.strikes(Fault::ServerRestart, 25) {
                let down = world.dice.between(200, 4_000);
                world.stop_server(down);
            }
        }
        world.calm();
    }

    /// Something about the ways between browsers and server changes.
    fn hinder(&self, world: &mut World) {
        let browser = world.dice.place(world.browsers.len());
        match world.dice.between(0, 39) {
            0..=2 => world.put_proxy(browser),
            3..=4 => {
                let all = [Transport::Sse, Transport::WebSocket, Transport::LongPoll];
                let wanted = Some(all[world.dice.place(all.len())]).filter(|_| !world.dice.once_in(4));
                if world.command(browser, Command::UseTransport(wanted)).is_some() {
                    world.dice.note(Fault::TransportPinned);
                }
            }
            5 => {
                let ms = world.dice.between(1_000, 30_000);
                world.sleep(browser, ms);
            }
            _ => {}
        }
    }

    fn act(&mut self, world: &mut World, browser: usize) {
        if !world.browsers[browser].is_signed_in() {
            if world.dice.once_in(4) {
                self.sign_in(world, browser);
            }
            return;
        }
        let conversations: Vec<_> = world.browsers[browser].screen.conversations.keys().copied().collect();
        let dice = &mut world.dice;
        if conversations.is_empty() || dice.once_in(8) {
            let name = PEOPLE[dice.place(self.people)].to_owned();
            let command = if dice.once_in(6) { Command::StartNotes } else { Command::StartDirect { name } };
            world.command(browser, command);
            return;
        }
        let id = conversations[dice.place(conversations.len())];
        match dice.between(0, 19) {
            0..=9 => self.write(world, browser, id),
            10..=12 => {
                world.command(browser, Command::OpenConversation(ViewerKey(0), id));
            }
            13..=14 => {
                world.command(browser, Command::MarkRead(id));
            }
            15 => {
                world.command(browser, Command::Typing(id));
            }
            16 => world.network(browser, Network::Offline),
            17 => world.network(browser, Network::Online),
            18 => {
                let visibility = if dice.once_in(2) { Visibility::Visible } else { Visibility::Hidden };
                world.visibility(browser, visibility);
            }
            _ => self.rarely(world, browser),
        }
    }

    fn rarely(&mut self, world: &mut World, browser: usize) {
        match world.dice.between(0, 4) {
            4 => choose(world, browser),
            0 => {
                let name = format!("Name {}", world.dice.between(1, 9));
                world.command(browser, Command::SetDisplayName(name));
            }
            1 if self.moves => {
                world.browsers[browser].past = Past::Broken;
                world.command(browser, Command::SignOut);
            }
            2 => world.crash(browser),
            _ => {
                world.command(browser, Command::Reconnect);
            }
        }
    }

    fn write(&mut self, world: &mut World, browser: usize, conversation: ConversationId) {
        for _ in 0..world.dice.between(1, 3) {
            self.texts += 1;
            let text = format!("{} says {}", world.browsers[browser].name, self.texts);
            world.command(browser, Command::Send { conversation, message: Outgoing::text(text), client_id: None });
        }
    }

    fn sign_in(&self, world: &mut World, browser: usize) {
        if !matches!(world.browsers[browser].screen.session, Some(Session::SignedOut(_))) {
            return;
        }
        // Who signs in on one browser ends the other.
        for other in 0..world.browsers.len() {
            if world.browsers[other].name == world.browsers[browser].name {
                world.browsers[other].past = Past::Broken;
            }
        }
        let name = world.browsers[browser].name.clone();
        let password = Zeroizing::new(PASSWORD.to_owned());
        world.command(browser, Command::SignIn { name, password });
    }

    /// Lets everything come to rest; whoever is not there comes back.
    fn come_to_rest(&self, world: &mut World) {
        world.run_for(60_000);
        for browser in 0..world.browsers.len() {
            let name = world.browsers[browser].name.clone();
            let is_there = world.browsers.iter().any(|other| other.name == name && other.is_signed_in());
            if !is_there {
                self.sign_in(world, browser);
                world.run_for(20_000);
                let session = &world.browsers[browser].screen.session;
                assert!(matches!(session, Some(Session::SignedIn(_))), "{name} is not signed in but {session:?}");
            }
        }
        for browser in 0..world.browsers.len() {
            // Else a request that came late could have the last word about what was chosen before it.
            choose(world, browser);
            if world.dice.once_in(2) {
                world.visibility(browser, Visibility::Hidden);
            }
        }
        // Long enough for who is hidden to be away, and for who looks and polls to have asked anew since.
        world.run_for(100_000);
    }

    /// Somebody leaves, and the others see it.
    fn part(&self, world: &mut World) {
        check::presence(world);
        let browser = world.dice.place(world.browsers.len());
        world.network(browser, Network::Offline);
        world.run_for(60_000);
        let people = &world.browsers[browser].screen.people;
        assert!(people.is_empty(), "without a stream nothing is known of anybody, but {people:?}");
        world.network(browser, Network::Online);
        world.run_for(40_000);
        check::presence(world);
    }

    /// Everybody says something in every conversation.
    fn last_words(&mut self, world: &mut World) -> BTreeMap<(usize, ConversationId), String> {
        let mut words = BTreeMap::new();
        for browser in 0..world.browsers.len() {
            if !world.browsers[browser].is_signed_in() {
                continue;
            }
            let ids: Vec<_> = world.browsers[browser].screen.conversations.keys().copied().collect();
            for conversation in ids {
                self.texts += 1;
                let text = format!("{} says at last {}", world.browsers[browser].name, self.texts);
                words.insert((browser, conversation), text.clone());
                world.command(browser, Command::Send { conversation, message: Outgoing::text(text), client_id: None });
            }
        }
        world.run_for(10_000);
        words
    }
}
