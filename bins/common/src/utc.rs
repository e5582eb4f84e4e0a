//! Times and ages as text.

use std::time::{Duration, UNIX_EPOCH};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Formats a time since the Unix epoch by RFC 3339 in UTC with milliseconds: `2026-11-27T18:24:42.123Z`.
#[must_use]
pub fn utc(since_epoch: Duration) -> String {
    // Later times than the year 9999 cannot be formatted.
    let latest = Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_millis(UNIX_EPOCH + since_epoch.min(latest)).to_string()
}

/// Formats an age with one unit: `8 s`, `5 min`, `3 h`, `2 d`.
#[must_use]
pub fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..MINUTE => format!("{seconds} s"),
        seconds @ MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h", seconds / HOUR),
        seconds => format!("{} d", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_utc_with_milliseconds() {
        assert_eq!(utc(Duration::ZERO), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(Duration::from_millis(1_764_267_882_123)), "2025-11-27T18:24:42.123Z");
        assert_eq!(utc(Duration::MAX), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (90_000, "1 d")] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}
