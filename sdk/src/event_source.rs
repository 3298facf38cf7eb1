//! The event stream by the browser's own `EventSource` (WHATWG HTML §9.2). Closed at the first error: reconnecting, with
//! a fresh ticket and the newest cursor, is the core's affair.

use crate::listener::Listener;
use crate::sotto::World;
use bytes::Bytes;
use sotto_core::contract::{Input, StreamKey};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{EventSource, MessageEvent};

/// An open stream; closed when dropped.
pub(crate) struct Stream {
    source: EventSource,
    _listeners: [Listener; 3],
}

impl Stream {
    /// Opens `path` at the server; `None` when the address is not one.
    pub(crate) fn open(world: &Rc<World>, key: StreamKey, path: &str) -> Option<Self> {
        let source = EventSource::new(&format!("{}{path}", world.options.server)).ok()?;
        let opened = Listener::new(&source, "open", {
            let world = Rc::clone(world);
            move |_| world.inputs.push(Input::StreamOpened(key))
        });
        let frames = Listener::new(&source, "message", {
            let world = Rc::clone(world);
            move |event| {
                // A text always, by the specification of EventSource.
                if let Some(text) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string()) {
                    world.inputs.push(Input::Frame { key, bytes: Bytes::from(text) });
                }
            }
        });
        let failed = Listener::new(&source, "error", {
            let (world, source) = (Rc::clone(world), source.clone());
            move |_| {
                source.close();
                world.inputs.push(Input::StreamClosed(key));
            }
        });
        Some(Self { source, _listeners: [opened, frames, failed] })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.close();
    }
}
