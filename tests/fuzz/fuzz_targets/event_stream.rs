//! The parser of server-sent events: however the bytes are cut, the same events come out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_core::sse::{Event, Parser};

fn read<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<Event>> {
    let mut parser = Parser::new();
    let mut events = Vec::new();
    for part in parts {
        events.extend(parser.push(part).ok()?);
    }
    Some(events)
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (size, bytes) = input;
    let whole = read([bytes.as_slice()]);
    let in_parts = read(bytes.chunks(usize::from(size).max(1)));
    assert_eq!(whole, in_parts);
});
