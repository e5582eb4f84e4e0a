//! Metrics for Prometheus.

mod control;
mod labels;
mod worker;

pub use control::ControlMetrics;
pub use labels::{FailureLabels, PhaseLabel, ReasonLabel, WORKER_RESTARTED, WishLabel, from_zero};
use prometheus_client::registry::Registry;
pub use worker::WorkerMetrics;

/// Prefix of the names of all metrics.
const PREFIX: &str = "notifi_scaler";

/// Returns the sub-registry with the prefix of this program, such as `notifi_scaler_control`.
pub fn within<'a>(registry: &'a mut Registry, program: &'static str) -> &'a mut Registry {
    registry.sub_registry_with_prefix(PREFIX).sub_registry_with_prefix(program)
}
