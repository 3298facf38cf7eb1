//! The harness of the integration tests: a real [`Server`] in a process of its own, real [`Device`]s (the core with a
//! native driver), a [`Proxy`] that cuts and records what is between them, a [`fault::FaultyLink`] on which everything
//! goes wrong that can, and the [`canary`] scan. Owns no assertion about Sotto. The rule: nothing is a mock of ours but the wire that the proxy stands in for.

pub mod canary;
mod clock;
pub mod device;
mod dice;
pub mod fault;
mod front;
pub mod http;
mod proxy;
mod server;

pub use canary::Canary;
pub use clock::now;
pub use device::{Device, Seen};
pub use dice::{Dice, fresh_seed};
pub use front::Front;
pub use http::{Answer, Caller};
pub use proxy::Proxy;
pub use server::{Ended, LogRow, LogRowKind, Server};

/// How long a test waits for what must come before it fails: far over what a loaded machine of two cores needs.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
