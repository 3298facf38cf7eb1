//! Sotto in the browser: does what [`sotto_core`] asks, decides nothing. For `wasm32-unknown-unknown` only.
//!
//! [`Sotto`] is the face: typed stores to draw from and commands. Behind it stands one loop (`driver`) and one file
//! per Web API. The rule that this crate keeps: **an output of the core is done as it stands, in the order given, and
//! its answer goes back in; nothing is tried again here.**

mod answers;
mod channel;
mod clock;
mod codec;
mod database;
mod driver;
mod event_source;
mod follow;
mod jobs;
mod lead;
mod leader;
mod listener;
mod listeners;
mod lock;
mod long_poll;
mod message;
mod page;
mod persist;
mod place;
mod queue;
mod random;
mod request;
mod seal;
mod self_test;
mod shown;
mod sotto;
mod store;
mod tab;
mod task;
mod timeline;
mod web_socket;

pub use listeners::Subscription;
pub use place::{Missing, Place, StoreFailure};
pub use self_test::{Check, Finding, Verdict, checks, self_test};
pub use shown::Told;
pub use sotto::{Options, Sotto};
pub use sotto_core::contract::{Failure, Reply};
pub use sotto_core::self_test::Check as EncryptionCheck;
pub use sotto_core::{view, wire};
pub use store::Store;
pub use timeline::{Loading, Timeline};
