//! The other end of an event stream, by each transport: a bare WebSocket client and a poller. Owns no assertion about
//! the server but that what it sends is well-formed.

use crate::client::{Person, Reply, Server};
use flate2::{Decompress, FlushDecompress};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use sotto_wire::event::Event;
use sotto_wire::ticket::{EVENTS, EVENTS_PATH, OpenTicket, RawEvents, TicketRequest};
use sotto_wire::{Cursor, PROTOCOL, cbor, envelope};
use std::io::Cursor as Bytes;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a test reads one stream: heartbeats never try its patience, so what does not come would be awaited for ever.
const READING_MAX: Duration = Duration::from_secs(120);

/// A path that opens a stream of `who` behind `cursor`.
pub(crate) async fn ticket_path(server: &Server, who: &Person, cursor: Option<Cursor>) -> String {
    let request = TicketRequest { cursor, protocol: PROTOCOL, features: Vec::new() };
    let opened = who.call::<OpenTicket>(server, &request).await.expect("a ticket");
    format!("{EVENTS_PATH}?ticket={}", opened.ticket.as_str())
}

/// One message or control of a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// The socket was closed.
    End,
}

/// A WebSocket.
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
    /// How many messages came compressed.
    pub(crate) deflated: usize,
    until: Instant,
}

/// The head of a handshake for `path`.
pub(crate) fn handshake(server: &Server, path: &str, headers: &[(&str, &str)]) -> String {
    let host = server.origin.strip_prefix("http://").expect("an origin");
    let mut head = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

/// Connects, sends a head, and gives the head of the answer.
pub(crate) async fn shake(server: &Server, head: &str) -> (Socket, String) {
    let host = server.origin.strip_prefix("http://").expect("an origin");
    let mut stream = TcpStream::connect(host).await.expect("connected");
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect("a head"));
    }
    let until = tokio::time::sleep(READING_MAX).deadline();
    (Socket { stream, read: Vec::new(), deflated: 0, until }, String::from_utf8(answer).expect("UTF-8"))
}

impl Socket {
    /// Opens a stream of `who` behind `cursor`.
    pub(crate) async fn open(
        (server, who): (&Server, &Person),
        cursor: Option<Cursor>,
        headers: &[(&str, &str)],
    ) -> Self {
        let path = ticket_path(server, who, cursor).await;
        let (socket, answer) = shake(server, &handshake(server, &path, headers)).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        socket
    }

    /// Sends a frame whose first byte is `first`, masked.
    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream.write_all(&masked(first, payload)).await.expect("written");
    }

    /// Sends a command as JSON.
    pub(crate) async fn command(&mut self, kind: &str, payload: &Value, request_id: &str) {
        self.send(0x81, &command(kind, payload, request_id)).await;
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Frame {
        loop {
            let mut bytes = Bytes::new(self.read.as_slice());
            if let Some((header, size)) = FrameHeader::parse(&mut bytes).expect("well-formed") {
                let begin = bytes.position() as usize;
                let end = begin + size as usize;
                if self.read.len() >= end {
                    let rest = self.read.split_off(end);
                    let payload = std::mem::replace(&mut self.read, rest).split_off(begin);
                    return self.of(&header, payload);
                }
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read));
            let read = tokio::time::timeout_at(self.until, read).await.expect("what is awaited comes in time");
            if read.expect("a frame in time").expect("a readable socket") == 0 {
                return Frame::End;
            }
        }
    }

    fn of(&mut self, header: &FrameHeader, mut payload: Vec<u8>) -> Frame {
        assert!(header.is_final && header.mask.is_none() && !header.rsv2 && !header.rsv3, "{header:?}");
        if header.rsv1 {
            self.deflated += 1;
            payload.extend([0, 0, 0xff, 0xff]);
            let mut inflated = Vec::with_capacity(1 << 20);
            let mut inflate = Decompress::new(false);
            inflate.decompress_vec(&payload, &mut inflated, FlushDecompress::Sync).expect("well-formed");
            payload = inflated;
        }
        match header.opcode {
            OpCode::Data(Data::Text) => Frame::Text(payload),
            OpCode::Data(Data::Binary) => Frame::Binary(payload),
            OpCode::Control(Control::Ping) => Frame::Ping,
            OpCode::Control(Control::Pong) => Frame::Pong(payload),
            OpCode::Control(Control::Close) => {
                Frame::Close(payload.first_chunk::<2>().map(|code| u16::from_be_bytes(*code)))
            }
            opcode => panic!("not a frame of a server: {opcode:?}"),
        }
    }

    /// The next message as JSON; answers pings meanwhile.
    pub(crate) async fn json(&mut self) -> Value {
        loop {
            match self.frame().await {
                Frame::Text(text) => return serde_json::from_slice(&text).expect("JSON"),
                Frame::Binary(bytes) => return cbor::from_slice::<Value>(&bytes).expect("CBOR of JSON's types"),
                Frame::Ping => self.send(0x8a, b"").await,
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// The answer to a request; passes over events.
    pub(crate) async fn answer(&mut self, request_id: &str) -> Value {
        loop {
            let said = self.json().await;
            if said["requestId"] == request_id {
                return said;
            }
        }
    }

    /// The next event; passes over answers.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            let said = self.json().await;
            if said.get("requestId").is_none() {
                return Event::from_frame(said.to_string().as_bytes()).expect("an event");
            }
        }
    }

    /// Reads to the end; gives the types of the messages and the close code.
    pub(crate) async fn ending(mut self) -> (Vec<String>, Option<u16>) {
        let (mut kinds, mut code) = (Vec::new(), None);
        loop {
            match self.frame().await {
                Frame::Text(text) => {
                    let said: Value = serde_json::from_slice(&text).expect("JSON");
                    kinds.push(said["type"].as_str().expect("a type").to_owned());
                }
                Frame::Close(closed) => code = closed,
                Frame::Binary(_) | Frame::Ping | Frame::Pong(_) => {}
                Frame::End => return (kinds, code),
            }
        }
    }
}

/// An envelope of a command.
pub(crate) fn command(kind: &str, payload: &Value, request_id: &str) -> Vec<u8> {
    let said = json!({
        "type": kind, "payload": payload, "requestId": request_id, "timestamp": "2026-11-20T00:00:00.000Z"
    });
    said.to_string().into_bytes()
}

/// A frame as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut header = FrameHeader { mask: Some(mask), ..FrameHeader::default() };
    header.opcode = OpCode::from(first & 0x0f);
    let mut bytes = Vec::new();
    header.format(payload.len() as u64, &mut bytes).expect("a vector takes every byte");
    bytes[0] = first;
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// One long poll.
pub(crate) async fn poll(server: &Server, path: &str) -> (RawEvents, Vec<Event>) {
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let reply = Reply::to_get(server, path, headers).await;
    assert_eq!(reply.status, 200, "{:?}", String::from_utf8_lossy(&reply.body));
    let envelope = envelope::open(&reply.body).expect("an envelope");
    assert_eq!(envelope.kind, EVENTS);
    let page: RawEvents = envelope::payload(&envelope).expect("a page");
    let events = page.events.iter().map(|event| Event::from_frame(event.get().as_bytes()).expect("an event"));
    let events = events.collect();
    (page, events)
}

/// The path of the poll after one.
pub(crate) fn next_path(page: &RawEvents) -> String {
    format!("{EVENTS_PATH}?ticket={}", page.ticket.as_ref().expect("the stream goes on").as_str())
}
