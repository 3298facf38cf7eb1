//! The opening handshake (RFC 6455 §4.2): what a client asks for, what is agreed, and the head of the answer.
//!
//! The rule: of what a client offers, the first that is known and spelled right is taken; all else is left unsaid, which
//! declines it.

use crate::websocket::{Compression, deflate};
use axum::http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tungstenite::handshake::derive_accept_key;

/// The one version that there is.
const VERSION: &str = "13";
/// Bytes of a client's key (RFC 6455 §4.1).
const KEY_BYTES: usize = 16;
/// Largest window of DEFLATE, in bits.
const WINDOW_MAX_BITS: u8 = 15;
/// Smallest that the RFC has a number for.
const WINDOW_MIN_BITS: u8 = 8;

/// A request that asks for a WebSocket, but not in the way of RFC 6455.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the opening handshake of a WebSocket")]
pub struct NotAHandshake;

/// What both sides speak from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The subprotocol, when the client has named one that is known.
    pub subprotocol: Option<&'static str>,
    /// How messages to the client are compressed. When they are, the client may compress its own.
    pub compression: Compression,
    accept: String,
}

impl Agreed {
    /// The headers of the answer 101.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([
            (CONNECTION, HeaderValue::from_static("Upgrade")),
            (UPGRADE, HeaderValue::from_static("websocket")),
        ]);
        let accept = HeaderValue::from_str(&self.accept).expect("base64 is a header's value");
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(subprotocol) = self.subprotocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        let extension = match self.compression {
            Compression::Off => return headers,
            Compression::Wide => "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Compression::Narrow => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
            }
        };
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(extension));
        headers
    }
}

/// Whether a request asks for a WebSocket, in whatever version.
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    items(headers, &UPGRADE).any(|item| item.eq_ignore_ascii_case("websocket"))
}

/// What is agreed with a client that sends these headers, by a server that knows `subprotocols`.
///
/// # Errors
/// [`NotAHandshake`]: the version is another, or the key is none.
pub fn agree(headers: &HeaderMap, subprotocols: &[&'static str]) -> Result<Agreed, NotAHandshake> {
    let only = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok()).map(str::trim)
    };
    let is_upgrade = items(headers, &CONNECTION).any(|item| item.eq_ignore_ascii_case("upgrade"));
    let key = only(&SEC_WEBSOCKET_KEY).ok_or(NotAHandshake)?;
    let is_key = STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == KEY_BYTES);
    if !is_asked_for(headers) || !is_upgrade || !is_key || only(&SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        return Err(NotAHandshake);
    }
    let known = |item: &str| subprotocols.iter().find(|known| **known == item).copied();
    Ok(Agreed {
        subprotocol: items(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(known),
        compression: items(headers, &SEC_WEBSOCKET_EXTENSIONS).find_map(compression).unwrap_or_default(),
        accept: derive_accept_key(key.as_bytes()),
    })
}

/// The items of a header that is a list.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

/// What an offer of permessage-deflate (RFC 7692 §7.1) comes to; `None` declines it.
fn compression(offer: &str) -> Option<Compression> {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return None;
    }
    let (mut seen, mut compression) = (Vec::new(), Compression::Wide);
    for parameter in parts {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (parameter, None),
        };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => {}
            ("client_max_window_bits", Some(bits)) => drop(window(bits)?),
            ("server_max_window_bits", Some(bits)) => match window(bits)? {
                WINDOW_MAX_BITS => {}
                bits if bits >= deflate::NARROW_BITS => compression = Compression::Narrow,
                _ => return None,
            },
            _ => return None,
        }
    }
    Some(compression)
}

fn window(text: &str) -> Option<u8> {
    let is_number = !text.starts_with(['0', '+']);
    text.parse().ok().filter(|bits| is_number && (WINDOW_MIN_BITS..=WINDOW_MAX_BITS).contains(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §1.3, with other headers in the place of its own.
    fn headers(others: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let own = [
            ("upgrade", "websocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        for (name, value) in own.iter().filter(|(name, _)| others.iter().all(|(other, _)| other != name)).chain(others)
        {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    fn offered(offer: &str) -> Compression {
        agree(&headers(&[("sec-websocket-extensions", offer)]), &[]).expect("a handshake").compression
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let agreed = agree(&headers(&[]), &["a"]).expect("a handshake");
        assert_eq!((agreed.subprotocol, agreed.compression), (None, Compression::Off));
        let answer = agreed.headers();
        assert_eq!(answer[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(answer[CONNECTION], "Upgrade");
        assert_eq!(answer[UPGRADE], "websocket");
        assert!(!answer.contains_key(SEC_WEBSOCKET_PROTOCOL) && !answer.contains_key(SEC_WEBSOCKET_EXTENSIONS));
    }

    #[test]
    fn another_version_a_bad_key_and_half_an_upgrade_are_refused() {
        for other in [
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", "c2hvcnQ="),
            ("sec-websocket-key", "not base64"),
            ("connection", "keep-alive"),
            ("upgrade", "h2c"),
        ] {
            assert_eq!(agree(&headers(&[other]), &[]), Err(NotAHandshake), "{other:?}");
        }
        let two_keys = [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="); 2];
        assert_eq!(agree(&headers(&two_keys), &[]), Err(NotAHandshake));
    }

    #[test]
    fn the_first_known_subprotocol_is_taken() {
        let of = |line| agree(&headers(&[("sec-websocket-protocol", line)]), &["a", "b"]).expect("agreed").subprotocol;
        assert_eq!(of("x, b, a"), Some("b"));
        assert_eq!(of("x"), None);
    }

    #[test]
    fn offers_of_compression_are_taken_or_declined() {
        for (offer, expected) in [
            ("permessage-deflate", Compression::Wide),
            ("permessage-deflate; client_max_window_bits", Compression::Wide),
            ("permessage-deflate; server_no_context_takeover; client_max_window_bits=10", Compression::Wide),
            ("permessage-deflate; server_max_window_bits=15", Compression::Wide),
            ("permessage-deflate; server_max_window_bits=\"10\"", Compression::Narrow),
            ("permessage-deflate; server_max_window_bits=9", Compression::Narrow),
            ("permessage-deflate; server_max_window_bits=8", Compression::Off),
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", Compression::Wide),
            ("permessage-deflate; server_max_window_bits", Compression::Off),
            ("permessage-deflate; server_max_window_bits=09", Compression::Off),
            ("permessage-deflate; client_max_window_bits=16", Compression::Off),
            ("permessage-deflate; client_no_context_takeover=1", Compression::Off),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits", Compression::Off),
            ("permessage-deflate; x", Compression::Off),
            ("x-webkit-deflate-frame", Compression::Off),
        ] {
            assert_eq!(offered(offer), expected, "{offer}");
        }
        let agreed =
            agree(&headers(&[("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=12")]), &[]);
        let answer = agreed.expect("a handshake").headers();
        let text = answer[SEC_WEBSOCKET_EXTENSIONS].to_str().expect("ASCII");
        assert!(text.contains("no_context_takeover") && text.ends_with("server_max_window_bits=9"), "{text}");
    }
}
