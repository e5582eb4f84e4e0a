//! What may stand in a variable.

use std::time::Duration;

use scaler_core::SlotCount;

/// A value that cannot be used, and what may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadValue {
    /// Not a count of slots.
    #[error("must be a power of two from {least} to {most}", least = LEAST_SLOTS, most = MOST_SLOTS)]
    Slots,
    /// Not a time in milliseconds.
    #[error("must be a number of milliseconds from 1 to {most}", most = HOUR.as_millis())]
    Milliseconds,
    /// Not a time in seconds.
    #[error("must be a number of seconds from 1 to {most}", most = HOUR.as_secs())]
    Seconds,
    /// Neither off nor a time in seconds.
    #[error("must be a number of seconds from 1 to {most}, or 0 for never", most = HOUR.as_secs())]
    SecondsOrNever,
    /// Neither a time in seconds nor `forever`.
    #[error("must be a number of seconds from 0 to {most}, or `forever`", most = HOUR.as_secs())]
    WaitLimit,
    /// Not a time with a unit.
    #[error("must be a time up to an hour, such as 60s or 5m")]
    Window,
    /// Not a percentage.
    #[error("must be a number from 1 to 1000")]
    Percent,
    /// Not a port.
    #[error("must be a port from 1 to 65535")]
    Port,
    /// Not a place to listen.
    #[error("must be an address and a port such as [::]:8080 or 127.0.0.1:8080, or `off`")]
    Listen,
    /// Not a name in Kubernetes.
    #[error(
        "must be a name in Kubernetes: up to 253 lower-case letters, digits, `-` and `.`, and at both ends none of the last two"
    )]
    KubeName,
    /// Not a filter of log lines.
    #[error("must be a level such as info, or levels by target such as info,scaler_pg=debug")]
    Filter,
}

/// An installation with fewer slots than this could not share its items evenly.
const LEAST_SLOTS: u32 = 256;
/// An installation with more slots than this would spend its time on them.
const MOST_SLOTS: u32 = 65_536;
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// A count of slots that an installation may have.
///
/// # Errors
/// When it is not a power of two from 256 to 65,536.
pub fn slots(text: &str) -> Result<SlotCount, BadValue> {
    let count = text.parse().ok().filter(|count| (LEAST_SLOTS..=MOST_SLOTS).contains(count));
    count.and_then(|count| SlotCount::new(count).ok()).ok_or(BadValue::Slots)
}

/// A time in milliseconds, an hour at most.
///
/// # Errors
/// When it is no such number.
pub fn milliseconds(text: &str) -> Result<Duration, BadValue> {
    let time = text.parse().ok().map(Duration::from_millis);
    time.filter(|time| (Duration::from_millis(1)..=HOUR).contains(time)).ok_or(BadValue::Milliseconds)
}

/// A time in whole seconds, an hour at most.
///
/// # Errors
/// When it is no such number.
pub fn seconds(text: &str) -> Result<Duration, BadValue> {
    let time = text.parse().ok().map(Duration::from_secs);
    time.filter(|time| (Duration::from_secs(1)..=HOUR).contains(time)).ok_or(BadValue::Seconds)
}

/// A time in whole seconds, an hour at most; 0 for never.
///
/// # Errors
/// When it is no such number.
pub fn seconds_or_never(text: &str) -> Result<Duration, BadValue> {
    if text == "0" { Ok(Duration::ZERO) } else { seconds(text).map_err(|_| BadValue::SecondsOrNever) }
}

/// A time in seconds (`60`, `60s`) or minutes (`5m`), an hour at most.
///
/// # Errors
/// When it is no such time.
pub fn window(text: &str) -> Result<Duration, BadValue> {
    let (number, unit) = match text.strip_suffix('m') {
        Some(minutes) => (minutes, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let time = number.parse::<u32>().ok().map(|number| Duration::from_secs(u64::from(number) * unit));
    time.filter(|time| (Duration::from_secs(1)..=HOUR).contains(time)).ok_or(BadValue::Window)
}

/// A percentage, as a fraction: `10` is 0.1.
///
/// # Errors
/// When it is not a number from 1 to 1000.
pub fn percent(text: &str) -> Result<f64, BadValue> {
    let percent = text.parse::<f64>().ok().filter(|percent| (1.0..=1000.0).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or(BadValue::Percent)
}

/// The name of an object in Kubernetes (a DNS subdomain name by RFC 1123, as Kubernetes reads it).
///
/// # Errors
/// When it is no such name.
pub fn kube_name(text: &str) -> Result<String, BadValue> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let labels_are_right = text.split('.').all(|label| {
        let ends = label.bytes().next().zip(label.bytes().next_back());
        ends.is_some_and(|(first, last)| plain(first) && plain(last)) && label.bytes().all(|byte| plain(byte) || byte == b'-')
    });
    if labels_are_right && text.len() <= 253 { Ok(text.to_owned()) } else { Err(BadValue::KubeName) }
}

/// A port, or what Kubernetes puts into `REDIS_PORT` for a service named `redis`: `tcp://10.0.0.1:6379`.
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
    fn times_are_whole_numbers_within_an_hour() {
        assert_eq!(milliseconds("250"), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("25"), Ok(Duration::from_secs(25)));
        for bad in ["", "0", "-1", "1.5", "1s", "3600001", "99999999999999999999"] {
            assert_eq!(milliseconds(bad), Err(BadValue::Milliseconds), "{bad}");
            assert_eq!(seconds(bad), Err(BadValue::Seconds), "{bad}");
        }
    }

    #[test]
    fn a_window_has_a_unit_or_is_seconds() {
        for (text, s) in [("60", 60), ("60s", 60), ("5m", 300), ("1h", 0), ("0s", 0), ("61m", 0), ("", 0), ("s", 0), ("-1s", 0)] {
            assert_eq!(window(text), Some(s).filter(|s| *s > 0).map(Duration::from_secs).ok_or(BadValue::Window), "{text}");
        }
        assert_eq!(seconds_or_never("0"), Ok(Duration::ZERO));
        assert_eq!(seconds_or_never("3601"), Err(BadValue::SecondsOrNever));
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
