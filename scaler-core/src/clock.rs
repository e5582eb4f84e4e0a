//! The time of day, handed in.

use std::fmt::Debug;
use std::time::Duration;

/// Tells the time since some fixed moment; it never runs backwards.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Duration;
}

/// The time since this clock was made, by tokio's timer: real time, or virtual time where a test has paused it.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock(tokio::time::Instant);

impl TokioClock {
    /// A clock that shows zero now.
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
