//! Parsers of the values of flags and variables.

use std::time::Duration;

use scaler_core::SlotCount;

/// Invalid value, described by the values that are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadValue {
    /// Not a valid number of slots.
    #[error("must be a power of two from {least} to {most}", least = LEAST_SLOTS, most = MOST_SLOTS)]
    Slots,
    /// Not a duration with a unit.
    #[error("must be a duration with a unit, from 1ms to 1h, such as 250ms, 5s or 2m")]
    Duration,
    /// Neither a duration with a unit nor 0.
    #[error("must be a duration with a unit, from 1ms to 1h, such as 250ms, 5s or 2m, or 0 for never")]
    DurationOrNever,
    /// Not a duration in seconds or with a unit.
    #[error("must be a number of seconds from 1 to {most}, or a duration such as 30s or 5m", most = HOUR.as_secs())]
    Seconds,
    /// Neither a duration in seconds or with a unit nor `forever`.
    #[error("must be a number of seconds from 0 to {most}, a duration such as 30s or 5m, or `forever`", most = HOUR.as_secs())]
    WaitLimit,
    /// Not a percentage.
    #[error("must be a percentage from 1 to 1000")]
    Percent,
    /// Not a port.
    #[error("must be a TCP port from 1 to 65535")]
    Port,
    /// Not an address to listen on.
    #[error("must be an address and a port such as [::]:8080 or 127.0.0.1:8080, or `off`")]
    Listen,
    /// Not the name of a Kubernetes object.
    #[error(
        "must be a name of a Kubernetes object: up to 253 lower-case letters, digits, `-` and `.`, with a letter or digit at both ends"
    )]
    KubeName,
    /// Not a log filter.
    #[error("must be a log level such as info, or log levels by target such as info,scaler_pg=debug")]
    Filter,
}

/// Minimum number of slots of an installation: with fewer, items could not be distributed evenly.
const LEAST_SLOTS: u32 = 256;
/// Maximum number of slots of an installation: with more, the cost per slot would dominate.
const MOST_SLOTS: u32 = 65_536;
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Parses the number of slots of an installation.
///
/// # Errors
/// [`BadValue::Slots`] if it is not a power of two from 256 to 65,536.
pub fn slots(text: &str) -> Result<SlotCount, BadValue> {
    let count = text.parse().ok().filter(|count| (LEAST_SLOTS..=MOST_SLOTS).contains(count));
    count.and_then(|count| SlotCount::new(count).ok()).ok_or(BadValue::Slots)
}

/// Parses a duration with a unit (`250ms`, `5s`, `2m`), from 1 ms to 1 h.
///
/// # Errors
/// [`BadValue::Duration`] if it is no such duration.
pub fn duration(text: &str) -> Result<Duration, BadValue> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| (Duration::from_millis(1)..=HOUR).contains(time)).ok_or(BadValue::Duration)
}

/// Parses a duration as [`duration`] does, or 0 for never.
///
/// # Errors
/// [`BadValue::DurationOrNever`] if it is no such duration.
pub fn duration_or_never(text: &str) -> Result<Duration, BadValue> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Ok(Duration::ZERO),
        _ => duration(text).map_err(|_| BadValue::DurationOrNever),
    }
}

/// Parses a duration in whole seconds or with a unit, from 1 s to 1 h.
///
/// # Errors
/// [`BadValue::Seconds`] if it is no such duration.
pub fn seconds(text: &str) -> Result<Duration, BadValue> {
    seconds_or_unit(text).filter(|time| *time >= Duration::from_secs(1)).ok_or(BadValue::Seconds)
}

/// Parses a duration in whole seconds or with a unit, of at most 1 h; `None` if it is no such duration.
pub(super) fn seconds_or_unit(text: &str) -> Option<Duration> {
    let plain = text.parse().map(Duration::from_secs).ok();
    plain.or_else(|| humantime::parse_duration(text).ok()).filter(|time| *time <= HOUR)
}

/// Parses a percentage into a fraction: `10` becomes 0.1.
///
/// # Errors
/// [`BadValue::Percent`] if it is not a number from 1 to 1000.
pub fn percent(text: &str) -> Result<f64, BadValue> {
    let percent = text.parse::<f64>().ok().filter(|percent| (1.0..=1000.0).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or(BadValue::Percent)
}

/// Parses the name of a Kubernetes object (a DNS subdomain name by RFC 1123, as Kubernetes reads it).
///
/// # Errors
/// [`BadValue::KubeName`] if it is no such name.
pub fn kube_name(text: &str) -> Result<String, BadValue> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let labels_are_right = text.split('.').all(|label| {
        let ends = label.bytes().next().zip(label.bytes().next_back());
        ends.is_some_and(|(first, last)| plain(first) && plain(last)) && label.bytes().all(|byte| plain(byte) || byte == b'-')
    });
    if labels_are_right && text.len() <= 253 { Ok(text.to_owned()) } else { Err(BadValue::KubeName) }
}

/// Parses a port, or the link that Kubernetes puts into `REDIS_PORT` for a service named `redis`: `tcp://10.0.0.1:6379`.
pub(super) fn port(text: &str) -> Result<u16, BadValue> {
    let number = match text.strip_prefix("tcp://") {
        Some(link) => link.rsplit_once(':').map_or("", |(_, port)| port),
        None => text,
    };
    number.parse().ok().filter(|port| *port > 0).ok_or(BadValue::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_a_power_of_two_within_limits() {
        assert_eq!(slots("256").map(SlotCount::get), Ok(256));
        assert_eq!(slots("65536").map(SlotCount::get), Ok(65_536));
        for bad in ["", "128", "1000", "131072", "4096.0", "-4096", "many"] {
            assert_eq!(slots(bad), Err(BadValue::Slots), "{bad}");
        }
    }

    #[test]
    fn a_duration_has_a_unit_and_lasts_an_hour_at_most() {
        for (text, ms) in
            [("250ms", 250), ("25s", 25_000), ("2m", 120_000), ("1m 30s", 90_000), ("1.5s", 1500), ("1h", 3_600_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "0", "0s", "5", "-1s", "0.5ms", "s", "5 parsecs", "61m", "99999999999999999999s"] {
            assert_eq!(duration(bad), Err(BadValue::Duration), "{bad}");
        }
        assert_eq!(
            [duration_or_never("0"), duration_or_never("0s"), duration_or_never("1s")],
            [0, 0, 1].map(|s| Ok(Duration::from_secs(s)))
        );
        assert_eq!(duration_or_never("3601s"), Err(BadValue::DurationOrNever));
    }

    #[test]
    fn seconds_need_no_unit() {
        for (text, s) in [("60", 60), ("60s", 60), ("5m", 300), ("1h", 3600)] {
            assert_eq!(seconds(text), Ok(Duration::from_secs(s)), "{text}");
        }
        for bad in ["", "0", "0s", "1.5", "61m", "s", "-1s"] {
            assert_eq!(seconds(bad), Err(BadValue::Seconds), "{bad}");
        }
    }

    #[test]
    fn a_percentage_becomes_a_fraction() {
        assert_eq!(percent("10"), Ok(0.1));
        for bad in ["0", "-5", "NaN", "inf", "10%"] {
            assert_eq!(percent(bad), Err(BadValue::Percent), "{bad}");
        }
    }

    #[test]
    fn a_name_in_kubernetes_is_plain() {
        for good in ["worker", "my-release-worker", "a.b-1", "0"] {
            assert_eq!(kube_name(good).as_deref(), Ok(good));
        }
        for bad in ["", "Worker", "-worker", "worker-", "a..b", "wor_ker", "a/b", &"w".repeat(254)] {
            assert_eq!(kube_name(bad), Err(BadValue::KubeName), "{bad}");
        }
    }

    #[test]
    fn a_port_may_come_as_a_link_to_a_service() {
        assert_eq!(port("6379"), Ok(6379));
        assert_eq!(port("tcp://10.96.0.17:6380"), Ok(6380));
        for bad in ["", "0", "65536", "tcp://10.96.0.17", "redis"] {
            assert_eq!(port(bad), Err(BadValue::Port), "{bad}");
        }
    }
}
