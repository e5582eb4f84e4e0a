//! Clock of a demo's store.

use std::time::Duration;

use notifi_scaler_common::view::WallClock;
use scaler_core::{Clock, TokioClock};

/// Steady clock since the Unix epoch: the wall clock at the start, and the time since then. Unlike the wall clock, it never jumps.
#[derive(Clone, Copy, Debug)]
pub struct EpochClock {
    started_at: Duration,
    running: TokioClock,
}

impl EpochClock {
    /// Returns a clock that shows the time of the wall clock now.
    #[must_use]
    pub fn start() -> Self {
        Self { started_at: WallClock.now(), running: TokioClock::start() }
    }
}

impl Clock for EpochClock {
    fn now(&self) -> Duration {
        self.started_at + self.running.now()
    }
}
