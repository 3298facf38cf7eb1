//! The event stream of a device by each transport, as a browser would carry it: what a page could not see is not told.
//! Owns the bytes between the connection and whole frames; which transport is opened when is the core's choice.

use super::driver::{Wish, report};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{ACCEPT, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL};
use sotto_core::contract::{Input, StreamKey};
use sotto_core::sse;
use sotto_wire::ticket::Transport;
use sotto_wire::websocket::SUBPROTOCOL_JSON;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// What is opened.
pub(super) struct Stream {
    pub(super) key: StreamKey,
    pub(super) transport: Transport,
    /// Without its scheme, ticket included.
    pub(super) address: String,
    pub(super) http: reqwest::Client,
    pub(super) wishes: mpsc::UnboundedSender<Wish>,
}

impl Stream {
    /// Carries it to its end. `said` is what the device says on it, where the transport can.
    pub(super) async fn carry(self, said: mpsc::UnboundedReceiver<Vec<u8>>) {
        // However it ends, the core is told that it has; but of a poll the answer is all.
        match self.transport {
            Transport::Sse => drop(self.sse().await),
            Transport::WebSocket => drop(self.web_socket(said).await),
            Transport::LongPoll => {
                if let Some(bytes) = self.long_poll().await {
                    return report(&self.wishes, Input::Frame { key: self.key, bytes });
                }
            }
            Transport::Unknown => {}
        }
        report(&self.wishes, Input::StreamClosed(self.key));
    }

    async fn sse(&self) -> Option<()> {
        let sent = self.http.get(format!("http://{}", self.address)).header(ACCEPT, "text/event-stream");
        let mut response = sent.send().await.ok()?.error_for_status().ok()?;
        // As an `EventSource` does (WHATWG HTML §9.2.2): the page of a captive portal is no stream.
        let kind = response.headers().get(CONTENT_TYPE)?;
        if !kind.as_bytes().starts_with(b"text/event-stream") {
            return None;
        }
        report(&self.wishes, Input::StreamOpened(self.key));
        let mut parser = sse::Parser::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            for event in parser.push(&chunk).ok()? {
                report(&self.wishes, Input::Frame { key: self.key, bytes: event.data });
            }
        }
        Some(())
    }

    async fn web_socket(&self, mut said: mpsc::UnboundedReceiver<Vec<u8>>) -> Option<()> {
        let mut request = format!("ws://{}", self.address).into_client_request().ok()?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL_JSON));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.ok()?;
        let (mut to, mut from) = socket.split();
        report(&self.wishes, Input::StreamOpened(self.key));
        loop {
            tokio::select! {
                message = from.next() => match message?.ok()? {
                    Message::Text(text) => {
                        let bytes = Bytes::copy_from_slice(text.as_bytes());
                        report(&self.wishes, Input::Frame { key: self.key, bytes });
                    }
                    Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    Message::Close(_) => return Some(()),
                },
                Some(said) = said.recv() => {
                    let text = String::from_utf8(said).expect("an envelope is JSON");
                    to.send(Message::text(text)).await.ok()?;
                }
            }
        }
    }

    /// The whole answer to one question, whatever its status.
    async fn long_poll(&self) -> Option<Bytes> {
        let sent = self.http.get(format!("http://{}", self.address)).header(ACCEPT, "application/json");
        sent.send().await.ok()?.bytes().await.ok()
    }
}
