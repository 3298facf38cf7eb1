//! Turns of the browser's event loop, and what comes first. Owns how to let others run; not when.

use js_sys::{Function, Promise};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

/// The longest wait for a frame: a hidden or busy page draws none.
const FRAME_LONGEST_MS: i32 = 100;

/// Lets every task that is ready run first. By a message to oneself, because timers are slowed down to one a second or
/// a minute in hidden pages (Chromium, "intensive throttling").
pub(crate) async fn turn() {
    let Ok(channel) = MessageChannel::new() else { return };
    let (port, own) = (channel.port1(), channel.port2());
    settle(|resolve| {
        own.set_onmessage(Some(resolve));
        // Fails for values that cannot be cloned only; null can.
        if port.post_message(&JsValue::NULL).is_err() {
            let _ = resolve.call0(&JsValue::NULL);
        }
    })
    .await;
    own.set_onmessage(None);
    port.close();
}

/// Waits until what was drawn up to now is on the screen.
pub(crate) async fn painted() {
    let Some(window) = web_sys::window() else { return };
    settle(|resolve| {
        // Whichever comes first settles it; the other finds it settled. Neither fails in a window.
        let timer = window.set_timeout_with_callback_and_timeout_and_arguments_0(resolve, FRAME_LONGEST_MS);
        if window.request_animation_frame(resolve).is_err() && timer.is_err() {
            let _ = resolve.call0(&JsValue::NULL);
        }
    })
    .await;
    // The frame callback runs before the frame is painted.
    turn().await;
}

/// Which of two was first.
pub(crate) enum First<A, B> {
    One(A),
    Other(B),
}

/// Waits for whichever comes first, and drops the other.
pub(crate) async fn first<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if let Poll::Ready(value) = one.as_mut().poll(context) {
            return Poll::Ready(First::One(value));
        }
        other.as_mut().poll(context).map(First::Other)
    })
    .await
}

/// Waits until the function handed to `start` is called.
async fn settle(mut start: impl FnMut(&Function)) {
    let promise = Promise::new(&mut |resolve, _| start(&resolve));
    // It is never rejected.
    let _ = JsFuture::from(promise).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;
    use wasm_bindgen_futures::spawn_local;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    async fn a_turn_lets_others_run_first() {
        let ran = Rc::new(Cell::new(0));
        let other = Rc::clone(&ran);
        spawn_local(async move {
            other.set(1);
            // A chain of microtasks: what one turn must let through.
            let _ = JsFuture::from(Promise::resolve(&JsValue::NULL)).await;
            other.set(2);
        });
        turn().await;
        assert_eq!(ran.get(), 2);
    }
}
