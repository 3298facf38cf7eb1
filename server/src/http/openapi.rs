//! The contract as an OpenAPI 3.1 document (P8), made from wire's table of endpoints and its types.
//!
//! The rule: nothing is written here that wire says. Every command may be refused with every code that a server gives:
//! the set is closed, and small enough to stand at each.

use crate::http::endpoint::{Routes, wrong_method};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use sotto_wire::endpoint::{self, Described};
use sotto_wire::event::{Durable, Ephemeral};
use sotto_wire::session::REFRESH_COOKIE;
use sotto_wire::ticket::{EVENTS, EVENTS_PATH, EventsPage, UpgradeNeeded};
use sotto_wire::websocket::{SUBPROTOCOL_CBOR, SUBPROTOCOL_JSON, WEBSOCKET_PATH};
use sotto_wire::{Access, Code, Problem, RequestId, Ticket, Timestamp, envelope};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Where the document is.
const PATH: &str = "/api/openapi.json";

/// Adds the endpoint of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    routes.add(PATH, get(serve).fallback(wrong_method))
}

async fn serve() -> Response {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], DOCUMENT.as_str()).into_response()
}

/// The document.
fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let refusal = envelope_of(&mut generator, envelope::ERROR, problem);
    let mut paths = Map::new();
    for row in endpoint::all() {
        paths.insert(row.path.to_owned(), json!({ "post": operation(&mut generator, row, &refusal) }));
    }
    for path in [EVENTS_PATH, WEBSOCKET_PATH] {
        paths.insert(path.to_owned(), json!({ "get": stream(&mut generator, path, &refusal) }));
    }
    paths.insert(PATH.to_owned(), json!({ "get": plain("This document.", "application/json") }));
    paths.insert("/health/live".to_owned(), json!({ "get": plain("Whether the process runs.", "text/plain") }));
    let mut ready = plain("Whether the server can serve.", "text/plain");
    ready["responses"]["503"] = json!({ "description": "Not now.", "content": { "text/plain": {} } });
    paths.insert("/health/ready".to_owned(), json!({ "get": ready }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sotto",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later" },
            "description": "Every command is a POST of an envelope and is answered by one. Those of a device may be \
                sent over a WebSocket instead, in the same envelopes. Unknown fields are ignored."
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "access_token": { "type": "http", "scheme": "bearer" },
                "refresh_cookie": { "type": "apiKey", "in": "cookie", "name": REFRESH_COOKIE },
                "ticket": { "type": "apiKey", "in": "query", "name": "ticket" }
            }
        }
    })
}

/// The schema of an envelope of type `kind`.
fn envelope_of(generator: &mut SchemaGenerator, kind: &str, payload: Schema) -> Value {
    json!({
        "type": "object",
        "required": ["type", "payload", "timestamp"],
        "properties": {
            "type": { "const": kind },
            "payload": payload,
            "requestId": generator.subschema_for::<Option<RequestId>>(),
            "timestamp": generator.subschema_for::<Timestamp>()
        }
    })
}

fn in_json(description: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn plain(about: &str, media_type: &str) -> Value {
    json!({
        "summary": about,
        "security": [],
        "responses": { "200": { "description": about, "content": { media_type: {} } } }
    })
}

fn operation(generator: &mut SchemaGenerator, row: &Described, refusal: &Value) -> Value {
    let (request, response) = (row.schemas)(generator);
    let (request, response) =
        (envelope_of(generator, row.request, request), envelope_of(generator, row.response, response));
    let mut responses = refusals(refusal);
    responses.insert("200".to_owned(), in_json("Done.", &response));
    let security = match row.access {
        Access::Public => json!([]),
        Access::Cookie => json!([{ "refresh_cookie": [] }]),
        Access::Account | Access::Device => json!([{ "access_token": [] }]),
    };
    json!({
        "operationId": row.request,
        "description": row.about.trim(),
        "security": security,
        "requestBody": {
            "required": true,
            "description": format!("At most {} bytes.", row.body_max_bytes),
            "content": { "application/json": { "schema": request } }
        },
        "responses": responses
    })
}

/// What a server may answer instead, by status.
fn refusals(refusal: &Value) -> Map<String, Value> {
    let mut codes: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    // Clients say these to themselves.
    let is_said_here = |code: &&Code| !matches!(code, Code::NotSotto | Code::Unreachable | Code::Unknown);
    for code in Code::ALL.iter().filter(is_said_here) {
        codes.entry(code.status()).or_default().push(code.as_str());
    }
    codes.into_iter().map(|(status, codes)| (status.to_string(), in_json(&codes.join(", "), refusal))).collect()
}

fn stream(generator: &mut SchemaGenerator, path: &str, refusal: &Value) -> Value {
    let (durable, ephemeral) = (generator.subschema_for::<Durable>(), generator.subschema_for::<Ephemeral>());
    let event = json!({
        "allOf": [{ "anyOf": [durable, ephemeral] }],
        "required": ["timestamp"],
        "properties": { "timestamp": generator.subschema_for::<Timestamp>() }
    });
    let mut page = generator.root_schema_for::<EventsPage<Value>>().to_value();
    page["properties"]["events"] = json!({ "type": "array", "items": event });
    page["properties"]["ticket"] = generator.subschema_for::<Ticket>().to_value();
    if let Some(page) = page.as_object_mut() {
        page.remove("$defs");
        page.remove("$schema");
        page.remove("components");
    }
    let page = envelope_of(generator, EVENTS, Schema::try_from(page).unwrap_or_default());
    let needed = generator.subschema_for::<UpgradeNeeded>();
    let needed = envelope_of(generator, envelope::ERROR, needed);
    let mut responses = refusals(refusal);
    responses.insert("426".to_owned(), in_json("upgrade_required", &needed));
    responses.insert(
        "101".to_owned(),
        json!({ "description": format!(
            "A WebSocket (RFC 6455), of subprotocol {SUBPROTOCOL_JSON} or {SUBPROTOCOL_CBOR}: asked for by Upgrade."
        ) }),
    );
    if path == EVENTS_PATH {
        responses.insert(
            "200".to_owned(),
            json!({
                "description": "Server-sent events, each of whose data is an event; or, where the client accepts \
                    application/json, one answer to a long poll.",
                "content": {
                    "text/event-stream": { "itemSchema": event },
                    "application/json": { "schema": page }
                }
            }),
        );
    }
    json!({
        "operationId": if path == EVENTS_PATH { "events" } else { "events_by_websocket" },
        "description": "The event stream, by the transport that the headers ask for.",
        "security": [{ "ticket": [] }],
        "parameters": [
            { "name": "ticket", "in": "query", "required": true, "schema": generator.subschema_for::<Ticket>() },
            { "name": "Last-Event-ID", "in": "header", "schema": { "type": "string" } }
        ],
        "responses": responses
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{} references", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_endpoint_stands_in_it_with_its_request_and_its_answers() {
        let document = document();
        for row in endpoint::all() {
            let operation = &document["paths"][row.path]["post"];
            let of =
                |place: &Value| place["content"]["application/json"]["schema"]["properties"]["type"]["const"].clone();
            assert_eq!(of(&operation["requestBody"]), row.request, "{}", row.path);
            assert_eq!(of(&operation["responses"]["200"]), row.response, "{}", row.path);
            for status in [400, 401, 403, 404, 405, 409, 413, 415, 422, 426, 429, 500, 503] {
                assert_eq!(of(&operation["responses"][status.to_string()]), "error", "{} {status}", row.path);
            }
        }
    }

    #[test]
    fn fields_are_required_or_not_as_they_are_read() {
        let document = document();
        let ticket = &document["components"]["schemas"]["TicketRequest"];
        assert_eq!(ticket["required"], json!(["protocol"]), "{ticket}");
        assert_eq!(document["components"]["schemas"]["UserId"]["type"], "string");
    }
}
