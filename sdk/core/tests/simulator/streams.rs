//! The streams of the model server: tickets, what is sent by which stream, and polls. Owns nothing that survives a
//! restart. The rule: every transport carries the same frames in the same order.

use super::presence::Attendance;
use super::{Answer, Server, refuse};
use crate::server::Post;
use bytes::Bytes;
use sotto_core::wire::event::{CaughtUp, Connected, Ephemeral, SessionEndCause, SessionOver, TypingUpdate};
use sotto_core::wire::ticket::{RetryPolicy, TicketOpened, TicketRequest};
use sotto_core::wire::{Code, Cursor, DeviceRef, Millis, Ticket, limit};
use std::collections::BTreeMap;

struct Stream {
    device: DeviceRef,
    sent: u64,
}

/// A frame for a stream.
pub(crate) struct Sent {
    pub(crate) stream: u64,
    pub(crate) frame: Bytes,
    pub(crate) end: bool,
}

/// What a ticket opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    Stream,
    /// The next poll: nothing is said twice.
    Poll,
}

/// What a restart loses.
#[derive(Default)]
pub(super) struct Live {
    tickets: BTreeMap<String, (DeviceRef, u64, Opens)>,
    streams: BTreeMap<u64, Stream>,
    next: u64,
    outgoing: Vec<Sent>,
    pub(super) asked_from: u64,
    pub(super) attendance: Attendance,
}

impl Clone for Live {
    /// Nothing of it: a copy is a server after a restart.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Live {
    fn ticket(&mut self, device: DeviceRef, from: u64, opens: Opens) -> Ticket {
        self.next += 1;
        let ticket = format!("t{}", self.next);
        self.tickets.insert(ticket.clone(), (device, from, opens));
        Ticket::new(ticket).expect("a short text")
    }

    /// Devices that have a stream.
    pub(super) fn reached(&self) -> Vec<DeviceRef> {
        self.streams.values().map(|stream| stream.device).collect()
    }

    pub(super) fn is_reached(&self, device: DeviceRef) -> bool {
        self.streams.values().any(|stream| stream.device == device)
    }

    /// Tells a device something that is not in the log; nothing between two polls.
    pub(super) fn tell(&mut self, device: DeviceRef, frame: &Bytes) {
        for (number, _) in self.streams.iter().filter(|(_, stream)| stream.device == device) {
            self.outgoing.push(Sent { stream: *number, frame: frame.clone(), end: false });
        }
    }
}

impl Server {
    pub(super) fn open_ticket(&mut self, post: &Post, request: &TicketRequest, now: Millis) -> Answer<TicketOpened> {
        let device = self.accounts.device(post)?;
        let from = match &request.cursor {
            Some(cursor) => cursor.as_str().parse().or_else(|_| refuse(Code::BadCursor))?,
            None => self.accounts.registered_at(device),
        };
        self.live.asked_from = from;
        Ok(TicketOpened {
            ticket: self.live.ticket(device, from, Opens::Stream),
            transports: self.transports.clone(),
            heartbeat_ms: Millis(limit::HEARTBEAT_MS),
            retry: RetryPolicy::default(),
            protocol: 1,
            features: Vec::new(),
            server_time: now,
        })
    }

    /// Opens a stream for a ticket, under a number that the caller has chosen.
    pub(crate) fn open(&mut self, number: u64, ticket: &str, now: Millis) -> bool {
        let Some((device, sent, opens)) = self.live.tickets.remove(ticket) else { return false };
        if self.accounts.current(device.user) != Some(device.device) {
            return false;
        }
        self.live.streams.insert(number, Stream { device, sent });
        if opens == Opens::Stream {
            let connected = Ephemeral::Connected(Connected {
                heartbeat_ms: Millis(limit::HEARTBEAT_MS),
                key_packages: self.accounts.stock(device),
                server_time: now,
            });
            self.live.outgoing.push(Sent { stream: number, frame: connected.to_frame(now).into(), end: false });
        }
        self.tell_presence(now);
        self.deliver(now);
        if opens == Opens::Stream {
            let frame = self.caught_up(now);
            self.live.outgoing.push(Sent { stream: number, frame, end: false });
        }
        true
    }

    /// Ends a poll; gives the ticket for the next one.
    pub(crate) fn end_poll(&mut self, number: u64, now: Millis) -> Option<Ticket> {
        let Stream { device, sent } = self.live.streams.remove(&number)?;
        self.live.attendance.reached_at.insert(device, now);
        Some(self.live.ticket(device, sent, Opens::Poll))
    }

    /// Whose stream it is.
    pub(crate) fn device_of(&self, number: u64) -> Option<DeviceRef> {
        self.live.streams.get(&number).map(|stream| stream.device)
    }

    /// The client is gone, or the link.
    pub(crate) fn close(&mut self, number: u64) {
        self.live.streams.remove(&number);
    }

    /// Tells every stream how far it has come, as a heartbeat does.
    pub(crate) fn tell_caught_up(&mut self, now: Millis) {
        let frame = self.caught_up(now);
        for number in self.live.streams.keys() {
            self.live.outgoing.push(Sent { stream: *number, frame: frame.clone(), end: false });
        }
    }

    fn caught_up(&self, now: Millis) -> Bytes {
        let cursor = Cursor::new(self.log.len().to_string()).expect("digits");
        Ephemeral::CaughtUp(CaughtUp { cursor }).to_frame(now).into()
    }

    pub(super) fn tell_typing(&mut self, update: TypingUpdate, now: Millis) {
        let Some(conversation) = self.conversations.get(&update.conversation) else { return };
        for (number, stream) in &self.live.streams {
            if conversation.members.contains_key(&stream.device) {
                let frame = Ephemeral::TypingUpdate(update).to_frame(now).into();
                self.live.outgoing.push(Sent { stream: *number, frame, end: false });
            }
        }
    }

    /// Loses what is only in memory; gives the streams back that are cut.
    pub(crate) fn restart(&mut self) -> Vec<u64> {
        // No ticket is given out twice: one from before the restart would open the stream of somebody else.
        let live = Live { next: self.live.next, ..Live::default() };
        let streams = std::mem::replace(&mut self.live, live).streams.into_keys().collect();
        self.accounts.restart();
        streams
    }

    /// What has been sent since the last call.
    pub(crate) fn take_outgoing(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.live.outgoing)
    }

    pub(super) fn deliver(&mut self, now: Millis) {
        let Live { streams, outgoing, .. } = &mut self.live;
        for (number, stream) in streams {
            let from = usize::try_from(stream.sent).expect("a small log");
            for (row, n) in self.log.iter().zip(1_u64..).skip(from) {
                let id = row.event.conversation();
                let conversation = self.conversations.get(&id);
                let wanted = match row.to {
                    Some(device) => device == stream.device,
                    None => conversation.is_some_and(|it| it.gets(stream.device, n)),
                };
                if wanted {
                    let frame = row.event.to_frame(now).into();
                    outgoing.push(Sent { stream: *number, frame, end: false });
                }
            }
            stream.sent = self.log.len() as u64;
        }
    }

    pub(super) fn end_streams(&mut self, device: DeviceRef, now: Millis) {
        let over = Ephemeral::SessionEnded(SessionOver { cause: SessionEndCause::DeviceReplaced });
        let Live { streams, outgoing, .. } = &mut self.live;
        streams.retain(|number, stream| {
            let ends = stream.device == device;
            if ends {
                outgoing.push(Sent { stream: *number, frame: over.to_frame(now).into(), end: true });
            }
            !ends
        });
        self.live.tickets.retain(|_, (of, ..)| *of != device);
    }
}
