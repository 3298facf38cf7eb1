//! What came by the stream and is not yet handled. Owns order and doubles, also where one stream takes the place of
//! another; opens nothing.
//!
//! The rule: events are handled in the order of the log, each once, and the cursor moves on in the batch that holds what
//! the event has changed. It never goes back: what has been handled would be handled again after a crash.

use crate::sorted::SortedSet;
use sotto_wire::event::Durable;
use sotto_wire::{ClientId, ConversationId, Cursor, DeviceId, DeviceRef, UserId};
use std::collections::VecDeque;

/// Most bytes of frames that wait; over it the stream is given up and opened again where the inbox stands.
const QUEUE_MAX_BYTES: usize = 16 * 1_024 * 1_024;
/// Most frames that wait.
const QUEUE_MAX: usize = 8_192;
/// How many events are remembered in order to know a double: more than a server sends twice in one breath.
const SEEN_MAX: usize = 4_096;
/// Most events that a stream brings while a spare one comes into being: more than either brings in that time.
const BROUGHT_MAX: usize = 8_192;
/// In place of the events over [`BROUGHT_MAX`]: what no stream ever brings.
const UNKNOWN: Seen = (ConversationId([0; 16]), NOBODY, ClientId([0; 16]));
const NOBODY: DeviceRef = DeviceRef { user: UserId([0; 16]), device: DeviceId([0; 16]) };

/// Something that came and has a place in the order of the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    /// An event.
    Event(Box<Durable>),
    /// Everything up to here has come; without a place when another stream has brought more.
    CaughtUp(Option<Cursor>),
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
    seen: SortedSet<Seen>,
    seen_order: VecDeque<Seen>,
    /// What the stream is still to bring again, after another one has brought it.
    ahead: SortedSet<Seen>,
    spare: Option<Spare>,
}

/// A second stream from the cursor of its beginning on.
#[derive(Debug, Default)]
struct Spare {
    /// What it has brought.
    held: Vec<(Entry, usize)>,
    held_bytes: usize,
    /// What the first one has brought since that cursor.
    brought: SortedSet<Seen>,
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
        let entry = match entry {
            Entry::Event(event) if self.ahead.remove(&seen(&event)) => return Ok(()),
            Entry::CaughtUp(_) if !self.ahead.is_empty() => Entry::CaughtUp(None),
            entry => entry,
        };
        if self.queue.len() >= QUEUE_MAX || self.queue_bytes.saturating_add(size_bytes) > QUEUE_MAX_BYTES {
            return Err(Full);
        }
        if let (Some(spare), Entry::Event(event)) = (&mut self.spare, &entry) {
            let is_room = spare.brought.len() < BROUGHT_MAX;
            spare.brought.insert(if is_room { seen(event) } else { UNKNOWN });
        }
        self.queue_bytes += size_bytes;
        self.queue.push_back((entry, size_bytes));
        Ok(())
    }

    /// A second stream begins at the cursor of now.
    pub(crate) fn begin_spare(&mut self) {
        let waiting = self.queue.iter().filter_map(|(entry, _)| match entry {
            Entry::Event(event) => Some(seen(event)),
            Entry::CaughtUp(_) | Entry::Lost(_) => None,
        });
        self.spare = Some(Spare { brought: waiting.collect(), ..Spare::default() });
    }

    /// Keeps what came by the second stream until it takes over.
    pub(crate) fn hold(&mut self, entry: Entry, size_bytes: usize) -> Result<(), Full> {
        let spare = self.spare.as_mut().ok_or(Full)?;
        if spare.held.len() >= QUEUE_MAX || spare.held_bytes.saturating_add(size_bytes) > QUEUE_MAX_BYTES {
            return Err(Full);
        }
        spare.held_bytes += size_bytes;
        spare.held.push((entry, size_bytes));
        Ok(())
    }

    /// The second stream takes the place of the first: both have brought the same events in the same order, but one
    /// further than the other.
    pub(crate) fn change_over(&mut self) -> Result<(), Full> {
        let Some(Spare { held, brought, .. }) = self.spare.take() else { return Ok(()) };
        self.queue.retain(|(entry, _)| !matches!(entry, Entry::CaughtUp(_)));
        self.queue_bytes = self.queue.iter().map(|(_, size_bytes)| size_bytes).sum();
        self.ahead = brought;
        held.into_iter().try_for_each(|(entry, size_bytes)| self.push(entry, size_bytes))
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
        match taken.entry {
            Entry::Event(event) if self.has_seen(&event) => {}
            Entry::Event(event) => {
                self.remember(seen(&event));
                self.cursor = Some(event.cursor().clone());
            }
            Entry::CaughtUp(None) => {}
            Entry::CaughtUp(Some(cursor)) | Entry::Lost(cursor) => self.cursor = Some(cursor),
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
        (self.ahead, self.spare) = (SortedSet::default(), None);
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

    fn cursor(number: u16) -> Option<Cursor> {
        Cursor::new(number.to_string())
    }

    /// Two streams from the same place on: the first brings `first` events, the second `second` before it takes over and
    /// says that it has caught up. All of the numbers handled then, in order, and the cursor behind.
    fn overlap(first: u16, second: u16) -> (Vec<Entry>, Inbox) {
        let mut inbox = Inbox::new(None);
        inbox.push(message(0), 1).expect("room");
        inbox.begin_spare();
        let mut handled = Vec::new();
        for number in 1..first {
            inbox.push(message(number), 1).expect("room");
        }
        handled.extend(inbox.take().map(|taken| (taken.entry.clone(), inbox.done(taken)).0));
        for number in 0..second {
            inbox.hold(message(number), 1).expect("room");
        }
        inbox.hold(Entry::CaughtUp(cursor(second.saturating_sub(1))), 1).expect("room");
        inbox.change_over().expect("room");
        while let Some(taken) = inbox.take() {
            handled.push(taken.entry.clone());
            inbox.done(taken);
        }
        (handled, inbox)
    }

    #[test]
    fn where_one_stream_takes_over_nothing_is_lost_doubled_or_reordered() {
        for (first, second) in [(1, 1), (1, 9), (9, 1), (9, 9), (5, 7), (7, 5)] {
            let (handled, mut inbox) = overlap(first, second);
            let events: Vec<_> = handled.into_iter().filter(|entry| matches!(entry, Entry::Event(_))).collect();
            let last = first.max(second) - 1;
            assert_eq!(events, (0..=last).map(message).collect::<Vec<_>>(), "{first} and {second}");
            assert_eq!(inbox.cursor(), cursor(last).as_ref(), "{first} and {second}");
            // What the new stream brings later and the old one had brought.
            for number in second..=last {
                inbox.push(message(number), 1).expect("room");
            }
            assert!(inbox.is_empty(), "{first} and {second}");
            inbox.push(Entry::CaughtUp(cursor(last + 1)), 1).expect("room");
            handle_next(&mut inbox);
            assert_eq!(inbox.cursor(), cursor(last + 1).as_ref());
        }
    }

    #[test]
    fn a_double_does_not_take_the_cursor_back() {
        let mut inbox = Inbox::new(None);
        for number in [1, 2, 1] {
            inbox.push(message(number), 1).expect("room");
            handle_next(&mut inbox);
        }
        assert_eq!(inbox.cursor(), cursor(2).as_ref());
    }

    #[test]
    fn a_spare_stream_that_brings_too_much_is_refused() {
        let mut inbox = Inbox::new(None);
        inbox.begin_spare();
        inbox.hold(message(1), QUEUE_MAX_BYTES).expect("room");
        assert_eq!(inbox.hold(message(2), 1), Err(Full));
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
