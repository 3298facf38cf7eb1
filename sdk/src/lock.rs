//! The lead among the tabs, by Web Locks (W3C Web Locks §2): one holder per name and origin, freed when the tab dies.

use futures_channel::oneshot;
use js_sys::{Function, Promise};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, LockManager, LockOptions};

/// A lock that is held until dropped, or until another tab steals it.
pub(crate) struct Held {
    release: Function,
    robbed: oneshot::Receiver<()>,
}

impl Held {
    /// Waits until another tab has stolen the lock.
    pub(crate) async fn robbed(&mut self) {
        // Told, or the page is going away and nobody tells anything any more: the lock is gone in both cases.
        let _ = (&mut self.robbed).await;
    }
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

/// Takes the lock `name` from whoever holds it, and before all who wait for it.
pub(crate) async fn steal(locks: &LockManager, name: &str) -> Result<Held, Refused> {
    let options = LockOptions::new();
    options.set_steal(true);
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
    let (told, robbed) = oneshot::channel();
    let mut robbed = Some(robbed);
    let granted = Closure::<dyn FnMut(JsValue) -> Promise>::new({
        let settle = settle.clone();
        move |lock: JsValue| {
            let Some(robbed) = robbed.take().filter(|_| !lock.is_null()) else {
                settle(Ok(None));
                return Promise::resolve(&JsValue::NULL);
            };
            let mut robbed = Some(robbed);
            // The lock is held until the promise that this function returns is settled. A promise calls this once.
            Promise::new(&mut |release, _| {
                if let Some(robbed) = robbed.take() {
                    settle(Ok(Some(Held { release, robbed })));
                }
            })
        }
    });
    let freed = locks.request_with_options(name, options, granted.as_ref().unchecked_ref());
    spawn_local(async move {
        // Rejected when it was refused, taken back or stolen; else what was to be told has been told.
        let _ = JsFuture::from(freed).await;
        settle(Err(Refused));
        // Fails when the holder has freed it, and nobody waits.
        let _ = told.send(());
        drop(granted);
    });
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tests::fresh_name;
    use js_sys::{Array, Reflect};
    use std::task::Poll;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn locks() -> LockManager {
        web_sys::window().expect("a page").navigator().locks()
    }

    /// Polls once: the request is made then.
    async fn begun<T>(future: &mut (impl Future<Output = T> + Unpin)) {
        std::future::poll_fn(|context| {
            assert!(std::pin::Pin::new(&mut *future).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[wasm_bindgen_test]
    async fn a_lock_has_one_holder_until_it_is_dropped() {
        let (locks, name) = (locks(), fresh_name());
        let held = try_take(&locks, &name).await.expect("allowed").expect("free");
        assert!(try_take(&locks, &name).await.expect("allowed").is_none());
        let mut next = Box::pin(take(&locks, &name));
        begun(&mut next).await;
        drop(held);
        let next = next.await.expect("allowed");
        assert!(try_take(&locks, &name).await.expect("allowed").is_none());
        drop(next);
        drop(take(&locks, &name).await.expect("allowed"));
    }

    #[wasm_bindgen_test]
    async fn a_lock_that_is_stolen_is_told_to_who_held_it() {
        let (locks, name) = (locks(), fresh_name());
        let mut held = try_take(&locks, &name).await.expect("allowed").expect("free");
        let mut waiting = Box::pin(take(&locks, &name));
        begun(&mut waiting).await;
        begun(&mut Box::pin(held.robbed())).await;
        let thief = steal(&locks, &name).await.expect("allowed");
        held.robbed().await;
        drop(held);
        assert!(try_take(&locks, &name).await.expect("allowed").is_none());
        drop(thief);
        drop(waiting.await.expect("allowed"));
    }

    /// How many wait for the lock `name`, as the browser knows it.
    async fn waiting(locks: &LockManager, name: &str) -> usize {
        let of = |object: &JsValue, key: &str| Reflect::get(object, &JsValue::from_str(key)).expect("an object");
        let query: Function = of(locks, "query").dyn_into().expect("a function");
        let snapshot: Promise = query.call0(locks).expect("allowed").dyn_into().expect("a promise");
        let snapshot = JsFuture::from(snapshot).await.expect("allowed");
        let pending: Array = of(&snapshot, "pending").dyn_into().expect("a list");
        pending.iter().filter(|lock| of(lock, "name") == name).count()
    }

    #[wasm_bindgen_test]
    async fn a_request_that_is_dropped_is_taken_back() {
        let (locks, name) = (locks(), fresh_name());
        let held = try_take(&locks, &name).await.expect("allowed").expect("free");
        let mut dropped = Box::pin(take(&locks, &name));
        begun(&mut dropped).await;
        let mut next = Box::pin(take(&locks, &name));
        begun(&mut next).await;
        assert_eq!(waiting(&locks, &name).await, 2);
        drop(dropped);
        assert_eq!(waiting(&locks, &name).await, 1);
        drop(held);
        drop(next.await.expect("allowed"));
    }
}
