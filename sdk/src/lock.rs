//! The lead among the tabs, by Web Locks (W3C Web Locks §2): one holder per name and origin, freed when the tab dies.

use futures_channel::oneshot;
use js_sys::{Function, Promise};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, LockManager, LockOptions};

/// A lock that is held until dropped.
pub(crate) struct Held {
    release: Function,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Resolves a promise, which does not fail.
        let _ = self.release.call0(&JsValue::NULL);
    }
}

/// A request for a lock was refused: forbidden by the page's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ask for a web lock")]
pub(crate) struct Refused;

/// Takes the lock `name` when nobody holds it.
pub(crate) async fn try_take(locks: &LockManager, name: &str) -> Result<Option<Held>, Refused> {
    let options = LockOptions::new();
    options.set_if_available(true);
    request(locks, name, &options).await.unwrap_or(Err(Refused))
}

/// Waits for the lock `name`. Dropping the future takes the request back.
pub(crate) async fn take(locks: &LockManager, name: &str) -> Result<Held, Refused> {
    let withdrawal = AbortController::new().map_err(|_| Refused)?;
    let options = LockOptions::new();
    options.set_signal(&withdrawal.signal());
    let _withdrawal = Withdrawal(withdrawal);
    request(locks, name, &options).await.unwrap_or(Err(Refused))?.ok_or(Refused)
}

/// Takes a request back when dropped; after the lock was granted that does nothing.
struct Withdrawal(AbortController);

impl Drop for Withdrawal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

type Outcome = Result<Option<Held>, Refused>;

/// Asks for a lock. What calls and is called lives in a task that ends when the lock is freed, refused or taken back.
fn request(locks: &LockManager, name: &str, options: &LockOptions) -> oneshot::Receiver<Outcome> {
    let (sender, outcome) = oneshot::channel();
    let sender = Rc::new(RefCell::new(Some(sender)));
    let settle = move |outcome: Outcome| {
        if let Some(sender) = sender.borrow_mut().take() {
            // Fails when nobody waits any more; the lock that it holds is then freed by being dropped.
            let _ = sender.send(outcome);
        }
    };
    let granted = Closure::<dyn FnMut(JsValue) -> Promise>::new({
        let settle = settle.clone();
        move |lock: JsValue| {
            if lock.is_null() {
                settle(Ok(None));
                return Promise::resolve(&JsValue::NULL);
            }
            // The lock is held until the promise that this function returns is settled.
            Promise::new(&mut |release, _| settle(Ok(Some(Held { release }))))
        }
    });
    let freed = locks.request_with_options(name, options, granted.as_ref().unchecked_ref());
    spawn_local(async move {
        // Rejected when it was refused or taken back; else what was to be told has been told.
        let _ = JsFuture::from(freed).await;
        settle(Err(Refused));
        drop(granted);
    });
    outcome
}
