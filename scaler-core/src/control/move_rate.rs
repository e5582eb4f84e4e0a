//! Move rate limit: spreads a rebalance of very many slots over time.

use std::time::Duration;

/// Maximum saved allowance, as time without moves.
const SAVINGS: Duration = Duration::from_secs(1);

/// Token bucket of moves.
#[derive(Debug)]
pub(super) struct MoveRate {
    price: Duration,
    saved: Duration,
    seen_at: Option<Duration>,
}

impl MoveRate {
    /// Returns a limit of this many moves per second, at least one.
    pub(super) fn new(moves_per_s: u32) -> Self {
        Self { price: SAVINGS / moves_per_s.max(1), saved: SAVINGS, seen_at: None }
    }

    /// Returns how many moves are allowed at `now`, after `made` further ones.
    pub(super) fn left(&mut self, now: Duration, made: usize) -> usize {
        let since = now.saturating_sub(self.seen_at.replace(now).unwrap_or(now));
        let spent = self.price.saturating_mul(u32::try_from(made).unwrap_or(u32::MAX));
        self.saved = (self.saved.saturating_sub(spent) + since).min(SAVINGS);
        usize::try_from(self.saved.as_nanos() / self.price.as_nanos().max(1)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_committed_moves_are_charged_and_one_second_is_saved() {
        let mut budget = MoveRate::new(100);
        for (at_ms, made, left) in [(0, 0, 100), (10, 0, 100), (10, 100, 0), (110, 0, 10), (110, 10, 0), (60_000, 0, 100)] {
            assert_eq!(budget.left(Duration::from_millis(at_ms), made), left, "after {at_ms} ms");
        }
    }

    proptest::proptest! {
        #[test]
        fn within_any_time_no_more_is_given_than_the_rate_and_one_second_more(
            rate in 1_u32..5000, looks in proptest::collection::vec((1_u64..2000, 0_usize..9000), 1..60),
        ) {
            let mut budget = MoveRate::new(rate);
            let (mut now_ms, mut total, mut made) = (0, 0, 0);
            for (after_ms, wanted) in looks {
                now_ms += after_ms;
                made = wanted.min(budget.left(Duration::from_millis(now_ms), made));
                total += made;
                let most = u64::from(rate) * (now_ms + 1000) / 1000 + 1;
                proptest::prop_assert!(total as u64 <= most, "{total} after {now_ms} ms at {rate} a second");
            }
        }
    }
}
