//! What each codec writes, and how pages are cut at frames.

use super::*;
use crate::delivery::cursor::CursorKey;
use crate::websocket::{Decoder, Received};
use sotto_wire::event::{CaughtUp, Event, Heartbeat, MessageReceived};
use sotto_wire::{Base64, ClientId, ConversationId, DeviceId, DeviceRef, UserId};

fn message(n: i64) -> (LogNumber, Durable) {
    let event = MessageReceived {
        cursor: CursorKey::new(&[0; 32]).write(LogNumber(n)),
        conversation: ConversationId([1; 16]),
        sender: DeviceRef { user: UserId([2; 16]), device: DeviceId([3; 16]) },
        client_id: ClientId([4; 16]),
        epoch: 5,
        ciphertext: Base64(vec![6; 700]),
        sent_at: Millis(8),
    };
    (LogNumber(n), Durable::MessageReceived(event))
}

/// Reads frames of a server back: masks them as a client would.
fn messages(mut bytes: &[u8]) -> Vec<Received> {
    let mut decoder = Decoder::new(100_000).with_deflate();
    let mut received = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        let (size, rest, long) = match length {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..], &rest[..2]),
            length => (usize::from(*length), rest, &rest[..0]),
        };
        let frame = [&[*first, 0x80 | length], long, &[0; 4], &rest[..size]].concat();
        let mut frame = frame.as_slice();
        received.extend(decoder.read(&mut frame).expect("well-formed"));
        bytes = &rest[size..];
    }
    received
}

#[test]
fn a_durable_frame_is_what_wire_writes_with_its_cursor_as_id() {
    let frames = Frames::of(&[message(9)], Codec::Sse, Millis(10));
    let text = String::from_utf8(frames.bytes).expect("UTF-8");
    let (id, rest) = text.split_once('\n').expect("two lines");
    let data = rest.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n")).expect("a data line");
    let (_, event) = message(9);
    assert_eq!(id, format!("id: {}", event.cursor().as_str()));
    assert_eq!(data.as_bytes(), event.to_frame(Millis(10)));
}

#[test]
fn every_codec_says_the_same() {
    let page = Page::new(vec![message(9), message(10)], Millis(10));
    let expected: Vec<Vec<u8>> = [9, 10].map(|n| message(n).1.to_frame(Millis(10))).into();
    for compression in [Compression::Off, Compression::Wide, Compression::Narrow] {
        let json = messages(&page.frames(Codec::Json(compression)).bytes);
        let said: Vec<Received> = expected.iter().map(|said| Received::Message(Kind::Text, said.clone())).collect();
        assert_eq!(json, said);
        for (received, expected) in messages(&page.frames(Codec::Cbor(compression)).bytes).into_iter().zip(&expected) {
            let Received::Message(Kind::Binary, bytes) = received else { panic!("not binary: {received:?}") };
            let read: sotto_wire::Envelope<MessageReceived> = cbor::from_slice(&bytes).expect("an envelope");
            assert_eq!(read.to_json(), *expected);
        }
    }
    let list = String::from_utf8(page.frames(Codec::List).bytes.clone()).expect("UTF-8");
    let list: Vec<Box<serde_json::value::RawValue>> =
        serde_json::from_str(&format!("[{}]", list.trim_end_matches(','))).expect("a list");
    assert_eq!(list.iter().map(|said| said.get().as_bytes().to_vec()).collect::<Vec<_>>(), expected);
}

#[test]
fn a_codec_that_nobody_reads_is_not_written() {
    let page = Page::new(vec![message(9)], Millis(10));
    let before = page.size_bytes();
    page.frames(Codec::Sse);
    let one = page.size_bytes() - before;
    page.frames(Codec::Sse);
    assert_eq!((page.size_bytes() - before, one), (one, page.frames(Codec::Sse).bytes.len()));
}

#[test]
fn compressed_frames_are_shorter() {
    let page = Page::new(vec![message(9)], Millis(10));
    let size = |compression| page.frames(Codec::Json(compression)).bytes.len();
    assert!(size(Compression::Wide) < size(Compression::Off) / 2);
    assert!(size(Compression::Narrow) < size(Compression::Off) / 2);
}

#[test]
fn an_ephemeral_frame_has_no_id() {
    let event = Ephemeral::CaughtUp(CaughtUp { cursor: CursorKey::new(&[0; 32]).write(LogNumber(1)) });
    let notice = Notice::new(event.clone(), Millis(2));
    let frame = notice.bytes(Codec::Sse);
    let data = frame.strip_prefix(b"data: ").and_then(|rest| rest.strip_suffix(b"\n\n")).expect("a data line only");
    assert_eq!(Event::from_frame(data).expect("a frame"), Event::Ephemeral(event));
}

#[test]
fn a_heartbeat_over_a_websocket_asks_for_a_sign_of_life() {
    let notice = Notice::new(Ephemeral::Heartbeat(Heartbeat { server_time: Millis(1) }), Millis(2));
    let received = messages(notice.bytes(Codec::Json(Compression::Off)));
    assert!(matches!(received[..], [Received::Message(Kind::Text, _), Received::Ping(_)]), "{received:?}");
    assert!(!notice.bytes(Codec::Sse).ends_with(&[0x89, 0]));
}

fn three() -> Frames {
    Frames::of(&[10, 12, 15].map(message), Codec::Sse, Millis(0))
}

#[test]
fn a_window_of_numbers_cuts_at_frames() {
    let frames = three();
    let between = |first, last| frames.between((LogNumber(first), LogNumber(last)));
    assert_eq!(between(0, i64::MAX), 0..3);
    assert_eq!(between(11, 14), 1..2);
    assert!(between(13, 14).is_empty());
    assert!(between(16, 9).is_empty());
    assert_eq!(frames.bytes_of(&(0..3)), frames.bytes);
    assert_eq!(frames.newest(&(0..2)), Some(LogNumber(12)));
    assert_eq!(frames.newest(&(2..2)), None);
}

#[test]
fn a_frame_written_in_part_is_the_last_that_was_begun() {
    let frames = three();
    let size = frames.bytes_of(&(1..2)).len();
    assert_eq!(frames.begun(&(1..3), 0), (1, &[][..]));
    assert_eq!(frames.begun(&(1..3), size), (2, &[][..]));
    assert_eq!(frames.begun(&(1..3), size + 1), (3, &frames.bytes_of(&(2..3))[1..]));
    assert_eq!(frames.begun(&(1..3), 2 * size), (3, &[][..]));
}
