//! From rows of the log to frames of server-sent events (WHATWG HTML §9.2).
//!
//! The rule: a durable event is written once, with `id:` and its cursor, whoever gets it; an ephemeral one has no `id:`.

use crate::delivery::cursor::CursorKey;
use crate::store::log::{LogNumber, Row, RowKind, Stream};
use crate::store::{Store, StoreError, conversation, group};
use serde::Serialize;
use sotto_wire::event::{ConversationCommitted, ConversationWelcome, Durable, Ephemeral, MessageReceived};
use sotto_wire::{Millis, Timestamp};
use std::ops::Range;

/// Frames back to back, as they go out, and where each ends.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) bytes: Vec<u8>,
    ends: Vec<(LogNumber, usize)>,
}

/// An envelope around an event that names its own type.
#[derive(Serialize)]
struct Said<'a, T> {
    #[serde(flatten)]
    event: &'a T,
    timestamp: Timestamp,
}

impl Frames {
    /// Adds the frame of event `n`, said at `now`.
    pub(crate) fn push(&mut self, (n, event): (LogNumber, &Durable), now: Millis) {
        self.bytes.extend_from_slice(b"id: ");
        self.bytes.extend_from_slice(event.cursor().as_str().as_bytes());
        self.bytes.push(b'\n');
        write_data(&mut self.bytes, event, now);
        self.ends.push((n, self.bytes.len()));
    }

    /// How many frames there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The number of the last frame in `range`; `None` when it is empty.
    pub(crate) fn newest(&self, range: &Range<usize>) -> Option<LogNumber> {
        self.ends.get(range.clone())?.last().map(|(n, _)| *n)
    }

    /// Those frames in `range` that are of events `first` to `last`.
    pub(crate) fn between(&self, range: &Range<usize>, (first, last): (LogNumber, LogNumber)) -> Range<usize> {
        let ends = &self.ends[range.clone()];
        let from = range.start + ends.partition_point(|(n, _)| *n < first);
        let to = range.start + ends.partition_point(|(n, _)| *n <= last);
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

/// The frame of an ephemeral event, said at `now`.
pub(crate) fn ephemeral(event: &Ephemeral, now: Millis) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(160);
    write_data(&mut bytes, event, now);
    bytes
}

fn write_data(bytes: &mut Vec<u8>, event: &impl Serialize, now: Millis) {
    bytes.extend_from_slice(b"data: ");
    // JSON escapes line breaks, so one data line holds it all.
    let said = Said { event, timestamp: Timestamp(now) };
    serde_json::to_writer(&mut *bytes, &said).expect("types of wire have string keys, and a vector takes every byte");
    bytes.extend_from_slice(b"\n\n");
}

/// The event that a row is; `None` for a row that is the server's own.
pub(crate) async fn event(store: &Store, cursors: &CursorKey, row: Row) -> Result<Option<Durable>, StoreError> {
    let Row { n, stream, kind, conversation, sender, client_id, epoch, body, sent_at } = row;
    let cursor = cursors.write(n);
    Ok(match (kind, stream) {
        (RowKind::Created, _) => None,
        (RowKind::Message, _) => Some(Durable::MessageReceived(MessageReceived {
            cursor,
            conversation,
            sender,
            client_id,
            epoch,
            ciphertext: body.into(),
            sent_at,
        })),
        (RowKind::Commit, _) => Some(Durable::ConversationCommitted(ConversationCommitted {
            cursor,
            conversation,
            sender,
            client_id,
            epoch,
            commit: body.into(),
            sent_at,
        })),
        (RowKind::Welcome, Stream::Device(device)) => {
            let user = conversation::account_of(store.read(), device).await?.ok_or(StoreError::Corrupt)?;
            let kind = conversation::kind_for(store.read(), conversation, user).await?.ok_or(StoreError::Corrupt)?;
            let welcome = group::load_welcome(store.read(), conversation, epoch).await?;
            // Retention took it between the reading of the row and now: the row is gone as well.
            let Some(welcome) = welcome else { return Ok(None) };
            Some(Durable::ConversationWelcome(ConversationWelcome {
                cursor,
                conversation,
                kind,
                people: conversation::people(store.read(), conversation).await?,
                sender,
                epoch,
                welcome: welcome.into(),
                sent_at,
            }))
        }
        (RowKind::Welcome, Stream::Conversation(_)) => return Err(StoreError::Corrupt),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_wire::event::{CaughtUp, Event};
    use sotto_wire::{Base64, ClientId, ConversationId, DeviceId, DeviceRef, UserId};

    fn message(n: i64) -> Durable {
        Durable::MessageReceived(MessageReceived {
            cursor: CursorKey::new(&[0; 32]).write(LogNumber(n)),
            conversation: ConversationId([1; 16]),
            sender: DeviceRef { user: UserId([2; 16]), device: DeviceId([3; 16]) },
            client_id: ClientId([4; 16]),
            epoch: 5,
            ciphertext: Base64(vec![6; 7]),
            sent_at: Millis(8),
        })
    }

    #[test]
    fn a_durable_frame_is_what_wire_writes_with_its_cursor_as_id() {
        let mut frames = Frames::default();
        frames.push((LogNumber(9), &message(9)), Millis(10));
        let text = String::from_utf8(frames.bytes).expect("UTF-8");
        let (id, rest) = text.split_once('\n').expect("two lines");
        let data = rest.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n")).expect("a data line");
        assert_eq!(id, format!("id: {}", message(9).cursor().as_str()));
        assert_eq!(data.as_bytes(), message(9).to_frame(Millis(10)));
    }

    #[test]
    fn an_ephemeral_frame_has_no_id() {
        let event = Ephemeral::CaughtUp(CaughtUp { cursor: CursorKey::new(&[0; 32]).write(LogNumber(1)) });
        let frame = ephemeral(&event, Millis(2));
        let data = frame.strip_prefix(b"data: ").and_then(|rest| rest.strip_suffix(b"\n\n")).expect("a data line only");
        assert_eq!(Event::from_frame(data).expect("a frame"), Event::Ephemeral(event));
    }

    #[test]
    fn a_window_of_numbers_cuts_at_frames() {
        let mut frames = Frames::default();
        for n in [10, 12, 15] {
            frames.push((LogNumber(n), &message(n)), Millis(0));
        }
        let between = |range, first, last| frames.between(&range, (LogNumber(first), LogNumber(last)));
        assert_eq!(between(0..3, 0, i64::MAX), 0..3);
        assert_eq!(between(0..3, 11, 14), 1..2);
        assert_eq!(between(1..2, 0, i64::MAX), 1..2);
        assert!(between(0..3, 13, 14).is_empty());
        assert!(between(0..3, 16, 9).is_empty());
        assert_eq!(frames.bytes_of(&(0..3)), frames.bytes);
        assert_eq!(frames.newest(&(0..2)), Some(LogNumber(12)));
        assert_eq!(frames.newest(&(2..2)), None);
    }

    #[test]
    fn a_frame_written_in_part_is_the_last_that_was_begun() {
        let mut frames = Frames::default();
        for n in [10, 12, 15] {
            frames.push((LogNumber(n), &message(n)), Millis(0));
        }
        let size = frames.bytes_of(&(1..2)).len();
        assert_eq!(frames.begun(&(1..3), 0), (1, &[][..]));
        assert_eq!(frames.begun(&(1..3), size), (2, &[][..]));
        assert_eq!(frames.begun(&(1..3), size + 1), (3, &frames.bytes_of(&(2..3))[1..]));
        assert_eq!(frames.begun(&(1..3), 2 * size), (3, &[][..]));
    }
}
