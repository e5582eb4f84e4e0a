//! The metrics of the audit that goes on.

use std::sync::atomic::AtomicU64;

use notifi_scaler_common::metrics::within;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the audits of this control plane have found. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditMetrics {
    /// Audits that came to their end.
    pub(crate) audits: Counter,
    /// Audits that did not.
    pub(crate) failed: Counter,
    /// Items that were judged.
    pub(crate) items: Counter,
    /// Increments beyond one a tick. Must stay 0.
    pub(crate) doubles: Counter,
    /// Item-ticks that were missed.
    pub(crate) gaps: Counter,
    /// Seconds since the oldest transaction of the database began: the only member of its family, or nothing while that is not known.
    pub(crate) oldest_transaction: Family<NoLabels, Gauge<f64, AtomicU64>>,
}

/// What tells the only member of a family from no others.
pub(crate) type NoLabels = [(&'static str, &'static str); 0];

impl AuditMetrics {
    /// Makes them and enters them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = within(registry, "control");
        registry.register("audits", "Audits of a sample that came to their end", metrics.audits.clone());
        registry.register("audits_failed", "Audits of a sample that could not be made", metrics.failed.clone());
        registry.register("audited_items", "Items that audits have judged", metrics.items.clone());
        registry.register("doubles", "Increments beyond one a tick that audits have found: must stay 0", metrics.doubles.clone());
        registry.register("gaps", "Ticks that audited items have missed, summed over the items", metrics.gaps.clone());
        let help = "Seconds since the oldest transaction of the database began; absent where that is not known";
        registry.register("oldest_transaction_seconds", help, metrics.oldest_transaction.clone());
        metrics
    }
}
