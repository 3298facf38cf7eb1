//! What came by the stream and is not yet handled. Owns order and doubles; opens nothing.
//!
//! The rule: events are handled in the order of the log, each once, and the cursor moves on in the batch that holds what
//! the event has changed.

use sotto_wire::event::Durable;
use sotto_wire::{ClientId, ConversationId, Cursor, DeviceRef};
use std::collections::{BTreeSet, VecDeque};

/// Most bytes of frames that wait; over it the stream is given up and opened again where the inbox stands.
const QUEUE_MAX_BYTES: usize = 16 * 1_024 * 1_024;
/// Most frames that wait.
const QUEUE_MAX: usize = 8_192;
/// How many events are remembered in order to know a double: more than a server sends twice in one breath.
const SEEN_MAX: usize = 4_096;

/// Something that came and has a place in the order of the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    /// An event.
    Event(Box<Durable>),
    /// Everything up to here has come.
    CaughtUp(Cursor),
    /// What stood before here is gone.
    Lost(Cursor),
}

/// An entry that is being handled.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What came.
    pub(crate) entry: Entry,
    size_bytes: usize,
}

/// What came and is not yet handled.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue: VecDeque<(Entry, usize)>,
    queue_bytes: usize,
    cursor: Option<Cursor>,
    seen: BTreeSet<Seen>,
    seen_order: VecDeque<Seen>,
}

type Seen = (ConversationId, DeviceRef, ClientId);

/// The inbox has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keep an event: the inbox is full")]
pub(crate) struct Full;

impl Inbox {
    /// An inbox that has handled everything up to `cursor`.
    pub(crate) fn new(cursor: Option<Cursor>) -> Self {
        Self { cursor, ..Self::default() }
    }

    /// Everything up to here is handled.
    pub(crate) fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Keeps what came in a frame of `size_bytes`.
    pub(crate) fn push(&mut self, entry: Entry, size_bytes: usize) -> Result<(), Full> {
        if self.queue.len() >= QUEUE_MAX || self.queue_bytes.saturating_add(size_bytes) > QUEUE_MAX_BYTES {
            return Err(Full);
        }
        self.queue_bytes += size_bytes;
        self.queue.push_back((entry, size_bytes));
        Ok(())
    }

    /// Takes out what is to be handled next; to be given to [`Inbox::done`] or [`Inbox::put_back`].
    pub(crate) fn take(&mut self) -> Option<Taken> {
        let (entry, size_bytes) = self.queue.pop_front()?;
        self.queue_bytes -= size_bytes;
        Some(Taken { entry, size_bytes })
    }

    /// It cannot be handled yet.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        self.queue_bytes += taken.size_bytes;
        self.queue.push_front((taken.entry, taken.size_bytes));
    }

    /// It is handled.
    pub(crate) fn done(&mut self, taken: Taken) {
        self.cursor = Some(match &taken.entry {
            Entry::Event(event) => event.cursor().clone(),
            Entry::CaughtUp(cursor) | Entry::Lost(cursor) => cursor.clone(),
        });
        if let Entry::Event(event) = &taken.entry {
            self.remember(seen(event));
        }
    }

    /// Whether everything that came is handled.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the event was handled before.
    pub(crate) fn has_seen(&self, event: &Durable) -> bool {
        self.seen.contains(&seen(event))
    }

    /// Forgets what waits: it comes again by the next stream.
    pub(crate) fn clear(&mut self) {
        (self.queue, self.queue_bytes) = (VecDeque::new(), 0);
    }

    /// Forgets the cursor, which the server does not know.
    pub(crate) fn drop_cursor(&mut self) {
        self.cursor = None;
    }

    fn remember(&mut self, seen: Seen) {
        if self.seen.insert(seen) {
            self.seen_order.push_back(seen);
        }
        if self.seen_order.len() > SEEN_MAX
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}

fn seen(event: &Durable) -> Seen {
    match event {
        Durable::MessageReceived(event) => (event.conversation, event.sender, event.client_id),
        Durable::ConversationCommitted(event) => (event.conversation, event.sender, event.client_id),
        // A Welcome has no id of its own; a conversation is joined once in an epoch.
        Durable::ConversationWelcome(event) => {
            let mut id = [0xFF; 16];
            id[..8].copy_from_slice(&event.epoch.to_be_bytes());
            (event.conversation, event.sender, ClientId(id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_wire::event::MessageReceived;
    use sotto_wire::{Base64, DeviceId, Millis, UserId};

    fn message(number: u16) -> Entry {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        Entry::Event(Box::new(Durable::MessageReceived(MessageReceived {
            cursor: Cursor::new(number.to_string()).expect("digits"),
            conversation: ConversationId([1; 16]),
            sender: DeviceRef { user: UserId([2; 16]), device: DeviceId([3; 16]) },
            client_id: ClientId(id),
            epoch: 1,
            ciphertext: Base64::default(),
            sent_at: Millis(0),
        })))
    }

    fn event(entry: &Entry) -> &Durable {
        match entry {
            Entry::Event(event) => event,
            other => panic!("no event but {other:?}"),
        }
    }

    fn handle_next(inbox: &mut Inbox) {
        let taken = inbox.take().expect("an entry");
        inbox.done(taken);
    }

    #[test]
    fn the_cursor_moves_only_with_what_is_handled() {
        let mut inbox = Inbox::new(None);
        inbox.push(message(1), 10).expect("room");
        inbox.push(message(2), 10).expect("room");
        assert_eq!(inbox.cursor(), None);
        handle_next(&mut inbox);
        assert_eq!(inbox.cursor(), Cursor::new("1").as_ref());
        inbox.clear();
        assert_eq!(inbox.cursor(), Cursor::new("1").as_ref());
        assert!(inbox.is_empty());
    }

    #[test]
    fn what_cannot_be_handled_yet_stays_first() {
        let mut inbox = Inbox::new(None);
        inbox.push(message(1), 10).expect("room");
        inbox.push(message(2), 10).expect("room");
        let taken = inbox.take().expect("an entry");
        inbox.put_back(taken);
        assert_eq!(inbox.take().map(|taken| taken.entry), Some(message(1)));
    }

    #[test]
    fn an_event_that_comes_twice_is_known() {
        let mut inbox = Inbox::new(None);
        inbox.push(message(1), 10).expect("room");
        handle_next(&mut inbox);
        assert!(inbox.has_seen(event(&message(1))));
        assert!(!inbox.has_seen(event(&message(2))));
    }

    #[test]
    fn a_full_inbox_refuses_and_takes_again_when_there_is_room() {
        let mut inbox = Inbox::new(None);
        inbox.push(message(1), QUEUE_MAX_BYTES).expect("room");
        assert_eq!(inbox.push(message(2), 1), Err(Full));
        handle_next(&mut inbox);
        assert_eq!(inbox.push(message(2), 1), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut inbox = Inbox::new(None);
        for number in 0..5_000 {
            inbox.push(message(number), 1).expect("room");
            handle_next(&mut inbox);
        }
        assert_eq!((inbox.seen.len(), inbox.seen_order.len()), (SEEN_MAX, SEEN_MAX));
        assert!(!inbox.has_seen(event(&message(0))));
        assert!(inbox.has_seen(event(&message(4_999))));
    }
}
