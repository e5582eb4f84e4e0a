//! Durations of criterion's measurements: a short default, and criterion's own with `LONG`.

use std::time::Duration;

use criterion::Criterion;
use scaler_benches::is_long;

/// Returns a criterion with short measurements, or with its own defaults if `LONG` is set. Arguments override either.
pub(crate) fn criterion() -> Criterion {
    if is_long() {
        return Criterion::default();
    }
    let (warm_up, measurement) = (Duration::from_millis(200), Duration::from_millis(500));
    Criterion::default().sample_size(10).warm_up_time(warm_up).measurement_time(measurement)
}

/// Like [`criterion`], but plots are drawn only if `LONG` is set: they take four seconds for each bench.
pub(crate) fn with_few_plots() -> Criterion {
    if is_long() { criterion() } else { criterion().without_plots() }
}
