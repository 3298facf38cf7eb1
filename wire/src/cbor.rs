//! The binary codec (T14): the same types as CBOR (RFC 8949), with ids and binary fields as byte strings.
//!
//! The rule: what JSON says and what CBOR says is the same, since both are written by the same types. Behind a feature,
//! so that a browser does not carry it.

use crate::{Envelope, RequestId};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// Deepest nesting that is read: the deepest type of this crate has nine levels. Each level costs stack.
const DEPTH_MAX: usize = 32;

/// Bytes that are no CBOR of the wanted type. The reason may quote them, so it is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read CBOR")]
pub struct NotCbor;

/// What an envelope says besides its payload.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Opened {
    /// See [`Envelope::kind`].
    #[serde(rename = "type")]
    pub kind: String,
    /// See [`Envelope::request_id`].
    #[serde(rename = "requestId", default)]
    pub request_id: Option<RequestId>,
}

/// `value` as CBOR.
pub fn to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("types of wire have no failing serializer, a vector takes all");
    bytes
}

/// Reads one value; bytes behind it are an error.
///
/// # Errors
/// [`NotCbor`].
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotCbor> {
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX).map_err(|_| NotCbor)?;
    if rest.is_empty() { Ok(value) } else { Err(NotCbor) }
}

/// Reads an envelope and passes over its payload.
///
/// # Errors
/// [`NotCbor`].
pub fn open(bytes: &[u8]) -> Result<Opened, NotCbor> {
    // The payload must at least be CBOR.
    from_slice::<IgnoredAny>(bytes)?;
    from_slice(bytes)
}

/// Reads the payload of an envelope.
///
/// # Errors
/// [`NotCbor`].
pub fn payload<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotCbor> {
    from_slice::<Envelope<T>>(bytes).map(|envelope| envelope.payload)
}
