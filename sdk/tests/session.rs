//! The face over the real core, in a browser without a server of Sotto.

#![cfg(target_arch = "wasm32")]

use futures_channel::oneshot;
use sotto::view::{Connection, Session};
use sotto::wire::Code;
use sotto::{Failure, Options, Sotto, Store};
use std::cell::Cell;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn client(database: &str) -> Sotto {
    Sotto::start(Options { database: database.to_owned(), ..Options::default() })
}

/// Waits until the store holds a value like this.
async fn reach<T: Clone + 'static>(store: &Store<T>, wanted: impl Fn(&T) -> bool + 'static) {
    let (sender, reached) = oneshot::channel();
    let sender = Cell::new(Some(sender));
    let _subscription = store.subscribe(move |value| {
        if wanted(value)
            && let Some(sender) = sender.take()
        {
            sender.send(()).expect("waited for");
        }
    });
    reached.await.expect("the subscription lives on");
}

#[wasm_bindgen_test]
async fn nobody_is_signed_in_at_first() {
    let sotto = client("session-first");
    assert_eq!(*sotto.session().get(), Session::Starting);
    reach(&sotto.session(), |session| *session == Session::SignedOut(None)).await;
    assert_eq!(*sotto.connection().get(), Connection::None);
    assert_eq!((sotto.conversations().get().len(), sotto.timeline().get().is_none()), (0, true));
}

#[wasm_bindgen_test]
async fn commands_are_answered_with_what_is_wrong() {
    let sotto = client("session-commands");
    reach(&sotto.session(), |session| *session == Session::SignedOut(None)).await;
    assert_eq!(sotto.sign_up("No!", "", "a long password").await, Err(Failure::NameInvalid));
    assert_eq!(sotto.sign_up("alice", "", "short").await, Err(Failure::PasswordTooShort));
    assert_eq!(sotto.start_notes().await, Err(Failure::WrongState));
    // What answers here is the server of the tests, which is none of Sotto.
    assert_eq!(sotto.sign_in("alice", "a long password").await, Err(Failure::Refused(Code::NotSotto)));
    assert_eq!(*sotto.session().get(), Session::SignedOut(None));
}
