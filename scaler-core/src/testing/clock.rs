//! Clock that a test can set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::Clock;

/// Initial lead over its source, and so the maximum time by which it can be set back.
const ROOM: Duration = Duration::from_secs(24 * 3600);

/// Clock that follows another one and can be set ahead or back.
///
/// It stands for the clock of a store's machine. All other code uses a [`Clock`] that never runs backwards.
#[derive(Debug)]
pub struct SetClock {
    source: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl SetClock {
    /// Returns a clock that has not been set yet.
    pub fn new(source: Arc<dyn Clock>) -> Self {
        Self { source, ahead_ms: AtomicI64::new(0) }
    }

    /// Sets the clock ahead by this many milliseconds, or back if negative; in total no further back than a day.
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
