//! Reads server-sent events (WHATWG HTML §9.2.6) out of bytes, for drivers without an `EventSource`.
//!
//! Owns the format, not the connection: nothing is reconnected here. The rule: however the bytes are cut, the same
//! events come out, and what is held back is bounded by [`EVENT_MAX_BYTES`].

use bytes::Bytes;
use sotto_wire::Millis;

/// Longest line, and most data of one event, in bytes: the largest frame is a commit or Welcome of 2 MiB in base64.
pub const EVENT_MAX_BYTES: usize = 4 * 1_024 * 1_024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type; `message` when the stream names none.
    pub kind: String,
    /// The newest id that the stream has named, which may be that of an earlier event; empty without.
    pub id: String,
    /// Its data, UTF-8, without the last line end.
    pub data: Bytes,
}

/// A line or an event is over [`EVENT_MAX_BYTES`]: close the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read an event stream: a line or an event is too long")]
pub struct TooLong;

/// Takes bytes as they come and gives events.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    data: Vec<u8>,
    kind: String,
    id: String,
    retry: Option<Millis>,
    place: Place,
}

/// Where in the stream the next byte stands.
#[derive(Debug, Default, PartialEq)]
enum Place {
    /// In the first line, which may begin with a byte order mark.
    #[default]
    FirstLine,
    /// In a later line.
    Line,
    /// Right after a carriage return: a line feed belongs to it.
    AfterReturn,
}

impl Parser {
    /// A parser at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives the events that they complete.
    ///
    /// # Errors
    /// [`TooLong`]; the parser is of no use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.place == Place::AfterReturn {
                self.place = Place::Line;
                if let Some(after) = rest.strip_prefix(b"\n") {
                    rest = after;
                    continue;
                }
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + part.len() > EVENT_MAX_BYTES {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            rest = after;
            if let Some((end, after)) = rest.split_first() {
                rest = after;
                events.extend(self.end_line()?);
                self.place = if *end == b'\r' { Place::AfterReturn } else { Place::Line };
            }
        }
        Ok(events)
    }

    /// The reconnection time that the stream has asked for, if any.
    pub fn retry(&self) -> Option<Millis> {
        self.retry
    }

    fn end_line(&mut self) -> Result<Option<Event>, TooLong> {
        let line = std::mem::take(&mut self.line);
        let marked = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| self.place == Place::FirstLine);
        let line = marked.unwrap_or(&line);
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(0) => return Ok(None),
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        self.field(field, value.strip_prefix(b" ").unwrap_or(value))?;
        Ok(None)
    }

    fn field(&mut self, field: &[u8], value: &[u8]) -> Result<(), TooLong> {
        match field {
            b"event" => self.kind = text(value),
            b"data" => {
                if self.data.len() + value.len() >= EVENT_MAX_BYTES {
                    return Err(TooLong);
                }
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"id" if !value.contains(&0) => self.id = text(value),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = text(value).parse().ok().map(Millis).or(self.retry);
            }
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Option<Event> {
        let mut data = std::mem::take(&mut self.data);
        let kind = std::mem::take(&mut self.kind);
        data.pop()?;
        let data = match String::from_utf8(data) {
            Ok(data) => Bytes::from(data),
            Err(bad) => Bytes::from(text(bad.as_bytes())),
        };
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        Some(Event { kind, id: self.id.clone(), data })
    }
}

/// UTF-8, what is not replaced by U+FFFD, as the specification decodes it.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Vec<Event> {
        Parser::new().push(bytes).expect("short")
    }

    fn event(kind: &str, id: &str, data: &str) -> Event {
        Event { kind: kind.to_owned(), id: id.to_owned(), data: Bytes::from(data.to_owned()) }
    }

    #[test]
    fn lines_of_data_become_one_event() {
        let stream = b"data: YHOO\ndata: +2\ndata: 10\n\n";
        assert_eq!(parse(stream), [event("message", "", "YHOO\n+2\n10")]);
    }

    #[test]
    fn comments_ids_and_types_are_told_apart() {
        let stream =
            b": test stream\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\nevent: add\ndata: 4\n\n";
        let expected = [
            event("message", "1", "first"),
            event("message", "", "second"),
            event("message", "", " third"),
            event("add", "", "4"),
        ];
        assert_eq!(parse(stream), expected);
    }

    #[test]
    fn an_event_without_data_is_none_but_empty_data_is_one() {
        assert_eq!(
            parse(b"event: x\nid: 7\n\ndata\n\ndata\ndata\n\ndata:"),
            [event("message", "7", ""), event("message", "7", "\n"),]
        );
    }

    #[test]
    fn an_id_with_a_nul_is_ignored() {
        assert_eq!(parse(b"id: 1\nid: 2\x003\ndata: a\n\n"), [event("message", "1", "a")]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_beginning_only() {
        assert_eq!(parse(b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n"), [event("message", "", "a")]);
    }

    #[test]
    fn the_asked_for_reconnection_time_is_read_from_digits_only() {
        let mut parser = Parser::new();
        parser.push(b"retry: 1500\nretry: 2x\nretry:\n").expect("short");
        assert_eq!(parser.retry(), Some(Millis(1_500)));
    }

    #[test]
    fn what_is_not_utf_8_is_replaced() {
        assert_eq!(parse(b"data: a\xFFb\n\n"), [event("message", "", "a\u{FFFD}b")]);
    }

    #[test]
    fn a_line_over_the_bound_is_refused() {
        let mut parser = Parser::new();
        assert_eq!(parser.push(&vec![b'x'; EVENT_MAX_BYTES]), Ok(Vec::new()));
        assert_eq!(parser.push(b"x"), Err(TooLong));
    }

    #[test]
    fn data_of_many_lines_over_the_bound_is_refused() {
        let mut parser = Parser::new();
        let line = [b"data:".as_slice(), &vec![b'x'; EVENT_MAX_BYTES / 2], b"\n"].concat();
        assert_eq!(parser.push(&line), Ok(Vec::new()));
        assert_eq!(parser.push(&line), Err(TooLong));
    }

    #[test]
    fn cut_at_every_byte_the_events_are_the_same() {
        let stream =
            "\u{FEFF}: hi\r\nid: ä\r\ndata: a\r\rdata: b\ndata: ü\n\nevent: x\rdata: c\r\n\r\nretry: 5\n\ndata: d\n\r";
        let whole = parse(stream.as_bytes());
        assert_eq!(whole.len(), 4);
        for at in 0..=stream.len() {
            let (head, tail) = stream.as_bytes().split_at(at);
            let mut parser = Parser::new();
            let mut events = parser.push(head).expect("short");
            events.extend(parser.push(tail).expect("short"));
            assert_eq!(events, whole, "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_events(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), any::<u8>()], 0..200),
            piece in 1_usize..7,
        ) {
            let stream = [b"data: ".as_slice(), &bytes, b"\n\n"].concat();
            let mut parser = Parser::new();
            let mut events = Vec::new();
            for part in stream.chunks(piece) {
                events.extend(parser.push(part).expect("short"));
            }
            prop_assert_eq!(events, parse(&stream));
        }
    }
}
