//! Metrics of the autoscaler.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use notifi_scaler_common::metrics::{FailureLabels, from_zero, within};
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Metrics of the autoscaler. Cheap to clone; clones share the same values.
#[derive(Clone, Debug)]
pub(crate) struct AutoscaleMetrics {
    /// Number of workers that the items need.
    pub(crate) wanted: Known,
    /// Number of workers that is set in the fleet.
    pub(crate) replicas: Known,
    /// Number of times that the number of workers was set, by direction.
    pub(crate) scaled: Family<DirectionLabel, Counter>,
    /// 1 while a writer conflict pauses scaling, else 0.
    pub(crate) conflict: Gauge,
    /// Number of times that another writer set the number of workers.
    pub(crate) overruled: Counter,
    /// Number of logged failures of calls.
    pub(crate) failures: Family<FailureLabels, Counter>,
}

/// Label with the direction of scaling.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DirectionLabel {
    /// `up` or `down`.
    pub(crate) direction: &'static str,
}

impl DirectionLabel {
    pub(crate) const UP: Self = Self { direction: "up" };
    pub(crate) const DOWN: Self = Self { direction: "down" };
    const ALL: [Self; 2] = [Self::UP, Self::DOWN];
}

impl AutoscaleMetrics {
    /// Creates the metrics and registers them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            wanted: Known::default(),
            replicas: Known::default(),
            scaled: Family::default(),
            conflict: Gauge::default(),
            overruled: Counter::default(),
            failures: Family::default(),
        };
        from_zero(&metrics.scaled, DirectionLabel::ALL);
        from_zero(&metrics.failures, FailureLabels::of_autoscaler());
        let registry = within(registry, "control");
        registry.register(
            "wanted_workers",
            "Number of workers that the items need; absent while it is not known",
            metrics.wanted.clone(),
        );
        registry.register(
            "replicas",
            "Number of workers that is set in Kubernetes; absent while it is not known",
            metrics.replicas.clone(),
        );
        registry.register(
            "scaled",
            "Number of times that the autoscaler set the number of workers, by direction",
            metrics.scaled.clone(),
        );
        let help = "1 while autoscaling is paused because another writer sets the number of workers, else 0";
        registry.register("autoscale_conflict", help, metrics.conflict.clone());
        registry.register(
            "autoscale_overruled",
            "Number of times that another writer set the number of workers",
            metrics.overruled.clone(),
        );
        registry.register(
            "autoscale_failures",
            "Number of logged failures of the autoscaler by server and error class",
            metrics.failures.clone(),
        );
        metrics
    }
}

/// Gauge that is absent while its value is not known, because 0 would be misleading. Cheap to clone; clones are one gauge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<Option<u32>>>);

impl Known {
    /// Sets the value; `None` if it is not known.
    pub(crate) fn set(&self, value: Option<u32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl EncodeMetric for Known {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(value) => encoder.encode_gauge(&value),
            None => Ok(()),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
