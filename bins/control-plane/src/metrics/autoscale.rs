//! The metrics of an autoscaler.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use notifi_scaler_common::metrics::{FailureLabels, within};
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of an autoscaler. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct AutoscaleMetrics {
    /// How many workers the items want.
    pub(crate) wanted: Known,
    /// How many workers there shall be.
    pub(crate) replicas: Known,
    /// How often the number was set, up and down.
    pub(crate) scaled: Family<DirectionLabel, Counter>,
    /// Whether nothing is written since somebody else writes the number, 0 or 1.
    pub(crate) conflict: Gauge,
    /// How often somebody else wrote the number.
    pub(crate) overruled: Counter,
    /// How often calls began to fail.
    pub(crate) failures: Family<FailureLabels, Counter>,
}

/// Up or down.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DirectionLabel {
    /// `up` or `down`.
    pub(crate) direction: &'static str,
}

impl AutoscaleMetrics {
    /// Makes them and enters them.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            wanted: Known::default(),
            replicas: Known::default(),
            scaled: Family::default(),
            conflict: Gauge::default(),
            overruled: Counter::default(),
            failures: Family::default(),
        };
        let registry = within(registry, "control");
        registry.register(
            "wanted_workers",
            "How many workers the items want; absent while that is not known",
            metrics.wanted.clone(),
        );
        registry.register(
            "replicas",
            "How many workers there shall be; absent while that is not known",
            metrics.replicas.clone(),
        );
        registry.register("scaled", "How often the number of workers was set, by direction", metrics.scaled.clone());
        let help = "Whether nothing is written since somebody else writes the number of workers";
        registry.register("autoscale_conflict", help, metrics.conflict.clone());
        registry.register(
            "autoscale_overruled",
            "How often somebody else wrote the number of workers",
            metrics.overruled.clone(),
        );
        registry.register("autoscale_failures", "How often calls began to fail, by server and class", metrics.failures.clone());
        metrics
    }
}

/// A gauge that is only there while its value is known: 0 would be believed. Cheap to clone; clones are one gauge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<Option<u32>>>);

impl Known {
    /// Its value is this; `None` when it is not known.
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
