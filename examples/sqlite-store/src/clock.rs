//! Clock of the file.

use std::time::{Duration, SystemTime};

use scaler_core::Clock;

/// Wall clock: time since 1970. The ticks of a file are numbered by it, so that they go on after the process has ended. If it is set back,
/// the leader lets the ticks [catch up](scaler_core::WorkStore::catch_up).
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "it is the store's clock")]
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}
