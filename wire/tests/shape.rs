//! Holds the shape of everything that crosses the network: a snapshot of each type, that it reads back to the same
//! value, and that what a later version may add is skipped.

mod samples;

use samples::{Sample, samples};
use serde_json::{Value, json};
use sotto_wire::event::Event;
use sotto_wire::{Code, Millis, Problem, Retry};
use std::collections::HashSet;

/// The files whose types cross the network.
const SOURCES: [&str; 13] = [
    include_str!("../src/account.rs"),
    include_str!("../src/conversation.rs"),
    include_str!("../src/event.rs"),
    include_str!("../src/group.rs"),
    include_str!("../src/invite.rs"),
    include_str!("../src/key.rs"),
    include_str!("../src/message.rs"),
    include_str!("../src/people.rs"),
    include_str!("../src/ping.rs"),
    include_str!("../src/presence.rs"),
    include_str!("../src/session.rs"),
    include_str!("../src/ticket.rs"),
    include_str!("../src/typing.rs"),
];

/// Adds an unknown field to every object of `value`.
fn with_unknown_fields(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: serde_json::Map<_, _> =
                fields.into_iter().map(|(name, value)| (name, with_unknown_fields(value))).collect();
            fields.insert("aFieldOfTomorrow".to_owned(), json!({ "deep": [1, null] }));
            Value::Object(fields)
        }
        Value::Array(values) => Value::Array(values.into_iter().map(with_unknown_fields).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

#[test]
fn every_type_keeps_its_shape() {
    let all: Vec<(String, Value)> = samples().into_iter().map(|s| (s.name.to_owned(), s.json)).collect();
    let shapes: serde_json::Map<String, Value> = all.into_iter().collect();
    insta::assert_json_snapshot!(shapes);
}

#[test]
fn every_type_reads_back_to_what_was_written() {
    for Sample { name, json, read_back, .. } in samples() {
        assert_eq!(read_back(json.clone()), Some(json), "{name}");
    }
}

#[cfg(feature = "cbor")]
#[test]
fn every_type_means_the_same_in_cbor() {
    for Sample { name, json, cbor, read_cbor, .. } in samples() {
        assert_eq!(read_cbor(&cbor), Some(json), "{name}");
        for cut in 0..cbor.len() {
            assert_eq!(read_cbor(&cbor[..cut]), None, "{name} cut at {cut}");
        }
        assert_eq!(read_cbor(&[cbor.as_slice(), &[0]].concat()), None, "{name} with more behind");
    }
}

#[test]
fn every_endpoint_is_in_the_table_with_a_path_and_a_type_of_its_own() {
    let rows: Vec<_> = sotto_wire::endpoint::all().collect();
    let declared: usize = SOURCES.iter().map(|source| source.matches("\"/api/").count()).sum();
    // The stream's own path is no command.
    assert_eq!(rows.len(), declared - 1);
    let paths: HashSet<&str> = rows.iter().map(|row| row.path).collect();
    let requests: HashSet<&str> = rows.iter().map(|row| row.request).collect();
    assert_eq!((paths.len(), requests.len()), (rows.len(), rows.len()));
}

#[test]
fn unknown_fields_are_skipped_in_every_type() {
    for Sample { name, json, read_back, .. } in samples() {
        assert_eq!(read_back(with_unknown_fields(json.clone())), Some(json), "{name}");
    }
}

#[test]
fn every_type_has_a_sample() {
    let named: Vec<&str> = samples().iter().map(|s| s.name).collect();
    let declared = SOURCES.iter().flat_map(|source| source.lines()).filter_map(|line| {
        let rest = line.strip_prefix("pub struct ")?;
        rest.split(|c: char| !c.is_alphanumeric()).next()
    });
    // A name has no fields to add to; endpoints are declared by macro.
    let missing: Vec<&str> = declared.filter(|name| *name != "Name" && !named.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn what_was_written_before_there_were_groups_is_read() {
    let optional = ["roles", "invites", "invite", "role", "accepted", "people_count"];
    let is_older = |name: &str| ["CreateConversationRequest", "CommitRequest", "Member", "GroupLoaded"].contains(&name);
    let mut older = 0;
    for Sample { name, mut json, read_back, .. } in samples().into_iter().filter(|sample| is_older(sample.name)) {
        json.as_object_mut().expect("a struct").retain(|field, _| !optional.contains(&field.as_str()));
        assert!(read_back(json).is_some(), "{name}");
        older += 1;
    }
    assert_eq!(older, 4);
}

#[test]
fn an_event_of_an_unknown_type_is_skipped() {
    let frame =
        json!({ "type": "confetti", "payload": { "colour": "mauve" }, "timestamp": "2026-11-20T00:00:00.000Z" });
    assert_eq!(Event::from_frame(frame.to_string().as_bytes()).ok(), Some(Event::Unknown));
}

#[test]
fn a_known_event_with_a_wrong_payload_is_an_error() {
    let frame =
        json!({ "type": "heartbeat", "payload": { "server_time": "noon" }, "timestamp": "2026-11-20T00:00:00.000Z" });
    assert!(Event::from_frame(frame.to_string().as_bytes()).is_err());
}

#[test]
fn every_code_reads_back_and_an_unknown_one_obeys_its_retry_class() {
    for &code in Code::ALL {
        let problem = Problem::new(code).after(Millis(5));
        let text = serde_json::to_string(&problem).expect("a problem is JSON");
        assert_eq!(serde_json::from_str::<Problem>(&text).ok(), Some(problem));
    }
    let tomorrow = r#"{"code":"moon_phase","retry":"later","message":"wait for the full moon"}"#;
    let problem: Problem = serde_json::from_str(tomorrow).expect("unknown codes are read");
    assert_eq!((problem.code, problem.retry), (Code::Unknown, Retry::Later));
    let later = tomorrow.replace(r#""later""#, r#""at_full_moon""#);
    let problem: Problem = serde_json::from_str(&later).expect("unknown classes are read");
    assert_eq!((problem.code, problem.retry), (Code::Unknown, Retry::Never));
}

#[test]
fn the_table_of_codes_keeps_its_shape() {
    let table: Vec<_> = Code::ALL.iter().map(|c| json!([c.as_str(), c.status(), c.retry(), c.message()])).collect();
    insta::assert_json_snapshot!(table);
}
