//! The whole system while one path is away for hours: workers join, drain and are replaced as if it were there.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaler_core::control::{self, ControlConfig};
use scaler_core::memory::MemoryStore;
use scaler_core::worker::{self, Ending, Worker, WorkerConfig, WorkerEvent};
use scaler_core::{Clock, Incarnation, ItemId, MemberKey, SlotCount, TokioClock, WorkStore, WorkerId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::switch::{Mode, Switch, over};

const SECOND: Duration = Duration::from_secs(1);
/// Within this time, joiners have their share and leavers have left.
const SOON: Duration = Duration::from_secs(10);

struct Cluster {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    paths: [Arc<Switch>; 2],
    events: Arc<Mutex<Vec<String>>>,
    missed: Arc<AtomicU64>,
    lives: u128,
}

struct Running {
    name: String,
    drain: oneshot::Sender<()>,
    task: JoinHandle<Ending>,
}

impl Cluster {
    fn begin() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = Arc::new(MemoryStore::new(clock.clone(), SlotCount::new(1024).unwrap(), SECOND));
        for number in 1..=1000_u128 {
            store.insert(ItemId::Uuid(Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))));
        }
        let paths = [Switch::new(Mode::Works), Switch::new(Mode::Works)];
        let (membership, events) = over(&paths);
        let run =
            control::run(ControlConfig::default(), Uuid::nil(), store.clone(), membership, clock.clone(), pending(), |_| {});
        tokio::spawn(run);
        Self { clock, store, paths, events, missed: Arc::default(), lives: 0 }
    }

    fn start(&mut self, name: &str, revision: &str) -> Running {
        self.lives += 1;
        let key = MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::from_u128(self.lives)) };
        let state = Worker::new(WorkerConfig { revision: Some(revision.to_owned()), ..WorkerConfig::new(key) });
        let (drain, drained) = oneshot::channel::<()>();
        let asked = async move {
            if drained.await.is_err() {
                pending::<()>().await;
            }
        };
        let missed = self.missed.clone();
        let observe = move |event| {
            if let WorkerEvent::Missed { ticks } = event {
                missed.fetch_add(ticks, Ordering::Relaxed);
            }
        };
        let (membership, _) = over(&self.paths);
        let task = tokio::spawn(worker::run(state, self.store.clone(), membership, self.clock.clone(), asked, observe));
        Running { name: name.to_owned(), drain, task }
    }

    /// Waits until these workers own all slots, evenly.
    async fn shared_by(&self, workers: &[Running]) {
        let begun = self.clock.now();
        loop {
            let slots = self.store.assignment().await.unwrap().slots;
            let owned = |name: &str| {
                slots.iter().filter(|slot| slot.owner.as_ref().is_some_and(|owner| owner.worker.as_str() == name)).count()
            };
            let owned: Vec<_> = workers.iter().map(|worker| owned(&worker.name)).collect();
            let fair = slots.len() / workers.len();
            if owned.iter().sum::<usize>() == slots.len() && owned.iter().all(|owned| owned.abs_diff(fair) < fair / 4) {
                return;
            }
            assert!(self.clock.now() - begun < SOON, "not shared within {SOON:?}: {owned:?} of {}", slots.len());
            tokio::time::sleep(SECOND / 4).await;
        }
    }

    async fn drained(&self, worker: Running) {
        worker.drain.send(()).unwrap();
        let ending = tokio::time::timeout(SOON, worker.task).await;
        assert!(matches!(ending, Ok(Ok(Ending::Drained))), "{}: {ending:?}", worker.name);
    }
}

#[tokio::test(start_paused = true)]
async fn workers_join_drain_and_are_replaced_while_a_path_is_away_for_hours() {
    const HOUR: Duration = Duration::from_secs(3600);
    // Hours once, and minutes for the other cases.
    for (away, mode, long) in [
        (0, Mode::Refuses, HOUR),
        (0, Mode::DropsPackets, HOUR / 30),
        (1, Mode::Refuses, HOUR / 30),
        (1, Mode::DropsPackets, HOUR / 30),
    ] {
        let mut cluster = Cluster::begin();
        let mut workers: Vec<_> = ["a", "b", "c"].map(|name| cluster.start(name, "blue")).into();
        cluster.shared_by(&workers).await;
        cluster.paths[away].set(mode);
        tokio::time::sleep(long).await;

        workers.push(cluster.start("d", "blue"));
        cluster.shared_by(&workers).await;
        tokio::time::sleep(long).await;

        cluster.drained(workers.remove(0)).await;
        cluster.shared_by(&workers).await;
        tokio::time::sleep(long).await;

        // A rolling update under the same names, as of a StatefulSet: the path that is away remembers the old incarnations.
        for name in ["b", "c", "d"] {
            cluster.drained(workers.remove(0)).await;
            workers.push(cluster.start(name, "green"));
            tokio::time::sleep(SOON).await;
        }
        cluster.shared_by(&workers).await;
        let epochs = epochs(&cluster).await;
        cluster.paths[away].set(Mode::Works);
        tokio::time::sleep(long).await;
        assert_eq!(self::epochs(&cluster).await, epochs, "nothing moves when the path is back");

        // And the other way round: the path that is back carries all.
        cluster.paths[1 - away].set(mode);
        workers.push(cluster.start("e", "green"));
        cluster.shared_by(&workers).await;
        tokio::time::sleep(SOON).await;
        let told = cluster.events.lock().unwrap().clone();
        assert_eq!(told.len(), 3, "each path fails once, and one of them recovers once: {told:?}");
        assert_eq!(cluster.missed.load(Ordering::Relaxed), 0, "no tick is missed");
    }
}

async fn epochs(cluster: &Cluster) -> Vec<u64> {
    cluster.store.assignment().await.unwrap().slots.iter().map(|slot| slot.epoch.0).collect()
}
