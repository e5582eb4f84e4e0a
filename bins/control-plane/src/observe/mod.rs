//! What the autoscaler tells, turned into log lines and metrics.

mod autoscale;

pub(crate) use autoscale::{AutoscaleObserver, WantedObserver};
