//! Every decision of a Sotto client, without I/O: no async, no clock, no browser, no randomness of its own.
//!
//! A [`Client`] is fed with [`Input`]s and the time, and asked with [`Client::poll`] what to do until it answers
//! [`Output::Idle`]. Same inputs and seed, same outputs. The rule that this crate keeps: **no ciphertext leaves before
//! its ratchet step is on disk; ratchet, plaintext and cursor are persisted in one batch.**

mod alarms;
mod backoff;
mod calls;
mod changes;
mod client;
pub mod content;
pub mod contract;
mod conversation;
mod group;
mod identity;
mod inbox;
mod ledger;
mod marks;
mod membership;
mod meter;
mod opaque;
mod outbox;
mod presence;
mod random;
mod record;
pub mod self_test;
mod session;
mod sorted;
pub mod sse;
mod stream;
mod timeline;
mod typing;
mod vault;
pub mod view;

pub use client::Client;
pub use contract::{Command, Input, Output};
pub use sotto_wire as wire;
