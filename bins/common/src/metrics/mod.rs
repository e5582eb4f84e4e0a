//! Metrics for Prometheus.

mod control;
mod worker;

pub use control::{ControlMetrics, PhaseLabel, ReasonLabel};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::registry::Registry;
use scaler_core::ErrorClass;
pub use worker::WorkerMetrics;

/// Prefix of the names of all metrics.
const PREFIX: &str = "notifi_scaler";

/// Labels of a failure: server and error class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FailureLabels {
    /// `store`, `membership` or `fleet`.
    pub server: &'static str,
    /// `permanent`, `transient` or `indeterminate`.
    pub class: &'static str,
}

impl FailureLabels {
    /// Returns the labels of a failure of the store.
    #[must_use]
    pub const fn store(class: ErrorClass) -> Self {
        Self { server: "store", class: word(class) }
    }

    /// Returns the labels of a failure of the fleet.
    #[must_use]
    pub const fn fleet(class: ErrorClass) -> Self {
        Self { server: "fleet", class: word(class) }
    }

    /// Returns the labels of a failure of the membership.
    #[must_use]
    pub const fn membership(class: ErrorClass) -> Self {
        Self { server: "membership", class: word(class) }
    }
}

const fn word(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Permanent => "permanent",
        ErrorClass::Transient => "transient",
        ErrorClass::Indeterminate => "indeterminate",
    }
}

/// Returns the sub-registry with the prefix of this program, such as `notifi_scaler_control`.
pub fn within<'a>(registry: &'a mut Registry, program: &'static str) -> &'a mut Registry {
    registry.sub_registry_with_prefix(PREFIX).sub_registry_with_prefix(program)
}
