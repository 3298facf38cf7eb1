//! Which of several clients leads, and what the others do, shown through the face.

#![cfg(target_arch = "wasm32")]

use futures_channel::mpsc;
use js_sys::{Promise, Uint8Array};
use sotto::view::Session;
use sotto::wire::Code;
use sotto::{Failure, Options, Place, Sotto, Subscription, Told};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::{BroadcastChannel, LockOptions, MessageEvent};

wasm_bindgen_test_configure!(run_in_browser);

/// The places that a client goes through.
struct Places {
    told: mpsc::UnboundedReceiver<Place>,
    _subscription: Subscription,
}

impl Places {
    fn of(sotto: &Sotto) -> Self {
        let (sender, told) = mpsc::unbounded();
        let subscription = sotto.subscribe(move |told| {
            if let Told::Place(place) = told {
                sender.unbounded_send(*place).expect("the receiver lives as long as the subscription");
            }
        });
        Self { told, _subscription: subscription }
    }

    /// Waits until it is told that the client stands at `wanted`.
    async fn reach(&mut self, wanted: Place) {
        loop {
            let place = std::future::poll_fn(|context| {
                use futures_core::Stream;
                std::pin::Pin::new(&mut self.told).poll_next(context)
            });
            if place.await.expect("the sender lives as long as the subscription") == wanted {
                return;
            }
        }
    }
}

fn client(database: &str) -> (Sotto, Places) {
    let sotto = Sotto::start(Options { database: database.to_owned(), ..Options::default() });
    let places = Places::of(&sotto);
    (sotto, places)
}

#[wasm_bindgen_test]
async fn one_client_leads_and_the_next_takes_over_when_it_ends() {
    let (first, mut first_places) = client("place-lead");
    assert_eq!(first.place(), Place::Starting);
    first_places.reach(Place::Leading).await;
    let (_second, mut second_places) = client("place-lead");
    second_places.reach(Place::Following).await;
    drop(first);
    second_places.reach(Place::Leading).await;
}

#[wasm_bindgen_test]
async fn clients_of_other_databases_do_not_meet() {
    let (_first, mut first_places) = client("place-one");
    let (_second, mut second_places) = client("place-other");
    first_places.reach(Place::Leading).await;
    second_places.reach(Place::Leading).await;
}

#[wasm_bindgen_test]
async fn a_client_that_follows_can_be_dropped() {
    let (first, mut first_places) = client("place-drop");
    first_places.reach(Place::Leading).await;
    let (second, mut second_places) = client("place-drop");
    second_places.reach(Place::Following).await;
    let (_third, mut third_places) = client("place-drop");
    third_places.reach(Place::Following).await;
    drop(second);
    drop(first);
    third_places.reach(Place::Leading).await;
}

#[wasm_bindgen_test]
async fn a_client_that_follows_shows_what_the_lead_shows_and_is_answered_by_it() {
    let (first, mut first_places) = client("place-mirror");
    first_places.reach(Place::Leading).await;
    let (second, mut second_places) = client("place-mirror");
    second_places.reach(Place::Following).await;
    assert_eq!(*second.session().get(), Session::SignedOut(None));
    assert_eq!(second.set_display_name("Ada").await, Err(Failure::WrongState));
    assert_eq!((first.place(), second.place()), (Place::Leading, Place::Following));
}

#[wasm_bindgen_test]
async fn who_types_a_password_leads_before_it_is_used() {
    let (_first, mut first_places) = client("place-password");
    first_places.reach(Place::Leading).await;
    let (second, mut second_places) = client("place-password");
    second_places.reach(Place::Following).await;
    // What answers is the server of the tests, which is none of Sotto.
    assert_eq!(second.sign_in("alice", "a long password").await, Err(Failure::Refused(Code::NotSotto)));
    assert_eq!(second.place(), Place::Leading);
    first_places.reach(Place::Following).await;
}

#[wasm_bindgen_test]
async fn a_lead_that_says_nothing_is_robbed_within_three_seconds() {
    // Somebody who holds the lock and is dead otherwise.
    let never = Closure::<dyn FnMut(JsValue) -> Promise>::new(|_| Promise::new(&mut |_, _| {}));
    let locks = web_sys::window().expect("a page").navigator().locks();
    let options = LockOptions::new();
    let held = locks.request_with_options("sotto-leader-place-dead", &options, never.as_ref().unchecked_ref());
    let (sotto, mut places) = client("place-dead");
    let began = sotto.now();
    places.reach(Place::Leading).await;
    assert!((1_500..3_000).contains(&sotto.now().since(began).0));
    assert!(JsFuture::from(held).await.is_err(), "a stolen lock is told to who held it");
}

#[wasm_bindgen_test]
async fn a_password_is_never_said_on_the_channel() {
    let heard = Rc::new(RefCell::new(Vec::<u8>::new()));
    let hear = Closure::<dyn FnMut(MessageEvent)>::new({
        let heard = Rc::clone(&heard);
        move |event: MessageEvent| heard.borrow_mut().extend(Uint8Array::new(&event.data()).to_vec())
    });
    let channel = BroadcastChannel::new("sotto-place-secret").expect("a channel");
    channel.set_onmessage(Some(hear.as_ref().unchecked_ref()));
    let (_first, mut first_places) = client("place-secret");
    first_places.reach(Place::Leading).await;
    let (second, mut second_places) = client("place-secret");
    second_places.reach(Place::Following).await;
    let said = |text: &str| heard.borrow().windows(text.len()).any(|part| part == text.as_bytes());
    // What may be said is heard, so what is not heard was not said.
    assert!(second.start_direct("somebody").await.is_err());
    assert!(second.sign_in("alice", "a long password").await.is_err());
    assert_eq!(second.start_direct("nobody").await, Err(Failure::WrongState));
    first_places.reach(Place::Following).await;
    assert!(said("somebody") && !said("long password"));
}

/// What a lead of another version says, as far as any version reads it.
fn foreign_lead(channel: &BroadcastChannel) {
    channel.post_message(&Uint8Array::from([1_u8, 2, 3, 4, 5, 6, 7, 8, 0].as_slice())).expect("an open channel");
}

#[wasm_bindgen_test]
async fn a_client_that_follows_stops_when_another_version_leads() {
    let (_first, mut first_places) = client("place-version");
    first_places.reach(Place::Leading).await;
    let (second, mut second_places) = client("place-version");
    second_places.reach(Place::Following).await;
    foreign_lead(&BroadcastChannel::new("sotto-place-version").expect("a channel"));
    second_places.reach(Place::OtherVersion).await;
    assert_eq!(second.start_notes().await, Err(Failure::WrongState));
}

#[wasm_bindgen_test]
async fn a_client_that_begins_takes_the_lead_from_another_version() {
    let never = Closure::<dyn FnMut(JsValue) -> Promise>::new(|_| Promise::new(&mut |_, _| {}));
    let locks = web_sys::window().expect("a page").navigator().locks();
    let options = LockOptions::new();
    let held = locks.request_with_options("sotto-leader-place-newer", &options, never.as_ref().unchecked_ref());
    let channel = BroadcastChannel::new("sotto-place-newer").expect("a channel");
    // Answers whatever is said, so that it does not count as dead.
    let answer = Closure::<dyn FnMut(MessageEvent)>::new({
        let channel = channel.clone();
        move |_| foreign_lead(&channel)
    });
    channel.set_onmessage(Some(answer.as_ref().unchecked_ref()));
    let (_sotto, mut places) = client("place-newer");
    places.reach(Place::Leading).await;
    assert!(JsFuture::from(held).await.is_err(), "a stolen lock is told to who held it");
}
