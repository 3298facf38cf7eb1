//! The event stream, and commands, by the browser's own `WebSocket` (RFC 6455, WHATWG WebSockets). Text messages only:
//! what comes is told as it stands, and which of it answers a command is the core's affair.

use crate::listener::Listener;
use crate::sotto::World;
use bytes::Bytes;
use sotto_core::contract::{Input, StreamKey};
use sotto_core::wire::websocket::SUBPROTOCOL_JSON;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{MessageEvent, WebSocket};

/// An open stream; closed when dropped.
pub(crate) struct Socket {
    socket: WebSocket,
    _listeners: [Listener; 3],
}

impl Socket {
    /// Opens `path` at the server; `None` when the address is not one.
    pub(crate) fn open(world: &Rc<World>, key: StreamKey, path: &str) -> Option<Self> {
        let origin = match world.options.server.as_str() {
            "" => web_sys::window()?.location().origin().ok()?,
            server => server.to_owned(),
        };
        // Older browsers take no `http:` and no relative address here.
        let address = format!("ws{}{path}", origin.strip_prefix("http")?);
        let socket = WebSocket::new_with_str(&address, SUBPROTOCOL_JSON).ok()?;
        let tell = |input: fn(StreamKey) -> Input| {
            let world = Rc::clone(world);
            move |_| world.inputs.push(input(key))
        };
        let opened = Listener::new(&socket, "open", tell(Input::StreamOpened));
        // Comes after every error too.
        let closed = Listener::new(&socket, "close", tell(Input::StreamClosed));
        let frames = Listener::new(&socket, "message", {
            let world = Rc::clone(world);
            move |event| {
                // Of a binary message there is no text, and nothing is said in one.
                if let Some(text) = event.dyn_ref::<MessageEvent>().and_then(|event| event.data().as_string()) {
                    world.inputs.push(Input::Frame { key, bytes: Bytes::from(text) });
                }
            }
        });
        Some(Self { socket, _listeners: [opened, closed, frames] })
    }

    /// Sends an envelope. While the socket is not open nothing is sent: the core asks again.
    pub(crate) fn send(&self, envelope: &[u8]) {
        if let Ok(text) = std::str::from_utf8(envelope) {
            // Fails only before it is open.
            let _ = self.socket.send_with_str(text);
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Fails only for close codes, of which there is none.
        let _ = self.socket.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sotto::Options;
    use wasm_bindgen_test::wasm_bindgen_test;

    const KEY: StreamKey = StreamKey(5);

    fn world(server: &str) -> Rc<World> {
        Rc::new(World::new(Options { server: server.to_owned(), ..Options::default() }))
    }

    /// What comes first.
    async fn told(world: &World) -> Vec<Input> {
        world.inputs.take().await.expect("not closed")
    }

    #[wasm_bindgen_test]
    async fn a_server_that_speaks_no_web_socket_closes_it() {
        // The server of the tests answers every path with a page.
        let world = world("");
        let socket = Socket::open(&world, KEY, "/api/events?ticket=none").expect("an address");
        socket.send(b"{}");
        assert!(matches!(told(&world).await[..], [Input::StreamClosed(KEY)]));
        assert_eq!(socket.socket.ready_state(), WebSocket::CLOSED);
    }

    #[wasm_bindgen_test]
    async fn a_refused_connection_closes_it() {
        let world = world("http://127.0.0.1:9");
        let _socket = Socket::open(&world, KEY, "/api/events").expect("an address");
        assert!(matches!(told(&world).await[..], [Input::StreamClosed(KEY)]));
    }

    #[wasm_bindgen_test]
    fn what_is_no_address_is_no_stream() {
        assert!(Socket::open(&world("chat.example"), KEY, "/api/events").is_none());
    }

    #[wasm_bindgen_test]
    async fn a_dropped_one_is_closed_and_tells_nothing() {
        let world = world("");
        let first = Socket::open(&world, KEY, "/api/events").expect("an address");
        let raw = first.socket.clone();
        drop(first);
        assert!([WebSocket::CLOSING, WebSocket::CLOSED].contains(&raw.ready_state()));
        // Whatever the first had to tell would have come before the end of another.
        let other = StreamKey(6);
        let _second = Socket::open(&world, other, "/api/events").expect("an address");
        let told = told(&world).await;
        assert!(matches!(told[..], [Input::StreamClosed(key)] if key == other), "{told:?}");
    }
}
