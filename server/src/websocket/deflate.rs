//! permessage-deflate (RFC 7692 §7.2): each message by itself, without context of those before it.
//!
//! The rule: what a message inflates to has a bound. Compressors are kept for each thread: making one costs more than
//! most messages.

use crate::websocket::{Compression, Violation};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::RefCell;

/// What a flush writes and a message leaves out (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Compression level. 1 has fixed codes only, which leave base64 as long as it is; above 3 only time grows.
const LEVEL: u32 = 3;
/// Window of [`Compression::Wide`], in bits.
const WIDE_BITS: u8 = 15;
/// Window of [`Compression::Narrow`], in bits: the smallest that raw DEFLATE of zlib has.
pub(super) const NARROW_BITS: u8 = 9;
/// Room for what a flush adds, so that one call is enough.
const FLUSH_ROOM_BYTES: usize = 128;
/// How far the output of an inflating message is let grow at first.
const INFLATE_STEP_MIN_BYTES: usize = 1_024;

thread_local! {
    static WIDE: RefCell<Compress> = RefCell::new(compressor(WIDE_BITS));
    static NARROW: RefCell<Compress> = RefCell::new(compressor(NARROW_BITS));
    static INFLATE: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

fn compressor(window_bits: u8) -> Compress {
    Compress::new_with_window_bits(flate2::Compression::new(LEVEL), false, window_bits)
}

/// `bytes` compressed, when that is shorter.
pub(super) fn deflate(bytes: &[u8], compression: Compression) -> Option<Vec<u8>> {
    let compressor = match compression {
        Compression::Off => return None,
        Compression::Wide => &WIDE,
        Compression::Narrow => &NARROW,
    };
    compressor.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut deflated = Vec::with_capacity(bytes.len() + FLUSH_ROOM_BYTES);
        compressor.compress_vec(bytes, &mut deflated, FlushCompress::Sync).ok()?;
        // Not all was taken, or not all was given: it did not fit, so it was not shorter.
        let is_whole = compressor.total_in() == bytes.len() as u64 && deflated.ends_with(&TAIL);
        deflated.truncate(deflated.len().saturating_sub(TAIL.len()));
        (is_whole && deflated.len() < bytes.len()).then_some(deflated)
    })
}

/// What `bytes` were before they were compressed, at most `max_bytes`.
pub(super) fn inflate(bytes: &[u8], max_bytes: usize) -> Result<Vec<u8>, Violation> {
    INFLATE.with_borrow_mut(|inflate| {
        inflate.reset(false);
        let mut inflated = Vec::new();
        for part in [bytes, &TAIL] {
            let before = inflate.total_in();
            loop {
                if inflated.len() == inflated.capacity() {
                    // One more than is allowed shows that there is more.
                    let left = (max_bytes + 1).saturating_sub(inflated.len());
                    inflated.reserve_exact(left.min(inflated.len().max(INFLATE_STEP_MIN_BYTES)));
                }
                let taken = usize::try_from(inflate.total_in() - before).expect("no more than the part has");
                let status = inflate.decompress_vec(&part[taken..], &mut inflated, FlushDecompress::Sync);
                let status = status.map_err(|_| Violation::Payload)?;
                if inflated.len() > max_bytes {
                    return Err(Violation::TooLarge);
                }
                // A last block may come before the end (RFC 7692 §7.2.3.5): what follows says nothing.
                if status == Status::StreamEnd {
                    return Ok(inflated);
                }
                if inflated.len() < inflated.capacity() {
                    break;
                }
            }
            if inflate.total_in() - before < part.len() as u64 {
                return Err(Violation::Payload);
            }
        }
        Ok(inflated)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope_like(size_bytes: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut letters = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(state >> 58) as usize]
        };
        (0..size_bytes).map(|_| letters()).collect()
    }

    #[test]
    fn what_was_deflated_inflates_to_itself() {
        for compression in [Compression::Wide, Compression::Narrow] {
            for size_bytes in [700, 5_000, 70_000] {
                let bytes = envelope_like(size_bytes);
                let deflated = deflate(&bytes, compression).expect("shorter");
                assert!(deflated.len() < size_bytes * 9 / 10, "{size_bytes} became {}", deflated.len());
                assert_eq!(inflate(&deflated, size_bytes), Ok(bytes));
            }
        }
    }

    #[test]
    fn what_does_not_get_shorter_is_left_as_it_is() {
        let noise: Vec<u8> = envelope_like(4_000).chunks(2).map(|pair| pair[0] ^ pair[1].rotate_left(3)).collect();
        assert_eq!(deflate(b"", Compression::Wide), None);
        assert_eq!(deflate(b"x", Compression::Wide), None);
        assert!(deflate(&noise, Compression::Wide).is_none_or(|deflated| deflated.len() < noise.len()));
        assert_eq!(deflate(&[b'x'; 1_000], Compression::Off), None);
    }

    #[test]
    fn a_bomb_is_refused_at_the_bound() {
        let zeros = vec![0; 1 << 20];
        let bomb = deflate(&zeros, Compression::Wide).expect("shorter");
        assert!(bomb.len() < 5_000);
        assert_eq!(inflate(&bomb, (1 << 20) - 1), Err(Violation::TooLarge));
        assert_eq!(inflate(&bomb, 1 << 20), Ok(zeros));
    }

    #[test]
    fn bytes_that_are_not_deflated_are_refused() {
        for bytes in [&[0xff; 20][..], b"hello", &[0x07, 0x00]] {
            assert_eq!(inflate(bytes, 1_000), Err(Violation::Payload), "{bytes:?}");
        }
    }

    /// RFC 7692 §7.2.3.1, §7.2.3.4 and §7.2.3.5.
    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let compressed = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let in_last_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let in_two_blocks = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        for bytes in [&compressed[..], &in_last_block, &in_two_blocks] {
            assert_eq!(inflate(bytes, 5), Ok(b"Hello".to_vec()));
        }
        assert_eq!(inflate(&[0x00], 5), Ok(Vec::new()));
    }
}
