//! Which of several clients leads, shown through the face.

#![cfg(target_arch = "wasm32")]

use futures_channel::mpsc;
use sotto::{Failure, Options, Place, Sotto, Subscription, Told};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

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
    let (second, mut second_places) = client("place-lead");
    second_places.reach(Place::Elsewhere).await;
    assert_eq!(second.sign_out().await, Err(Failure::WrongState));
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
async fn a_client_that_waits_can_be_dropped() {
    let (first, mut first_places) = client("place-drop");
    first_places.reach(Place::Leading).await;
    let (second, mut second_places) = client("place-drop");
    second_places.reach(Place::Elsewhere).await;
    let (_third, mut third_places) = client("place-drop");
    third_places.reach(Place::Elsewhere).await;
    drop(second);
    drop(first);
    third_places.reach(Place::Leading).await;
}
