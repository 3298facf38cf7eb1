//! The cipher suite of Sotto for mls-rs: hybrid post-quantum key agreement, classical signatures.
//!
//! Owns the cryptographic operations of MLS (RFC 9420) for one suite and the random source that feeds them. Owns no
//! protocol: who is in a group and what a message means is decided elsewhere.
//!
//! The rule: every random byte comes from the seed given to [`Provider::new`], so equal seeds and equal calls give
//! equal bytes, and a test or the simulator can replay a client.

#![forbid(unsafe_code)]

mod aead;
mod error;
mod kdf;
pub mod kem;
pub mod ml_dsa_65;
mod random;
mod sign;
mod suite;

pub use aead::Aes256Gcm;
pub use error::SuiteError;
pub use kdf::HkdfSha384;
pub use suite::{MLS_128_MLKEM768X25519_AES256GCM_SHA384_ED25519, Provider, SUITE, Suite};
