//! The autoscaler beside a control plane that leads, with workers that really work, on virtual time.

use std::collections::BTreeMap;
use std::future::pending;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaler_core::autoscale::{self, AutoscaleConfig, AutoscaleEvent, WorkloadWatcher};
use scaler_core::control::{self, ControlConfig};
use scaler_core::memory::{MemoryFleet, MemoryMembership, MemoryStore, Readiness};
use scaler_core::worker::{self, Ending, Worker, WorkerConfig, WorkerEvent};
use scaler_core::{
    Clock, Incarnation, InstallationId, ItemId, MemberKey, Membership, SlotCount, TokioClock, WorkerId, uuid_hash,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

struct System {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    membership: Arc<MemoryMembership>,
    fleet: Arc<MemoryFleet>,
    workers: BTreeMap<WorkerId, Running>,
    leaving: Vec<JoinHandle<Ending>>,
    lives: u64,
    items: Vec<ItemId>,
    /// The replica counts that the autoscaler wrote, in order.
    scaled: Arc<Mutex<Vec<(Duration, u32)>>>,
}

struct Running {
    drain: oneshot::Sender<()>,
    task: JoinHandle<Ending>,
}

impl System {
    fn new(replicas: u32) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        Self {
            store: Arc::new(MemoryStore::new(clock.clone(), SlotCount::new(256).unwrap(), SECOND)),
            membership: Arc::new(MemoryMembership::new(clock.clone())),
            clock,
            fleet: Arc::new(MemoryFleet::new(replicas)),
            workers: BTreeMap::new(),
            leaving: Vec::new(),
            lives: 0,
            items: Vec::new(),
            scaled: Arc::default(),
        }
    }

    /// A control plane with an autoscaler beside it.
    fn control_plane(&mut self, config: AutoscaleConfig) -> [JoinHandle<()>; 2] {
        let (mut watcher, lead) = WorkloadWatcher::new(self.clock.clone());
        let (scaled, clock) = (self.scaled.clone(), self.clock.clone());
        let scaling = autoscale::run(
            config,
            self.fleet.clone(),
            self.membership.clone(),
            self.clock.clone(),
            lead,
            pending(),
            move |event| {
                if let AutoscaleEvent::Scaled { to, .. } = event {
                    scaled.lock().unwrap().push((clock.now(), to));
                }
            },
        );
        let control = control::run(
            ControlConfig::default(),
            self.life(),
            self.store.clone(),
            self.membership.clone(),
            self.clock.clone(),
            pending(),
            move |event| watcher.observe(&event),
        );
        [tokio::spawn(control), tokio::spawn(scaling)]
    }

    fn life(&mut self) -> Uuid {
        self.lives += 1;
        Uuid::from_u64_pair(uuid_hash(Uuid::from_u128(self.lives.into()), 1), self.lives)
    }

    fn insert(&mut self, count: usize) {
        for _ in 0..count {
            let item = ItemId::Uuid(self.life());
            assert!(self.store.insert(item.clone()));
            self.items.push(item);
        }
    }

    fn remove(&mut self, count: usize) {
        for item in self.items.drain(..count) {
            assert!(self.store.remove(&item));
        }
    }

    /// Seconds go by, in which workers are started and ended as the fleet demands.
    async fn run(&mut self, seconds: u32) {
        for _ in 0..seconds * 2 {
            let (missing, surplus) = self.fleet.difference();
            (0..missing).for_each(|_| self.start());
            for name in surplus {
                self.fleet.forget(&name);
                let Running { drain, task } = self.workers.remove(&name).unwrap();
                drain.send(()).unwrap();
                self.leaving.push(task);
            }
            tokio::time::sleep(SECOND / 2).await;
        }
    }

    fn start(&mut self) {
        let life = self.life();
        let key =
            MemberKey { worker: WorkerId::new(format!("worker-{}", self.lives)).unwrap(), incarnation: Incarnation::new(life) };
        let (drain, drained) = oneshot::channel();
        self.fleet.join(&key.worker);
        let (fleet, name, mut readiness) = (self.fleet.clone(), key.worker.clone(), Readiness::Ready);
        let observe = move |event| {
            match event {
                WorkerEvent::Retiring => readiness = Readiness::Unready,
                WorkerEvent::Reinstated => readiness = Readiness::Ready,
                WorkerEvent::Ticked { .. } => {}
                _ => return,
            }
            fleet.report(&name, readiness);
        };
        let (store, membership, clock) = (self.store.clone(), self.membership.clone(), self.clock.clone());
        let asked = async { _ = drained.await };
        let task =
            tokio::spawn(worker::run(Worker::new(WorkerConfig::new(key.clone())), store, membership, clock, asked, observe));
        self.workers.insert(key.worker, Running { drain, task });
    }

    /// Returns the replica counts that the autoscaler wrote since the last call.
    fn scaled(&self) -> Vec<u32> {
        self.scaled.lock().unwrap().drain(..).map(|(_, to)| to).collect()
    }

    fn values(&self) -> BTreeMap<ItemId, u64> {
        self.store.rows().into_iter().map(|row| (row.id, row.value)).collect()
    }

    /// Just before a tick ends, when all that is due in it is done.
    async fn until_just_before_a_tick(&self) {
        let into = self.clock.now().as_millis() % 1000;
        tokio::time::sleep(Duration::from_millis(u64::try_from(1990 - into).unwrap())).await;
    }

    /// Each item that was there before must have been ticked once a second.
    async fn run_without_a_missed_tick(&mut self, seconds: u32) {
        self.until_just_before_a_tick().await;
        let before = self.values();
        self.run(seconds).await;
        for (item, value) in self.values() {
            assert_eq!(value - before[&item], u64::from(seconds), "ticks of {item} in {seconds} s");
        }
    }

    /// All who were asked to leave left with nothing.
    async fn assert_all_drained(&mut self) {
        for task in self.leaving.drain(..) {
            assert_eq!(task.await.unwrap(), Ending::Drained);
        }
    }
}

fn config() -> AutoscaleConfig {
    AutoscaleConfig { items_per_worker: NonZeroU64::new(50).unwrap(), min: 0, max: 20, ..AutoscaleConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn workers_follow_the_items_up_and_down_without_a_missed_tick() {
    let mut system = System::new(1);
    system.insert(10);
    let _control = system.control_plane(config());
    system.run(5).await;
    system.insert(490);
    system.run(30).await;
    assert_eq!(system.scaled(), [5, 10]);
    assert_eq!(system.workers.len(), 10);
    system.remove(450);
    system.run_without_a_missed_tick(300 + 60 * 8).await;
    assert_eq!(system.scaled(), [8, 6, 5, 4, 3, 2, 1]);
    assert_eq!(system.workers.len(), 1);
    system.assert_all_drained().await;
}

#[tokio::test(start_paused = true)]
async fn to_zero_and_back() {
    let mut system = System::new(2);
    let _control = system.control_plane(config());
    system.run(600).await;
    assert_eq!(system.scaled(), [1, 0]);
    assert!(system.workers.is_empty());
    system.insert(1);
    system.run(5).await;
    assert_eq!(system.scaled(), [1]);
    system.run_without_a_missed_tick(10).await;
    assert!(system.values().values().all(|value| *value > 10), "{:?}", system.values());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_while_workers_hand_over_is_succeeded_without_a_missed_tick() {
    let mut system = System::new(4);
    system.insert(200);
    let leader = system.control_plane(config());
    let _next = system.control_plane(config());
    system.run(10).await;
    system.remove(150);
    // The look after which a worker was retired, and nothing more.
    while system.membership.retired(InstallationId::new(Uuid::nil())).await.unwrap().is_empty() {
        system.run(1).await;
    }
    leader.iter().for_each(JoinHandle::abort);
    system.run_without_a_missed_tick(300 + 60 * 4).await;
    assert_eq!(system.scaled(), [3, 2, 1]);
    assert_eq!(system.membership.retired(InstallationId::new(Uuid::nil())).await.unwrap().len(), 0);
    system.assert_all_drained().await;
}
