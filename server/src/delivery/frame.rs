//! From rows of the log to frames of server-sent events (WHATWG HTML §9.2).
//!
//! The rule: a durable event is written once, with `id:` and its cursor, whoever gets it; an ephemeral one has no `id:`.

use crate::delivery::cursor::CursorKey;
use crate::store::log::{LogNumber, Row, RowKind, Stream};
use crate::store::{Store, StoreError, conversation, group};
use serde::Serialize;
use sotto_wire::event::{ConversationCommitted, ConversationWelcome, Durable, Ephemeral, MessageReceived};
use sotto_wire::{Millis, Timestamp};

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

    /// The newest of the frames in `range`.
    pub(crate) fn newest(&self, range: &std::ops::Range<usize>) -> Option<LogNumber> {
        self.ends.get(range.clone())?.last().map(|(n, _)| *n)
    }

    /// The bytes of those frames in `range` that are of events `first` to `last`.
    pub(crate) fn within(&self, range: &std::ops::Range<usize>, (first, last): (LogNumber, LogNumber)) -> &[u8] {
        let ends = &self.ends[range.clone()];
        let from = range.start + ends.partition_point(|(n, _)| *n < first);
        let to = range.start + ends.partition_point(|(n, _)| *n <= last);
        let start_of = |frame: usize| if frame == 0 { 0 } else { self.ends[frame - 1].1 };
        if from < to { &self.bytes[start_of(from)..start_of(to)] } else { &[] }
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
        let numbers = |range, first, last| {
            let text =
                String::from_utf8(frames.within(&range, (LogNumber(first), LogNumber(last))).to_vec()).expect("UTF-8");
            text.matches("id: ").count()
        };
        assert_eq!(numbers(0..3, 0, i64::MAX), 3);
        assert_eq!(numbers(0..3, 11, 14), 1);
        assert_eq!(numbers(1..2, 0, i64::MAX), 1);
        assert_eq!(numbers(0..3, 13, 14), 0);
        assert_eq!(frames.within(&(0..3), (LogNumber(10), LogNumber(15))), frames.bytes);
    }
}
