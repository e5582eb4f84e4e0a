//! Source of time, passed in so that tests can control it.

use std::fmt::Debug;
use std::time::Duration;

/// Monotonic clock: time since a fixed moment.
pub trait Clock: Debug + Send + Sync {
    /// Returns the time now.
    fn now(&self) -> Duration;
}

/// Time since this clock was created, by tokio's timer: real time, or virtual time if a test has paused it.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock(tokio::time::Instant);

impl TokioClock {
    /// Returns a clock that shows zero now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one door through which time comes in")]
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
