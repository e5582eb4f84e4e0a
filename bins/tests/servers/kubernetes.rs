//! As much of a Kubernetes API as the autoscaler uses, in this process: it writes down every request.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SCALE: &str = "/apis/apps/v1/namespaces/apps/deployments/worker/scale";
const PODS: &str = "/api/v1/namespaces/apps/pods";
const SECRETS: &str = "/api/v1/namespaces/apps/secrets";
const ACCOUNTS: &str = "/api/v1/namespaces/apps/serviceaccounts/";
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// An API server with one Deployment, `worker` in the namespace `apps`.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    pub(crate) address: SocketAddr,
    cluster: Arc<Mutex<Cluster>>,
}

#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) replicas: u64,
    pub(crate) version: u64,
    /// Field manager that wrote the replica count last.
    pub(crate) writer: Option<String>,
    pub(crate) pods: BTreeMap<String, FakePod>,
    /// By name, as they were written.
    pub(crate) secrets: BTreeMap<String, Value>,
    /// Names of the service accounts; the uid of each is its name.
    pub(crate) accounts: Vec<&'static str>,
    /// Method and path of every request.
    pub(crate) requests: Vec<String>,
    /// Every number that was written.
    pub(crate) scaled: Vec<u64>,
    /// Requests with this method are answered with this code.
    pub(crate) failing: Option<(&'static str, u16)>,
    /// Delay of each response.
    pub(crate) delay: Duration,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FakePod {
    pub(crate) ready: bool,
    pub(crate) hash: String,
    pub(crate) cost: Option<String>,
    pub(crate) terminating: bool,
    pub(crate) phase: Option<&'static str>,
    pub(crate) born_s: u32,
}

impl Kubernetes {
    pub(crate) async fn start(replicas: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cluster = Arc::new(Mutex::new(Cluster { replicas, version: 1, ..Cluster::default() }));
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(cluster.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, cluster }
    }

    pub(crate) fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap()
    }

    /// Sets the replica count as another field manager.
    pub(crate) fn scale(&self, replicas: u64) {
        let mut cluster = self.cluster();
        (cluster.replicas, cluster.version) = (replicas, cluster.version + 1);
    }

    /// Returns a kubeconfig for this server.
    pub(crate) fn kubeconfig(&self) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": { "server": format!("http://{}", self.address) } }],
            "users": [{ "name": "test", "user": { "token": "secret" } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test", "namespace": "apps" } }],
        });
        config.to_string()
    }
}

async fn answer(State(cluster): State<Arc<Mutex<Cluster>>>, request: Request) -> impl IntoResponse {
    let (method, uri) = (request.method().to_string(), request.uri().clone());
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let delay = cluster.lock().unwrap().delay;
    tokio::time::sleep(delay).await;
    let mut cluster = cluster.lock().unwrap();
    cluster.requests.push(format!("{method} {}", uri.path()));
    let (code, answer) = cluster.answer(&method, uri.path(), uri.query().unwrap_or_default(), &body);
    (StatusCode::from_u16(code).unwrap(), [(header::CONTENT_TYPE, "application/json")], answer.to_string())
}

impl Cluster {
    fn answer(&mut self, method: &str, path: &str, query: &str, body: &Value) -> (u16, Value) {
        if let Some((failing, code)) = self.failing
            && failing == method
        {
            return refusal(code, "as the test wants it");
        }
        match (method, path) {
            ("GET", SCALE) => (200, self.scale()),
            ("PATCH", SCALE) => self.patch_scale(body),
            ("GET", PODS) if query.contains("labelSelector=app%3Dworker") => {
                let items: Vec<_> = self.pods.iter().map(|(name, pod)| pod.object(name)).collect();
                (200, json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items }))
            }
            ("GET", path) if path.starts_with(ACCOUNTS) => {
                match self.accounts.iter().find(|name| path.strip_prefix(ACCOUNTS) == Some(name)) {
                    Some(name) => (200, json!({ "metadata": { "name": name, "uid": name } })),
                    None => refusal(404, "serviceaccounts not found"),
                }
            }
            (_, path) if path.starts_with(SECRETS) => {
                self.answer_secret(method, path.trim_start_matches(SECRETS).trim_start_matches('/'), body)
            }
            ("PATCH", path) => match path.strip_prefix(PODS).and_then(|name| self.pods.get_mut(name.trim_start_matches('/'))) {
                Some(pod) => {
                    pod.cost = body["metadata"]["annotations"][COST].as_str().map(str::to_owned);
                    (200, json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {} }))
                }
                None => refusal(404, "pods not found"),
            },
            _ => refusal(404, "the server could not find the requested resource"),
        }
    }

    fn answer_secret(&mut self, method: &str, name: &str, body: &Value) -> (u16, Value) {
        let written = match (method, self.secrets.get(name)) {
            ("POST", _) => body.clone(),
            (_, None) => return refusal(404, "secrets not found"),
            ("GET", Some(secret)) => return (200, secret.clone()),
            ("PATCH", Some(secret)) if secret["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"] => {
                let mut merged = secret.clone();
                merge(&mut merged, body);
                merged
            }
            _ => return refusal(409, "the object has been modified"),
        };
        let name = written["metadata"]["name"].as_str().unwrap().to_owned();
        if method == "POST" && self.secrets.contains_key(&name) {
            return refusal(409, "the object exists already");
        }
        self.version += 1;
        let mut written = written;
        written["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.secrets.insert(name, written.clone());
        (if method == "POST" { 201 } else { 200 }, written)
    }

    fn scale(&self) -> Value {
        let wrote = |writer: &String| {
            let entry = |manager: &str, at: &str, field: &str| {
                json!({ "manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": at,
                        "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { field: {} } } })
            };
            json!([
                entry("helm", "2026-01-01T00:00:00Z", "f:replicas"),
                entry(writer, "2026-01-02T00:00:00Z", "f:replicas"),
                entry("kubelet", "2026-01-03T00:00:00Z", "f:template")
            ])
        };
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": { "name": "worker", "namespace": "apps", "resourceVersion": self.version.to_string(),
                          "managedFields": self.writer.as_ref().map(wrote) },
            "spec": { "replicas": self.replicas },
            "status": { "replicas": self.pods.len(), "selector": "app=worker" },
        })
    }

    fn patch_scale(&mut self, body: &Value) -> (u16, Value) {
        let version = body["metadata"]["resourceVersion"].as_str();
        if version != Some(self.version.to_string().as_str()) {
            return refusal(409, "the object has been modified");
        }
        self.replicas = body["spec"]["replicas"].as_u64().unwrap();
        self.scaled.push(self.replicas);
        self.version += 1;
        (200, self.scale())
    }
}

impl FakePod {
    fn object(&self, name: &str) -> Value {
        let costs = self.cost.as_ref().map(|cost| json!({ COST: cost }));
        json!({
            "metadata": {
                "name": name, "labels": { "app": "worker", "pod-template-hash": self.hash }, "annotations": costs,
                "creationTimestamp": format!("2026-01-01T00:00:{:02}Z", self.born_s),
                "deletionTimestamp": self.terminating.then_some("2026-01-01T00:01:00Z"),
            },
            "spec": { "containers": [] },
            "status": {
                "phase": self.phase.unwrap_or("Running"),
                "conditions": [{ "type": "Ready", "status": if self.ready { "True" } else { "False" } }],
            },
        })
    }
}

/// A JSON merge patch.
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    for (key, value) in patch {
        merge(&mut into[key], value);
    }
}

fn refusal(code: u16, message: &str) -> (u16, Value) {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
                         "code": code });
    (code, status)
}
