//! From events to the bytes that go out: one codec for each way in which a stream may be written.
//!
//! The rule: an event is written once for each codec that somebody who gets it reads, and once only, however many these
//! are. What all of them say is the envelope of wire; a durable event has its cursor in it.

use crate::store::log::LogNumber;
use crate::websocket::{self, Compression, Kind};
use serde::Serialize;
use sotto_wire::event::{Durable, Ephemeral};
use sotto_wire::{Cursor, Millis, Timestamp, cbor};
use std::ops::Range;
use std::sync::OnceLock;

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Server-sent events (WHATWG HTML §9.2): JSON behind `data:`, behind `id:` the cursor of a durable event.
    Sse,
    /// Items of a JSON list, each with a comma behind it.
    List,
    /// WebSocket text messages with JSON.
    Json(Compression),
    /// WebSocket binary messages with CBOR.
    Cbor(Compression),
}

/// How many codecs there are.
const CODECS: usize = 8;

impl Codec {
    fn place(self) -> usize {
        let compressed = |compression| match compression {
            Compression::Off => 0,
            Compression::Wide => 1,
            Compression::Narrow => 2,
        };
        match self {
            Self::Sse => 0,
            Self::List => 1,
            Self::Json(compression) => 2 + compressed(compression),
            Self::Cbor(compression) => 5 + compressed(compression),
        }
    }

    /// What its WebSocket messages are made of; `None` where there are none.
    pub(crate) fn message(self) -> Option<(Kind, Compression)> {
        match self {
            Self::Sse | Self::List => None,
            Self::Json(compression) => Some((Kind::Text, compression)),
            Self::Cbor(compression) => Some((Kind::Binary, compression)),
        }
    }

    /// Appends `event`, said at `now`, whose cursor is `id`.
    fn write(self, bytes: &mut Vec<u8>, (event, id): (&impl Serialize, Option<&Cursor>), now: Millis) {
        let said = Said { event, timestamp: Timestamp(now) };
        match self {
            Self::Sse => {
                if let Some(id) = id {
                    bytes.extend_from_slice(b"id: ");
                    bytes.extend_from_slice(id.as_str().as_bytes());
                    bytes.push(b'\n');
                }
                bytes.extend_from_slice(b"data: ");
                // JSON escapes line breaks, so one data line holds it all.
                write_json(bytes, &said);
                bytes.extend_from_slice(b"\n\n");
            }
            Self::List => {
                write_json(bytes, &said);
                bytes.push(b',');
            }
            Self::Json(compression) => {
                let mut json = Vec::with_capacity(256);
                write_json(&mut json, &said);
                websocket::message(bytes, (Kind::Text, &json), compression);
            }
            Self::Cbor(compression) => {
                websocket::message(bytes, (Kind::Binary, &cbor::to_vec(&said)), compression);
            }
        }
    }
}

fn write_json(bytes: &mut Vec<u8>, said: &impl Serialize) {
    serde_json::to_writer(bytes, said).expect("types of wire have string keys, and a vector takes every byte");
}

/// An envelope around an event that names its own type.
#[derive(Serialize)]
struct Said<'a, T> {
    #[serde(flatten)]
    event: &'a T,
    timestamp: Timestamp,
}

/// Events that are given out together to the same subscribers, for readers of every codec.
#[derive(Debug)]
pub(crate) struct Page {
    events: Vec<(LogNumber, Durable)>,
    now: Millis,
    frames: [OnceLock<Frames>; CODECS],
}

impl Page {
    /// A page of events in the order of the log, said at `now`.
    pub(crate) fn new(events: Vec<(LogNumber, Durable)>, now: Millis) -> Self {
        Self { events, now, frames: Default::default() }
    }

    /// The events as `codec` writes them. One frame each, so a place in the page is one in all codecs.
    pub(crate) fn frames(&self, codec: Codec) -> &Frames {
        self.frames[codec.place()].get_or_init(|| Frames::of(&self.events, codec, self.now))
    }

    /// The codecs that somebody has read, of those that tests use.
    #[cfg(test)]
    pub(crate) fn written_in(&self) -> Vec<Codec> {
        let codecs = [Codec::Sse, Codec::List, Codec::Json(Compression::Off), Codec::Json(Compression::Wide)];
        codecs.into_iter().filter(|codec| self.frames[codec.place()].get().is_some()).collect()
    }

    /// What it takes of memory, in bytes, more or less.
    pub(crate) fn size_bytes(&self) -> usize {
        let frames = self.frames.iter().filter_map(OnceLock::get).map(|frames| frames.bytes.len());
        let events = self.events.iter().map(|(_, event)| size_of_val(event) + event.body_bytes());
        size_of::<Self>() + frames.sum::<usize>() + events.sum::<usize>()
    }
}

/// Frames of one codec back to back, as they go out, and where each ends.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) bytes: Vec<u8>,
    ends: Vec<(LogNumber, usize)>,
}

impl Frames {
    /// The frames of `events`, said at `now`.
    pub(crate) fn of(events: &[(LogNumber, Durable)], codec: Codec, now: Millis) -> Self {
        let mut frames = Self { bytes: Vec::new(), ends: Vec::with_capacity(events.len()) };
        for (n, event) in events {
            codec.write(&mut frames.bytes, (event, Some(event.cursor())), now);
            frames.ends.push((*n, frames.bytes.len()));
        }
        frames
    }

    /// The number of the last frame in `range`; `None` when it is empty.
    pub(crate) fn newest(&self, range: &Range<usize>) -> Option<LogNumber> {
        self.ends.get(range.clone())?.last().map(|(n, _)| *n)
    }

    /// Those frames that are of events `first` to `last`.
    pub(crate) fn between(&self, (first, last): (LogNumber, LogNumber)) -> Range<usize> {
        let from = self.ends.partition_point(|(n, _)| *n < first);
        let to = self.ends.partition_point(|(n, _)| *n <= last);
        from..to.max(from)
    }

    /// The bytes of the frames in `range`.
    pub(crate) fn bytes_of(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[self.start_of(range.start)..self.start_of(range.end)]
    }

    /// Which frame comes after those that were written, wholly or in part, when the first `taken_bytes` of the frames in
    /// `range` were; and what is left of the one that was written in part.
    pub(crate) fn begun(&self, range: &Range<usize>, taken_bytes: usize) -> (usize, &[u8]) {
        let upto = self.start_of(range.start) + taken_bytes;
        if taken_bytes == 0 {
            return (range.start, &[]);
        }
        let next = range.start + self.ends[range.clone()].partition_point(|(_, end)| *end < upto) + 1;
        (next, &self.bytes[upto..self.start_of(next)])
    }

    fn start_of(&self, frame: usize) -> usize {
        if frame == 0 { 0 } else { self.ends[frame - 1].1 }
    }
}

/// An ephemeral event for readers of every codec.
#[derive(Debug)]
pub(crate) struct Notice {
    event: Ephemeral,
    now: Millis,
    bytes: [OnceLock<Vec<u8>>; CODECS],
}

impl Notice {
    /// `event`, said at `now`.
    pub(crate) fn new(event: Ephemeral, now: Millis) -> Self {
        Self { event, now, bytes: Default::default() }
    }

    /// The event as `codec` writes it. A heartbeat over a WebSocket asks for a sign of life, too.
    pub(crate) fn bytes(&self, codec: Codec) -> &[u8] {
        self.bytes[codec.place()].get_or_init(|| {
            let mut bytes = Vec::with_capacity(160);
            codec.write(&mut bytes, (&self.event, None), self.now);
            if codec.message().is_some() && matches!(self.event, Ephemeral::Heartbeat(_)) {
                websocket::ping(&mut bytes);
            }
            bytes
        })
    }
}

#[cfg(test)]
mod tests;
