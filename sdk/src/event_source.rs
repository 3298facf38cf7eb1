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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sotto::Options;
    use js_sys::Array;
    use wasm_bindgen::JsValue;
    use wasm_bindgen_test::wasm_bindgen_test;
    use web_sys::{Blob, BlobPropertyBag, Url};

    const KEY: StreamKey = StreamKey(5);

    fn address_of(stream: &str, kind: &str) -> String {
        let properties = BlobPropertyBag::new();
        properties.set_type(kind);
        let parts = Array::of1(&JsValue::from_str(stream));
        let blob = Blob::new_with_str_sequence_and_options(&parts, &properties).expect("a blob");
        Url::create_object_url_with_blob(&blob).expect("an address")
    }

    /// What a stream of this content tells until it is closed, as text.
    async fn told(address: &str) -> Vec<String> {
        let world = Rc::new(World::new(Options::default()));
        let stream = Stream::open(&world, KEY, address).expect("an address");
        let mut told = Vec::new();
        while !told.iter().any(|told| told == "closed") {
            told.extend(world.inputs.take().await.expect("not closed").into_iter().map(|input| match input {
                Input::StreamOpened(KEY) => "opened".to_owned(),
                Input::Frame { key: KEY, bytes } => String::from_utf8(bytes.to_vec()).expect("text"),
                Input::StreamClosed(KEY) => "closed".to_owned(),
                other => format!("{other:?}"),
            }));
        }
        assert_eq!(stream.source.ready_state(), EventSource::CLOSED);
        told
    }

    #[wasm_bindgen_test]
    async fn frames_come_whole_and_in_order_and_the_end_is_not_survived() {
        let stream = ": hello\n\nid: 1\ndata: {\"a\":\ndata: 1}\n\nid: 2\ndata: grüße\n\ndata: cut off";
        let told = told(&address_of(stream, "text/event-stream")).await;
        assert_eq!(told, ["opened", "{\"a\":\n1}", "grüße", "closed"]);
    }

    #[wasm_bindgen_test]
    async fn a_page_instead_of_a_stream_is_closed_at_once() {
        assert_eq!(told(&address_of("<p>Sign in to this network</p>", "text/html")).await, ["closed"]);
    }
}
