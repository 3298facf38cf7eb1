//! Where a stream goes: straight to its socket, or into the answer to a long poll.
//!
//! The rule: memory takes whole writes or nothing, so that no frame in it is cut.

use crate::store::log::LogNumber;
use std::io::ErrorKind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::net::TcpStream;

/// Most bytes of events that a long poll gathers before they are fetched; one write may go over it.
const GATHERED_MAX_BYTES: usize = 256 * 1_024;

/// Where a stream goes.
pub(crate) enum Outlet {
    /// On a socket of its own.
    Socket(TcpStream),
    /// Into memory, for the answer to a long poll.
    Memory(Mutex<Vec<u8>>),
}

/// What the answer to a long poll is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gathered {
    /// Frames of the list codec.
    pub(crate) bytes: Vec<u8>,
    /// Every event of the device up to here is among them, or was before.
    pub(crate) upto: LogNumber,
    pub(crate) standing: Standing,
}

/// Where the stream of a long poll stands when it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There may be more to read.
    Behind,
    /// There was no more.
    Live,
    /// It has said its last words.
    Ended,
}

fn lock(gathered: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    gathered.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outlet {
    /// Its socket, when it has one.
    pub(crate) fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Socket(socket) => Some(socket),
            Self::Memory(_) => None,
        }
    }

    /// Writes as much of `bytes` as it takes; gives how much, or nothing when the socket has failed.
    pub(crate) fn write(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Socket(socket) => write(socket, bytes),
            Self::Memory(gathered) => {
                let mut gathered = lock(gathered);
                if gathered.len() >= GATHERED_MAX_BYTES {
                    return Some(0);
                }
                gathered.extend_from_slice(bytes);
                Some(bytes.len())
            }
        }
    }

    /// Takes what was gathered.
    pub(crate) fn fetch(&self) -> Vec<u8> {
        match self {
            Self::Socket(_) => Vec::new(),
            Self::Memory(gathered) => std::mem::take(&mut *lock(gathered)),
        }
    }

    /// How much was gathered.
    pub(crate) fn gathered_bytes(&self) -> usize {
        match self {
            Self::Socket(_) => 0,
            Self::Memory(gathered) => lock(gathered).len(),
        }
    }
}

fn write(socket: &TcpStream, bytes: &[u8]) -> Option<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match socket.try_write(&bytes[taken..]) {
            Ok(count) if count > 0 => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return None,
        }
    }
    Some(taken)
}
