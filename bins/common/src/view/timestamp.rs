//! Times as text, and the clock that they come from.

use std::fmt;
use std::time::{Duration, SystemTime};

use scaler_core::Clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::utc::utc;

/// Time in RFC 3339, in UTC with milliseconds: `2026-11-27T18:24:42.123Z`. Later times compare greater.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime, example = "2026-11-27T18:24:42.123Z")]
pub struct Timestamp(String);

impl Timestamp {
    /// Returns the timestamp of a time since the Unix epoch.
    #[must_use]
    pub fn of(since_epoch: Duration) -> Self {
        Self(utc(since_epoch))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Clock of this machine: time since the Unix epoch. For times that people read; decisions use the store's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    #[expect(clippy::disallowed_methods, reason = "no decision depends on it")]
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}
