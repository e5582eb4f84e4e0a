//! Each shard is a complete system of its own: control planes and workers of all shards run side by side.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use scaler_core::control::{self, ControlConfig};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::shard::ShardMap;
use scaler_core::testing::SetClock;
use scaler_core::worker::{self, Worker, WorkerConfig};
use scaler_core::{Clock, ItemId, SlotRange, TokioClock, WorkStore};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::desk::{SECOND, Switched, map, member, slots};

const WORKERS: [&str; 3] = ["a", "bb", "ccc"];
/// Number of the shard that fails.
const FAILING: usize = 2;

/// Three shards, each with a control plane and all workers.
struct Fleet {
    map: ShardMap,
    shards: Vec<System>,
}

/// One shard.
struct System {
    memory: Arc<MemoryStore>,
    clock: Arc<SetClock>,
    /// Ways to the shard, by process.
    ways: BTreeMap<&'static str, Arc<Switched>>,
    tasks: BTreeMap<&'static str, JoinHandle<()>>,
}

#[tokio::test(start_paused = true)]
async fn each_shard_is_shared_evenly_and_all_items_are_ticked() {
    let fleet = Fleet::start().await;
    for (system, range) in fleet.shards.iter().zip(fleet.map.ranges()) {
        let owners = system.memory.assignment().await.unwrap().slots;
        let owned = |slot: u32| owners[slot as usize].owner.is_some();
        assert!((0..256).all(|slot| owned(slot) == (range.first() <= slot && slot < range.end())));
        let shares: Vec<usize> = WORKERS.map(|name| owners.iter().filter(|slot| slot.owner == Some(member(name))).count()).into();
        assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1, "{shares:?}");
    }
    assert_eq!(fleet.missed(20).await, [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_away_for_a_minute_stops_its_own_items_and_moves_nothing() {
    let fleet = Fleet::start().await;
    let before = fleet.epochs().await;
    fleet.shards[FAILING].ways.values().for_each(|way| way.set_away(true));
    let missed = fleet.missed(60).await;
    assert_eq!((missed[0], missed[1]), (0, 0));
    assert!(missed[FAILING] > 57, "{missed:?}");
    fleet.shards[FAILING].ways.values().for_each(|way| way.set_away(false));
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(fleet.missed(20).await, [0, 0, 0]);
    assert_eq!(fleet.epochs().await, before);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_reach_one_shard_keeps_its_slots_of_the_others() {
    let fleet = Fleet::start().await;
    let before = fleet.epochs().await;
    fleet.shards[FAILING].ways["bb"].set_away(true);
    tokio::time::sleep(15 * SECOND).await;
    assert_eq!(fleet.missed(20).await, [0, 0, 0]);
    let after = fleet.epochs().await;
    assert_eq!(after[..FAILING], before[..FAILING]);
    let owners = fleet.shards[FAILING].memory.assignment().await.unwrap().slots;
    assert!(owners.iter().all(|slot| slot.owner != Some(member("bb"))));
}

#[tokio::test(start_paused = true)]
async fn a_shard_without_its_leader_heals_by_itself_and_others_notice_nothing() {
    let mut fleet = Fleet::start().await;
    let before = fleet.epochs().await;
    let system = &mut fleet.shards[FAILING];
    ["control", "bb"].iter().for_each(|name| system.tasks.remove(name).unwrap().abort());
    let missed = fleet.missed(40).await;
    assert_eq!((missed[0], missed[1]), (0, 0));
    assert_eq!(fleet.missed(20).await, [0, 0, 0]);
    assert_eq!(fleet.epochs().await[..FAILING], before[..FAILING]);
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_a_shard_may_jump() {
    let fleet = Fleet::start().await;
    let before = fleet.epochs().await;
    fleet.shards[FAILING].clock.set_ahead(3_600_000);
    let missed = fleet.missed(20).await;
    assert_eq!((missed[0], missed[1]), (0, 0));
    fleet.shards[FAILING].clock.set_ahead(0);
    let missed = fleet.missed(20).await;
    assert_eq!((missed[0], missed[1]), (0, 0));
    assert_eq!(fleet.missed(20).await, [0, 0, 0]);
    assert_eq!(fleet.epochs().await[..FAILING], before[..FAILING]);
}

impl Fleet {
    /// Starts all, and lets them converge.
    async fn start() -> Self {
        let map = map();
        let fleet = Self { shards: map.ranges().iter().map(|range| System::start(*range)).collect(), map };
        for number in 1..=2000_u128 {
            let item = ItemId::Uuid(Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)));
            fleet.shards[fleet.map.shard_of(&item)].memory.insert(item);
        }
        tokio::time::sleep(10 * SECOND).await;
        fleet
    }

    async fn epochs(&self) -> Vec<Vec<u64>> {
        let mut epochs = Vec::new();
        for system in &self.shards {
            epochs.push(system.memory.assignment().await.unwrap().slots.iter().map(|slot| slot.epoch.0).collect());
        }
        epochs
    }

    /// Lets this many seconds pass, and returns the maximum number of ticks that an item of each shard missed.
    async fn missed(&self, seconds: u64) -> Vec<u64> {
        let values = |system: &System| system.memory.rows().into_iter().map(|row| row.value).collect::<Vec<_>>();
        let before: Vec<_> = self.shards.iter().map(values).collect();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let most = |(before, system): (&Vec<u64>, &System)| {
            let gained = before.iter().zip(values(system)).map(|(before, after)| after - before);
            // The first and the last tick may lie on either side.
            (seconds - 1).saturating_sub(gained.min().unwrap())
        };
        before.iter().zip(&self.shards).map(most).collect()
    }
}

impl System {
    fn start(range: SlotRange) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let of_store = Arc::new(SetClock::new(clock.clone()));
        let memory = Arc::new(MemoryStore::new(of_store.clone(), slots(), SECOND).with_range(range));
        let membership = Arc::new(MemoryMembership::new(clock.clone()));
        let mut system = Self { memory, clock: of_store, ways: BTreeMap::new(), tasks: BTreeMap::new() };
        let candidate = Uuid::from_u128(1);
        let way = system.way("control");
        let run = control::run(ControlConfig::default(), candidate, way, membership.clone(), clock.clone(), pending(), |_| {});
        system.tasks.insert("control", tokio::spawn(async { _ = run.await }));
        for name in WORKERS {
            let state = Worker::new(WorkerConfig::new(member(name)));
            let run = worker::run(state, system.way(name), membership.clone(), clock.clone(), pending(), |_| {});
            system.tasks.insert(name, tokio::spawn(async { _ = run.await }));
        }
        system
    }

    fn way(&mut self, name: &'static str) -> Arc<Switched> {
        Arc::clone(self.ways.entry(name).or_insert_with(|| Arc::new(Switched::to(&self.memory))))
    }
}
