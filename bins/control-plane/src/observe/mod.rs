//! Observers of the autoscaler: log lines and metrics.

mod autoscale;

pub(crate) use autoscale::{AutoscaleObserver, WantedObserver};
