//! Metrics of a worker.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{FailureLabels, from_zero};
use super::within;

/// Buckets of the tick duration in seconds, from 1 ms to 10 ticks.
const TICK_SECONDS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Metrics of a worker. Cheap to clone; clones share the same values.
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    /// Number of ticks in which the store answered.
    pub ticks: Counter,
    /// Number of ticks that the worker missed, for all or some of its slots.
    pub missed_ticks: Counter,
    /// Number of item increments.
    pub items: Counter,
    /// Number of times that an item missed a tick because another session had locked it.
    pub locked_items: Counter,
    /// Number of times that an item missed a tick because Postgres refused to change it.
    pub refused_items: Counter,
    /// Number of item lists that were not printed because the reader of stdout is too slow.
    pub lost_lines: Counter,
    /// Number of claimed orphaned slots, which no worker ticked and no control plane moved.
    pub claimed_slots: Counter,
    /// Number of owned slots.
    pub owned_slots: Gauge,
    /// Number of watched items.
    pub watched_items: Gauge,
    /// 1 while the worker owns nothing and cannot be given slots, else 0.
    pub idle: Gauge,
    /// 1 while Postgres refuses all writes of this worker, else 0.
    pub barred: Gauge,
    /// Time from the first call of each tick to the last answer, in seconds.
    pub tick_duration: Histogram,
    /// Number of logged failures: the first of an episode, each new reason, and repetitions at growing intervals.
    pub failures: Family<FailureLabels, Counter>,
}

impl WorkerMetrics {
    /// Creates the metrics and registers them.
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
        from_zero(&metrics.failures, FailureLabels::of_servers());
        let registry = within(registry, "worker");
        registry.register("ticks", "Number of ticks in which Postgres answered", metrics.ticks.clone());
        registry.register(
            "missed_ticks",
            "Number of ticks missed by all or some slots of this worker",
            metrics.missed_ticks.clone(),
        );
        registry.register("items_incremented", "Number of item increments", metrics.items.clone());
        registry.register(
            "locked_items",
            "Number of item increments missed because another session held a row lock",
            metrics.locked_items.clone(),
        );
        registry.register(
            "refused_items",
            "Number of item increments missed because Postgres refused the change",
            metrics.refused_items.clone(),
        );
        registry.register(
            "lost_lines",
            "Number of item lists not printed because the reader of stdout is too slow",
            metrics.lost_lines.clone(),
        );
        registry.register(
            "claimed_slots",
            "Number of claimed orphaned slots, which missed ticks and which no control plane moved",
            metrics.claimed_slots.clone(),
        );
        registry.register("owned_slots", "Number of owned slots", metrics.owned_slots.clone());
        registry.register("watched_items", "Number of watched items", metrics.watched_items.clone());
        registry.register("idle", "1 while the worker owns no slots and cannot be given slots, else 0", metrics.idle.clone());
        registry.register("barred", "1 while Postgres refuses all writes of this worker, else 0", metrics.barred.clone());
        let help = "Time from the first call of each tick to the last answer";
        registry.register_with_unit("tick_duration", help, Unit::Seconds, metrics.tick_duration.clone());
        registry.register("failures", "Number of logged failures by server and error class", metrics.failures.clone());
        metrics
    }
}
