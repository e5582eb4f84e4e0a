//! The workers as pods of a Deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::Pod as KubePod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use scaler_core::autoscale::{Fleet, FleetError, FleetView, Pod};
use scaler_core::{BoxError, WorkerId};
use serde_json::{Value, json};

use super::refusal::Refusal;

/// Who we are among those who write to the same objects.
const MANAGER: &str = "notifi-scaler";
/// How long a call may take: longer than a healthy server ever needs, shorter than a look may be old. A call that is given up closes its
/// connection, since a server that vanished would never do so.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a connection between two calls may be silent. Longer than a call, whose end tells better whether it may have been heard.
const IDLE_FOR: Duration = PATIENCE.saturating_mul(2);
/// The annotation by which Kubernetes chooses the pods to delete first (from 1.22 on).
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Of two ready pods the one with the lower cost goes first; without the annotation it is 0.
const MARK: &str = "-1000";
/// What a Deployment writes on its pods to tell its revisions apart.
const REVISION: &str = "pod-template-hash";

/// A [`Fleet`] that is a Deployment: it reads and writes its scale, and reads and annotates its pods, and no more.
pub struct Kubernetes {
    deployments: Api<Deployment>,
    pods: Api<KubePod>,
    name: String,
    namespace: String,
}

/// There is no cluster in which to scale.
#[derive(Debug, thiserror::Error)]
#[error("AUTOSCALE: builtin needs Kubernetes, and there is none to be found: {0}")]
pub struct NoKubernetes(BoxError);

impl NoKubernetes {
    fn of(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl Kubernetes {
    /// The Deployment of this name, in this namespace or else in that of this process, on the cluster of this process or of its
    /// `KUBECONFIG`. Asks it nothing yet.
    ///
    /// # Errors
    /// When there is no such cluster to be found.
    pub async fn find(name: &str, namespace: Option<&str>) -> Result<Self, NoKubernetes> {
        let config = kube::Config::infer().await.map_err(NoKubernetes::of)?;
        Self::on(config, name, namespace)
    }

    /// The Deployment of this name, in this namespace or else in that of the configuration, on this cluster.
    ///
    /// # Errors
    /// [`NoKubernetes`] if no client can be made of this configuration.
    pub fn on(mut config: kube::Config, name: &str, namespace: Option<&str>) -> Result<Self, NoKubernetes> {
        // What fails is told at once, and tried again by whoever looks again.
        config.default_retry = false;
        config.connect_timeout = Some(PATIENCE);
        config.write_timeout = Some(PATIENCE);
        config.read_timeout = Some(IDLE_FOR);
        config.reset_reader_on_write = true;
        let client = kube::Client::try_from(config).map_err(NoKubernetes::of)?;
        let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
        Ok(Self {
            deployments: Api::namespaced(client.clone(), &namespace),
            pods: Api::namespaced(client, &namespace),
            name: name.to_owned(),
            namespace,
        })
    }

    /// Makes the call, within the time it may take.
    async fn call<T>(
        &self,
        during: &'static str,
        call: impl Future<Output = Result<T, kube::Error>> + Send,
    ) -> Result<T, FleetError> {
        let answer = tokio::time::timeout(PATIENCE, call).await;
        let refusal = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => Refusal::of(self, error),
            Err(_) => Refusal::silence(self, PATIENCE),
        };
        Err(refusal.during(during))
    }

    fn nonsense(&self, during: &'static str, what: &'static str) -> FleetError {
        FleetError::Refused { during, source: format!("{self}: {what}").into() }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Fleet for Kubernetes {
    async fn read(&self) -> Result<FleetView, FleetError> {
        const DURING: &str = "reading the scale";
        let scale = self.call(DURING, self.deployments.get_scale(&self.name)).await?;
        let selector = scale.status.as_ref().and_then(|status| status.selector.clone());
        // Without a selector all pods of the namespace would be taken for workers.
        let selector =
            selector.filter(|selector| !selector.is_empty()).ok_or_else(|| self.nonsense(DURING, "it selects no pods"))?;
        let replicas = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
        let replicas = u32::try_from(replicas).map_err(|_| self.nonsense(DURING, "it has a negative number of pods"))?;
        let pods = self.call("listing the pods", self.pods.list(&ListParams::default().labels(&selector))).await?;
        Ok(FleetView {
            replicas,
            writer: writer(&scale),
            workers: workers(&pods.items),
            version: scale.metadata.resource_version.unwrap_or_default(),
        })
    }

    async fn set_replicas(&self, seen: &FleetView, replicas: u32) -> Result<(), FleetError> {
        // The server refuses it when the version is another by then.
        let patch = json!({ "metadata": { "resourceVersion": seen.version }, "spec": { "replicas": replicas } });
        let (manager, patch) = (manager(), Patch::Merge(patch));
        self.call("setting the scale", self.deployments.patch_scale(&self.name, &manager, &patch)).await.map(drop)
    }

    async fn mark(&self, seen: &FleetView, workers: &BTreeSet<WorkerId>) -> Result<(), FleetError> {
        let manager = manager();
        for (worker, pod) in &seen.workers {
            let marked = workers.contains(worker);
            if marked == pod.marked {
                continue;
            }
            let cost = if marked { Value::from(MARK) } else { Value::Null };
            let patch = Patch::Merge(json!({ "metadata": { "annotations": { DELETION_COST: cost } } }));
            match self.call("annotating a pod", self.pods.patch_metadata(worker.as_str(), &manager, &patch)).await {
                // A pod that is not found is gone.
                Ok(_) | Err(FleetError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl fmt::Display for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deployment {}/{}", self.namespace, self.name)
    }
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kubernetes").field(&self.to_string()).finish()
    }
}

fn manager() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}

/// Who wrote the number last, where the server tells that of a scale.
fn writer(scale: &Scale) -> Option<String> {
    let entries = scale.metadata.managed_fields.iter().flatten();
    let wrote_it =
        entries.filter(|entry| entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some()));
    wrote_it.max_by_key(|entry| entry.time.as_ref().map(|time| time.0)).and_then(|entry| entry.manager.clone())
}

/// Those that are there and are not being ended: the others are not counted by the Deployment either.
fn workers(pods: &[KubePod]) -> BTreeMap<WorkerId, Pod> {
    let counts = |pod: &&KubePod| {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Failed" | "Succeeded"))
    };
    let pods: Vec<_> = pods.iter().filter(counts).collect();
    let newest = pods.iter().max_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let revision = newest.and_then(|pod| revision(pod));
    let worker = |pod: &&KubePod| {
        let name = WorkerId::new(pod.metadata.name.clone()?).ok()?;
        let marked =
            pod.metadata.annotations.as_ref().and_then(|notes| notes.get(DELETION_COST)).is_some_and(|cost| cost == MARK);
        Some((name, Pod { ready: is_ready(pod), outdated: self::revision(pod) != revision, marked }))
    };
    pods.iter().filter_map(worker).collect()
}

fn revision(pod: &KubePod) -> Option<&str> {
    pod.metadata.labels.as_ref()?.get(REVISION).map(String::as_str)
}

fn is_ready(pod: &KubePod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .is_some_and(|conditions| conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"))
}
