//! HTTP/1.1 as far as a meddling proxy must know it: where a request ends, and how it is asked to end the connection
//! after its answer. Owns the bytes of one request; what they mean is the server's business.

use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest head, in bytes: over what the server takes, so that it is the server that refuses.
const HEAD_MAX_BYTES: usize = 256 * 1_024;
/// Longest body, in bytes: over what the server takes too.
const BODY_MAX_BYTES: usize = 32 * 1_024 * 1_024;

/// One request, whole.
pub(super) struct Request {
    bytes: Vec<u8>,
    /// What it is for.
    pub(super) purpose: Purpose,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// POST: a command.
    Command,
    /// Anything else: a stream, a file.
    Load,
}

impl Request {
    /// Reads one from a fresh connection; `None` when it ends before.
    pub(super) async fn read(from: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                break at + 4;
            }
            if from.read_buf(&mut bytes).await.ok()? == 0 || bytes.len() > HEAD_MAX_BYTES {
                return None;
            }
        };
        let mut body = bytes.split_off(head_end);
        let head = String::from_utf8(bytes).ok()?;
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let length = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if length > BODY_MAX_BYTES {
            return None;
        }
        while body.len() < length {
            if from.read_buf(&mut body).await.ok()? == 0 {
                return None;
            }
        }
        let purpose = if head.starts_with("POST ") { Purpose::Command } else { Purpose::Load };
        let head = if field("upgrade").is_some() { head } else { with_close(&head) };
        Some(Self { bytes: [head.into_bytes(), body].concat(), purpose })
    }

    /// Sends it to the server.
    pub(super) async fn send(&self, to: &mut TcpStream) -> std::io::Result<()> {
        to.write_all(&self.bytes).await
    }
}

/// The head with `Connection: close`: one request a connection, so that each is met by the fault of its time.
fn with_close(head: &str) -> String {
    let lines = head.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let mut closed: String = lines.flat_map(|line| [line, "\r\n"]).collect();
    closed.push_str("Connection: close\r\n\r\n");
    closed
}

/// An answer that is not the server's.
pub(super) fn page(status: &str, fields: &str, text: &str) -> Vec<u8> {
    let page = format!("<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>");
    let length = page.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n{fields}");
    format!("{head}Connection: close\r\n\r\n{page}").into_bytes()
}

/// Writes an answer and ends the connection once the peer has had time to read it: closed at once with unread bytes of
/// the request in it, the system would send RST and the answer be lost.
pub(super) async fn answer(mut client: TcpStream, bytes: &[u8]) -> Option<()> {
    const LINGER: Duration = Duration::from_secs(5);
    client.write_all(bytes).await.ok()?;
    client.shutdown().await.ok()?;
    let mut rest = Vec::new();
    tokio::time::timeout(LINGER, client.read_to_end(&mut rest)).await.ok()?.ok().map(drop)
}
