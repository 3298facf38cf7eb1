//! Which of several clients leads, and what the others do, shown through the face.

#![cfg(target_arch = "wasm32")]

use futures_channel::mpsc;
use js_sys::{Promise, Uint8Array};
use sotto::view::Session;
use sotto::wire::Code;
use sotto::{Failure, Options, Place, Sotto, Subscription, Told};
use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;
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

    /// Waits until it is told where the client stands next.
    async fn next(&mut self) -> Place {
        let place = std::future::poll_fn(|context| {
            use futures_core::Stream;
            std::pin::Pin::new(&mut self.told).poll_next(context)
        });
        place.await.expect("the sender lives as long as the subscription")
    }

    /// Waits until it is told that the client stands at `wanted`.
    async fn reach(&mut self, wanted: Place) {
        while self.next().await != wanted {}
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
async fn a_password_that_is_typed_before_the_client_follows_is_used_too() {
    let (_first, mut first_places) = client("place-early");
    first_places.reach(Place::Leading).await;
    let (second, _second_places) = client("place-early");
    assert_eq!(second.place(), Place::Starting);
    assert_eq!(second.sign_in("alice", "a long password").await, Err(Failure::Refused(Code::NotSotto)));
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

/// Takes the lead of the clients of `database` from whoever has it. Rejected when it is taken from there.
fn rob(database: &str) -> Promise {
    let never = Closure::<dyn FnMut(JsValue) -> Promise>::new(|_| Promise::new(&mut |_, _| {}));
    let locks = web_sys::window().expect("a page").navigator().locks();
    let options = LockOptions::new();
    options.set_steal(true);
    let never = never.into_js_value();
    locks.request_with_options(&format!("sotto-leader-{database}"), &options, never.unchecked_ref())
}

/// Whether somebody has the lead of the clients of `database`.
async fn is_led(database: &str) -> bool {
    let look = Closure::<dyn FnMut(JsValue) -> JsValue>::new(|lock: JsValue| JsValue::from_bool(lock.is_null()));
    let locks = web_sys::window().expect("a page").navigator().locks();
    let options = LockOptions::new();
    options.set_if_available(true);
    let name = format!("sotto-leader-{database}");
    let led = locks.request_with_options(&name, &options, look.as_ref().unchecked_ref());
    JsFuture::from(led).await.expect("allowed") == JsValue::TRUE
}

#[wasm_bindgen_test]
async fn a_lead_that_another_version_has_robbed_stops_and_takes_nothing_back() {
    let (first, mut places) = client("place-robbed");
    places.reach(Place::Leading).await;
    let channel = BroadcastChannel::new("sotto-place-robbed").expect("a channel");
    // The lead of another version, which lives.
    let answer = Closure::<dyn FnMut(MessageEvent)>::new({
        let channel = channel.clone();
        move |_| foreign_lead(&channel)
    });
    channel.set_onmessage(Some(answer.as_ref().unchecked_ref()));
    let _robbery = rob("place-robbed");
    assert_eq!([places.next().await, places.next().await], [Place::Following, Place::OtherVersion]);
    assert_eq!(first.start_notes().await, Err(Failure::WrongState));
    assert!(is_led("place-robbed").await, "the other version keeps the lead");
}

#[wasm_bindgen_test]
async fn a_lead_that_another_version_has_robbed_stops_when_that_one_is_silent_since() {
    let (_first, mut places) = client("place-silent");
    places.reach(Place::Leading).await;
    let channel = BroadcastChannel::new("sotto-place-silent").expect("a channel");
    foreign_lead(&channel);
    // Answered behind what was said before it, so that that was heard.
    let said = first_said(&channel);
    foreign_follower(&channel);
    said.await;
    let _robbery = rob("place-silent");
    assert_eq!([places.next().await, places.next().await], [Place::Following, Place::OtherVersion]);
    assert!(is_led("place-silent").await, "the other version keeps the lead");
}

/// What a tab of another version says that follows, as far as any version reads it.
fn foreign_follower(channel: &BroadcastChannel) {
    channel.post_message(&Uint8Array::from([1_u8, 2, 3, 4, 5, 6, 7, 8, 1].as_slice())).expect("an open channel");
}

/// The first thing that is said on this channel from now on.
fn first_said(channel: &BroadcastChannel) -> impl Future<Output = Vec<u8>> + use<> {
    let promise = Promise::new(&mut |resolve, _| channel.set_onmessage(Some(&resolve)));
    async {
        let event: MessageEvent = JsFuture::from(promise).await.expect("never rejected").unchecked_into();
        Uint8Array::new(&event.data()).to_vec()
    }
}

#[wasm_bindgen_test]
async fn a_lead_answers_another_version_so_that_it_does_not_count_as_dead() {
    let (_first, mut places) = client("place-answer");
    places.reach(Place::Leading).await;
    let channel = BroadcastChannel::new("sotto-place-answer").expect("a channel");
    // The first thing may still be that the lead is ready.
    for _ in 0..2 {
        let said = first_said(&channel);
        foreign_follower(&channel);
        assert_eq!(said.await[8], 0, "a lead speaks");
    }
}

#[wasm_bindgen_test]
async fn what_a_client_wished_before_it_led_robs_nobody_afterwards() {
    let (_first, mut first_places) = client("place-wishes");
    first_places.reach(Place::Leading).await;
    let (second, mut second_places) = client("place-wishes");
    second_places.reach(Place::Following).await;
    let (third, mut third_places) = client("place-wishes");
    third_places.reach(Place::Following).await;
    // The second password comes when the lead is being taken for the first.
    let one = second.sign_in("alice", "a long password");
    let other = async {
        JsFuture::from(Promise::resolve(&JsValue::NULL)).await.expect("resolved");
        second.sign_in("alice", "another password").await
    };
    let (one, other) = both(one, other).await;
    assert_eq!(second.place(), Place::Leading);
    assert!(one.is_err() && other.is_err());
    second_places.reach(Place::Leading).await;
    assert_eq!(third.sign_in("alice", "a long password").await, Err(Failure::Refused(Code::NotSotto)));
    assert_eq!(second_places.next().await, Place::Following);
    // Answered by the third, whom the second has not robbed.
    assert_eq!(second.set_display_name("Ada").await, Err(Failure::WrongState));
    assert_eq!((second.place(), third.place()), (Place::Following, Place::Leading));
}

/// Waits for both.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut of_one, mut of_other) = (None, None);
    std::future::poll_fn(|context| {
        if of_one.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(context)
        {
            of_one = Some(value);
        }
        if of_other.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(context)
        {
            of_other = Some(value);
        }
        match of_one.is_some() && of_other.is_some() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    (of_one.expect("waited for"), of_other.expect("waited for"))
}
