//! Observers of the autoscaler: log lines, metrics, and records for the event log.

mod autoscale;
mod scaling_history;

pub(crate) use autoscale::{AutoscaleObserver, WantedObserver};
pub(crate) use scaling_history::{append, history};
