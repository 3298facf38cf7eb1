//! The primitives of the suite against vectors made by others, and the promises of the suite itself.

mod acvp;
mod hpke;
mod promises;
#[path = "../vectors/mod.rs"]
mod vectors;
mod wycheproof;
mod xwing;

use mls_rs_core::crypto::CryptoProvider;
use sotto_suite::{Provider, SUITE, Suite};
use vectors::Hex;

fn suite() -> Suite {
    Provider::new([7; 32]).cipher_suite_provider(SUITE).expect("the provider has its own suite")
}

/// The bytes of a vector whose kind tells their number.
fn array<const N: usize>(bytes: &Hex) -> [u8; N] {
    bytes.0.as_slice().try_into().expect("a vector has the length that its kind tells")
}
