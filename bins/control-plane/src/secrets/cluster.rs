//! Reads, creates and completes the Secrets of a namespace.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Map, Value, json};

use super::{SecretsArgs, SecretsError};
use crate::kubernetes::{describe, is_transient};

const MANAGER: &str = "notifi-scaler-secrets";
/// Maximum time to connect, and maximum time to wait for an answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time to wait for an API server. A network policy may refuse connections in a pod's first seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Annotation without which Helm deletes a Secret that earlier versions of the chart contained.
const KEEP: (&str, &str) = ("helm.sh/resource-policy", "keep");
const HELM_RELEASE: &str = "meta.helm.sh/release-name";

/// Secrets of a namespace, with the labels and the owner of new ones.
pub(super) struct Cluster {
    secrets: Api<Secret>,
    labels: BTreeMap<String, String>,
    owner: Option<OwnerReference>,
}

/// Result of [`Cluster::ensure`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Created,
    Added(Vec<String>),
    Nothing,
}

impl Cluster {
    pub(super) async fn open(mut config: kube::Config, args: &SecretsArgs) -> Result<Self, SecretsError> {
        config.default_retry = false;
        (config.connect_timeout, config.read_timeout) = (Some(CALL_TIMEOUT), Some(CALL_TIMEOUT));
        let client = kube::Client::try_from(config).map_err(|error| SecretsError::NoCluster(error.to_string()))?;
        let namespace = args.namespace.as_deref().unwrap_or(client.default_namespace()).to_owned();
        let owner = match &args.owner {
            Some(name) => {
                let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
                let account = patiently(&format!("reading ServiceAccount {name}"), async || accounts.get_opt(name).await).await?;
                account.and_then(|account| owner_reference(account.metadata))
            }
            None => None,
        };
        let labels = args.label.iter().map(|label| (label.name.clone(), label.value.clone())).collect();
        Ok(Self { secrets: Api::namespaced(client, &namespace), labels, owner })
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Secret>, SecretsError> {
        patiently(&format!("reading Secret {name}"), async || self.secrets.get_opt(name).await).await
    }

    /// Returns the value of a key in a Secret.
    pub(super) async fn value(&self, name: &str, key: &str) -> Result<ByteString, SecretsError> {
        let data = self.get(name).await?.and_then(|secret| secret.data);
        data.and_then(|mut data| data.remove(key))
            .ok_or_else(|| SecretsError::NoKey { secret: name.to_owned(), key: key.to_owned() })
    }

    /// Creates the Secret, or adds the keys that it lacks. Sets the owner if the Secret has none.
    pub(super) async fn ensure(&self, name: &str, kind: &str, data: BTreeMap<String, ByteString>) -> Result<Made, SecretsError> {
        loop {
            let tried = match self.get(name).await? {
                None => self.create(name, kind, &data).await.map(|()| Made::Created),
                Some(present) => self.complete(name, &present, &data).await,
            };
            match tried {
                // Another process was faster: its values count, so read the Secret again.
                Err(SecretsError::Kubernetes { source: kube::Error::Api(status), .. }) if status.code == 409 => {}
                done => return done,
            }
        }
    }

    async fn create(&self, name: &str, kind: &str, data: &BTreeMap<String, ByteString>) -> Result<(), SecretsError> {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: Some(self.labels.clone()),
                owner_references: self.owner.clone().map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            type_: Some(kind.to_owned()),
            data: Some(data.clone()),
            ..Secret::default()
        };
        let post = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        patiently(&format!("creating Secret {name}"), async || self.secrets.create(&post, &secret).await).await.map(drop)
    }

    async fn complete(&self, name: &str, present: &Secret, data: &BTreeMap<String, ByteString>) -> Result<Made, SecretsError> {
        let empty = BTreeMap::new();
        let there = present.data.as_ref().unwrap_or(&empty);
        let missing: BTreeMap<_, _> = data.iter().filter(|(key, _)| !there.contains_key(*key)).collect();
        let mut metadata = self.missing_metadata(&present.metadata);
        if missing.is_empty() && metadata.is_empty() {
            return Ok(Made::Nothing);
        }
        // The server refuses the patch if the Secret was changed since it was read.
        metadata.insert("resourceVersion".to_owned(), json!(present.metadata.resource_version));
        let patch = Patch::Merge(json!({ "metadata": metadata, "data": missing }));
        let by = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        patiently(&format!("completing Secret {name}"), async || self.secrets.patch(name, &by, &patch).await).await?;
        let added: Vec<_> = missing.into_keys().cloned().collect();
        Ok(if added.is_empty() { Made::Nothing } else { Made::Added(added) })
    }

    fn missing_metadata(&self, present: &ObjectMeta) -> Map<String, Value> {
        let mut missing = Map::new();
        if let Some(owner) = &self.owner
            && present.owner_references.as_ref().is_none_or(Vec::is_empty)
        {
            missing.insert("ownerReferences".to_owned(), json!([owner]));
        }
        let has = |name| present.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(name));
        if has(HELM_RELEASE) && !has(KEEP.0) {
            missing.insert("annotations".to_owned(), json!({ KEEP.0: KEEP.1 }));
        }
        missing
    }
}

fn owner_reference(account: ObjectMeta) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ServiceAccount".to_owned(),
        name: account.name?,
        uid: account.uid?,
        ..OwnerReference::default()
    })
}

/// Repeats a call with exponential back-off while its error is transient, at most for [`PATIENCE`].
async fn patiently<T>(during: &str, call: impl AsyncFn() -> Result<T, kube::Error>) -> Result<T, SecretsError> {
    let backoff = ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_delay(Duration::from_secs(4));
    let mut waits = backoff.without_max_times().with_total_delay(Some(PATIENCE)).build();
    let mut told = false;
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match waits.next() {
            Some(wait) if is_transient(&error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(error = describe(&error), limit_s = PATIENCE.as_secs(), "{during} failed; retrying");
                }
                tokio::time::sleep(wait).await;
            }
            _ => return Err(SecretsError::Kubernetes { during: during.to_owned(), source: error }),
        }
    }
}
