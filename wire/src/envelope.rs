//! The one envelope (P1): `{type, payload, requestId, timestamp}` for commands, answers, errors and events alike.

use crate::error::{Code, Problem};
use crate::{Endpoint, Millis, RequestId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `type` of the envelope that carries a [`Problem`].
pub const ERROR: &str = "error";

/// One thing said, by either side. `T` is the payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// What the payload is, in snake case.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is said.
    pub payload: T,
    /// The request that this is, or answers. Events have none.
    #[serde(rename = "requestId", default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// When it was said, by the clock of who said it.
    pub timestamp: Timestamp,
}

/// An envelope whose payload is not yet parsed.
pub type RawEnvelope<'a> = Envelope<&'a RawValue>;

/// Bytes that are no envelope, or whose payload is not of the type that they name.
#[derive(Debug, thiserror::Error)]
#[error("read an envelope")]
pub struct NotAnEnvelope(#[source] serde_json::Error);

impl<T: Serialize> Envelope<T> {
    /// The envelope of `payload`, said at `now`.
    pub fn new(kind: &str, payload: T, now: Millis) -> Self {
        Self { kind: kind.to_owned(), payload, request_id: None, timestamp: Timestamp(now) }
    }

    /// The same envelope with the request that it is, or answers.
    pub fn with_request_id(self, request_id: Option<RequestId>) -> Self {
        Self { request_id, ..self }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("types of wire have string keys and no failing serializer")
    }
}

/// Reads an envelope and leaves its payload unparsed.
pub fn open(bytes: &[u8]) -> Result<RawEnvelope<'_>, NotAnEnvelope> {
    serde_json::from_slice(bytes).map_err(NotAnEnvelope)
}

/// Reads the payload of an envelope.
pub fn payload<T: DeserializeOwned>(envelope: &RawEnvelope<'_>) -> Result<T, NotAnEnvelope> {
    serde_json::from_str(envelope.payload.get()).map_err(NotAnEnvelope)
}

/// The request of endpoint `E` as the bytes of a POST body.
pub fn request<E: Endpoint>(request: &E::Request, request_id: RequestId, now: Millis) -> Vec<u8> {
    Envelope::new(E::REQUEST, request, now).with_request_id(Some(request_id)).to_json()
}

/// Reads the answer to a request of endpoint `E`.
///
/// What is neither the response nor a [`Problem`] (the page of a captive portal, say) is the problem
/// [`Code::NotSotto`], which says to try again later.
pub fn response<E: Endpoint>(bytes: &[u8]) -> Result<E::Response, Problem> {
    let not_sotto = |_| Problem::new(Code::NotSotto);
    let envelope = open(bytes).map_err(not_sotto)?;
    if envelope.kind == ERROR {
        return Err(payload(&envelope).unwrap_or_else(not_sotto));
    }
    if envelope.kind != E::RESPONSE {
        return Err(Problem::new(Code::NotSotto));
    }
    payload(&envelope).map_err(not_sotto)
}
