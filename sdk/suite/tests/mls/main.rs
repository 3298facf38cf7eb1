//! mls-rs against the vectors of RFC 9420, and our suite inside mls-rs.

mod basics;
mod conversation;
mod passive_client;
#[path = "../vectors/mod.rs"]
mod vectors;
