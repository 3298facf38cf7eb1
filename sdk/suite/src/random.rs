//! The random source of a client: ChaCha20 from one seed, shared by all clones.
//!
//! Owns the order of the random bytes. Does not gather entropy: the seed is an argument.
//!
//! The rule: after each draw the key that made it is gone (fast key erasure), so who reads the memory of a running
//! client learns no key that it made before.

use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use zeroize::{Zeroize, Zeroizing};

#[derive(Clone)]
pub(crate) struct Random {
    key: Arc<Mutex<Zeroizing<[u8; 32]>>>,
}

impl Random {
    pub(crate) fn new(mut seed: [u8; 32]) -> Self {
        let random = Self { key: Arc::new(Mutex::new(Zeroizing::new(seed))) };
        seed.zeroize();
        random
    }

    /// Fills `out` and replaces the key. The first 32 bytes of each stream are the next key.
    pub(crate) fn fill(&self, out: &mut [u8]) {
        // A panic while the lock is held leaves a key that is still secret and still moves on: go on with it.
        let mut key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = ChaCha20Rng::from_seed(**key);
        stream.fill_bytes(key.as_mut_slice());
        stream.fill_bytes(out);
    }

    /// `N` fresh bytes, wiped when dropped.
    pub(crate) fn secret<const N: usize>(&self) -> Zeroizing<[u8; N]> {
        let mut bytes = Zeroizing::new([0; N]);
        self.fill(bytes.as_mut_slice());
        bytes
    }
}
