//! The metrics of a control plane.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{FailureLabels, within};

/// The metrics of a control plane. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct ControlMetrics {
    /// Whether it leads, 0 or 1.
    pub leader: Gauge,
    /// The term it leads or led last.
    pub term: Gauge,
    /// Workers, by how they stand.
    pub workers: Family<PhaseLabel, Gauge>,
    /// Items, as last counted.
    pub items: Gauge,
    /// Slots that changed hands, by reason.
    pub slots_moved: Family<ReasonLabel, Counter>,
    /// Slots that did not, by reason.
    pub moves_refused: Family<ReasonLabel, Counter>,
    /// Whether nothing is moved since most slots fell silent at once, 0 or 1.
    pub held: Gauge,
    /// The items of the most loaded worker over the mean.
    pub most_over_mean: Gauge<f64, AtomicU64>,
    /// By how many seconds the store's clock fell, all together.
    pub clock_fell_s: Counter<f64, AtomicU64>,
    /// Turns that failed.
    pub turns_failed: Counter,
    /// Leaderships that were given up since no turn succeeded.
    pub gave_up: Counter,
    /// Members of other installations in the membership.
    pub strangers: Gauge,
    /// Failures that were logged: at the first of an episode, at each new reason, and at growing intervals.
    pub failures: Family<FailureLabels, Counter>,
}

/// How workers stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabel {
    /// The word for it.
    pub phase: String,
}

/// Why slots move, or do not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// The words for it.
    pub reason: String,
}

impl ControlMetrics {
    /// Makes them and enters them.
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
