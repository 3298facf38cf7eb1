//! The loop: inputs in, [`Client::poll`] until it is idle, one timer. Owns the core and what it has open; each output is
//! done by the file of its Web API.
//!
//! The rule that it keeps: inputs are handed in in the order in which they came, and nothing else calls the core.

use crate::database::Database;
use crate::event_source;
use crate::jobs::{Job, Jobs};
use crate::long_poll::Poll;
use crate::page::Page;
use crate::shown::TOLD_MAX;
use crate::sotto::World;
use crate::web_socket::Socket;
use crate::{clock, persist, request, task};
use gloo_timers::callback::Timeout;
use sotto_core::contract::{Input, Request, Start, StreamKey, Way};
use sotto_core::view::{Change, Session};
use sotto_core::wire::Millis;
use sotto_core::wire::ticket::Transport;
use sotto_core::{Client, Output};
use std::collections::BTreeMap;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// The longest timer. Timers stand still while the machine sleeps and the wall clock does not: by looking at it this
/// often, a deadline that passed in the meantime is noticed this soon after waking. Costs next to nothing.
const TIMER_LONGEST_MS: u64 = 10_000;

/// After so long the page gets its turn: on a phone that is six times slower one more step and what is drawn of it may take
/// three times as long, and from 50 ms on a task is felt (W3C Long Tasks).
const SLICE_MS: Millis = Millis(8);

/// Time since the page had its turn.
struct Slice {
    began_at: Millis,
}

impl Slice {
    fn begin() -> Self {
        Self { began_at: clock::now() }
    }

    fn is_over(&self) -> bool {
        clock::now().since(self.began_at) >= SLICE_MS
    }

    /// Gives the page its turn.
    async fn end(&mut self) {
        task::turn().await;
        *self = Self::begin();
    }
}

/// Drives a client.
pub(crate) struct Driver {
    world: Rc<World>,
    client: Client,
    store: Jobs,
    streams: BTreeMap<StreamKey, Stream>,
    timer: Option<(Millis, Timeout)>,
    persistence: Persistence,
}

/// What carries events; closed when dropped.
enum Stream {
    Events { _closes: event_source::Stream },
    Socket(Socket),
    Poll { _ends: Poll },
}

/// Whether the browser was asked to keep the store.
#[derive(PartialEq, Eq)]
enum Persistence {
    NotAsked,
    Asked,
}

impl Driver {
    pub(crate) fn new(world: Rc<World>, database: Database, start: Start) -> Self {
        Self {
            store: Jobs::start(&world, database),
            world,
            client: Client::new(start),
            streams: BTreeMap::new(),
            timer: None,
            persistence: Persistence::NotAsked,
        }
    }

    /// Runs until the world ends.
    pub(crate) async fn run(mut self) {
        let world = Rc::clone(&self.world);
        let _page = Page::watch(&world);
        self.drain(&mut Slice::begin()).await;
        while let Some(mut inputs) = world.inputs.take().await {
            if inputs.iter().all(|input| matches!(input, Input::Frame { .. })) {
                // The browser gives out the frames of one packet one by one: let them all come, so that the core can
                // write them as one batch.
                task::turn().await;
                inputs.extend(world.inputs.take_now());
            }
            let mut slice = Slice::begin();
            for input in inputs {
                if slice.is_over() {
                    self.drain(&mut slice).await;
                    slice.end().await;
                }
                self.take(input, clock::now());
            }
            self.drain(&mut slice).await;
        }
    }

    fn take(&mut self, input: Input, now: Millis) {
        match &input {
            Input::StreamClosed(key) => drop(self.streams.remove(key)),
            // Armed anew by `drain`, for the rest of the time when it came early.
            Input::Timer => match self.timer.take() {
                Some((wake_at, _)) if wake_at <= now => {}
                Some(_) | None => return,
            },
            _ => {}
        }
        self.client.handle(input, now);
    }

    async fn drain(&mut self, slice: &mut Slice) {
        let mut told = 0;
        let wake_at = loop {
            match self.client.poll() {
                Output::Idle(wake_at) => break wake_at,
                output => {
                    told += usize::from(matches!(output, Output::Changed(_)));
                    self.perform(output);
                }
            }
            if slice.is_over() || told == TOLD_MAX {
                self.world.shown.flush();
                slice.end().await;
                told = 0;
            }
        };
        self.arm(wake_at);
        self.world.shown.flush();
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Request(request) => self.send(request),
            Output::OpenStream { key, transport, path } => self.open(key, transport, &path),
            Output::CloseStream(key) => drop(self.streams.remove(&key)),
            Output::Persist(batch) => self.store.push(Job::Persist(batch)),
            Output::Load { key, wanted } => self.store.push(Job::Load(key, wanted)),
            Output::Answer { key, result } => self.world.answers.answer(key, result),
            Output::Changed(change) => self.show(change),
            Output::Notify { conversation } => self.world.shown.notify(conversation),
            // Ends the loop of `drain`.
            Output::Idle(_) => {}
        }
    }

    fn send(&self, request: Request) {
        if let Way::Stream(key) = request.way {
            if let Some(Stream::Socket(socket)) = self.streams.get(&key) {
                socket.send(&request.body);
            }
            return;
        }
        let world = Rc::clone(&self.world);
        spawn_local(async move {
            let key = request.key;
            let body = request::send(&world.options.server, request).await;
            world.inputs.push(Input::Response { key, body });
        });
    }

    fn open(&mut self, key: StreamKey, transport: Transport, path: &str) {
        let stream = match transport {
            Transport::Sse => {
                event_source::Stream::open(&self.world, key, path).map(|it| Stream::Events { _closes: it })
            }
            Transport::WebSocket => Socket::open(&self.world, key, path).map(Stream::Socket),
            Transport::LongPoll => Poll::open(&self.world, key, path).map(|it| Stream::Poll { _ends: it }),
            Transport::Unknown => None,
        };
        match stream {
            Some(stream) => drop(self.streams.insert(key, stream)),
            None => self.world.inputs.push(Input::StreamClosed(key)),
        }
    }

    fn show(&mut self, change: Change) {
        if matches!(change, Change::Session(Session::SignedIn(_))) && self.persistence == Persistence::NotAsked {
            self.persistence = Persistence::Asked;
            persist::ask();
        }
        self.world.shown.apply(change);
    }

    fn arm(&mut self, wake_at: Option<Millis>) {
        let Some(wake_at) = wake_at else {
            self.timer = None;
            return;
        };
        if self.timer.as_ref().is_some_and(|(armed_at, _)| *armed_at == wake_at) {
            return;
        }
        let wait_ms = wake_at.since(clock::now()).0.min(TIMER_LONGEST_MS);
        let world = Rc::clone(&self.world);
        let wait_ms = u32::try_from(wait_ms).expect("bounded by TIMER_LONGEST_MS, which fits");
        self.timer = Some((wake_at, Timeout::new(wait_ms, move || world.inputs.push(Input::Timer))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::{fresh_name, opened};
    use crate::sotto::Options;
    use sotto_core::contract::LoadKey;
    use std::cell::Cell;
    use wasm_bindgen_test::wasm_bindgen_test;

    /// Work of half a second on a quick machine: some sixty slices.
    const MANY: u64 = 500_000;
    /// Without slices there is a turn before the work and one after it. Counted, since a busy machine may stand still for
    /// most of the time.
    const TURNS_MIN: usize = 8;

    #[wasm_bindgen_test]
    async fn the_page_has_its_turns_while_much_comes_at_once() {
        let world = Rc::new(World::new(Options::default()));
        let driver = Driver::new(Rc::clone(&world), opened(&fresh_name()).await, Start { seed: [0; 32] });
        let turns = Rc::new(Cell::new(0_usize));
        let counted = Rc::clone(&turns);
        spawn_local(async move {
            while Rc::strong_count(&counted) > 1 {
                task::turn().await;
                counted.set(counted.get() + 1);
            }
        });
        // The counting has begun.
        task::turn().await;
        (0..MANY).for_each(|number| world.inputs.push(Input::LoadFailed(LoadKey(u64::MAX - number))));
        let (began, before) = (clock::now(), turns.get());
        world.inputs.push(Input::Timer);
        let ending = Rc::clone(&world);
        let all_taken = async {
            // The driver asks for more when it has done all of these.
            task::turn().await;
            while ending.shown.session.get().as_ref() == &Session::Starting {
                task::turn().await;
            }
        };
        task::first(driver.run(), all_taken).await;
        let (took, turns) = (clock::now().since(began), turns.get() - before);
        assert!(took.0 > 4 * SLICE_MS.0, "{took:?} is too little work to show anything");
        assert!(turns >= TURNS_MIN, "the page had {turns} turns in {took:?}");
    }
}
