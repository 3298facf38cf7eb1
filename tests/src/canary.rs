//! Canaries: random texts that are put wherever a person writes, and searched for wherever they must not be (E10).
//! Owns the encodings in which one could have been leaked; does not own the places that are searched.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use memchr::memmem;
use std::fmt::Write as _;

/// A random text that stands nowhere by chance.
#[derive(Clone, PartialEq, Eq)]
pub struct Canary {
    what: &'static str,
    text: String,
}

/// A canary that was found where it must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What the canary stood for.
    pub what: &'static str,
    /// In which encoding it was found.
    pub encoding: &'static str,
    /// Byte at which it begins.
    pub at: usize,
}

impl Canary {
    /// A canary that stands for `what` (a text, a password): 20 random letters and digits, 90 bits.
    pub fn new(what: &'static str) -> Self {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut random = [0; 20];
        getrandom::fill(&mut random).expect("the system has a random source");
        let text = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
        Self { what, text }
    }

    /// The canary of a text that was made elsewhere.
    pub fn of(what: &'static str, text: &str) -> Self {
        assert!(text.len() >= 12, "a shorter text may stand somewhere by chance");
        Self { what, text: text.to_owned() }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn encodings(&self) -> Vec<(&'static str, Vec<u8>)> {
        let bytes = self.text.as_bytes();
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes any text");
            hex
        });
        let mut encodings = vec![
            ("utf-8", bytes.to_vec()),
            ("utf-16le", self.text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("utf-16be", self.text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            ("hex", hex.to_uppercase().into_bytes()),
            ("hex", hex.into_bytes()),
        ];
        for before in 0..3 {
            encodings.push(("base64", inner_base64(&STANDARD, bytes, before)));
            encodings.push(("base64url", inner_base64(&URL_SAFE, bytes, before)));
        }
        encodings
    }
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Canary({}, {})", self.what, self.text)
    }
}

/// The characters of base64 that depend on `bytes` alone when `before` bytes (0 to 2) stand in front in the same group.
fn inner_base64(engine: &impl base64::Engine, bytes: &[u8], before: usize) -> Vec<u8> {
    let padded = [&[0; 2][..before], bytes].concat();
    let mut encoded = engine.encode(&padded).into_bytes();
    encoded.truncate(padded.len() * 8 / 6);
    encoded.drain(..(before * 8).div_ceil(6));
    encoded
}

/// Every canary that stands in `place`, in any encoding.
pub fn scan(canaries: &[Canary], place: &[u8]) -> Vec<Hit> {
    let found = |canary: &Canary| {
        let find = |(encoding, needle): (&'static str, Vec<u8>)| {
            memmem::find(place, &needle).map(|at| Hit { what: canary.what, encoding, at })
        };
        canary.encodings().into_iter().filter_map(find).collect::<Vec<_>>()
    };
    canaries.iter().flat_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn planted(leak: &[u8]) -> Vec<u8> {
        [b"noise \x00\xFF".as_slice(), leak, b" noise"].concat()
    }

    fn encodings_found(canary: &Canary, leak: &[u8]) -> Vec<&'static str> {
        let mut found: Vec<_> =
            scan(std::slice::from_ref(canary), &planted(leak)).iter().map(|hit| hit.encoding).collect();
        found.dedup();
        found
    }

    #[test]
    fn planted_canary_is_found_raw_in_hex_and_in_utf_16() {
        let canary = Canary::new("text");
        let hex: String = canary.as_str().bytes().map(|byte| format!("{byte:02x}")).collect();
        let wide: Vec<u8> = canary.as_str().encode_utf16().flat_map(u16::to_le_bytes).collect();
        let network: Vec<u8> = canary.as_str().encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(encodings_found(&canary, canary.as_str().as_bytes()), ["utf-8"]);
        assert_eq!(encodings_found(&canary, hex.as_bytes()), ["hex"]);
        assert_eq!(encodings_found(&canary, hex.to_uppercase().as_bytes()), ["hex"]);
        assert!(encodings_found(&canary, &wide).contains(&"utf-16le"));
        assert!(encodings_found(&canary, &network).contains(&"utf-16be"));
    }

    #[test]
    fn planted_canary_is_found_in_base64_wherever_it_stands_in_what_was_encoded() {
        // Text whose base64 differs between the two alphabets.
        let canary = Canary::of("text", "??>>~~??>>~~??>>");
        for before in 0..7 {
            for after in 0..4 {
                let inner = [&vec![b'?'; before][..], canary.as_str().as_bytes(), &vec![b'>'; after][..]].concat();
                let standard = encodings_found(&canary, STANDARD.encode(&inner).as_bytes());
                let url_safe = encodings_found(&canary, URL_SAFE.encode(&inner).as_bytes());
                assert!(standard.contains(&"base64"), "{before} bytes before, {after} after: {standard:?}");
                assert!(url_safe.contains(&"base64url"), "{before} bytes before, {after} after: {url_safe:?}");
            }
        }
    }

    #[test]
    fn place_without_the_canary_has_no_hit() {
        let (canary, other) = (Canary::new("text"), Canary::new("text"));
        assert_eq!(scan(&[canary], &planted(other.as_str().as_bytes())), []);
    }

    #[test]
    fn hit_says_what_where_and_how() {
        let canary = Canary::new("password");
        let hits = scan(std::slice::from_ref(&canary), &planted(canary.as_str().as_bytes()));
        assert_eq!(hits, [Hit { what: "password", encoding: "utf-8", at: 8 }]);
    }
}
