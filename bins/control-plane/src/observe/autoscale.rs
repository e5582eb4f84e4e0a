//! Observers of the autoscaler: log lines and metrics.

use std::collections::BTreeSet;

use notifi_scaler_common::api::ViewFeed;
use notifi_scaler_common::metrics::FailureLabels;
use notifi_scaler_common::text::millis;
use notifi_scaler_common::view::Autoscaler;
use scaler_core::WorkerId;
use scaler_core::autoscale::{AutoscaleConfig, AutoscaleEvent};
use scaler_core::control::ControlEvent;

use super::scaling_history::ScalingHistory;
use crate::metrics::{AutoscaleMetrics, DirectionLabel};

/// Name of a writer that Kubernetes does not tell.
const UNKNOWN: &str = "unknown";

/// Observer that turns the events of an autoscaler into log lines, metrics, records, and what the view shows.
#[derive(Debug)]
pub(crate) struct AutoscaleObserver {
    metrics: AutoscaleMetrics,
    feed: ViewFeed,
    history: ScalingHistory,
    /// Reason for the wanted number of workers at the last look.
    why: String,
    /// Other writer that the autoscaler stands back for.
    other_writer: Option<String>,
}

impl AutoscaleObserver {
    /// Returns an observer that has seen no event yet, and tells `feed` the state of the autoscaler.
    #[must_use]
    pub(crate) const fn new(metrics: AutoscaleMetrics, feed: ViewFeed, history: ScalingHistory) -> Self {
        Self { metrics, feed, history, why: String::new(), other_writer: None }
    }

    /// Logs and counts an event.
    pub(crate) fn observe(&mut self, event: &AutoscaleEvent<'_>) {
        self.count(event);
        if let AutoscaleEvent::Looked { wanted, items, .. } = event {
            self.why = match wanted.zip(*items) {
                Some((wanted, items)) => format!("{items} items need {wanted} workers"),
                None => "the number of items is not known".to_owned(),
            };
        }
        self.log(event);
        self.show(event);
        self.history.observe(event, &self.why);
    }

    /// Tells the feed the state of the autoscaler.
    fn show(&mut self, event: &AutoscaleEvent<'_>) {
        match event {
            AutoscaleEvent::Contested { by, .. } => self.other_writer = Some(by.unwrap_or(UNKNOWN).to_owned()),
            AutoscaleEvent::Resumed | AutoscaleEvent::StoodDown => self.other_writer = None,
            _ => {}
        }
        let state = match event {
            AutoscaleEvent::Looked { fleet, wanted, .. } => Some(Autoscaler {
                wanted: *wanted,
                replicas: fleet.replicas,
                why: self.why.clone(),
                other_writer: self.other_writer.clone(),
            }),
            AutoscaleEvent::StoodDown => None,
            _ => return,
        };
        self.feed.tell(|_, builder| builder.autoscales(state));
    }

    fn count(&self, event: &AutoscaleEvent<'_>) {
        match event {
            AutoscaleEvent::Looked { fleet, .. } => self.metrics.replicas.set(Some(fleet.replicas)),
            AutoscaleEvent::Scaled { from, to } => {
                let direction = if to > from { DirectionLabel::UP } else { DirectionLabel::DOWN };
                self.metrics.scaled.get_or_create(&direction).inc();
                self.metrics.replicas.set(Some(*to));
            }
            AutoscaleEvent::Overruled { .. } => _ = self.metrics.overruled.inc(),
            AutoscaleEvent::Contested { .. } => {
                self.metrics.overruled.inc();
                self.metrics.conflict.set(1);
            }
            AutoscaleEvent::Resumed => _ = self.metrics.conflict.set(0),
            AutoscaleEvent::StoodDown => {
                self.metrics.conflict.set(0);
                self.metrics.replicas.set(None);
            }
            AutoscaleEvent::FleetFailed { error, .. } => {
                self.metrics.replicas.set(None);
                self.metrics.failures.get_or_create(&FailureLabels::fleet(error.class())).inc();
            }
            AutoscaleEvent::MembershipFailed { error, .. } => {
                self.metrics.failures.get_or_create(&FailureLabels::membership(error.class())).inc();
            }
            _ => {}
        }
    }

    fn log(&self, event: &AutoscaleEvent<'_>) {
        let why = &self.why;
        match event {
            AutoscaleEvent::Retired { retired, reinstated } => {
                if !retired.is_empty() {
                    let workers = names(retired);
                    tracing::info!(workers, reason = why, "workers retired: they hand over their slots before the scale-down");
                }
                if !reinstated.is_empty() {
                    tracing::info!(workers = names(reinstated), reason = why, "workers reinstated: they are needed again");
                }
            }
            AutoscaleEvent::Scaled { from, to } => {
                tracing::info!(from, to, reason = why, "number of workers set");
            }
            AutoscaleEvent::Overruled { from, to, by } => {
                let writer = by.unwrap_or(UNKNOWN);
                tracing::info!(
                    writer,
                    from,
                    to,
                    "another writer set the number of workers; autoscaling continues from that number"
                );
            }
            AutoscaleEvent::Contested { from, to, by, stands_back_for } => tracing::warn!(
                writer = by.unwrap_or(UNKNOWN),
                from,
                to,
                paused_s = stands_back_for.as_secs(),
                "another writer set the number of workers again; autoscaling is paused; remove the other writer, or set AUTOSCALE to off"
            ),
            AutoscaleEvent::Resumed => tracing::info!("autoscaling resumed"),
            AutoscaleEvent::FleetFailed { error, retry_in } => {
                tracing::warn!(%error, retry_in_ms = millis(*retry_in), "a call to Kubernetes failed; autoscaling waits; retrying");
            }
            AutoscaleEvent::FleetBack => tracing::info!("calls to Kubernetes succeed again"),
            AutoscaleEvent::MembershipFailed { error, retry_in } => {
                tracing::warn!(%error, retry_in_ms = millis(*retry_in), "cannot write the retired workers to Redis; retrying");
            }
            _ => {}
        }
    }
}

/// Observer that exports the wanted number of workers for other autoscalers, only on the leader and while the items are known.
#[derive(Debug)]
pub(crate) struct WantedObserver {
    metrics: AutoscaleMetrics,
    config: AutoscaleConfig,
}

impl WantedObserver {
    /// Returns an observer that has seen no event yet.
    #[must_use]
    pub(crate) const fn new(metrics: AutoscaleMetrics, config: AutoscaleConfig) -> Self {
        Self { metrics, config }
    }

    /// Updates the metric with an event of the control plane.
    pub(crate) fn observe(&self, event: &ControlEvent<'_>) {
        match event {
            ControlEvent::Scanned { load, .. } => self.metrics.wanted.set(Some(self.config.wanted(load.total()))),
            ControlEvent::Deposed(_) | ControlEvent::Following | ControlEvent::StoreFailed { .. } => {
                self.metrics.wanted.set(None);
            }
            _ => {}
        }
    }
}

/// Returns the names of these workers in one line.
pub(super) fn names(workers: &BTreeSet<WorkerId>) -> String {
    workers.iter().map(WorkerId::as_str).collect::<Vec<_>>().join(", ")
}
