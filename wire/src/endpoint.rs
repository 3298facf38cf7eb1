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

/// An endpoint as a row of a table, for what treats all of them alike.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// [`Endpoint::PATH`].
    pub path: &'static str,
    /// [`Endpoint::REQUEST`].
    pub request: &'static str,
    /// [`Endpoint::RESPONSE`].
    pub response: &'static str,
    /// [`Endpoint::ACCESS`].
    pub access: Access,
    /// [`Endpoint::BODY_MAX_BYTES`].
    pub body_max_bytes: usize,
    /// One sentence and more, in English.
    pub about: &'static str,
    /// The schemas of request and response.
    #[cfg(feature = "schema")]
    pub schemas: fn(&mut schemars::SchemaGenerator) -> (schemars::Schema, schemars::Schema),
}

/// Every endpoint.
pub fn all() -> impl Iterator<Item = &'static Described> {
    [
        crate::account::ENDPOINTS,
        crate::session::ENDPOINTS,
        crate::key::ENDPOINTS,
        crate::conversation::ENDPOINTS,
        crate::group::ENDPOINTS,
        crate::invite::ENDPOINTS,
        crate::people::ENDPOINTS,
        crate::message::ENDPOINTS,
        crate::typing::ENDPOINTS,
        crate::presence::ENDPOINTS,
        crate::ticket::ENDPOINTS,
        crate::ping::ENDPOINTS,
    ]
    .into_iter()
    .flatten()
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
        $(#[doc = $doc:literal])*
        $name:ident = $access:ident $path:literal
            $request_type:literal($request:ty) => $response_type:literal($response:ty) $(max $max:expr)?;
    )*) => {
        $(
            $(#[doc = $doc])*
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

        /// The endpoints of this file.
        pub const ENDPOINTS: &[$crate::endpoint::Described] = &[$($crate::endpoint::Described {
            path: $path,
            request: $request_type,
            response: $response_type,
            access: $crate::Access::$access,
            body_max_bytes: <$name as $crate::Endpoint>::BODY_MAX_BYTES,
            about: concat!($($doc),*),
            #[cfg(feature = "schema")]
            schemas: |generator| (generator.subschema_for::<$request>(), generator.subschema_for::<$response>()),
        },)*];
    };
}
pub(crate) use endpoints;
