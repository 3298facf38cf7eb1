//! Every decision of a Sotto client, without I/O: no async, no clock, no browser, no randomness of its own.
//!
//! A [`Client`] is fed with [`Input`]s and the time, and asked with [`Client::poll`] what to do until it answers
//! [`Output::Idle`]. Same inputs and seed, same outputs. The rule that this crate keeps: **no ciphertext leaves before
//! its ratchet step is on disk; ratchet, plaintext and cursor are persisted in one batch.**

mod backoff;
mod client;
pub mod content;
pub mod contract;
mod group;
mod identity;
mod opaque;
mod random;
pub mod sse;
mod stream;
mod vault;
pub mod view;

pub use client::Client;
pub use contract::{Command, Input, Output};
pub use sotto_wire as wire;
