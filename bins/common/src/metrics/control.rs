//! Metrics of a control plane.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{FailureLabels, within};

/// Metrics of a control plane. Cheap to clone; clones share the same values.
#[derive(Clone, Debug)]
pub struct ControlMetrics {
    /// 1 if this control plane leads, else 0.
    pub leader: Gauge,
    /// Term that it leads, or led last.
    pub term: Gauge,
    /// Number of workers by phase.
    pub workers: Family<PhaseLabel, Gauge>,
    /// Number of items at the last count.
    pub items: Gauge,
    /// Number of committed moves by reason.
    pub slots_moved: Family<ReasonLabel, Counter>,
    /// Number of refused moves by reason.
    pub moves_refused: Family<ReasonLabel, Counter>,
    /// 1 while the mass-failure guard pauses rebalancing, else 0.
    pub held: Gauge,
    /// Items of the most loaded worker divided by the mean.
    pub most_over_mean: Gauge<f64, AtomicU64>,
    /// Total time in seconds by which the store's clock fell behind its ticks.
    pub clock_fell_s: Counter<f64, AtomicU64>,
    /// Number of failed turns.
    pub turns_failed: Counter,
    /// Number of leaderships resigned because no turn succeeded.
    pub gave_up: Counter,
    /// Number of members of other installations in the membership.
    pub strangers: Gauge,
    /// Number of logged failures: the first of an episode, each new reason, and repetitions at growing intervals.
    pub failures: Family<FailureLabels, Counter>,
}

/// Label with the phase of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabel {
    /// Name of the phase.
    pub phase: String,
}

/// Label with the reason of a move or of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// Name of the reason.
    pub reason: String,
}

impl ControlMetrics {
    /// Creates the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            leader: Gauge::default(),
            term: Gauge::default(),
            workers: Family::default(),
            items: Gauge::default(),
            slots_moved: Family::default(),
            moves_refused: Family::default(),
            held: Gauge::default(),
            most_over_mean: Gauge::default(),
            clock_fell_s: Counter::default(),
            turns_failed: Counter::default(),
            gave_up: Counter::default(),
            strangers: Gauge::default(),
            failures: Family::default(),
        };
        let registry = within(registry, "control");
        registry.register("leader", "Whether this control plane leads", metrics.leader.clone());
        registry.register("term", "The term that it leads, or led last", metrics.term.clone());
        registry.register("workers", "Workers, by how they stand", metrics.workers.clone());
        registry.register("items", "Items, as last counted", metrics.items.clone());
        registry.register("slots_moved", "Slots that changed hands, by reason", metrics.slots_moved.clone());
        registry.register("moves_refused", "Slots that did not change hands, by reason", metrics.moves_refused.clone());
        registry.register("held", "Whether nothing moves since most slots fell silent at once", metrics.held.clone());
        registry.register("load_most_over_mean", "Items of the most loaded worker over the mean", metrics.most_over_mean.clone());
        let fell = "By how much the store's clock fell behind the ticks that were done, all together";
        registry.register_with_unit("clock_fell", fell, Unit::Seconds, metrics.clock_fell_s.clone());
        registry.register("turns_failed", "Turns that failed, leading or following", metrics.turns_failed.clone());
        registry.register("gave_up", "Leaderships given up since no turn succeeded for a whole lease", metrics.gave_up.clone());
        registry.register("strangers", "Members of other installations that share the membership", metrics.strangers.clone());
        registry.register("failures", "Failures that were logged, by server and class", metrics.failures.clone());
        metrics
    }
}
