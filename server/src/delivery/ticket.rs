//! Tickets (T4): single-use keys to an event stream, kept in memory for half a minute.
//!
//! The rule: a ticket opens one stream, once, of the session that asked for it, while that session lasts.

use crate::store::log::LogNumber;
use crate::store::presence::Settings;
use crate::store::session::SessionId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sotto_wire::event::SessionEndCause;
use sotto_wire::{DeviceRef, Millis, Ticket, limit};
use std::collections::{HashMap, VecDeque};

/// Tickets that are open at a time: twice the streams of a large node, 10 MB.
const TICKETS_MAX: usize = 65_536;
/// Tickets of one session at a time: a client opens one stream, a few tries may overlap. Over it the oldest is void, so
/// that nobody fills the room of all.
const TICKETS_PER_SESSION_MAX: usize = 8;
/// Bytes of randomness in a ticket.
const TICKET_BYTES: usize = 24;

/// Whose stream it is, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) session: SessionId,
    pub(crate) device: DeviceRef,
    pub(crate) from: LogNumber,
    pub(crate) stage: Stage,
    /// One-time key packages of the device when the ticket was asked for.
    pub(crate) key_packages: usize,
    /// What the account showed of its presence then.
    pub(crate) settings: Settings,
}

/// What a ticket opens. On a stream of its own every beginning is the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A stream, or the first of a series of long polls.
    First,
    /// A long poll after one that left more to read.
    Reading,
    /// A long poll after one that had said that all was read.
    Live,
}

type Key = [u8; TICKET_BYTES];

/// The tickets that were given out and not spent, and the sessions that have ended lately.
#[derive(Default)]
pub(crate) struct Tickets {
    issued: HashMap<Key, Issued>,
    /// The keys of each session, oldest first; some may be spent.
    by_session: HashMap<SessionId, VecDeque<Key>>,
    /// For a stream whose ticket was spent but which was not yet known when its session ended.
    ended: HashMap<SessionId, (SessionEndCause, Millis)>,
}

struct Issued {
    start: Start,
    ends_at: Millis,
}

/// Why there is no ticket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TicketError {
    /// Too many are open: come back later.
    #[error("keep another ticket")]
    Full,
    /// No randomness from the operating system.
    #[error("draw a ticket")]
    Random(#[source] getrandom::Error),
}

fn key(ticket: &str) -> Option<Key> {
    URL_SAFE_NO_PAD.decode(ticket).ok()?.try_into().ok()
}

impl Tickets {
    /// Gives out a ticket for a stream.
    pub(crate) fn issue(&mut self, start: Start, now: Millis) -> Result<Ticket, TicketError> {
        if self.issued.len() >= TICKETS_MAX {
            self.sweep(now);
        }
        if self.issued.len() >= TICKETS_MAX {
            return Err(TicketError::Full);
        }
        let mut key: Key = [0; TICKET_BYTES];
        getrandom::fill(&mut key).map_err(TicketError::Random)?;
        let keys = self.by_session.entry(start.session).or_default();
        keys.push_back(key);
        if keys.len() > TICKETS_PER_SESSION_MAX
            && let Some(oldest) = keys.pop_front()
        {
            self.issued.remove(&oldest);
        }
        self.issued.insert(key, Issued { start, ends_at: now.after(Millis(limit::TICKET_LIFE_MS)) });
        Ok(Ticket::new(URL_SAFE_NO_PAD.encode(key)).expect("base64url is visible ASCII and short enough"))
    }

    /// Spends a ticket. `None` for one that is spent, too old or not ours.
    pub(crate) fn spend(&mut self, ticket: &str, now: Millis) -> Option<Start> {
        let issued = self.issued.remove(&key(ticket)?)?;
        (now < issued.ends_at).then_some(issued.start)
    }

    /// What a ticket opens. `None` for one that is spent, too old or not ours.
    pub(crate) fn read(&self, ticket: &str, now: Millis) -> Option<Start> {
        let issued = self.issued.get(&key(ticket)?)?;
        (now < issued.ends_at).then_some(issued.start)
    }

    /// Takes back the tickets of a session that has ended.
    pub(crate) fn revoke(&mut self, session: SessionId, cause: SessionEndCause, now: Millis) {
        for key in self.by_session.remove(&session).into_iter().flatten() {
            self.issued.remove(&key);
        }
        self.ended.insert(session, (cause, now));
    }

    /// Why a session has ended, when it has lately.
    pub(crate) fn cause_of_end(&self, session: SessionId) -> Option<SessionEndCause> {
        self.ended.get(&session).map(|(cause, _)| *cause)
    }

    /// Drops those that are too old.
    pub(crate) fn sweep(&mut self, now: Millis) {
        self.issued.retain(|_, issued| now < issued.ends_at);
        self.issued.shrink_to(64);
        self.by_session.retain(|_, keys| {
            keys.retain(|key| self.issued.contains_key(key));
            !keys.is_empty()
        });
        self.by_session.shrink_to(64);
        self.ended.retain(|_, (_, at)| now.since(*at) < Millis(limit::TICKET_LIFE_MS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::log::LogNumber;
    use sotto_wire::{DeviceId, DeviceRef, UserId};

    fn start(session: u8) -> Start {
        let device = DeviceRef { user: UserId([1; 16]), device: DeviceId([2; 16]) };
        Start {
            session: SessionId([session; 16]),
            device,
            from: LogNumber(3),
            stage: Stage::First,
            key_packages: 0,
            settings: Settings::default(),
        }
    }

    fn issue(tickets: &mut Tickets, session: u8) -> Ticket {
        tickets.issue(start(session), Millis(1_000)).expect("a ticket")
    }

    #[test]
    fn a_ticket_opens_one_stream_once() {
        let mut tickets = Tickets::default();
        let ticket = issue(&mut tickets, 1);
        assert_eq!(tickets.spend(ticket.as_str(), Millis(1_001)).map(|start| start.from), Some(LogNumber(3)));
        assert!(tickets.spend(ticket.as_str(), Millis(1_001)).is_none());
    }

    #[test]
    fn a_ticket_ends_after_its_life() {
        let mut tickets = Tickets::default();
        let (early, late) = (issue(&mut tickets, 1), issue(&mut tickets, 1));
        assert!(tickets.spend(early.as_str(), Millis(1_000 + limit::TICKET_LIFE_MS - 1)).is_some());
        assert!(tickets.spend(late.as_str(), Millis(1_000 + limit::TICKET_LIFE_MS)).is_none());
    }

    #[test]
    fn a_ticket_ends_with_its_session_only() {
        let mut tickets = Tickets::default();
        let (ended, other) = (issue(&mut tickets, 1), issue(&mut tickets, 2));
        tickets.revoke(SessionId([1; 16]), SessionEndCause::SignedOut, Millis(1_000));
        assert!(tickets.spend(ended.as_str(), Millis(1_001)).is_none());
        assert!(tickets.spend(other.as_str(), Millis(1_001)).is_some());
        assert_eq!(tickets.cause_of_end(SessionId([1; 16])), Some(SessionEndCause::SignedOut));
        assert_eq!(tickets.cause_of_end(SessionId([2; 16])), None);
    }

    #[test]
    fn a_session_that_asks_on_and_on_voids_its_own_oldest_tickets_only() {
        let mut tickets = Tickets::default();
        let other = issue(&mut tickets, 2);
        let mine: Vec<Ticket> = (0..TICKETS_PER_SESSION_MAX + 2).map(|_| issue(&mut tickets, 1)).collect();
        let valid: Vec<bool> =
            mine.iter().map(|ticket| tickets.spend(ticket.as_str(), Millis(1_001)).is_some()).collect();
        assert_eq!(valid.iter().filter(|valid| **valid).count(), TICKETS_PER_SESSION_MAX);
        assert_eq!(valid[..3], [false, false, true]);
        assert!(tickets.spend(other.as_str(), Millis(1_001)).is_some());
    }

    #[test]
    fn a_text_that_is_no_ticket_is_refused() {
        let mut tickets = Tickets::default();
        for text in ["", "A", "%", &"A".repeat(32), &"A".repeat(10_000)] {
            assert!(tickets.spend(text, Millis(0)).is_none());
        }
    }
}
