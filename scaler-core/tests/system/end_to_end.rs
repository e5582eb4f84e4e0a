//! Control planes and workers over the reference adapters, on virtual time: the whole system, without a server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaler_core::control::{self, ControlConfig, ControlEvent};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::worker::{self, Ending, Worker, WorkerConfig, WorkerEvent};
use scaler_core::{
    Clock, Cost, Incarnation, InstallationId, ItemId, MemberKey, Membership, RingKind, SlotCount, Term, TokioClock, WorkStore,
    WorkerId,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

/// Events of the control planes and workers.
#[derive(Debug, Default)]
struct Told {
    watching: BTreeMap<WorkerId, Arc<[ItemId]>>,
    plans: Vec<(Cost, Cost)>,
    terms: Vec<Term>,
    missed: u64,
}

struct Cluster {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    membership: Arc<MemoryMembership>,
    told: Arc<Mutex<Told>>,
    ring: RingKind,
    lives: u128,
}

struct Running {
    drain: Option<oneshot::Sender<()>>,
    task: JoinHandle<Ending>,
}

impl Cluster {
    fn new() -> Self {
        Self::with_ring(RingKind::Sticky)
    }

    fn with_ring(ring: RingKind) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        Self {
            store: Arc::new(MemoryStore::new(clock.clone(), SlotCount::DEFAULT, SECOND)),
            membership: Arc::new(MemoryMembership::new(clock.clone())),
            clock,
            told: Arc::default(),
            ring,
            lives: 0,
        }
    }

    fn life(&mut self) -> Uuid {
        self.lives += 1;
        Uuid::from_u128(self.lives)
    }

    fn insert(&mut self, count: u128) -> Vec<ItemId> {
        let items: Vec<_> = (0..count)
            .map(|_| ItemId::Uuid(Uuid::from_u128(self.life().as_u128().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))))
            .collect();
        items.iter().for_each(|item| assert!(self.store.insert(item.clone())));
        items
    }

    fn control_plane(&mut self) -> JoinHandle<()> {
        let (candidate, told) = (self.life(), self.told.clone());
        let observe = move |event: ControlEvent<'_>| match event {
            ControlEvent::Planned(plan) => told.lock().unwrap().plans.push((plan.cost(), plan.lower_bound())),
            ControlEvent::Elected { term, .. } => told.lock().unwrap().terms.push(term),
            _ => {}
        };
        let (store, membership, clock) = (self.store.clone(), self.membership.clone(), self.clock.clone());
        let config = ControlConfig { ring: self.ring.into(), ..ControlConfig::default() };
        tokio::spawn(control::run(config, candidate, store, membership, clock, pending(), observe))
    }

    fn worker(&mut self, name: &str) -> Running {
        self.worker_of(name, None)
    }

    fn worker_of(&mut self, name: &str, revision: Option<&str>) -> Running {
        let key = MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(self.life()) };
        let (drain, drained) = oneshot::channel();
        let (told, name) = (self.told.clone(), key.worker.clone());
        let observe = move |event| match event {
            WorkerEvent::Watching { items, .. } => _ = told.lock().unwrap().watching.insert(name.clone(), items),
            WorkerEvent::Missed { ticks } => told.lock().unwrap().missed += ticks,
            _ => {}
        };
        let (store, membership, clock) = (self.store.clone(), self.membership.clone(), self.clock.clone());
        let asked = async { _ = drained.await };
        let config = WorkerConfig { revision: revision.map(str::to_owned), ..WorkerConfig::new(key) };
        let task = tokio::spawn(worker::run(Worker::new(config), store, membership, clock, asked, observe));
        Running { drain: Some(drain), task }
    }

    /// Number of items of each worker's last list, largest first.
    fn loads(&self) -> Vec<usize> {
        let mut loads: Vec<_> = self.told.lock().unwrap().watching.values().map(|items| items.len()).collect();
        loads.sort_unstable_by(|a, b| b.cmp(a));
        loads
    }

    fn forget(&self, name: &str) {
        self.told.lock().unwrap().watching.remove(&WorkerId::new(name).unwrap());
    }

    fn watched_by(&self, name: &str) -> Arc<[ItemId]> {
        self.told.lock().unwrap().watching[&WorkerId::new(name).unwrap()].clone()
    }

    /// Each item's value.
    fn values(&self) -> BTreeMap<ItemId, u64> {
        self.store.rows().into_iter().map(|row| (row.id, row.value)).collect()
    }

    /// No item's value may differ from the ticks of its slot, and none may fall behind the seconds gone by.
    async fn assert_no_tick_is_missed(&self, seconds: u32) {
        let before = self.values();
        tokio::time::sleep(SECOND * seconds).await;
        for (item, value) in self.values() {
            assert_eq!(value - before[&item], u64::from(seconds), "ticks of {item} in {seconds} s");
        }
    }
}

/// Just before a tick ends, when all that is due in it is done.
async fn until_just_before_a_tick(clock: &Arc<dyn Clock>) {
    let into = clock.now().as_millis() % 1000;
    tokio::time::sleep(Duration::from_millis(u64::try_from(1990 - into).unwrap())).await;
}

#[tokio::test(start_paused = true)]
async fn three_workers_share_ten_items_and_miss_no_tick() {
    let mut cluster = Cluster::new();
    cluster.insert(10);
    let _control = cluster.control_plane();
    let _workers = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(cluster.loads(), [4, 3, 3]);
    assert!(cluster.values().values().all(|value| *value >= 1));
    until_just_before_a_tick(&cluster.clock).await;
    cluster.assert_no_tick_is_missed(10).await;
    assert!(cluster.told.lock().unwrap().plans.iter().all(|(cost, bound)| cost == bound), "every plan costs its bound");
}

#[tokio::test(start_paused = true)]
async fn a_killed_workers_items_and_only_those_go_to_the_others() {
    let mut cluster = Cluster::new();
    cluster.insert(10);
    let _control = cluster.control_plane();
    let [a, _b, _c] = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    let (b, c) = (cluster.watched_by("b"), cluster.watched_by("c"));
    a.task.abort();
    cluster.forget("a");
    tokio::time::sleep(SECOND * 6).await;
    assert_eq!(cluster.loads(), [5, 5]);
    assert!(b.iter().all(|item| cluster.watched_by("b").contains(item)), "b keeps its items");
    assert!(c.iter().all(|item| cluster.watched_by("c").contains(item)), "c keeps its items");
    let (b, c) = (cluster.watched_by("b"), cluster.watched_by("c"));
    let _d = cluster.worker("d");
    tokio::time::sleep(SECOND * 3).await;
    assert_eq!(cluster.loads(), [4, 3, 3]);
    for (name, before) in [("b", b), ("c", c)] {
        assert!(cluster.watched_by(name).iter().all(|item| before.contains(item)), "{name} receives nothing");
    }
    until_just_before_a_tick(&cluster.clock).await;
    cluster.assert_no_tick_is_missed(5).await;
}

#[tokio::test(start_paused = true)]
async fn draining_and_joining_miss_no_tick() {
    let mut cluster = Cluster::new();
    cluster.insert(1000);
    let _control = cluster.control_plane();
    let [mut a, _b, _c] = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    until_just_before_a_tick(&cluster.clock).await;
    a.drain.take().unwrap().send(()).unwrap();
    cluster.assert_no_tick_is_missed(5).await;
    assert_eq!(a.task.await.unwrap(), Ending::Drained);
    let _d = cluster.worker("d");
    cluster.assert_no_tick_is_missed(5).await;
    assert_eq!(cluster.told.lock().unwrap().missed, 0);
}

/// Replaces three workers by three others, one at a time: each comes, and then one of the old ones drains. How often the slots
/// changed hands, the most restless first.
async fn moves_in_a_rollout(revisions: [Option<&str>; 2]) -> Vec<u64> {
    let mut cluster = Cluster::new();
    cluster.insert(1000);
    let _control = cluster.control_plane();
    let old = ["a", "b", "c"].map(|name| cluster.worker_of(name, revisions[0]));
    tokio::time::sleep(SECOND * 3).await;
    until_just_before_a_tick(&cluster.clock).await;
    let before = cluster.store.assignment().await.unwrap();
    let mut new = Vec::new();
    for (mut leaver, name) in old.into_iter().zip(["d", "e", "f"]) {
        new.push(cluster.worker_of(name, revisions[1]));
        cluster.assert_no_tick_is_missed(2).await;
        leaver.drain.take().unwrap().send(()).unwrap();
        cluster.assert_no_tick_is_missed(5).await;
        assert_eq!(leaver.task.await.unwrap(), Ending::Drained);
    }
    for name in ["a", "b", "c"] {
        cluster.forget(name);
    }
    cluster.assert_no_tick_is_missed(15).await;
    let loads = cluster.loads();
    assert!(loads[0] - loads[2] <= 35, "{loads:?} are even within the tolerance");
    let after = cluster.store.assignment().await.unwrap();
    let mut moves: Vec<_> =
        before.slots.iter().zip(&after.slots).map(|(before, after)| after.epoch.since(before.epoch)).collect();
    moves.sort_unstable_by(|one, other| other.cmp(one));
    moves
}

#[tokio::test(start_paused = true)]
async fn in_a_rollout_each_slot_moves_once() {
    let moves = moves_in_a_rollout([Some("blue"), Some("green")]).await;
    assert!(moves.iter().all(|moves| *moves == 1), "{:?}", &moves[..10]);
}

#[tokio::test(start_paused = true)]
async fn an_unannounced_rollout_moves_some_slots_twice() {
    assert!(moves_in_a_rollout([None, None]).await[0] > 1);
}

#[tokio::test(start_paused = true)]
async fn retiring_and_reinstating_miss_no_tick() {
    let mut cluster = Cluster::new();
    cluster.insert(1000);
    let _control = cluster.control_plane();
    let [mut a, b, _c] = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    until_just_before_a_tick(&cluster.clock).await;
    cluster
        .membership
        .retire(InstallationId::new(Uuid::nil()), &BTreeSet::from(["a", "b"].map(|name| WorkerId::new(name).unwrap())))
        .await
        .unwrap();
    cluster.assert_no_tick_is_missed(5).await;
    assert_eq!(cluster.loads(), [1000, 0, 0]);
    assert_eq!(cluster.watched_by("c").len(), 1000);
    cluster
        .membership
        .retire(InstallationId::new(Uuid::nil()), &BTreeSet::from(["a"].map(|name| WorkerId::new(name).unwrap())))
        .await
        .unwrap();
    cluster.assert_no_tick_is_missed(5).await;
    assert_eq!(cluster.loads(), [500, 500, 0]);
    a.drain.take().unwrap().send(()).unwrap();
    cluster.assert_no_tick_is_missed(5).await;
    assert_eq!(a.task.await.unwrap(), Ending::Drained, "who is retired may still be asked to leave");
    assert!(!b.task.is_finished());
    assert_eq!(cluster.told.lock().unwrap().missed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_place_moves_nothing() {
    let mut cluster = Cluster::new();
    cluster.insert(10);
    let _control = cluster.control_plane();
    let [a, _b, _c] = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    let plans = cluster.told.lock().unwrap().plans.len();
    let before = cluster.watched_by("a");
    a.task.abort();
    let _again = cluster.worker("a");
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!(cluster.watched_by("a"), before);
    assert_eq!(cluster.told.lock().unwrap().plans.len(), plans, "nothing was planned");
}

#[tokio::test(start_paused = true)]
async fn the_older_of_two_with_one_name_is_superseded() {
    let mut cluster = Cluster::new();
    cluster.insert(10);
    let _control = cluster.control_plane();
    let older = cluster.worker("a");
    tokio::time::sleep(SECOND * 3).await;
    let newer = cluster.worker("a");
    assert_eq!(older.task.await.unwrap(), Ending::Superseded);
    tokio::time::sleep(SECOND * 3).await;
    assert!(!newer.task.is_finished());
    cluster.assert_no_tick_is_missed(5).await;
}

#[tokio::test(start_paused = true)]
async fn another_control_plane_takes_over_and_moves_nothing() {
    let mut cluster = Cluster::new();
    cluster.insert(100);
    let leader = cluster.control_plane();
    let _follower = cluster.control_plane();
    let _workers = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    let plans = cluster.told.lock().unwrap().plans.len();
    leader.abort();
    until_just_before_a_tick(&cluster.clock).await;
    cluster.assert_no_tick_is_missed(10).await;
    let told = cluster.told.lock().unwrap();
    assert_eq!(told.terms.len(), 2, "the follower leads");
    assert_eq!(told.plans.len(), plans, "nothing was planned");
}

#[tokio::test(start_paused = true)]
async fn items_that_come_later_are_evened_out_in_time() {
    let mut cluster = Cluster::new();
    let _control = cluster.control_plane();
    let _workers = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    cluster.insert(10);
    tokio::time::sleep(SECOND * 2).await;
    assert!(cluster.values().values().all(|value| *value >= 1), "each is ticked within 2 s");
    until_just_before_a_tick(&cluster.clock).await;
    cluster.assert_no_tick_is_missed(15).await;
    assert_eq!(cluster.loads(), [4, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn every_ring_shares_all_items_and_counts_each_tick_once() {
    for ring in RingKind::ALL {
        let mut cluster = Cluster::with_ring(ring);
        cluster.insert(300);
        let _control = cluster.control_plane();
        let [mut a, b, _c] = ["a", "b", "c"].map(|name| cluster.worker(name));
        tokio::time::sleep(SECOND * 3).await;
        assert_eq!(cluster.loads().iter().sum::<usize>(), 300, "{ring}");
        assert!(cluster.loads().iter().all(|load| (60..=140).contains(load)), "{ring}: {:?}", cluster.loads());
        until_just_before_a_tick(&cluster.clock).await;
        let _d = cluster.worker("d");
        cluster.assert_no_tick_is_missed(5).await;
        a.drain.take().unwrap().send(()).unwrap();
        cluster.assert_no_tick_is_missed(5).await;
        assert_eq!(a.task.await.unwrap(), Ending::Drained, "{ring}");
        b.task.abort();
        for name in ["a", "b"] {
            cluster.forget(name);
        }
        tokio::time::sleep(SECOND * 6).await;
        assert_eq!(cluster.loads().iter().sum::<usize>(), 300, "{ring}");
        until_just_before_a_tick(&cluster.clock).await;
        cluster.assert_no_tick_is_missed(5).await;
        for row in cluster.store.rows() {
            assert_eq!(row.value, cluster.store.ticks_of(&row.id), "{ring}: {row:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_with_another_ring_takes_over_without_a_missed_tick() {
    let mut cluster = Cluster::new();
    cluster.insert(300);
    let leader = cluster.control_plane();
    let _workers = ["a", "b", "c"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 3).await;
    cluster.ring = RingKind::HashRing;
    let _next = cluster.control_plane();
    leader.abort();
    until_just_before_a_tick(&cluster.clock).await;
    cluster.assert_no_tick_is_missed(10).await;
    let plans = cluster.told.lock().unwrap().plans.len();
    cluster.assert_no_tick_is_missed(10).await;
    assert_eq!(cluster.told.lock().unwrap().plans.len(), plans, "it is done with one plan");
}
