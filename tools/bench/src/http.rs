//! HTTP/1.1 as far as the load needs it, because a full client would cost more than the server under measure.

use crate::failure::{Failure, io};
use sotto_wire::{Endpoint, Millis, Problem, RequestId, envelope};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One kept-alive connection.
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

/// Longest head of an answer, in bytes.
const HEAD_MAX_BYTES: usize = 16 * 1_024;

impl Connection {
    /// Opens a connection.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address).await.map_err(io("connect"))?;
        socket.set_nodelay(true).map_err(io("connect"))?;
        Ok(Self { socket, buffer: Vec::new() })
    }

    /// Calls an endpoint and gives its answer.
    pub(crate) async fn call<E: Endpoint>(
        &mut self,
        token: &str,
        request: &E::Request,
    ) -> Result<E::Response, Failure> {
        let request_id = RequestId::new("bench").expect("five letters are a request id");
        let body = envelope::request::<E>(request, request_id, Millis(0));
        let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let answer = self.post(E::PATH, &format!("Content-Type: application/json\r\n{authorization}"), &body).await?;
        envelope::response::<E>(&answer).map_err(|problem: Problem| Failure::Refused(problem))
    }

    /// Posts a body and gives the body of the answer.
    pub(crate) async fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        let whole = [head.as_bytes(), body].concat();
        self.socket.write_all(&whole).await.map_err(io("send a request"))?;
        self.body().await
    }

    /// Asks for something with these headers; gives the body.
    pub(crate) async fn load(&mut self, path: &str, headers: &str) -> Result<Vec<u8>, Failure> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.socket.write_all(head.as_bytes()).await.map_err(io("send a request"))?;
        self.body().await
    }

    /// Asks for a stream; gives the socket and what has come of the body.
    pub(crate) async fn stream(mut self, path: &str) -> Result<(TcpStream, Vec<u8>), Failure> {
        self.opened(path, ("Accept: text/event-stream\r\n", "200")).await?;
        Ok((self.socket, self.buffer))
    }

    /// Asks for a WebSocket without an extension; gives the socket and what has come of its frames.
    pub(crate) async fn web_socket(mut self, path: &str) -> Result<(TcpStream, Vec<u8>), Failure> {
        // The key of RFC 6455 §1.3: any will do.
        let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        self.opened(path, (headers, "101")).await?;
        Ok((self.socket, self.buffer))
    }

    /// Asks for something and leaves without its answer.
    pub(crate) async fn ask(mut self, path: &str, headers: &str) -> Result<TcpStream, Failure> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.socket.write_all(head.as_bytes()).await.map_err(io("send a request"))?;
        Ok(self.socket)
    }

    async fn opened(&mut self, path: &str, (headers, status): (&str, &str)) -> Result<(), Failure> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.socket.write_all(head.as_bytes()).await.map_err(io("open a stream"))?;
        let head = self.head().await?;
        if head.split_whitespace().nth(1) == Some(status) {
            return Ok(());
        }
        Err(Failure::Wrong(format!("a stream was refused: {}", head.lines().next().unwrap_or_default())))
    }

    async fn body(&mut self) -> Result<Vec<u8>, Failure> {
        let head = self.head().await?;
        let length = header(&head, "content-length").and_then(|n| n.trim().parse::<usize>().ok());
        let length = length.ok_or_else(|| Failure::Wrong("an answer without a length".to_owned()))?;
        while self.buffer.len() < length {
            self.fill().await?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn head(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                let head = std::mem::replace(&mut self.buffer, rest);
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            if self.buffer.len() > HEAD_MAX_BYTES {
                return Err(Failure::Wrong("an answer whose head does not end".to_owned()));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let read = self.socket.read_buf(&mut self.buffer).await.map_err(io("read an answer"))?;
        if read == 0 { Err(Failure::Wrong("the server hung up".to_owned())) } else { Ok(()) }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().filter_map(|line| line.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}
