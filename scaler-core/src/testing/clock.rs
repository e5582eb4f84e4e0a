//! A clock that somebody sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::Clock;

/// So far ahead of its source it begins: that is how far it may fall.
const ROOM: Duration = Duration::from_secs(24 * 3600);

/// The time of another clock, set ahead or back at will: what a store lives by whose machine's clock is set. Whoever is not a store lives
/// by a [`Clock`] that never runs backwards.
#[derive(Debug)]
pub struct SetClock {
    source: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl SetClock {
    /// One that has not been set yet.
    pub fn new(source: Arc<dyn Clock>) -> Self {
        Self { source, ahead_ms: AtomicI64::new(0) }
    }

    /// Sets it so many milliseconds ahead, or back where that is less than 0; no further back than a day in all.
    pub fn set_ahead(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Duration {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        let (now, by) = (self.source.now() + ROOM, Duration::from_millis(ahead_ms.unsigned_abs()));
        if ahead_ms < 0 { now.saturating_sub(by) } else { now + by }
    }
}
