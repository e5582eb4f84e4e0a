//! Metrics of the audit and of the autoscaler.

mod audit;
mod autoscale;

pub(crate) use audit::{AuditMetrics, NoLabels};
pub(crate) use autoscale::{AutoscaleMetrics, DirectionLabel};
