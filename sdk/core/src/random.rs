//! Randomness as the parts use it: ids and jitter. Owns no source: every byte comes from the seed of
//! [`crate::contract::Start`], so that the same inputs give the same outputs.

use sotto_suite::Provider;

/// The client's one source of randomness, as numbers and ids.
#[derive(Clone)]
pub(crate) struct Random(Provider);

impl Random {
    /// Draws from `provider`.
    pub(crate) fn new(provider: Provider) -> Self {
        Self(provider)
    }

    /// 16 random bytes: an id.
    pub(crate) fn id(&self) -> [u8; 16] {
        let mut id = [0; 16];
        self.0.fill(&mut id);
        id
    }

    /// A number from 0 to `most`, both possible.
    pub(crate) fn up_to(&self, most: u64) -> u64 {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        // 128 bits folded to at most 64: the bias is under 2⁻⁶⁴.
        let folded = u128::from_le_bytes(bytes) % (u128::from(most) + 1);
        u64::try_from(folded).unwrap_or(most)
    }
}
