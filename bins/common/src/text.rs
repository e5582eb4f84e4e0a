//! Times and audit deviations as text.

use std::time::Duration;

use scaler_core::audit::Deviation;

/// Formats the time until a retry: `at once`, `in 500 ms`, `in 1.5 s`.
#[must_use]
pub fn soon(wait: Duration) -> String {
    match wait.as_millis() {
        0 => "at once".to_owned(),
        ms @ 1..1000 => format!("in {ms} ms"),
        _ => format!("in {:.1} s", wait.as_secs_f64()),
    }
}

/// Returns a time in milliseconds, for a field of a log line.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Describes an item whose value gained more or less than it should.
#[must_use]
pub fn told(found: &Deviation) -> String {
    let Deviation { item, slot, owner, gained, ticked, due } = found;
    let owner = owner.as_ref().map_or("none", |owner| owner.as_str());
    format!("item {item} gained {gained} in {ticked} ticks of slot {slot}, of {due} that were due (owner {owner})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_unit() {
        for (us, said) in
            [(0, "at once"), (300, "at once"), (296_195, "in 296 ms"), (500_000, "in 500 ms"), (1_500_000, "in 1.5 s")]
        {
            assert_eq!(soon(Duration::from_micros(us)), said);
        }
    }
}
