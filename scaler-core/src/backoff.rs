//! Exponential back-off with jitter.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Waits that double up to `longest` and start over after a success; up to half of each is random.
#[derive(Debug)]
pub(crate) struct Backoff {
    builder: ExponentialBuilder,
    waits: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// Starts with a wait between `first` and twice as much. The seed makes the jitter of each process different.
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        // The jitter is added, so it needs room below the longest wait too; otherwise all processes would retry at the same
        // moment.
        let half = longest / 2;
        let builder = ExponentialBuilder::new()
            .with_min_delay(first.min(half))
            .with_max_delay(half)
            .with_factor(2.0)
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed);
        Self { builder, waits: builder.build(), longest }
    }

    /// Returns the wait after one more failure.
    pub(crate) fn failed(&mut self) -> Duration {
        self.waits.next().unwrap_or(self.longest).min(self.longest)
    }

    /// Forgets the failures so far.
    pub(crate) fn succeeded(&mut self) {
        self.waits = self.builder.build();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_to_the_longest_and_start_over() {
        let mut backoff = Backoff::new(FIRST, LONGEST, 7);
        let waits: Vec<_> = (0..20).map(|_| backoff.failed()).collect();
        assert!(waits[0] >= FIRST && waits[0] <= FIRST * 2, "{waits:?}");
        assert!(waits[10..].iter().all(|wait| *wait >= LONGEST / 2 && *wait <= LONGEST), "{waits:?}");
        backoff.succeeded();
        assert!(backoff.failed() <= FIRST * 2);
    }

    #[test]
    fn a_thousand_that_fail_together_do_not_come_back_together() {
        let after_an_outage = |seed| {
            let mut backoff = Backoff::new(FIRST, LONGEST, seed);
            (0..10).map(|_| backoff.failed()).sum::<Duration>().as_millis() / 10
        };
        let moments: BTreeSet<_> = (0..1000).map(after_an_outage).collect();
        assert!(moments.len() > 100, "in {} of the tenths of a second", moments.len());
    }
}
