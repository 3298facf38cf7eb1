//! Event streams of the load, and the mark in a message that tells when it was sent.

use crate::account::Account;
use crate::clock;
use crate::failure::{Failure, io};
use crate::http::Connection;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sotto_wire::ticket::{EVENTS_PATH, OpenTicket, TicketRequest};
use sotto_wire::{Base64, PROTOCOL};
use std::time::Instant;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// First twelve bytes of a message of the load: sixteen base64 characters that stand in the frame as they are.
const MARK: &[u8; 12] = b"sotto bench!";
/// Bytes of a message.
const MESSAGE_BYTES: usize = 512;
/// Base64 characters of [`MARK`] and of the twelve bytes of time that follow it.
const MARK_CHARS: usize = 16;

/// A message that tells when it was sent, measured from `start`.
pub(crate) fn message(start: Instant) -> Base64 {
    let mut message = vec![0; MESSAGE_BYTES];
    message[..12].copy_from_slice(MARK);
    message[12..20].copy_from_slice(&micros_since(start).to_be_bytes());
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
    pub(crate) async fn open(account: &Account, mut connection: Connection) -> Result<Self, Failure> {
        let request = TicketRequest { cursor: None, protocol: PROTOCOL, features: Vec::new() };
        let opened = connection.call::<OpenTicket>(&account.token, &request).await?;
        let path = format!("{EVENTS_PATH}?ticket={}", opened.ticket.as_str());
        let (socket, held) = connection.stream(&path).await?;
        let mut stream = Self { socket, held };
        while memchr::memmem::find(&stream.held, b"\"caught_up\"").is_none() {
            stream.fill().await?;
        }
        stream.held = Vec::new();
        Ok(stream)
    }

    /// A stream of another kind of server, open already.
    pub(crate) fn of(socket: TcpStream, held: Vec<u8>) -> Self {
        Self { socket, held }
    }

    /// Reads until `wanted` marked messages have come; their delays in microseconds go to `delays`.
    pub(crate) async fn read(&mut self, wanted: usize, start: Instant, delays: &mut Vec<u32>) -> Result<(), Failure> {
        let mark = STANDARD.encode(MARK);
        let finder = memchr::memmem::Finder::new(mark.as_bytes());
        let mut come = 0;
        while come < wanted {
            let now = micros_since(start);
            let mut from = 0;
            while let Some(at) = finder.find(&self.held[from..]).map(|at| from + at) {
                let Some(time) = self.held.get(at + MARK_CHARS..at + 2 * MARK_CHARS) else { break };
                let time = STANDARD.decode(time).ok().and_then(|time| Some(u64::from_be_bytes(*time.first_chunk()?)));
                let sent = time.ok_or_else(|| Failure::Wrong("a marked message without a time".to_owned()))?;
                delays.push(now.saturating_sub(sent).min(u64::from(u32::MAX)) as u32);
                come += 1;
                from = at + 2 * MARK_CHARS;
            }
            // What may be the beginning of a mark stays.
            let keep = self.held.len().saturating_sub(2 * MARK_CHARS).max(from);
            self.held.drain(..keep);
            if come < wanted {
                self.fill().await?;
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let read = self.socket.read_buf(&mut self.held).await.map_err(io("read a stream"))?;
        if read == 0 { Err(Failure::Wrong("a stream ended".to_owned())) } else { Ok(()) }
    }
}
