//! Event streams of the load, and the mark in a message that tells when it was sent.

use crate::account::Account;
use crate::clock;
use crate::failure::{Failure, io};
use crate::http::Connection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sotto_wire::ticket::{EVENTS_PATH, OpenTicket, TicketRequest, Transport};
use sotto_wire::{Base64, Cursor, PROTOCOL};
use std::cell::RefCell;
use std::io::ErrorKind;
use std::time::Instant;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// First twelve bytes of a message of the load: sixteen base64 characters that stand in the frame as they are.
const MARK: &[u8; 12] = b"sotto bench!";
/// Bytes of a message.
const MESSAGE_BYTES: usize = 512;
/// Base64 characters of [`MARK`] and of the twelve bytes of time that follow it.
const MARK_CHARS: usize = 16;
/// In the event that says so, by any transport.
const CAUGHT_UP: &[u8] = b"\"caught_up\"";
/// Headers of a question by long-poll.
const POLL: &str = "Accept: application/json\r\n";
/// Bytes of one read: what a socket holds after a page of the log, about.
const ROOM_BYTES: usize = 256 * 1_024;

/// A message that tells when it was sent, measured from `start`.
pub(crate) fn message(start: Instant) -> Base64 {
    message_of(start, clock::now())
}

/// A message that was due at `due`, measured from `start`.
pub(crate) fn message_of(start: Instant, due: Instant) -> Base64 {
    let mut message = vec![0; MESSAGE_BYTES];
    message[..12].copy_from_slice(MARK);
    message[12..20].copy_from_slice(&(due.duration_since(start).as_micros() as u64).to_be_bytes());
    Base64(message)
}

fn micros_since(start: Instant) -> u64 {
    clock::now().duration_since(start).as_micros() as u64
}

/// An open stream.
pub(crate) struct Stream {
    socket: TcpStream,
    held: Vec<u8>,
}

impl Stream {
    /// Opens an event stream of `account` from `connection`, which it takes over, and waits until it has caught up.
    pub(crate) async fn open(account: &Account, connection: Connection, transport: Transport) -> Result<Self, Failure> {
        let (mut stream, _) = Self::resume(account, connection, (transport, None)).await?;
        stream.held = Vec::new();
        Ok(stream)
    }

    /// Opens an event stream of what comes behind `cursor`, and waits until it has caught up. Gives what came until then.
    pub(crate) async fn resume(
        account: &Account,
        mut connection: Connection,
        (transport, cursor): (Transport, Option<Cursor>),
    ) -> Result<(Self, Vec<u8>), Failure> {
        let ticket = ticket(account, &mut connection, cursor).await?;
        let mut stream = match transport {
            Transport::Sse => Self::of(connection.stream(&path(&ticket)).await?),
            Transport::WebSocket => Self::of(connection.web_socket(&path(&ticket)).await?),
            Transport::LongPoll => {
                let (mut ticket, mut come) = (ticket, Vec::new());
                while memchr::memmem::find(&come, CAUGHT_UP).is_none() {
                    let answer = connection.load(&path(&ticket), POLL).await?;
                    let said: serde_json::Value = serde_json::from_slice(&answer)
                        .map_err(|_| Failure::Wrong("an answer to a poll that is no JSON".to_owned()))?;
                    let next = said["payload"]["ticket"].as_str();
                    next.ok_or_else(|| Failure::Wrong("a poll was refused".to_owned()))?.clone_into(&mut ticket);
                    come.extend(answer);
                }
                // The next question is the one that is held.
                let socket = connection.ask(&path(&ticket), POLL).await?;
                return Ok((Self { socket, held: Vec::new() }, come));
            }
            Transport::Unknown => return Err(Failure::UnknownName),
        };
        stream.catch_up().await?;
        let come = std::mem::take(&mut stream.held);
        Ok((stream, come))
    }

    /// A stream of another kind of server, open already.
    pub(crate) fn of((socket, held): (TcpStream, Vec<u8>)) -> Self {
        Self { socket, held }
    }

    /// Reads until `wanted` marked messages have come; their delays in microseconds go to `delays`. `room` is read
    /// into, and shared by all streams: memory of their own would cost the generator more than the reading.
    pub(crate) async fn read(
        &mut self,
        (wanted, start): (usize, Instant),
        room: &RefCell<Vec<u8>>,
        delays: &mut Vec<u32>,
    ) -> Result<(), Failure> {
        let mark = STANDARD.encode(MARK);
        let finder = memchr::memmem::Finder::new(mark.as_bytes());
        let mut come = 0;
        while come < wanted {
            self.socket.readable().await.map_err(io("wait for a stream"))?;
            let mut room = room.borrow_mut();
            let held = self.held.len();
            room[..held].copy_from_slice(&self.held);
            let read = match self.socket.try_read(&mut room[held..]) {
                Ok(0) => return Err(Failure::Wrong("a stream ended".to_owned())),
                Ok(read) => held + read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(io("read a stream")(error)),
            };
            let (now, bytes) = (micros_since(start), &room[..read]);
            let mut from = 0;
            while let Some(at) = finder.find(&bytes[from..]).map(|at| from + at) {
                let Some(time) = bytes.get(at + MARK_CHARS..at + 2 * MARK_CHARS) else { break };
                delays.push(now.saturating_sub(sent_at(time)?).min(u64::from(u32::MAX)) as u32);
                come += 1;
                from = at + 2 * MARK_CHARS;
            }
            // What may be the beginning of a mark stays.
            let keep = read.saturating_sub(2 * MARK_CHARS).max(from);
            self.held.clear();
            self.held.extend_from_slice(&bytes[keep..]);
        }
        Ok(())
    }

    /// Waits until the stream has caught up.
    pub(crate) async fn catch_up(&mut self) -> Result<(), Failure> {
        while memchr::memmem::find(&self.held, CAUGHT_UP).is_none() {
            self.fill().await?;
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let read = self.socket.read_buf(&mut self.held).await.map_err(io("read a stream"))?;
        if read == 0 { Err(Failure::Wrong("a stream ended".to_owned())) } else { Ok(()) }
    }
}

/// A ticket for what comes behind `cursor`.
pub(crate) async fn ticket(
    account: &Account,
    connection: &mut Connection,
    cursor: Option<Cursor>,
) -> Result<String, Failure> {
    let request = TicketRequest { cursor, protocol: PROTOCOL, features: Vec::new() };
    Ok(connection.call::<OpenTicket>(&account.token, &request).await?.ticket.as_str().to_owned())
}

/// What a stream is asked for at.
pub(crate) fn path(ticket: &str) -> String {
    format!("{EVENTS_PATH}?ticket={ticket}")
}

/// When the marked messages in `bytes` were sent, in microseconds, in the order in which they stand there.
pub(crate) fn marks(bytes: &[u8]) -> Result<Vec<u64>, Failure> {
    let mark = STANDARD.encode(MARK);
    let found = memchr::memmem::find_iter(bytes, mark.as_bytes());
    found.filter_map(|at| bytes.get(at + MARK_CHARS..at + 2 * MARK_CHARS)).map(sent_at).collect()
}

/// Room for [`Stream::read`].
pub(crate) fn room() -> RefCell<Vec<u8>> {
    RefCell::new(vec![0; ROOM_BYTES])
}

/// When a message was sent, in microseconds, from the characters behind its mark.
fn sent_at(time: &[u8]) -> Result<u64, Failure> {
    let mut bytes = [0; 12];
    let wrong = || Failure::Wrong("a marked message without a time".to_owned());
    STANDARD.decode_slice(time, &mut bytes).map_err(|_| wrong())?;
    bytes.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(wrong)
}
