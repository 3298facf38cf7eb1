//! The channel between the tabs of one browser (WHATWG HTML §9.5, `BroadcastChannel`). Owns the channel; passes on what is
//! said and draws no conclusions.

use crate::listener::Listener;
use crate::message::{Message, Unread};
use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use web_sys::{BroadcastChannel, MessageEvent};

/// What this tab says and hears; closed when dropped.
pub(crate) struct Channel {
    inner: BroadcastChannel,
    _listener: Listener,
}

impl Channel {
    /// Joins the channel `name`; `None` when the browser has none. What others say there goes to `hear`, in order.
    pub(crate) fn join(name: &str, mut hear: impl FnMut(Result<Message, Unread>) + 'static) -> Option<Self> {
        let inner = BroadcastChannel::new(name).ok()?;
        let listener = Listener::new(&inner, "message", move |event| {
            let said = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().dyn_into::<Uint8Array>().ok());
            if let Some(said) = said {
                hear(Message::from_bytes(&said.to_vec()));
            }
        });
        Some(Self { inner, _listener: listener })
    }

    /// Says something to all others.
    pub(crate) fn say(&self, message: &Message) {
        // Fails for values that cannot be cloned and for closed channels only; this is bytes, and closed by `drop`.
        let _ = self.inner.post_message(&Uint8Array::from(message.to_bytes().as_slice()));
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.inner.close();
    }
}
