//! What can go wrong in the suite, one variant per reaction of the caller.
//!
//! No text here holds key material or input: errors reach logs.

use mls_rs_core::error::IntoAnyError;
use mls_rs_crypto_hpke::hpke::HpkeError;

/// Failure of an operation of the suite.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The key has a wrong length or encodes no key: refuse whoever sent it.
    #[error("read a key: not a key of this suite")]
    InvalidKey,
    /// The signature does not verify: refuse what it signs.
    #[error("verify a signature: it does not hold")]
    InvalidSignature,
    /// The ciphertext was not made with this key, nonce and associated data: drop it.
    #[error("open a ciphertext: it does not authenticate")]
    Unreadable,
    /// A length that the primitive does not have (nonce, key, output of a derivation): a bug of the caller.
    #[error("run a primitive: a length is out of its range")]
    Length,
    /// An HPKE operation failed; the source says in which part.
    #[error("run hpke")]
    Hpke(#[source] HpkeError),
}

impl IntoAnyError for SuiteError {
    fn into_dyn_error(self) -> Result<Box<dyn std::error::Error + Send + Sync>, Self> {
        Ok(self.into())
    }
}

impl From<HpkeError> for SuiteError {
    fn from(error: HpkeError) -> Self {
        Self::Hpke(error)
    }
}
