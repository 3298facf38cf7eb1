//! How long to wait before the next attempt: full jitter (T9), so that clients cut at once do not come back at once.

use crate::random::Random;
use sotto_wire::Millis;
use sotto_wire::ticket::RetryPolicy;

/// A random wait up to `min(longest, first · 2ⁿ)`, where n is `attempt`, from 0.
pub(crate) fn wait(policy: RetryPolicy, attempt: u32, random: &Random) -> Millis {
    let doubled = policy.first_ms.0.saturating_mul(1_u64.checked_shl(attempt).unwrap_or(u64::MAX));
    Millis(random.up_to(doubled.min(policy.longest_ms.0)))
}

/// Longest wait that the server can ask for: else one answer could stop something for ever.
const ASKED_MAX_MS: Millis = Millis(60_000);

/// The wait that the server asks for, as far as it is heeded.
pub(crate) fn asked(wait: Option<Millis>) -> Millis {
    wait.unwrap_or_default().min(ASKED_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sotto_suite::Provider;

    fn waits(attempt: u32) -> Vec<u64> {
        (0..1_000_u32)
            .map(|client| {
                let mut seed = [7; 32];
                seed[..4].copy_from_slice(&client.to_le_bytes());
                wait(RetryPolicy::default(), attempt, &Random::new(Provider::new(seed))).0
            })
            .collect()
    }

    #[test]
    fn a_thousand_clients_cut_at_once_spread_over_the_window() {
        for (attempt, window) in [(0, 1_000), (3, 8_000), (5, 30_000), (40, 30_000), (u32::MAX, 30_000)] {
            let waits = waits(attempt);
            let mut tenths = [0_u32; 10];
            for wait in &waits {
                assert!(*wait <= window, "attempt {attempt} waits {wait} ms");
                tenths[usize::try_from(wait * 10 / (window + 1)).expect("a tenth")] += 1;
            }
            // 100 expected in each; seven standard deviations of the binomial are 66.
            assert!(tenths.iter().all(|n| (34..=166).contains(n)), "attempt {attempt}: {tenths:?}");
        }
    }
}
