//! Echoes every message over the server's own WebSocket codec and negotiation, for Autobahn's fuzzing client.
//!
//! `cargo run --example websocket_echo -- 127.0.0.1:9001` says where it listens and goes on until it is stopped. It owns
//! no part of the codec, and the server does not use it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sotto_server::websocket::{Agreed, CLOSE_NORMAL, Compression, Decoder, Received, agree, close, message, pong};
use std::error::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Autobahn's largest message has 16 MB.
const MESSAGE_MAX_BYTES: usize = 32 * 1_024 * 1_024;
/// Longest head of a request.
const HEAD_MAX_BYTES: usize = 16 * 1_024;
/// What is read at a time.
const READ_BYTES: usize = 64 * 1_024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = serve(socket).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn serve(mut socket: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    let mut bytes = Vec::new();
    let head_bytes = loop {
        if let Some(at) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        if bytes.len() > HEAD_MAX_BYTES || socket.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let agreed = agree(&headers(&bytes[..head_bytes])?, &[])?;
    socket.write_all(&answer(&agreed)).await?;
    let decoder = Decoder::new(MESSAGE_MAX_BYTES);
    let deflates = agreed.compression != Compression::Off;
    let mut decoder = if deflates { decoder.with_deflate() } else { decoder };
    let mut read = bytes.split_off(head_bytes);
    loop {
        let (mut input, mut output, mut is_over) = (read.as_slice(), Vec::new(), false);
        while !is_over {
            match decoder.read(&mut input) {
                Ok(Some(Received::Message(kind, payload))) => {
                    message(&mut output, (kind, &payload), agreed.compression);
                }
                Ok(Some(Received::Ping(payload))) => pong(&mut output, &payload),
                Ok(Some(Received::Pong)) => {}
                Ok(Some(Received::Close(code))) => {
                    close(&mut output, code.unwrap_or(CLOSE_NORMAL));
                    is_over = true;
                }
                Ok(None) => break,
                Err(violation) => {
                    close(&mut output, violation.close_code());
                    is_over = true;
                }
            }
        }
        socket.write_all(&output).await?;
        if is_over {
            return linger(socket).await;
        }
        read.resize(READ_BYTES, 0);
        let count = socket.read(&mut read).await?;
        read.truncate(count);
        if count == 0 {
            return Ok(());
        }
    }
}

/// Closes this side and reads on until the peer has closed its own, so that it gets what was written last.
async fn linger(mut socket: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.shutdown().await?;
    let mut scrap = vec![0; READ_BYTES];
    while socket.read(&mut scrap).await? > 0 {}
    Ok(())
}

fn headers(head: &[u8]) -> Result<HeaderMap, Box<dyn Error + Send + Sync>> {
    let text = std::str::from_utf8(head)?;
    let fields = text.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value.trim())?);
    }
    Ok(headers)
}

fn answer(agreed: &Agreed) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in &agreed.headers() {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend(b"\r\n");
    answer
}
