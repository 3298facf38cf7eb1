//! What the decoder takes and refuses: byte by byte and all at once.

use super::*;
use crate::websocket::{Compression, message};
use proptest::prelude::*;

const MAX_BYTES: usize = 100_000;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a client sends it; `first` is its first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        size @ 0..126 => bytes.push(0x80 | size as u8),
        size @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((size as u16).to_be_bytes());
        }
        size => {
            bytes.push(0x80 | 127);
            bytes.extend((size as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// All that is received from `bytes` in pieces of `size_bytes`, and the violation that ended it.
fn receive_in(decoder: &mut Decoder, bytes: &[u8], size_bytes: usize) -> (Vec<Received>, Option<Violation>) {
    let mut all = Vec::new();
    for mut piece in bytes.chunks(size_bytes) {
        loop {
            match decoder.read(&mut piece) {
                Ok(Some(received)) => all.push(received),
                Ok(None) => break,
                Err(violation) => return (all, Some(violation)),
            }
        }
        assert!(piece.is_empty(), "all is read");
    }
    (all, None)
}

/// The same whatever the pieces are.
fn receive(bytes: &[u8]) -> (Vec<Received>, Option<Violation>) {
    let whole = receive_in(&mut Decoder::new(MAX_BYTES), bytes, usize::MAX);
    for size_bytes in [1, 2, 3, 7] {
        assert_eq!(receive_in(&mut Decoder::new(MAX_BYTES), bytes, size_bytes), whole, "in pieces of {size_bytes}");
    }
    whole
}

fn text(text: &str) -> Received {
    Received::Message(Kind::Text, text.as_bytes().to_vec())
}

#[test]
fn messages_of_every_length_of_length_are_read() {
    for size_bytes in [0, 1, 125, 126, 65_535, 65_536] {
        let payload = vec![7; size_bytes];
        let expected = (vec![Received::Message(Kind::Binary, payload.clone())], None);
        assert_eq!(receive(&frame(0x82, &payload)), expected, "{size_bytes}");
    }
}

#[test]
fn fragments_are_one_message_and_controls_come_between_them() {
    let bytes = [
        frame(0x01, "gr".as_bytes()),
        frame(0x89, b"are you there"),
        frame(0x00, &"ü".as_bytes()[..1]),
        frame(0x8a, b""),
        frame(0x80, &[&"ü".as_bytes()[1..], b"n"].concat()),
        frame(0x81, b"next"),
    ];
    let expected = vec![Received::Ping(b"are you there".to_vec()), Received::Pong, text("grün"), text("next")];
    assert_eq!(receive(&bytes.concat()), (expected, None));
}

#[test]
fn a_close_is_read_with_its_code() {
    assert_eq!(receive(&frame(0x88, b"")), (vec![Received::Close(None)], None));
    for code in [1_000, 1_001, 1_011, 3_000, 4_999_u16] {
        let payload = [&code.to_be_bytes()[..], b"why"].concat();
        assert_eq!(receive(&frame(0x88, &payload)), (vec![Received::Close(Some(code))], None));
    }
}

#[test]
fn what_the_protocol_forbids_is_refused() {
    let unmasked = vec![0x81, 1, b'x'];
    let long_form = [&[0x81, 0xfe, 0, 1][..], &MASK, b"x"].concat();
    let endless = [&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0][..], &MASK].concat();
    for (name, bytes) in [
        ("reserved bit 1 without an extension", frame(0xc1, b"x")),
        ("reserved bit 2", frame(0xa1, b"x")),
        ("reserved bit 3", frame(0x91, b"x")),
        ("reserved data opcode", frame(0x83, b"")),
        ("reserved control opcode", frame(0x8b, b"")),
        ("no mask", unmasked),
        ("long form of a short length", long_form),
        ("length with its first bit set", endless),
        ("fragmented ping", frame(0x09, b"")),
        ("long ping", frame(0x89, &[0; 126])),
        ("continuation of nothing", frame(0x80, b"x")),
        ("message inside a message", [frame(0x01, b"x"), frame(0x81, b"x")].concat()),
        ("close with half a code", frame(0x88, &[3])),
        ("close with a code that is none", frame(0x88, &1_005_u16.to_be_bytes())),
        ("close with a code of nobody", frame(0x88, &2_000_u16.to_be_bytes())),
    ] {
        assert_eq!(receive(&bytes).1, Some(Violation::Protocol), "{name}");
    }
}

#[test]
fn text_that_is_no_text_is_refused_at_its_first_wrong_byte() {
    for wrong in [&[0xff][..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        assert_eq!(receive(&frame(0x81, wrong)).1, Some(Violation::Payload), "{wrong:?}");
        // Before its end: the rest of the frame never comes.
        let begun = frame(0x81, &[b"ok", wrong, &[b'x'; 50]].concat());
        assert_eq!(receive(&begun[..12]).1, Some(Violation::Payload), "{wrong:?}");
    }
    let cut = frame(0x81, &"ü".as_bytes()[..1]);
    assert_eq!(receive(&cut).1, Some(Violation::Payload), "half a character");
    assert_eq!(receive(&frame(0x88, &[&1_000_u16.to_be_bytes()[..], &[0xff]].concat())).1, Some(Violation::Payload));
}

#[test]
fn a_message_over_the_bound_is_refused_when_it_is_announced() {
    let announced = frame(0x82, &vec![0; MAX_BYTES + 1]);
    assert_eq!(receive(&announced[..14]).1, Some(Violation::TooLarge));
    let in_parts = [frame(0x02, &vec![0; MAX_BYTES]), frame(0x80, b"x")].concat();
    assert_eq!(receive_in(&mut Decoder::new(MAX_BYTES), &in_parts, 4_096).1, Some(Violation::TooLarge));
    assert_eq!(receive_in(&mut Decoder::new(MAX_BYTES), &frame(0x82, &vec![0; MAX_BYTES]), 4_096).1, None);
}

#[test]
fn room_is_kept_for_what_came_only() {
    let mut decoder = Decoder::new(MAX_BYTES);
    let bytes = frame(0x82, &vec![0; MAX_BYTES]);
    assert_eq!(receive_in(&mut decoder, &bytes[..1_014], 100), (vec![], None));
    assert_eq!(decoder.kept_bytes(), 1_000);
}

#[test]
fn a_deflated_message_is_read_whole_and_in_fragments() {
    let payload = "hello, hello, hello, ".repeat(20);
    let mut sent = Vec::new();
    message(&mut sent, (Kind::Text, payload.as_bytes()), Compression::Wide);
    let deflated = &sent[2..];
    let (one, two) = deflated.split_at(10);
    let bytes = [frame(0xc1, deflated), frame(0x41, one), frame(0x89, b""), frame(0x80, two), frame(0x81, b"plain")];
    for size_bytes in [1, 5, 4_096] {
        let mut decoder = Decoder::new(MAX_BYTES).with_deflate();
        let expected = vec![text(&payload), Received::Ping(vec![]), text(&payload), text("plain")];
        assert_eq!(receive_in(&mut decoder, &bytes.concat(), size_bytes), (expected, None));
    }
    let mut small = Decoder::new(payload.len() - 1).with_deflate();
    assert_eq!(receive_in(&mut small, &frame(0xc1, deflated), 4_096).1, Some(Violation::TooLarge));
    for (name, wrong) in [
        ("compressed ping", frame(0xc9, b"")),
        ("compressed continuation", [frame(0x41, one), frame(0xc0, two)].concat()),
    ] {
        let mut decoder = Decoder::new(MAX_BYTES).with_deflate();
        assert_eq!(receive_in(&mut decoder, &wrong, 4_096).1, Some(Violation::Protocol), "{name}");
    }
    let mut decoder = Decoder::new(MAX_BYTES).with_deflate();
    assert_eq!(receive_in(&mut decoder, &frame(0xc1, b"\xff\xff\xff"), 4_096).1, Some(Violation::Payload));
}

#[test]
fn a_message_that_inflates_to_megabytes_is_refused_where_longer_plain_ones_are_taken() {
    let bomb = deflate::deflate(&vec![0; INFLATED_MAX_BYTES + 1], Compression::Wide).expect("shorter");
    let mut decoder = Decoder::new(20 * INFLATED_MAX_BYTES).with_deflate();
    assert_eq!(receive_in(&mut decoder, &frame(0xc2, &bomb), 4_096).1, Some(Violation::TooLarge));
    let mut decoder = Decoder::new(20 * INFLATED_MAX_BYTES).with_deflate();
    assert_eq!(receive_in(&mut decoder, &frame(0x82, &vec![0; INFLATED_MAX_BYTES + 1]), 65_536).1, None);
}

#[test]
fn deflated_text_that_is_no_text_is_refused() {
    let mut sent = Vec::new();
    message(&mut sent, (Kind::Binary, &[0xff; 300]), Compression::Wide);
    let mut decoder = Decoder::new(MAX_BYTES).with_deflate();
    assert_eq!(receive_in(&mut decoder, &frame(0xc1, &sent[2..]), 4_096).1, Some(Violation::Payload));
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic_and_pieces_change_nothing(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        is_framed: bool,
        size_bytes in 1_usize..50,
    ) {
        // Half of them in a frame that is well-formed, so that they get further than its header.
        let bytes = match bytes.split_first() {
            Some((first, rest)) if is_framed => [frame(*first, rest), frame(0x80, rest)].concat(),
            Some(_) | None => bytes,
        };
        let read_in = |size_bytes| receive_in(&mut Decoder::new(1_000).with_deflate(), &bytes, size_bytes);
        prop_assert_eq!(read_in(size_bytes), read_in(usize::MAX));
    }
}
