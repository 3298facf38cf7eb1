//! Cursors: a number of the log as an opaque text, bound to this deployment.
//!
//! The rule: a text that this deployment did not write is no cursor. A client that changes servers must not skip or
//! repeat events by the luck of a number that fits.

use crate::store::log::LogNumber;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use sotto_wire::Cursor;
use subtle::ConstantTimeEq as _;

/// Bytes of the tag: a guess fits once in 2⁶⁴, and a hit would show nothing that the device may not read anyway.
const TAG_BYTES: usize = 8;

/// Writes and reads cursors.
#[derive(Clone)]
pub(crate) struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// The key of the deployment whose secret this is.
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of every length"))
    }

    /// The cursor of `n`.
    pub(crate) fn write(&self, n: LogNumber) -> Cursor {
        let mut bytes = [0; 8 + TAG_BYTES];
        bytes[..8].copy_from_slice(&n.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.tag(n));
        Cursor::new(URL_SAFE_NO_PAD.encode(bytes)).expect("base64url is visible ASCII and short enough")
    }

    /// The number that `cursor` stands for; `None` when it is not of this deployment.
    pub(crate) fn read(&self, cursor: &Cursor) -> Option<LogNumber> {
        let mut bytes = [0; 8 + TAG_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(cursor.as_str(), &mut bytes).ok()?;
        let (number, tag) = bytes.get(..length)?.split_first_chunk::<8>()?;
        let n = LogNumber(i64::from_be_bytes(*number));
        bool::from(tag.ct_eq(&self.tag(n))).then_some(n)
    }

    fn tag(&self, n: LogNumber) -> [u8; TAG_BYTES] {
        let full = self.0.clone().chain_update(n.0.to_be_bytes()).finalize().into_bytes();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&full[..TAG_BYTES]);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_its_number() {
        let key = CursorKey::new(&[7; 32]);
        for n in [0, 1, 255, 1 << 40, i64::MAX] {
            assert_eq!(key.read(&key.write(LogNumber(n))), Some(LogNumber(n)));
        }
    }

    #[test]
    fn a_cursor_of_another_deployment_or_a_changed_one_is_refused() {
        let key = CursorKey::new(&[7; 32]);
        let foreign = CursorKey::new(&[8; 32]).write(LogNumber(42));
        assert_eq!(key.read(&foreign), None);
        let text = key.write(LogNumber(42)).as_str().to_owned();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = Cursor::new(String::from_utf8(changed).expect("ASCII")).expect("visible");
            assert_eq!(key.read(&changed), None, "changed at {at}");
        }
        for text in ["42", "0", "-", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(key.read(&Cursor::new(text).expect("visible")), None);
        }
    }
}
