//! Chance that replays: a seed decides everything that may go one way or another. Looks at no clock and no address.

use std::time::Duration;

/// A seeded source of chance (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.roll() % (most - least + 1)
    }

    /// A time from `least_ms` to `most_ms` milliseconds.
    pub fn time(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(self.between(least_ms, most_ms))
    }

    /// A place in something of this length, which is not empty.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.between(0, length as u64 - 1)).expect("below a length")
    }

    /// Puts things into an order of chance.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.place(at + 1));
        }
    }
}

/// A seed that nobody has chosen.
pub fn fresh_seed() -> u64 {
    getrandom::u64().expect("the system has a random source")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_rolls_the_same_and_another_does_not() {
        let rolls = |seed| {
            std::iter::repeat_with({
                let mut dice = Dice::new(seed);
                move || dice.roll()
            })
        };
        assert!(rolls(7).take(100).eq(rolls(7).take(100)));
        assert!(!rolls(7).take(100).eq(rolls(8).take(100)));
    }
}
