//! The spine from end to end: real server processes, real cores, the real network of this machine. Owns the list of
//! journeys; the harness (`tests/src`) owns the parts.

#[path = "spine/accounts.rs"]
mod accounts;
#[path = "spine/bad_input.rs"]
mod bad_input;
#[path = "spine/conversations.rs"]
mod conversations;
#[path = "spine/links.rs"]
mod links;
#[path = "spine/messages.rs"]
mod messages;
#[path = "spine/pair.rs"]
mod pair;
#[path = "spine/restarts.rs"]
mod restarts;
#[path = "spine/secrets.rs"]
mod secrets;
#[path = "spine/sessions.rs"]
mod sessions;
#[path = "spine/streams.rs"]
mod streams;
#[path = "spine/transports.rs"]
mod transports;
#[path = "spine/versions.rs"]
mod versions;

/// The server's program, built by cargo with these tests.
const SERVER: &str = env!("CARGO_BIN_EXE_sotto-server-under-test");
