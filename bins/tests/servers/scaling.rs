//! The control plane scales real workers, by a Kubernetes that is not one.

use std::path::PathBuf;
use std::time::Instant;

use uuid::Uuid;

use crate::kubernetes::{FakePod, Kubernetes};
use crate::oracle::{assert_nothing_doubled, assert_nothing_missed};
use crate::programs::{Program, Which, get};
use crate::system::{System, eventually};

/// The workers of a system as pods: started and ended as the Deployment demands.
struct Cluster {
    system: System,
    kubernetes: Kubernetes,
    kubeconfig: PathBuf,
    leaving: Vec<(String, Program)>,
    born: u32,
}

impl Cluster {
    async fn new(replicas: u64, items: u32) -> Self {
        let system = System::shared().await;
        system.install(items).await;
        let kubernetes = Kubernetes::start(replicas).await;
        let kubeconfig = std::env::temp_dir().join(format!("kubeconfig-{}", Uuid::new_v4()));
        std::fs::write(&kubeconfig, kubernetes.kubeconfig()).unwrap();
        Self { system, kubernetes, kubeconfig, leaving: Vec::new(), born: 0 }
    }

    fn start_control(&mut self, more: &[(&str, &str)]) {
        let mut variables = vec![("KUBECONFIG", self.kubeconfig.to_str().unwrap()), ("LISTEN", "127.0.0.1:0")];
        variables.extend([("AUTOSCALE", "builtin"), ("AUTOSCALE_DEPLOYMENT", "worker"), ("AUTOSCALE_MAX", "4")]);
        variables.extend([("AUTOSCALE_UP_INTERVAL", "1s"), ("AUTOSCALE_DOWN_WINDOW", "4s"), ("AUTOSCALE_DOWN_INTERVAL", "2s")]);
        variables.extend(more);
        self.system.control = Some(self.system.start(Which::ControlPlane, &[], &variables));
    }

    /// Does one round of a Deployment and of the kubelet.
    fn reconcile(&mut self) {
        let mut cluster = self.kubernetes.cluster();
        while (cluster.pods.len() as u64) < cluster.replicas {
            self.born += 1;
            let name = format!("worker-{}", self.born);
            let listening = [("LISTEN", "127.0.0.1:0"), ("POD_NAME", name.as_str())];
            self.system.workers.insert(name.clone(), self.system.start(Which::Worker, &[], &listening));
            cluster.pods.insert(name, FakePod { hash: "1".into(), born_s: self.born, ..FakePod::default() });
        }
        for (name, pod) in &mut cluster.pods {
            let log = self.system.workers[name].err.all();
            let address = log.iter().find_map(|line| line.split_once("on http://"));
            pod.ready = address.is_some_and(|(_, address)| get(address, "/ready").starts_with("HTTP/1.1 200"));
        }
        while (cluster.pods.len() as u64) > cluster.replicas {
            // Those who are not ready go first, then those who cost least, then the youngest.
            let rank =
                |pod: &FakePod| (pod.ready, pod.cost.as_deref().unwrap_or("0").parse::<i64>().unwrap(), -i64::from(pod.born_s));
            let (name, pod) = cluster.pods.iter().min_by_key(|(_, pod)| rank(pod)).map(|(n, p)| (n.clone(), p.clone())).unwrap();
            assert!(!pod.ready && pod.cost.is_some(), "{name} was not chosen: {pod:?}");
            cluster.pods.remove(&name);
            let worker = self.system.workers.remove(&name).unwrap();
            worker.signal("TERM");
            self.leaving.push((name, worker));
        }
    }

    /// Waits until so many workers carry these loads, most first.
    async fn until_loads(&mut self, loads: &[usize]) {
        eventually(&format!("loads {loads:?}"), async || {
            self.reconcile();
            let owned = self.system.owned().await;
            let mut found: Vec<_> = owned.values().map(std::collections::BTreeSet::len).collect();
            found.sort_unstable_by(|a, b| b.cmp(a));
            let workers = self.system.workers.len();
            (found == loads && workers == loads.len()).then_some(()).ok_or_else(|| format!("{found:?} {:?}", self.system.control))
        })
        .await;
    }

    /// Waits until the control plane has logged this.
    async fn until_told(&self, text: &str) {
        let log = &self.system.control.as_ref().unwrap().err;
        eventually(text, async || log.contain(text).then_some(()).ok_or_else(|| format!("{log:?}"))).await;
    }

    /// Waits until the control plane's metrics have this line.
    async fn until_metric(&self, line: &str) {
        let address = self.system.control.as_ref().unwrap().address().await;
        eventually(line, async || {
            let metrics = get(&address, "/metrics");
            metrics.lines().any(|found| found == line).then_some(()).ok_or(metrics)
        })
        .await;
    }

    /// Lets ticks go by.
    async fn until_tick(&mut self, tick: i64) {
        eventually(&format!("tick {tick}"), async || {
            self.reconcile();
            let now = self.system.tick().await;
            (now >= tick).then_some(()).ok_or(now)
        })
        .await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A file left in the temporary folder does no harm.
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

#[tokio::test]
async fn workers_follow_the_rows_up_and_down_without_a_missed_tick() {
    let mut cluster = Cluster::new(1, 10).await;
    cluster.start_control(&[]);
    cluster.until_loads(&[10]).await;

    let begun = Instant::now();
    cluster.system.run("insert into public.work_items (value) select 0 from generate_series(1, 190)").await;
    cluster.until_loads(&[50, 50, 50, 50]).await;
    println!("200 rows at 50 a worker: 4 workers, each with 50, after {:?}", begun.elapsed());
    let first = cluster.system.tick().await + 1;

    let begun = Instant::now();
    cluster
        .system
        .run("delete from public.work_items where id not in (select id from public.work_items order by id limit 50)")
        .await;
    cluster.until_loads(&[50]).await;
    println!("50 rows left: 1 worker after {:?}", begun.elapsed());
    let last = cluster.system.tick().await;
    assert_nothing_missed(&cluster.system.user, first..=last + 1).await;
    println!("{} increments, 0 doubles, 0 missed", assert_nothing_doubled(&cluster.system.user).await);
    assert_eq!(cluster.leaving.len(), 3);
    for (name, worker) in &mut cluster.leaving {
        assert_eq!(worker.ended().await, 0, "{name} drained: {worker:?}");
        assert!(worker.err.contain("is retired"), "{name} was retired before it was ended");
    }
    let fake = cluster.kubernetes.cluster();
    assert_eq!(fake.scaled, [4, 3, 2, 1]);
    let mut asked: Vec<_> = fake.requests.iter().map(|request| request.split("worker-").next().unwrap()).collect();
    asked.sort_unstable();
    asked.dedup();
    let scale = "/apis/apps/v1/namespaces/apps/deployments/worker/scale";
    let allowed = [
        "GET /api/v1/namespaces/apps/pods",
        &format!("GET {scale}"),
        "PATCH /api/v1/namespaces/apps/pods/",
        &format!("PATCH {scale}"),
    ];
    assert_eq!(asked, allowed, "nothing else is asked of Kubernetes");
}

#[tokio::test]
async fn a_conflicting_autoscaler_is_named_and_pauses_autoscaling() {
    let mut cluster = Cluster::new(2, 100).await;
    cluster.start_control(&[("AUTOSCALE_DOWN_WINDOW", "600s")]);
    cluster.until_loads(&[50, 50]).await;
    cluster.until_metric("notifi_scaler_control_replicas 2").await;
    cluster.kubernetes.cluster().writer = Some("keda-operator".to_owned());

    cluster.kubernetes.scale(1);
    cluster.until_told("continues from that number writer=\"keda-operator\" from=2 to=1").await;
    eventually("it scales back", async || (cluster.kubernetes.cluster().replicas == 2).then_some(()).ok_or("not yet")).await;
    cluster.kubernetes.scale(1);
    cluster.until_told("or set AUTOSCALE to off writer=\"keda-operator\" from=2 to=1").await;
    cluster.until_metric("notifi_scaler_control_autoscale_conflict 1").await;
    cluster.until_metric("notifi_scaler_control_wanted_workers 2").await;
    let tick = cluster.system.tick().await;
    cluster.system.until_tick(tick + 6).await;
    assert_eq!(cluster.kubernetes.cluster().replicas, 1, "it writes no more");
}

#[tokio::test]
async fn a_refusing_api_server_is_logged_once_and_items_are_still_shared() {
    let mut cluster = Cluster::new(2, 100).await;
    cluster.kubernetes.cluster().failing = Some(("GET", 403));
    cluster.start_control(&[]);
    cluster.until_loads(&[50, 50]).await;
    let tick = cluster.system.tick().await;
    cluster.until_tick(tick + 6).await;
    let log = cluster.system.control.as_ref().unwrap().err.all();
    let told = log.iter().filter(|line| line.contains("reading the scale: access is denied: deployment apps/worker")).count();
    assert_eq!(told, 1, "{log:#?}");
    assert_nothing_doubled(&cluster.system.user).await;
}

#[tokio::test]
async fn only_the_leader_exports_the_wanted_number_without_a_cluster() {
    let mut system = System::shared().await;
    system.install(101).await;
    let exporting = [("AUTOSCALE", "export"), ("LISTEN", "127.0.0.1:0")];
    system.control = Some(system.start(Which::ControlPlane, &[], &exporting));
    let leader = system.control.as_ref().unwrap().address().await;
    eventually("3 are wanted", async || {
        let metrics = get(&leader, "/metrics");
        metrics.contains("notifi_scaler_control_wanted_workers 3\n").then_some(()).ok_or(metrics)
    })
    .await;
    let follower = system.start(Which::ControlPlane, &[], &exporting);
    let address = follower.address().await;
    eventually("it follows", async || follower.err.contain("is a standby").then_some(()).ok_or("not yet")).await;
    let metrics = get(&address, "/metrics");
    assert!(!metrics.contains("\nnotifi_scaler_control_wanted_workers"), "{metrics}");
}
