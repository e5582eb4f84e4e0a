//! A Deployment as a fleet: what is read and written, and how failures are told.

use std::collections::BTreeSet;
use std::time::Duration;

use control_plane::scaling;
use scaler_core::autoscale::{Fleet, FleetError, FleetView, Pod};
use scaler_core::{ErrorClass, WorkerId};

use crate::kubernetes::{FakePod, Kubernetes};

fn fleet_at(address: std::net::SocketAddr) -> scaling::Kubernetes {
    let mut config = kube::Config::new(format!("http://{address}").parse().unwrap());
    config.default_namespace = "apps".to_owned();
    scaling::Kubernetes::on(config, "worker", None).unwrap()
}

async fn fleet(replicas: u64) -> (Kubernetes, scaling::Kubernetes) {
    let kubernetes = Kubernetes::start(replicas).await;
    let fleet = fleet_at(kubernetes.address);
    (kubernetes, fleet)
}

fn names(names: &[&str]) -> BTreeSet<WorkerId> {
    names.iter().map(|name| WorkerId::new(*name).unwrap()).collect()
}

#[tokio::test]
async fn the_workers_are_the_pods_that_count() {
    let (kubernetes, fleet) = fleet(3).await;
    let pod = |ready, hash: &str, born_s| FakePod { ready, hash: hash.to_owned(), born_s, ..FakePod::default() };
    kubernetes.cluster().pods.extend([
        ("old".to_owned(), pod(true, "1", 10)),
        ("new".to_owned(), FakePod { cost: Some("-1000".into()), ..pod(false, "2", 30) }),
        ("costly".to_owned(), FakePod { cost: Some("7".into()), ..pod(true, "2", 20) }),
        ("ending".to_owned(), FakePod { terminating: true, ..pod(true, "3", 40) }),
        ("evicted".to_owned(), FakePod { phase: Some("Failed"), ..pod(false, "3", 50) }),
    ]);
    kubernetes.cluster().writer = Some("kubectl-scale".to_owned());
    let seen = fleet.read().await.unwrap();
    let worker = |name: &str| WorkerId::new(name).unwrap();
    let expected = [
        (worker("old"), Pod { ready: true, outdated: true, marked: false }),
        (worker("new"), Pod { ready: false, outdated: false, marked: true }),
        (worker("costly"), Pod { ready: true, outdated: false, marked: false }),
    ];
    assert_eq!(
        seen,
        FleetView { replicas: 3, version: "1".into(), writer: Some("kubectl-scale".into()), workers: expected.into() }
    );
    assert_eq!(fleet.to_string(), "deployment apps/worker");
}

#[tokio::test]
async fn the_number_is_written_only_over_the_one_that_was_seen() {
    let (kubernetes, fleet) = fleet(3).await;
    let seen = fleet.read().await.unwrap();
    fleet.set_replicas(&seen, 5).await.unwrap();
    assert_eq!(kubernetes.cluster().replicas, 5);
    let late = fleet.set_replicas(&seen, 7).await.unwrap_err();
    assert!(matches!(late, FleetError::Changed { .. }), "{late:?}");
    assert_eq!(kubernetes.cluster().replicas, 5);
}

#[tokio::test]
async fn deletion_costs_are_set_and_removed_and_missing_pods_are_skipped() {
    let (kubernetes, fleet) = fleet(3).await;
    let marked = FakePod { cost: Some("-1000".into()), ..FakePod::default() };
    for (name, pod) in [("a", FakePod::default()), ("b", marked), ("c", FakePod::default()), ("gone", FakePod::default())] {
        kubernetes.cluster().pods.insert(name.to_owned(), pod);
    }
    let seen = fleet.read().await.unwrap();
    kubernetes.cluster().pods.remove("gone");
    kubernetes.cluster().requests.clear();
    fleet.mark(&seen, &names(&["a", "gone"])).await.unwrap();
    let cluster = kubernetes.cluster();
    let costs: Vec<_> = cluster.pods.iter().map(|(name, pod)| (name.as_str(), pod.cost.as_deref())).collect();
    assert_eq!(costs, [("a", Some("-1000")), ("b", None), ("c", None)]);
    assert_eq!(cluster.requests.len(), 3, "only those that change: {:?}", cluster.requests);
}

#[tokio::test]
async fn each_kubernetes_error_has_its_class_and_text() {
    let (kubernetes, fleet) = fleet(3).await;
    let seen = fleet.read().await.unwrap();
    for (code, class, words) in [
        (403, ErrorClass::Permanent, "access is denied"),
        (404, ErrorClass::Permanent, "not found"),
        (409, ErrorClass::Transient, "concurrent modification"),
        (422, ErrorClass::Permanent, "refused"),
        (500, ErrorClass::Transient, "unavailable"),
        (503, ErrorClass::Transient, "unavailable"),
        (504, ErrorClass::Indeterminate, "outcome is unknown"),
    ] {
        kubernetes.cluster().failing = Some(("PATCH", code));
        let error = fleet.set_replicas(&seen, 4).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.class(), class, "{text}");
        assert!(text.starts_with("setting the scale: ") && text.contains(words), "{text}");
        assert!(text.ends_with(&format!("deployment apps/worker: as the test wants it ({code})")), "{text}");
        kubernetes.cluster().failing = Some(("GET", code));
        assert_eq!(fleet.read().await.unwrap_err().class(), class);
    }
    assert_eq!(kubernetes.cluster().replicas, 3);
}

#[tokio::test]
async fn a_silent_api_server_times_out() {
    let (kubernetes, fleet) = fleet(3).await;
    kubernetes.cluster().delay = Duration::from_secs(60);
    let error = fleet.read().await.unwrap_err();
    assert!(matches!(error, FleetError::Unanswered { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "reading the scale: the outcome is unknown: deployment apps/worker: no answer from the API server within 3 s"
    );
    kubernetes.cluster().delay = Duration::ZERO;
    assert_eq!(fleet.read().await.unwrap().replicas, 3, "another connection is answered");
}

#[tokio::test]
async fn an_unreachable_api_server_is_unavailable() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let error = fleet_at(address).read().await.unwrap_err();
    assert!(matches!(error, FleetError::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
}
