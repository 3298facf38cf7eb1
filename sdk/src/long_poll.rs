//! The event stream by long-poll: one `fetch`, whose answer is told whole, whatever its status. When it is given up, and
//! what is asked next, is the core's affair.

use crate::request;
use crate::sotto::World;
use gloo_net::http;
use sotto_core::contract::{Input, StreamKey};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use web_sys::{AbortController, ReferrerPolicy, RequestCache, RequestCredentials, RequestRedirect};

/// A question that is held; given up when dropped.
pub(crate) struct Poll {
    controller: AbortController,
}

impl Poll {
    /// Asks `path` of the server; `None` when the browser cannot end it later.
    pub(crate) fn open(world: &Rc<World>, key: StreamKey, path: &str) -> Option<Self> {
        let controller = AbortController::new().ok()?;
        let signal = controller.signal();
        // The ticket in the path is all that it needs.
        let request = http::Request::get(&format!("{}{path}", world.options.server))
            .credentials(RequestCredentials::Omit)
            .redirect(RequestRedirect::Error)
            .cache(RequestCache::NoStore)
            .referrer_policy(ReferrerPolicy::NoReferrer)
            .abort_signal(Some(&signal))
            .header("accept", "application/json")
            .build()
            .ok()?;
        let world = Rc::clone(world);
        spawn_local(async move {
            let answer = request::whole(request).await;
            // Another one may go by the same name already.
            if !signal.aborted() {
                let closed = Input::StreamClosed(key);
                world.inputs.push(answer.map_or(closed, |bytes| Input::Frame { key, bytes }));
            }
        });
        Some(Self { controller })
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.controller.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sotto::Options;
    use js_sys::Array;
    use wasm_bindgen::JsValue;
    use wasm_bindgen_test::wasm_bindgen_test;
    use web_sys::{Blob, Url};

    const KEY: StreamKey = StreamKey(5);

    fn world(server: &str) -> Rc<World> {
        Rc::new(World::new(Options { server: server.to_owned(), ..Options::default() }))
    }

    fn address_of(body: &str) -> String {
        let blob = Blob::new_with_str_sequence(&Array::of1(&JsValue::from_str(body))).expect("a blob");
        Url::create_object_url_with_blob(&blob).expect("an address")
    }

    async fn told(world: &World) -> Vec<Input> {
        world.inputs.take().await.expect("not closed")
    }

    #[wasm_bindgen_test]
    async fn an_answer_comes_whole() {
        let world = world("");
        let _poll = Poll::open(&world, KEY, &address_of("{\"type\":\"events\"}")).expect("an address");
        let told = told(&world).await;
        assert!(
            matches!(&told[..], [Input::Frame { key: KEY, bytes }] if bytes == "{\"type\":\"events\"}"),
            "{told:?}"
        );
    }

    #[wasm_bindgen_test]
    async fn a_refusal_is_an_answer_too() {
        let world = world("");
        let _poll = Poll::open(&world, KEY, "/api/absent").expect("an address");
        assert!(matches!(told(&world).await[..], [Input::Frame { key: KEY, .. }]));
    }

    #[wasm_bindgen_test]
    async fn no_answer_is_the_end() {
        let world = world("http://127.0.0.1:9");
        let _poll = Poll::open(&world, KEY, "/api/events").expect("an address");
        assert!(matches!(told(&world).await[..], [Input::StreamClosed(KEY)]));
    }

    #[wasm_bindgen_test]
    async fn a_dropped_one_tells_nothing() {
        let world = world("");
        drop(Poll::open(&world, KEY, &address_of("first")).expect("an address"));
        let _second = Poll::open(&world, KEY, &address_of("second")).expect("an address");
        let told = told(&world).await;
        assert!(matches!(&told[..], [Input::Frame { bytes, .. }] if bytes == "second"), "{told:?}");
    }
}
