//! JSON schemas of the types whose form in JSON is not that of their fields. Behind a feature: the OpenAPI document of
//! the server is made of them, a browser does not carry them.

use crate::account::Name;
use crate::{
    Base64, ClientId, Code, ConversationId, Cursor, DeviceId, InviteId, LoginId, RequestId, Ticket, Timestamp, UserId,
    limit,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

macro_rules! schemas {
    ($($name:ident $schema:expr;)*) => { $(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )* };
}

fn id(about: &str) -> Schema {
    // 22 characters are 16.5 bytes: of the last, two bits are used.
    json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{21}[AQgw]$", "description": about })
}

fn text(about: &str, max_bytes: usize) -> Schema {
    json_schema!({
        "type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": max_bytes, "description": about
    })
}

schemas! {
    UserId id("An account: 16 bytes as base64url without padding.");
    DeviceId id("A device: 16 bytes as base64url without padding.");
    ConversationId id("A conversation and its MLS group: 16 bytes as base64url without padding.");
    ClientId id("A command's own id; the same again gets the first answer. 16 bytes as base64url without padding.");
    InviteId id("An invite link of a group: 16 bytes as base64url without padding.");
    LoginId id("A running sign-in: 16 bytes as base64url without padding.");
    Cursor text("A place in the log of this deployment. Opaque.", Cursor::MAX_BYTES);
    Ticket text("A single-use key to the event stream.", Ticket::MAX_BYTES);
    RequestId text("What the client calls the request; stands again in the answer.", RequestId::MAX_BYTES);
    Base64 json_schema!({
        "type": "string",
        "contentEncoding": "base64",
        "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        "description": "Bytes as base64 with padding (RFC 4648 §4); bits behind the last byte are zero."
    });
    Timestamp json_schema!({
        "type": "string", "format": "date-time", "description": "RFC 3339 in UTC."
    });
    Name json_schema!({
        "type": "string",
        "pattern": "^[a-z0-9][a-z0-9._-]*$",
        "minLength": limit::NAME_MIN_CHARS,
        "maxLength": limit::NAME_MAX_CHARS,
        "description": "A sign-in name."
    });
    Code json_schema!({
        "type": "string",
        "enum": Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        "description": "Why a request was refused."
    });
}
