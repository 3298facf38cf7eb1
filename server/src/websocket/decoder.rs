//! From bytes to messages: frames, masks, fragments, controls, and every way in which a peer may break the rules.
//!
//! The rule: nothing is kept but one control and one message, both within their bounds, and no room is taken for what
//! was only announced.

use crate::websocket::{Kind, deflate};
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Most bytes that a compressed message may come to, some milliseconds of inflating: twenty kilobytes could cost twenty
/// megabytes of it else. What is larger goes uncompressed.
const INFLATED_MAX_BYTES: usize = 1_024 * 1_024;

/// Longest header of a frame (RFC 6455 §5.2).
const HEAD_MAX_BYTES: usize = 14;
/// Longest payload of a control frame (RFC 6455 §5.5).
const CONTROL_MAX_BYTES: u64 = 125;

/// What a peer has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A whole message; text is UTF-8.
    Message(Kind, Vec<u8>),
    /// To be answered by a pong with the same payload.
    Ping(Vec<u8>),
    /// An answer to a ping, or a sign of life.
    Pong,
    /// The last that comes; the code, where there is one.
    Close(Option<u16>),
}

/// How a peer has broken the rules. Nothing more is read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A frame that must not be, or not here.
    #[error("read a frame: the protocol forbids it")]
    Protocol,
    /// Text that is no UTF-8, or compressed bytes that are none.
    #[error("read a message: its payload is not what it claims to be")]
    Payload,
    /// A message over the bound.
    #[error("read a message: it is too long")]
    TooLarge,
}

impl Violation {
    /// The close code for it (RFC 6455 §7.4.1).
    pub fn close_code(self) -> u16 {
        let code = match self {
            Self::Protocol => CloseCode::Protocol,
            Self::Payload => CloseCode::Invalid,
            Self::TooLarge => CloseCode::Size,
        };
        code.into()
    }
}

/// Reads what a client sends.
#[derive(Debug)]
pub struct Decoder {
    message_max_bytes: usize,
    may_deflate: bool,
    head: [u8; HEAD_MAX_BYTES],
    head_bytes: usize,
    frame: Option<Frame>,
    control: Vec<u8>,
    message: Option<Message>,
}

/// A frame whose payload is coming.
#[derive(Debug)]
struct Frame {
    opcode: OpCode,
    is_final: bool,
    /// Turned so that its first byte is for the next byte of the payload.
    mask: [u8; 4],
    left_bytes: u64,
}

/// A message whose frames are coming.
#[derive(Debug)]
struct Message {
    kind: Kind,
    is_deflated: bool,
    bytes: Vec<u8>,
    /// So many of `bytes` are whole characters.
    text_bytes: usize,
}

impl Message {
    /// Looks at what has come of a text, so that a wrong byte ends the connection at once.
    fn check_text(&mut self) -> Result<(), Violation> {
        if self.kind == Kind::Binary || self.is_deflated {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.text_bytes..]) {
            Ok(_) => self.text_bytes = self.bytes.len(),
            // The last character may go on in the bytes to come.
            Err(error) if error.error_len().is_none() => self.text_bytes += error.valid_up_to(),
            Err(_) => return Err(Violation::Payload),
        }
        Ok(())
    }

    fn end(self, max_bytes: usize) -> Result<Received, Violation> {
        let is_whole = self.text_bytes == self.bytes.len();
        let (kind, bytes) = (self.kind, self.bytes);
        let bytes = if self.is_deflated { deflate::inflate(&bytes, max_bytes.min(INFLATED_MAX_BYTES))? } else { bytes };
        let is_well_formed = match kind {
            Kind::Binary => true,
            Kind::Text if self.is_deflated => std::str::from_utf8(&bytes).is_ok(),
            Kind::Text => is_whole,
        };
        if is_well_formed { Ok(Received::Message(kind, bytes)) } else { Err(Violation::Payload) }
    }
}

impl Decoder {
    /// A decoder for messages of at most `message_max_bytes`, as they are sent and as they are meant.
    pub fn new(message_max_bytes: usize) -> Self {
        Self {
            message_max_bytes,
            may_deflate: false,
            head: [0; HEAD_MAX_BYTES],
            head_bytes: 0,
            frame: None,
            control: Vec::new(),
            message: None,
        }
    }

    /// The same, for a peer with which permessage-deflate was agreed.
    pub fn with_deflate(self) -> Self {
        Self { may_deflate: true, ..self }
    }

    /// How much of a message that has not ended is kept here, in bytes.
    pub fn kept_bytes(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.bytes.len())
    }

    /// Reads on in `input`, moves it behind what was read, and stops at the end of a message or control. `None` when
    /// all was read.
    ///
    /// # Errors
    /// [`Violation`]. Also when what comes after a close or a violation is read.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Received>, Violation> {
        loop {
            if self.frame.is_none() {
                self.frame = self.begin(input)?;
            }
            let Some(frame) = &mut self.frame else { return Ok(None) };
            let count = input.len().min(usize::try_from(frame.left_bytes).unwrap_or(usize::MAX));
            let (payload, rest) = input.split_at(count);
            *input = rest;
            let target = match (frame.opcode, &mut self.message) {
                (OpCode::Data(_), Some(message)) => &mut message.bytes,
                (OpCode::Data(_) | OpCode::Control(_), _) => &mut self.control,
            };
            let begin = target.len();
            target.extend_from_slice(payload);
            unmask(&mut target[begin..], &mut frame.mask);
            frame.left_bytes -= count as u64;
            if let (OpCode::Data(_), Some(message)) = (frame.opcode, &mut self.message) {
                message.check_text()?;
            }
            if frame.left_bytes > 0 {
                return Ok(None);
            }
            let (opcode, is_final) = (frame.opcode, frame.is_final);
            self.frame = None;
            if let Some(received) = self.end(opcode, is_final)? {
                return Ok(Some(received));
            }
        }
    }

    /// Reads the header of the next frame, when all of it is there.
    fn begin(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        let before = self.head_bytes;
        let count = input.len().min(HEAD_MAX_BYTES - before);
        self.head[before..before + count].copy_from_slice(&input[..count]);
        let mut cursor = Cursor::new(&self.head[..before + count]);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Protocol)?;
        let Some((header, payload_bytes)) = parsed else {
            self.head_bytes = before + count;
            *input = &input[count..];
            return Ok(None);
        };
        let head_bytes = usize::try_from(cursor.position()).expect("a header has 14 bytes at most");
        *input = &input[head_bytes - before..];
        self.head_bytes = 0;
        // The shortest form of the length is the only one (RFC 6455 §5.2), and its first bit is zero.
        if header.rsv2 || header.rsv3 || header.len(payload_bytes) != head_bytes || payload_bytes >> 63 != 0 {
            return Err(Violation::Protocol);
        }
        let mask = header.mask.ok_or(Violation::Protocol)?;
        self.allow(&header, payload_bytes)?;
        Ok(Some(Frame { opcode: header.opcode, is_final: header.is_final, mask, left_bytes: payload_bytes }))
    }

    /// Whether such a frame may come now. Begins the message that it begins.
    fn allow(&mut self, header: &FrameHeader, payload_bytes: u64) -> Result<(), Violation> {
        let kind = match header.opcode {
            OpCode::Control(_) => {
                let fits = header.is_final && !header.rsv1 && payload_bytes <= CONTROL_MAX_BYTES;
                self.control = Vec::new();
                return if fits { Ok(()) } else { Err(Violation::Protocol) };
            }
            OpCode::Data(Data::Continue) => None,
            OpCode::Data(Data::Text) => Some(Kind::Text),
            OpCode::Data(Data::Binary) => Some(Kind::Binary),
            OpCode::Data(Data::Reserved(_)) => return Err(Violation::Protocol),
        };
        match (&self.message, kind) {
            (None, Some(kind)) if self.may_deflate || !header.rsv1 => {
                self.message = Some(Message { kind, is_deflated: header.rsv1, bytes: Vec::new(), text_bytes: 0 });
            }
            (Some(_), None) if !header.rsv1 => {}
            (Some(_) | None, Some(_) | None) => return Err(Violation::Protocol),
        }
        let room = (self.message_max_bytes - self.kept_bytes()) as u64;
        if payload_bytes > room { Err(Violation::TooLarge) } else { Ok(()) }
    }

    /// What the frame that has just ended makes whole.
    fn end(&mut self, opcode: OpCode, is_final: bool) -> Result<Option<Received>, Violation> {
        match opcode {
            OpCode::Data(_) if !is_final => Ok(None),
            OpCode::Data(_) => match self.message.take() {
                Some(message) => message.end(self.message_max_bytes).map(Some),
                None => Ok(None),
            },
            OpCode::Control(Control::Ping) => Ok(Some(Received::Ping(std::mem::take(&mut self.control)))),
            OpCode::Control(Control::Pong) => Ok(Some(Received::Pong)),
            OpCode::Control(Control::Close) => closing(&std::mem::take(&mut self.control)).map(Some),
            OpCode::Control(Control::Reserved(_)) => Err(Violation::Protocol),
        }
    }
}

/// Reads the payload of a close frame (RFC 6455 §5.5.1, §7.4).
fn closing(payload: &[u8]) -> Result<Received, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(Received::Close(None)) } else { Err(Violation::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseCode::from(code).is_allowed() {
        return Err(Violation::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| Violation::Payload)?;
    Ok(Received::Close(Some(code)))
}

/// Unmasks (RFC 6455 §5.3) and turns the mask on for the bytes to come.
fn unmask(bytes: &mut [u8], mask: &mut [u8; 4]) {
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(*mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(*mask) {
        *byte ^= mask;
    }
    mask.rotate_left(rest.len());
}

#[cfg(test)]
mod tests;
