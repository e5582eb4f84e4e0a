//! A rolling update of very many workers: how many statements the store gets meanwhile, and how often slots move. On virtual time.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scaler_core::control::{self, ControlConfig, ControlEvent};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::worker::{self, Worker, WorkerConfig, WorkerEvent};
use scaler_core::{Clock, Incarnation, ItemId, MemberKey, SlotCount, TokioClock, WorkStore, WorkerId};
use tokio::sync::oneshot;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);
const WORKERS: usize = 500;
/// Pods that Kubernetes replaces at a time.
const SURGE: usize = 50;

struct Cluster {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    membership: Arc<MemoryMembership>,
    statements: Arc<AtomicUsize>,
    started: usize,
}

impl Cluster {
    fn begin() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = Arc::new(MemoryStore::new(clock.clone(), SlotCount::new(4096).unwrap(), SECOND));
        for number in 1..=20_000_u128 {
            store.insert(ItemId::Uuid(Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))));
        }
        let membership = Arc::new(MemoryMembership::new(clock.clone()));
        let statements = Arc::new(AtomicUsize::new(0));
        let count = statements.clone();
        let observe = move |event: ControlEvent<'_>| {
            if matches!(event, ControlEvent::Turned | ControlEvent::Committed { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        let run = control::run(
            ControlConfig::default(),
            Uuid::nil(),
            store.clone(),
            membership.clone(),
            clock.clone(),
            pending(),
            observe,
        );
        tokio::spawn(run);
        Self { clock, store, membership, statements, started: 0 }
    }

    /// Starts a worker of this revision; it drains when the sender is used.
    fn start(&mut self, revision: &str) -> oneshot::Sender<()> {
        self.started += 1;
        let name = WorkerId::new(format!("{revision}-{}", self.started)).unwrap();
        let key = MemberKey { worker: name, incarnation: Incarnation::new(Uuid::from_u128(self.started as u128)) };
        let state = Worker::new(WorkerConfig { revision: Some(revision.to_owned()), ..WorkerConfig::new(key) });
        let (drain, drained) = oneshot::channel::<()>();
        let asked = async move {
            if drained.await.is_err() {
                pending::<()>().await;
            }
        };
        let count = self.statements.clone();
        let observe = move |event| {
            if matches!(event, WorkerEvent::Ticked { .. }) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        tokio::spawn(worker::run(state, self.store.clone(), self.membership.clone(), self.clock.clone(), asked, observe));
        drain
    }

    /// A second goes by: how many statements the store got in it.
    async fn second(&self) -> usize {
        let before = self.statements.load(Ordering::Relaxed);
        tokio::time::sleep(SECOND).await;
        self.statements.load(Ordering::Relaxed) - before
    }

    async fn epochs(&self) -> Vec<u64> {
        self.store.assignment().await.unwrap().slots.iter().map(|slot| slot.epoch.0).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_of_1000_workers_moves_each_slot_once_without_a_storm() {
    let mut cluster = Cluster::begin();
    let mut old: Vec<_> = (0..WORKERS).map(|_| cluster.start("blue")).collect();
    for _ in 0..10 {
        cluster.second().await;
    }
    let mut steady = 0;
    for _ in 0..10 {
        steady = steady.max(cluster.second().await);
    }
    let before = cluster.epochs().await;
    let (mut most, mut new) = (0, Vec::new());
    while !old.is_empty() {
        new.extend((0..SURGE).map(|_| cluster.start("green")));
        for _ in 0..3 {
            most = most.max(cluster.second().await);
        }
        for leaver in old.split_off(old.len() - SURGE) {
            leaver.send(()).unwrap();
        }
        for _ in 0..3 {
            most = most.max(cluster.second().await);
        }
    }
    for _ in 0..15 {
        most = most.max(cluster.second().await);
    }
    println!("{WORKERS} workers: {steady} statements a second, and {most} at most while all are replaced");
    assert!(most <= 3 * steady, "{most} statements a second instead of {steady}");
    let after = cluster.epochs().await;
    let moves: Vec<u64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    assert!(moves.iter().all(|moves| *moves == 1), "slots by how often they moved: {:?}", tally(&moves));
}

fn tally(moves: &[u64]) -> std::collections::BTreeMap<u64, usize> {
    let mut tally = std::collections::BTreeMap::new();
    moves.iter().for_each(|moves| *tally.entry(*moves).or_default() += 1);
    tally
}
