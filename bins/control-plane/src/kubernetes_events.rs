//! Kubernetes Events: the leader posts what it keeps in the event log, so that `kubectl get events` shows it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event as KubeEvent, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, PostParams};
use notifi_scaler_common::{Failure, USAGE};
use scaler_core::control::ControlEvent;
use scaler_core::{BoxError, Clock, Episode, Event, EventFilter, EventKind, EventLog, RecordedEvent, StoreError, WorkerId};
use tokio::sync::watch;

use crate::kubernetes::describe;
use crate::leading::leading;

/// Interval between two looks at the event log.
const EVERY: Duration = Duration::from_secs(2);
/// Maximum number of events posted at a time.
const MOST: usize = 10;
/// Maximum time of a call.
const PATIENCE: Duration = Duration::from_secs(3);
/// Maximum length of a message, in characters: Kubernetes takes 1,024 bytes.
const MESSAGE: usize = 250;

/// Error: no Kubernetes cluster is configured.
#[derive(Debug, thiserror::Error)]
#[error("KUBERNETES_EVENTS: needs a Kubernetes cluster, and neither a service account nor KUBECONFIG configures one: {0}")]
struct NoCluster(BoxError);

/// Returns an observer for all events of the control plane, and a task that posts while this control plane leads; with `None`, it posts
/// nothing.
pub(crate) fn start(
    events: Option<KubernetesEvents>,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send,
) -> (impl FnMut(&ControlEvent<'_>) + Send, impl Future<Output = ()> + Send) {
    let (tell, leads) = leading();
    let post = async move {
        let Some(events) = events else { return stop.await };
        tokio::select! {
            () = events.run(&*log, &*clock, leads) => {}
            () = stop => {}
        }
    };
    (tell, post)
}

/// Posts events to the Kubernetes API.
pub(crate) struct KubernetesEvents {
    events: Api<KubeEvent>,
    namespace: String,
    /// Name of this pod, about which all events are that concern no worker.
    pod: String,
}

impl KubernetesEvents {
    /// Returns a poster for the cluster and the namespace of this process. Makes no call yet.
    ///
    /// # Errors
    /// If no cluster is configured.
    pub(crate) async fn find(pod: &str) -> Result<Self, Failure> {
        let refused = |error| Failure::own(NoCluster(error), USAGE);
        let mut config = kube::Config::infer().await.map_err(|error| refused(error.into()))?;
        config.default_retry = false;
        (config.connect_timeout, config.write_timeout) = (Some(PATIENCE), Some(PATIENCE));
        config.read_timeout = Some(PATIENCE * 2);
        let client = kube::Client::try_from(config).map_err(|error| refused(error.into()))?;
        let namespace = client.default_namespace().to_owned();
        Ok(Self { events: Api::namespaced(client, &namespace), namespace, pod: pod.to_owned() })
    }

    async fn run(&self, log: &dyn EventLog, clock: &dyn Clock, mut leads: watch::Receiver<bool>) {
        let (mut last, mut episode) = (None, Episode::default());
        while leads.wait_for(|leads| *leads).await.is_ok() {
            // The control plane logs an unavailable store.
            if let Ok((newest, events)) = later_than(log, last).await {
                last = newest;
                match self.post_all(&events).await {
                    Err(error) if episode.failed(clock.now(), &error) => {
                        tracing::warn!(
                            "an Event cannot be posted to Kubernetes: {}; `notifi-scaler events` shows it",
                            describe(&error)
                        );
                    }
                    Ok(()) if !events.is_empty() => _ = episode.recovered(),
                    _ => {}
                }
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn post_all(&self, events: &[Event]) -> Result<(), kube::Error> {
        for event in events.iter().take(MOST) {
            self.post(event).await?;
        }
        match events.len().saturating_sub(MOST) {
            0 => Ok(()),
            more => {
                self.post(&Event::new(EventKind::Rebalance, format!("{more} more events; `notifi-scaler events` shows them")))
                    .await
            }
        }
    }

    async fn post(&self, event: &Event) -> Result<(), kube::Error> {
        let (how, event) = (PostParams::default(), self.to_kubernetes(event));
        match tokio::time::timeout(PATIENCE, self.events.create(&how, &event)).await {
            Ok(posted) => posted.map(drop),
            Err(_) => Err(kube::Error::Service("no answer within 3 s".into())),
        }
    }

    fn to_kubernetes(&self, event: &Event) -> KubeEvent {
        let about = event.worker.as_ref().map_or(self.pod.as_str(), WorkerId::as_str);
        let by = event.by.as_ref().map(|by| format!(" (by {by})")).unwrap_or_default();
        let message: String = format!("{}{by}", event.text).chars().take(MESSAGE).collect();
        KubeEvent {
            metadata: ObjectMeta {
                generate_name: Some("notifi-scaler-".to_owned()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(about.to_owned()),
                namespace: Some(self.namespace.clone()),
                ..ObjectReference::default()
            },
            reason: Some(reason(event.kind).to_owned()),
            message: Some(message),
            type_: Some(if is_warning(event) { "Warning" } else { "Normal" }.to_owned()),
            source: Some(EventSource { component: Some("notifi-scaler".to_owned()), ..EventSource::default() }),
            ..KubeEvent::default()
        }
    }
}

impl fmt::Debug for KubernetesEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesEvents").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Returns the number of the newest event, and the events after number `last`, oldest first, but for the many of single moves. At first,
/// with `None`, only the number: earlier events are those of a former leader.
async fn later_than(log: &dyn EventLog, last: Option<u64>) -> Result<(Option<u64>, Vec<Event>), StoreError> {
    let filter = EventFilter { after: last, ..EventFilter::default() };
    let limit = if last.is_some() { 10 * MOST } else { 1 };
    let events = log.events(&filter, limit).await?;
    let newest = events.first().map(|RecordedEvent { id, .. }| *id).or(last).or(Some(0));
    if last.is_none() {
        return Ok((newest, Vec::new()));
    }
    let oldest_first = events.into_iter().rev().map(|recorded| recorded.event);
    Ok((newest, oldest_first.filter(|event| event.kind != EventKind::Moved).collect()))
}

const fn reason(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Rebalance | EventKind::Moved => "Rebalanced",
        EventKind::Phase => "WorkerPhase",
        EventKind::Leader => "Leader",
        EventKind::Hold => "RebalancingHeld",
        EventKind::Wish => "Wish",
        EventKind::Scale => "Scaled",
        EventKind::Rollout => "RolloutStalled",
        EventKind::Store => "Store",
        EventKind::Members => "Members",
        EventKind::Clock => "ClockFell",
        _ => "Event",
    }
}

fn is_warning(event: &Event) -> bool {
    match event.kind {
        EventKind::Hold | EventKind::Rollout | EventKind::Clock | EventKind::Store | EventKind::Members => true,
        EventKind::Phase => ["dead", "cut off", "barred"].iter().any(|phase| event.text.ends_with(phase)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use scaler_core::memory::MemoryStore;
    use scaler_core::{SlotCount, TokioClock};

    use super::*;

    #[tokio::test]
    async fn only_what_comes_after_the_election_is_posted_and_no_single_moves() {
        let store = MemoryStore::new(Arc::new(TokioClock::start()), SlotCount::new(256).unwrap(), Duration::from_secs(1));
        assert_eq!(later_than(&store, None).await.unwrap(), (Some(0), vec![]));
        let events = [EventKind::Leader, EventKind::Moved, EventKind::Rebalance].map(|kind| Event::new(kind, "text"));
        store.append(&events[..1]).await.unwrap();
        let (last, posted) = later_than(&store, None).await.unwrap();
        assert_eq!((last, posted), (Some(1), vec![]));
        store.append(&events[1..]).await.unwrap();
        assert_eq!(later_than(&store, last).await.unwrap(), (Some(3), vec![events[2].clone()]));
        assert_eq!(later_than(&store, Some(3)).await.unwrap(), (Some(3), vec![]));
    }

    #[test]
    fn the_loss_of_a_worker_is_a_warning() {
        let phase = |text| Event::new(EventKind::Phase, text);
        assert!(is_warning(&phase("worker-1: healthy -> dead")) && is_warning(&phase("worker-1: healthy -> cut off")));
        assert!(!is_warning(&phase("worker-1: new -> healthy")) && !is_warning(&Event::new(EventKind::Rebalance, "")));
    }
}
