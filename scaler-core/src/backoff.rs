//! How long to wait before trying again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Waits that double from `first` to `longest`, each with jitter, and start over after a success.
#[derive(Debug)]
pub(crate) struct Backoff {
    builder: ExponentialBuilder,
    waits: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// The seed tells the jitter of one process from that of another.
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(longest)
            .with_factor(2.0)
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed);
        Self { builder, waits: builder.build(), longest }
    }

    /// The wait after one more failure.
    pub(crate) fn failed(&mut self) -> Duration {
        self.waits.next().unwrap_or(self.longest).min(self.longest)
    }

    /// Forgets the failures so far.
    pub(crate) fn succeeded(&mut self) {
        self.waits = self.builder.build();
    }
}
