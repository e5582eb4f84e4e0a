//! Metrics of a control plane.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{FailureLabels, PhaseLabel, ReasonLabel, WishLabel, from_zero};
use super::within;

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
    /// Number of wishes of operators in force, by kind. Set by the leader only.
    pub wishes: Family<WishLabel, Gauge>,
    /// Number of logged failures: the first of an episode, each new reason, and repetitions at growing intervals.
    pub failures: Family<FailureLabels, Counter>,
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
            wishes: Family::default(),
            failures: Family::default(),
        };
        from_zero(&metrics.slots_moved, ReasonLabel::of_moves());
        from_zero(&metrics.moves_refused, ReasonLabel::of_refusals());
        from_zero(&metrics.failures, FailureLabels::of_servers());
        let registry = within(registry, "control");
        registry.register("leader", "1 if this control plane is the leader, else 0", metrics.leader.clone());
        registry.register("term", "Term that this control plane leads, or led last", metrics.term.clone());
        registry.register("workers", "Number of workers by phase", metrics.workers.clone());
        registry.register("items", "Number of items at the last count", metrics.items.clone());
        registry.register("slots_moved", "Number of committed slot moves by reason", metrics.slots_moved.clone());
        registry.register("moves_refused", "Number of refused slot moves by reason", metrics.moves_refused.clone());
        registry.register("held", "1 while the mass-failure guard pauses rebalancing, else 0", metrics.held.clone());
        registry.register(
            "load_most_over_mean",
            "Number of items of the most loaded worker divided by the mean",
            metrics.most_over_mean.clone(),
        );
        let fell = "Total time by which the clock of Postgres fell behind the last tick";
        registry.register_with_unit("clock_fell", fell, Unit::Seconds, metrics.clock_fell_s.clone());
        registry.register(
            "turns_failed",
            "Number of failed control-loop turns, as leader or standby",
            metrics.turns_failed.clone(),
        );
        registry.register(
            "gave_up",
            "Number of leaderships resigned because no turn succeeded for a whole lease",
            metrics.gave_up.clone(),
        );
        registry.register(
            "strangers",
            "Number of members of other installations that share the Redis key",
            metrics.strangers.clone(),
        );
        registry.register("wishes", "Number of wishes of operators in force, by kind", metrics.wishes.clone());
        registry.register("failures", "Number of logged failures by server and error class", metrics.failures.clone());
        metrics
    }
}
