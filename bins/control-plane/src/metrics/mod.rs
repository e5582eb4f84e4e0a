//! Metrics of the audit and of the autoscaler.

mod audit;
mod autoscale;
#[cfg(test)]
mod reference;

pub(crate) use audit::{AuditMetrics, NoLabels};
pub(crate) use autoscale::{AutoscaleMetrics, DirectionLabel};
