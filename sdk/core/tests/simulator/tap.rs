//! What listens on the way to a browser, and breaks or adds frames. For tests that look closer.

use super::World;
use bytes::Bytes;
use sotto_core::contract::{Input, StreamKey};
use sotto_core::wire::Base64;
use sotto_core::wire::event::{Durable, Event as WireEvent};

/// What listens on the way to a browser.
pub(super) struct Tap {
    browser: usize,
    frames: Vec<Bytes>,
    spoils: Option<Spoiled>,
}

/// What is broken on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoiled {
    Message,
    Commit,
    /// A message, which does not come at all.
    Kept,
}

impl World {
    /// The stream that a browser has open.
    pub(crate) fn stream_of(&self, browser: usize) -> Option<StreamKey> {
        self.links.values().find(|link| link.life.0 == browser).map(|link| link.key)
    }

    /// Brings a frame that the server has not sent.
    pub(crate) fn inject(&mut self, browser: usize, bytes: Bytes) {
        let key = self.stream_of(browser).expect("it is online");
        self.input(browser, Input::Frame { key, bytes });
    }

    /// Keeps a copy of every frame that comes to a browser.
    pub(crate) fn record_frames(&mut self, browser: usize) {
        self.tap = Some(Tap { browser, frames: Vec::new(), spoils: None });
    }

    /// Breaks the next message or commit that comes to a browser.
    pub(crate) fn spoil_next(&mut self, browser: usize, spoils: Spoiled) {
        self.tap = Some(Tap { browser, frames: Vec::new(), spoils: Some(spoils) });
    }

    /// The copies that were kept.
    pub(crate) fn recorded(&mut self) -> Vec<Bytes> {
        self.tap.take().map(|tap| tap.frames).unwrap_or_default()
    }

    pub(super) fn tapped(&mut self, browser: usize, frame: Bytes) -> Bytes {
        let Some(tap) = self.tap.as_mut().filter(|tap| tap.browser == browser) else { return frame };
        tap.frames.push(frame.clone());
        let spoiled = match (WireEvent::from_frame(&frame), tap.spoils) {
            (Ok(WireEvent::Durable(Durable::ConversationCommitted(mut event))), Some(Spoiled::Commit)) => {
                flip_last(&mut event.commit);
                Durable::ConversationCommitted(event)
            }
            (Ok(WireEvent::Durable(Durable::MessageReceived(mut event))), Some(Spoiled::Message)) => {
                flip_last(&mut event.ciphertext);
                Durable::MessageReceived(event)
            }
            (Ok(WireEvent::Durable(Durable::MessageReceived(_))), Some(Spoiled::Kept)) => {
                tap.spoils = None;
                return Bytes::from_static(b"{}");
            }
            _ => return frame,
        };
        tap.spoils = None;
        spoiled.to_frame(self.now).into()
    }
}

fn flip_last(bytes: &mut Base64) {
    if let Some(last) = bytes.0.last_mut() {
        *last ^= 1;
    }
}
