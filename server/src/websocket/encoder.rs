//! From messages to bytes, as a server sends them: not masked, each in one frame.

use crate::websocket::{Compression, Kind, deflate};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// Shorter messages are not compressed: a heartbeat would gain a few bytes.
const DEFLATE_MIN_BYTES: usize = 128;
/// Nor are longer ones: they would hold up a thread that serves others for more than a few milliseconds.
const DEFLATE_MAX_BYTES: usize = 256 * 1_024;
/// Longest payload of a control frame (RFC 6455 §5.5).
const CONTROL_MAX_BYTES: usize = 125;

/// Appends a message.
pub fn message(bytes: &mut Vec<u8>, (kind, payload): (Kind, &[u8]), compression: Compression) {
    let opcode = OpCode::Data(match kind {
        Kind::Text => Data::Text,
        Kind::Binary => Data::Binary,
    });
    let is_worth_it = (DEFLATE_MIN_BYTES..=DEFLATE_MAX_BYTES).contains(&payload.len());
    match is_worth_it.then(|| deflate::deflate(payload, compression)).flatten() {
        Some(deflated) => frame(bytes, FrameHeader { rsv1: true, opcode, ..FrameHeader::default() }, &deflated),
        None => frame(bytes, FrameHeader { opcode, ..FrameHeader::default() }, payload),
    }
}

/// Appends a ping.
pub fn ping(bytes: &mut Vec<u8>) {
    control(bytes, Control::Ping, &[]);
}

/// Appends the answer to a ping, with the ping's payload.
pub fn pong(bytes: &mut Vec<u8>, payload: &[u8]) {
    control(bytes, Control::Pong, &payload[..payload.len().min(CONTROL_MAX_BYTES)]);
}

/// Appends a close, the last frame of a connection.
pub fn close(bytes: &mut Vec<u8>, code: u16) {
    control(bytes, Control::Close, &code.to_be_bytes());
}

fn control(bytes: &mut Vec<u8>, control: Control, payload: &[u8]) {
    frame(bytes, FrameHeader { opcode: OpCode::Control(control), ..FrameHeader::default() }, payload);
}

fn frame(bytes: &mut Vec<u8>, header: FrameHeader, payload: &[u8]) {
    bytes.reserve(header.len(payload.len() as u64) + payload.len());
    header.format(payload.len() as u64, bytes).expect("a vector takes every byte");
    bytes.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_message_is_the_example_of_the_rfc() {
        let mut bytes = Vec::new();
        message(&mut bytes, (Kind::Text, b"Hello"), Compression::Off);
        assert_eq!(bytes, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        bytes.clear();
        message(&mut bytes, (Kind::Binary, &[7; 256]), Compression::Off);
        assert_eq!((&bytes[..4], bytes.len()), (&[0x82, 0x7e, 0x01, 0x00][..], 260));
    }

    #[test]
    fn a_compressed_message_says_so() {
        let mut bytes = Vec::new();
        message(&mut bytes, (Kind::Text, &[b'x'; 500]), Compression::Narrow);
        assert_eq!(bytes[0], 0xc1);
        assert!(bytes.len() < 50);
    }

    #[test]
    fn what_is_too_short_or_too_long_to_gain_is_not_compressed() {
        for size_bytes in [DEFLATE_MIN_BYTES - 1, DEFLATE_MAX_BYTES + 1] {
            let mut bytes = Vec::new();
            message(&mut bytes, (Kind::Binary, &vec![0; size_bytes]), Compression::Wide);
            assert_eq!((bytes[0], bytes.len() > size_bytes), (0x82, true), "{size_bytes}");
        }
    }

    #[test]
    fn controls_are_short() {
        let mut bytes = Vec::new();
        ping(&mut bytes);
        pong(&mut bytes, b"ab");
        close(&mut bytes, 4_001);
        assert_eq!(bytes, [0x89, 0, 0x8a, 2, b'a', b'b', 0x88, 2, 0x0f, 0xa1]);
    }
}
