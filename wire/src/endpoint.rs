//! What an endpoint is: a path, a request type, a response type, and who may call it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, within the rate limits.
    Public,
    /// Who holds the refresh cookie.
    Cookie,
    /// Who holds an access token (`Authorization: Bearer`), with or without a device.
    Account,
    /// Who holds an access token that is bound to a device.
    Device,
}

/// A command: `POST PATH` with the envelope of `Request`, answered by the envelope of `Response` or of a
/// [`crate::Problem`].
pub trait Endpoint {
    /// The path, which starts with `/api/`.
    const PATH: &'static str;
    /// `type` of the request's envelope.
    const REQUEST: &'static str;
    /// `type` of the response's envelope.
    const RESPONSE: &'static str;
    /// Who may call it.
    const ACCESS: Access;
    /// Longest body in bytes, envelope included.
    const BODY_MAX_BYTES: usize = crate::limit::BODY_MAX_BYTES;
    /// Payload of the request.
    type Request: Serialize + DeserializeOwned;
    /// Payload of the response.
    type Response: Serialize + DeserializeOwned;
}

/// Declares endpoints: `Name = access "path" "request_type"(Request) => "response_type"(Response)`, and where its body
/// may be longer than [`crate::limit::BODY_MAX_BYTES`], `max` and its own bound.
macro_rules! endpoints {
    ($(
        $(#[$doc:meta])*
        $name:ident = $access:ident $path:literal
            $request_type:literal($request:ty) => $response_type:literal($response:ty) $(max $max:expr)?;
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl $crate::Endpoint for $name {
                const PATH: &'static str = $path;
                const REQUEST: &'static str = $request_type;
                const RESPONSE: &'static str = $response_type;
                const ACCESS: $crate::Access = $crate::Access::$access;
                $(const BODY_MAX_BYTES: usize = $max;)?
                type Request = $request;
                type Response = $response;
            }
        )*
    };
}
pub(crate) use endpoints;
