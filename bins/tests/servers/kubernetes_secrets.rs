//! `chart-secrets` against an API server of this process: what it creates, and that it never changes a value.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kubernetes::Kubernetes;
use crate::programs::Which;

const ALL: &[&str] = &[
    "--passwords=passwords=owner,worker",
    "--login=login=us:er:passwords/owner",
    "--authority=ca-tls",
    "--server-certificate=server-tls=db,db.apps,127.0.0.1",
    "--client-certificate=client-tls=programs",
    "--label=app=secrets",
    "--owner=control-plane",
];

/// Runs the tool to its end on that cluster.
async fn run(kubernetes: &Kubernetes, arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, kubernetes.kubeconfig()).unwrap();
    let mut command = Command::new(Which::ChartSecrets.path());
    command.args(arguments).env("KUBECONFIG", &kubeconfig);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn succeeds(kubernetes: &Kubernetes, arguments: &[&str]) {
    let output = run(kubernetes, arguments).await;
    assert!(output.status.success(), "{output:?}");
}

/// It ends with exit code 64 and a line that has all of these.
async fn refuses(kubernetes: &Kubernetes, arguments: &[&str], expected: &[&str]) {
    let output = run(kubernetes, arguments).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(expected.iter().all(|text| said.contains(text)), "{expected:?} in {said}");
}

fn secrets(kubernetes: &Kubernetes) -> BTreeMap<String, Value> {
    kubernetes.cluster().secrets.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_created_once_and_never_changed() {
    let kubernetes = Kubernetes::start(0).await;
    succeeds(&kubernetes, ALL).await;
    let created = secrets(&kubernetes);
    assert_eq!(created.keys().collect::<Vec<_>>(), ["ca-tls", "client-tls", "login", "passwords", "server-tls"]);
    let (passwords, login, server) = (&created["passwords"], &created["login"], &created["server-tls"]);
    assert_eq!((&passwords["type"], &login["type"]), (&json!("Opaque"), &json!("kubernetes.io/basic-auth")));
    assert_eq!(passwords["metadata"]["labels"], json!({ "app": "secrets" }));
    assert_ne!(passwords["data"]["owner"], passwords["data"]["worker"]);
    assert_eq!(login["data"]["password"], passwords["data"]["owner"]);
    assert_eq!(login["data"]["username"], "dXM6ZXI=", "us:er");
    assert_eq!(server["type"], "kubernetes.io/tls");
    for signed in ["server-tls", "client-tls"] {
        assert_eq!(created[signed]["data"]["ca.crt"], created["ca-tls"]["data"]["tls.crt"], "{signed}");
    }

    succeeds(&kubernetes, ALL).await;
    assert_eq!(secrets(&kubernetes), created);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_or_certificate_is_added_to_an_existing_secret() {
    let kubernetes = Kubernetes::start(0).await;
    succeeds(&kubernetes, ALL).await;
    let before = secrets(&kubernetes);
    kubernetes.cluster().secrets.remove("client-tls");
    succeeds(&kubernetes, &[&["--passwords=passwords=owner,viewer"], &ALL[1..]].concat()).await;
    let after = secrets(&kubernetes);
    for key in ["owner", "worker"] {
        assert_eq!(after["passwords"]["data"][key], before["passwords"]["data"][key], "{key}");
    }
    assert!(after["passwords"]["data"]["viewer"].is_string());
    assert_eq!(after["server-tls"], before["server-tls"]);
    assert_eq!(after["client-tls"]["data"]["ca.crt"], before["ca-tls"]["data"]["tls.crt"]);
    assert_ne!(after["client-tls"]["data"]["tls.crt"], before["client-tls"]["data"]["tls.crt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_a_lost_authority_are_not_mixed_with_those_of_a_new_one() {
    let kubernetes = Kubernetes::start(0).await;
    succeeds(&kubernetes, ALL).await;
    kubernetes.cluster().secrets.remove("ca-tls");
    let complete = secrets(&kubernetes);
    succeeds(&kubernetes, ALL).await;
    assert_eq!(secrets(&kubernetes), complete, "nothing is to be signed");

    kubernetes.cluster().secrets.remove("client-tls");
    let incomplete = secrets(&kubernetes);
    refuses(&kubernetes, ALL, &["ca-tls", "server-tls", "restore it, or delete"]).await;
    assert_eq!(secrets(&kubernetes), incomplete);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_set_as_soon_as_it_exists() {
    let kubernetes = Kubernetes::start(0).await;
    succeeds(&kubernetes, ALL).await;
    assert!(secrets(&kubernetes).values().all(|secret| secret["metadata"]["ownerReferences"].is_null()));
    kubernetes.cluster().accounts.push("control-plane");
    succeeds(&kubernetes, ALL).await;
    let owned = secrets(&kubernetes);
    for (name, secret) in &owned {
        let owner = json!([{ "apiVersion": "v1", "kind": "ServiceAccount", "name": "control-plane", "uid": "control-plane" }]);
        assert_eq!(secret["metadata"]["ownerReferences"], owner, "{name}");
    }
    succeeds(&kubernetes, ALL).await;
    assert_eq!(secrets(&kubernetes), owned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_helm_would_delete_is_kept() {
    let kubernetes = Kubernetes::start(0).await;
    let of_a_chart = json!({
        "metadata": { "name": "passwords", "resourceVersion": "1", "annotations": { "meta.helm.sh/release-name": "demo" } },
        "data": { "owner": "b2xk" },
    });
    kubernetes.cluster().secrets.insert("passwords".to_owned(), of_a_chart);
    succeeds(&kubernetes, &["--passwords=passwords=owner"]).await;
    let kept = secrets(&kubernetes).remove("passwords").unwrap();
    assert_eq!(kept["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    assert_eq!(kept["data"], json!({ "owner": "b2xk" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_is_waited_for() {
    let kubernetes = Kubernetes::start(0).await;
    kubernetes.cluster().failing = Some(("POST", 503));
    let waits = async {
        let tried =
            |kubernetes: &Kubernetes| kubernetes.cluster().requests.iter().filter(|seen| seen.starts_with("POST")).count();
        while tried(&kubernetes) < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        kubernetes.cluster().failing = None;
    };
    let ((), ()) = tokio::join!(succeeds(&kubernetes, &["--passwords=passwords=owner"]), waits);
    assert_eq!(secrets(&kubernetes).len(), 1);

    kubernetes.cluster().failing = Some(("GET", 403));
    refuses(&kubernetes, &["--passwords=passwords=owner"], &["reading Secret passwords", "403"]).await;
}
