//! The way to the lead and back: what the browser lacks, the lock, the store; then the driver, until another tab takes the
//! lock. Owns [`Place`].
//!
//! The rule that it keeps: **each lead is a new one**: fresh core, fresh seed, fresh generation of the store. What a robbed
//! lead still has in memory is never written, since the store refuses every generation but the newest.

use crate::channel::Channel;
use crate::database::Database;
use crate::driver::Driver;
use crate::follow::{self, Follow, Pulse};
use crate::lead::Lead;
use crate::listener::Listener;
use crate::lock::{self, Held};
use crate::message::LeadKey;
use crate::page;
use crate::place::{Missing, Place};
use crate::random;
use crate::sotto::World;
use crate::tab::{Role, Tab, Wish};
use crate::task::{First, first};
use gloo_timers::callback::Interval;
use js_sys::Reflect;
use sotto_core::contract::{Failure, Start};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{LockManager, Window};

/// Runs until the tab ends, which frees the lead and all that hangs on it.
pub(crate) fn start(tab: Rc<Tab>) {
    spawn_local(async move {
        tab.wishes.until_closed(live(&tab)).await;
    });
}

async fn live(tab: &Rc<Tab>) {
    let Err(place) = attempt(tab).await;
    tab.set_role(Role::Stopped(match place {
        Place::Failed(_) => Failure::Storage,
        Place::Starting | Place::Leading | Place::Following | Place::OtherVersion | Place::Unsupported(_) => {
            Failure::WrongState
        }
    }));
    tab.shown.set_place(place);
    for (key, command) in tab.answers.unanswered() {
        tab.submit(key, command);
    }
    std::future::pending().await
}

enum Never {}

async fn attempt(tab: &Rc<Tab>) -> Result<Never, Place> {
    let window = supported().map_err(Place::Unsupported)?;
    let channel = tab.join().ok_or(Place::Unsupported(Missing::Locks))?;
    let name = format!("sotto-leader-{}", tab.options.database);
    let way = Way { tab, channel, locks: window.navigator().locks(), name, window };
    let mut held = lock::try_take(&way.locks, &way.name).await.map_err(no_locks)?;
    loop {
        let lead = match held.take() {
            Some(held) => held,
            None => way.follow().await?,
        };
        way.lead(lead).await?;
    }
}

fn no_locks(_: lock::Refused) -> Place {
    Place::Unsupported(Missing::Locks)
}

/// What the way needs.
struct Way<'a> {
    tab: &'a Rc<Tab>,
    channel: Rc<Channel>,
    locks: LockManager,
    name: String,
    window: Window,
}

impl Way<'_> {
    /// Follows until this tab has the lock.
    async fn follow(&self) -> Result<Held, Place> {
        let (answers, shown) = (Rc::clone(&self.tab.answers), Rc::clone(&self.tab.shown));
        let follow = Rc::new(Follow::begin(Rc::clone(&self.channel), answers, shown));
        self.tab.follow(Rc::clone(&follow));
        if self.tab.shown.place() != Place::Starting {
            self.tab.shown.set_place(Place::Following);
        }
        let _watch = self.watch(&follow);
        match first(lock::take(&self.locks, &self.name), self.tab.wishes.take()).await {
            First::One(held) => held.map_err(no_locks),
            First::Other(wishes) => match self.tab.is_outdated(&wishes.unwrap_or_default()) {
                true => Err(Place::OtherVersion),
                false => lock::steal(&self.locks, &self.name).await.map_err(no_locks),
            },
        }
    }

    /// Watches the lead, as long as somebody looks at this tab, until dropped.
    fn watch(&self, follow: &Rc<Follow>) -> Option<(Interval, [Listener; 2])> {
        let document = self.window.document()?;
        let ask = {
            let (tab, follow, document) = (Rc::clone(self.tab), Rc::clone(follow), document.clone());
            move || match document.hidden() {
                true => follow.rest(),
                false if follow.ask() == Pulse::Gone => tab.wishes.push(Wish::LeadIsGone),
                false => {}
            }
        };
        let looks = {
            let (follow, document) = (Rc::clone(follow), document.clone());
            move |_| follow.looks(page::visibility(&document))
        };
        let bye = {
            let follow = Rc::clone(follow);
            move |_| follow.bye()
        };
        let listeners =
            [Listener::new(&document, "visibilitychange", looks), Listener::new(&self.window, "pagehide", bye)];
        Some((Interval::new(follow::ASK_EVERY_MS, ask), listeners))
    }

    /// Leads until another tab has taken the lock.
    async fn lead(&self, mut held: Held) -> Result<(), Place> {
        let seed = random::bytes().ok_or(Place::Unsupported(Missing::Random))?;
        let key = random::bytes().ok_or(Place::Unsupported(Missing::Random))?;
        let world = Rc::new(World::of(self.tab));
        let lead = Lead::begin(LeadKey(u64::from_le_bytes(key)), Rc::clone(&world), Rc::clone(&self.channel));
        self.tab.set_role(Role::Leading(Rc::new(lead)));
        let serving = async {
            let lost = {
                let shown = Rc::clone(&self.tab.shown);
                move |failure| shown.set_place(Place::Failed(failure))
            };
            let database = Database::open(&self.tab.options.database, lost).await.map_err(Place::Failed)?;
            self.tab.shown.set_place(Place::Leading);
            Driver::new(world, database, Start { seed }).run().await;
            Ok(())
        };
        match first(serving, held.robbed()).await {
            First::One(ended) => ended,
            First::Other(()) => Ok(()),
        }
    }
}

/// The window, when it has all that Sotto needs.
fn supported() -> Result<Window, Missing> {
    let window = web_sys::window().ok_or(Missing::SecureContext)?;
    let has = |of: &JsValue, name: &str| {
        Reflect::get(of, &JsValue::from_str(name)).is_ok_and(|found| !found.is_undefined() && !found.is_null())
    };
    let crypto = window.crypto().map_err(|_| Missing::Crypto)?;
    let needed = [
        (window.is_secure_context(), Missing::SecureContext),
        (has(&window.navigator(), "locks"), Missing::Locks),
        (has(&crypto, "subtle"), Missing::Crypto),
        (has(&window, "indexedDB"), Missing::Database),
        (has(&window, "EventSource"), Missing::EventSource),
    ];
    match needed.into_iter().find(|(there, _)| !there) {
        Some((_, missing)) => Err(missing),
        None => Ok(window),
    }
}
