//! The metrics of a worker.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{FailureLabels, within};

/// From a millisecond to ten ticks.
const TICK_SECONDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// The metrics of a worker. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    /// Ticks in which the store answered.
    pub ticks: Counter,
    /// Ticks that went by without it, or without some of its slots.
    pub missed_ticks: Counter,
    /// Items incremented.
    pub items: Counter,
    /// Items that missed a tick since somebody else had locked them.
    pub locked_items: Counter,
    /// Items that missed a tick since Postgres refused to change them.
    pub refused_items: Counter,
    /// Lists of ids that were not printed, since the reader of stdout is too slow.
    pub lost_lines: Counter,
    /// Slots claimed that nobody ticked and no control plane moved.
    pub claimed_slots: Counter,
    /// Slots owned.
    pub owned_slots: Gauge,
    /// Items watched.
    pub watched_items: Gauge,
    /// Whether it owns nothing and cannot be given anything, 0 or 1.
    pub idle: Gauge,
    /// Whether Postgres lets no write in its name through, 0 or 1.
    pub barred: Gauge,
    /// From the first call of each tick to the last answer.
    pub tick_duration: Histogram,
    /// Failures that were logged: at the first of an episode, at each new reason, and at growing intervals.
    pub failures: Family<FailureLabels, Counter>,
}

impl WorkerMetrics {
    /// Makes them and enters them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            ticks: Counter::default(),
            missed_ticks: Counter::default(),
            items: Counter::default(),
            locked_items: Counter::default(),
            refused_items: Counter::default(),
            lost_lines: Counter::default(),
            claimed_slots: Counter::default(),
            owned_slots: Gauge::default(),
            watched_items: Gauge::default(),
            idle: Gauge::default(),
            barred: Gauge::default(),
            tick_duration: Histogram::new(TICK_SECONDS),
            failures: Family::default(),
        };
        let registry = within(registry, "worker");
        registry.register("ticks", "Ticks in which Postgres answered", metrics.ticks.clone());
        registry.register(
            "missed_ticks",
            "Ticks that went by without this worker, or without some of its slots",
            metrics.missed_ticks.clone(),
        );
        registry.register("items_incremented", "Items incremented", metrics.items.clone());
        registry.register(
            "locked_items",
            "Items left out of a tick since somebody else had locked them",
            metrics.locked_items.clone(),
        );
        registry.register(
            "refused_items",
            "Items left out of a tick since Postgres refuses to change them",
            metrics.refused_items.clone(),
        );
        registry.register("lost_lines", "Lists of ids that the reader of stdout was too slow for", metrics.lost_lines.clone());
        registry.register(
            "claimed_slots",
            "Slots claimed that nobody ticked and no control plane moved",
            metrics.claimed_slots.clone(),
        );
        registry.register("owned_slots", "Slots owned", metrics.owned_slots.clone());
        registry.register("watched_items", "Items watched", metrics.watched_items.clone());
        registry.register("idle", "Whether it owns nothing and cannot be given anything", metrics.idle.clone());
        registry.register("barred", "Whether Postgres lets no write in its name through", metrics.barred.clone());
        let help = "From the first call of each tick to the last answer";
        registry.register_with_unit("tick_duration", help, Unit::Seconds, metrics.tick_duration.clone());
        registry.register("failures", "Failures that were logged, by server and class", metrics.failures.clone());
        metrics
    }
}
