//! Metrics of the continuous audit.

use std::sync::atomic::AtomicU64;

use notifi_scaler_common::metrics::within;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Metrics of the audits of this control plane. Cheap to clone; clones share the same values.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditMetrics {
    /// Number of completed audits.
    pub(crate) audits: Counter,
    /// Number of failed audits.
    pub(crate) failed: Counter,
    /// Number of audited items.
    pub(crate) items: Counter,
    /// Number of increments beyond one per tick. Must stay 0.
    pub(crate) doubles: Counter,
    /// Number of missed ticks, summed over the audited items.
    pub(crate) gaps: Counter,
    /// Seconds since the oldest transaction of the database began: the only metric of its family, which is empty while that is not known.
    pub(crate) oldest_transaction: Family<NoLabels, Gauge<f64, AtomicU64>>,
}

/// Empty label set, for a family with at most one metric.
pub(crate) type NoLabels = [(&'static str, &'static str); 0];

impl AuditMetrics {
    /// Creates the metrics and registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = within(registry, "control");
        registry.register("audits", "Number of completed audits of a sample", metrics.audits.clone());
        registry.register("audits_failed", "Number of failed audits of a sample", metrics.failed.clone());
        registry.register("audited_items", "Number of audited items", metrics.items.clone());
        registry.register(
            "doubles",
            "Number of increments beyond one per tick that audits found; must stay 0",
            metrics.doubles.clone(),
        );
        registry.register("gaps", "Number of ticks missed by audited items, summed over the items", metrics.gaps.clone());
        let help = "Age of the oldest open transaction of the database; absent while it is not known";
        registry.register_with_unit("oldest_transaction", help, Unit::Seconds, metrics.oldest_transaction.clone());
        metrics
    }
}
