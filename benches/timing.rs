//! How long criterion measures: a default that ends soon, and the long run.

use std::time::Duration;

use criterion::Criterion;
use scaler_benches::is_long;

/// Criterion with short measurements, or with its own defaults for the long run. Its arguments override either.
pub(crate) fn criterion() -> Criterion {
    if is_long() {
        return Criterion::default();
    }
    let (warm_up, measurement) = (Duration::from_millis(200), Duration::from_millis(500));
    Criterion::default().sample_size(10).warm_up_time(warm_up).measurement_time(measurement)
}

/// As [`criterion`], but only the long run draws plots, which take four seconds for each bench.
pub(crate) fn with_few_plots() -> Criterion {
    if is_long() { criterion() } else { criterion().without_plots() }
}
