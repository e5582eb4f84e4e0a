//! Fleet of workers that are the pods of a Kubernetes Deployment.

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

/// Field manager of our writes.
const MANAGER: &str = "notifi-scaler";
/// Maximum time of a call: longer than a healthy server needs, shorter than the maximum age of a look. A call that times out closes
/// its connection, since a server that vanished never would.
const PATIENCE: Duration = Duration::from_secs(3);
/// Maximum idle time of a connection. Longer than a call, so that the time-out of the call comes first, whose error is more precise.
const IDLE_FOR: Duration = PATIENCE.saturating_mul(2);
/// Annotation that orders the pods that Kubernetes deletes when it scales down (from 1.22 on).
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Deletion cost of a marked pod. Of two ready pods, the one with the lower cost is deleted first; without the annotation it is 0.
const MARK: &str = "-1000";
/// Label that a Deployment sets on its pods to distinguish its revisions.
const REVISION: &str = "pod-template-hash";

/// [`Fleet`] of the pods of a Deployment. It only reads and writes the scale, and reads and annotates the pods.
pub struct Kubernetes {
    deployments: Api<Deployment>,
    pods: Api<KubePod>,
    name: String,
    namespace: String,
}

/// Error: no Kubernetes cluster is configured.
#[derive(Debug, thiserror::Error)]
#[error("AUTOSCALE: builtin needs a Kubernetes cluster, and neither a service account nor KUBECONFIG configures one: {0}")]
pub struct NoKubernetes(BoxError);

impl NoKubernetes {
    fn of(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl Kubernetes {
    /// Returns the fleet of a Deployment in `namespace`, or else in the namespace of this process, on the cluster of this process or of
    /// its `KUBECONFIG`. Makes no call yet.
    ///
    /// # Errors
    /// [`NoKubernetes`] if no cluster is configured.
    pub async fn find(name: &str, namespace: Option<&str>) -> Result<Self, NoKubernetes> {
        let config = kube::Config::infer().await.map_err(NoKubernetes::of)?;
        Self::on(config, name, namespace)
    }

    /// Returns the fleet of a Deployment in `namespace`, or else in the namespace of the configuration, on the configured cluster.
    ///
    /// # Errors
    /// [`NoKubernetes`] if no client can be made of this configuration.
    pub fn on(mut config: kube::Config, name: &str, namespace: Option<&str>) -> Result<Self, NoKubernetes> {
        // The client does not retry: a failure is reported at once, and the next look calls again.
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

    /// Makes a call, with the time-out [`PATIENCE`].
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
        // Without a selector, all pods of the namespace would be taken for workers.
        let selector = selector
            .filter(|selector| !selector.is_empty())
            .ok_or_else(|| self.nonsense(DURING, "its scale has no pod selector"))?;
        let replicas = scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
        let replicas = u32::try_from(replicas).map_err(|_| self.nonsense(DURING, "its number of replicas is negative"))?;
        let pods = self.call("listing the pods", self.pods.list(&ListParams::default().labels(&selector))).await?;
        Ok(FleetView {
            replicas,
            writer: writer(&scale),
            workers: workers(&pods.items),
            version: scale.metadata.resource_version.unwrap_or_default(),
        })
    }

    async fn set_replicas(&self, seen: &FleetView, replicas: u32) -> Result<(), FleetError> {
        // The server refuses the patch if the version has changed since the read.
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
                // A missing pod has ended, so it needs no mark.
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

/// Returns the field manager that wrote the number last; `None` if the server does not tell it for a scale.
fn writer(scale: &Scale) -> Option<String> {
    let entries = scale.metadata.managed_fields.iter().flatten();
    let wrote_it =
        entries.filter(|entry| entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer("/f:spec/f:replicas").is_some()));
    wrote_it.max_by_key(|entry| entry.time.as_ref().map(|time| time.0)).and_then(|entry| entry.manager.clone())
}

/// Returns the pods that have not ended and are not being deleted. The Deployment does not count the others, either.
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
