//! The metrics of the audit that goes on.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::within;

/// What the audits of this control plane have found. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics {
    /// Audits that came to their end.
    pub audits: Counter,
    /// Audits that did not.
    pub failed: Counter,
    /// Items that were judged.
    pub items: Counter,
    /// Increments beyond one a tick. Must stay 0.
    pub doubles: Counter,
    /// Item-ticks that were missed.
    pub gaps: Counter,
}

impl AuditMetrics {
    /// Makes them and enters them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = within(registry, "control");
        registry.register("audits", "Audits of a sample that came to their end", metrics.audits.clone());
        registry.register("audits_failed", "Audits of a sample that could not be made", metrics.failed.clone());
        registry.register("audited_items", "Items that audits have judged", metrics.items.clone());
        registry.register("doubles", "Increments beyond one a tick that audits have found: must stay 0", metrics.doubles.clone());
        registry.register("gaps", "Ticks that audited items have missed, summed over the items", metrics.gaps.clone());
        metrics
    }
}
