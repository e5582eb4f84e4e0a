//! Workers that come and go without end, and very many slots that move at once: what that costs in moves, on virtual time.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use scaler_core::control::{self, ControlConfig};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::worker::{self, Ending, Worker, WorkerConfig};
use scaler_core::{Clock, Incarnation, ItemId, MemberKey, SlotCount, SlotState, TokioClock, WorkStore, WorkerId};
use tokio::task::JoinHandle;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);
const SLOTS: u32 = 1024;

struct Cluster {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    membership: Arc<MemoryMembership>,
    lives: u128,
}

impl Cluster {
    /// Three workers that have shared some thousand items.
    async fn new(config: ControlConfig) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = Arc::new(MemoryStore::new(clock.clone(), SlotCount::new(SLOTS).unwrap(), SECOND));
        for n in 1..=4000_u128 {
            store.insert(ItemId::Uuid(Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))));
        }
        let membership = Arc::new(MemoryMembership::new(clock.clone()));
        let mut cluster = Self { clock, store, membership, lives: 0 };
        let candidate = cluster.life();
        let (store, membership, clock) = (cluster.store.clone(), cluster.membership.clone(), cluster.clock.clone());
        tokio::spawn(control::run(config, candidate, store, membership, clock, pending(), |_| {}));
        for name in ["a", "b", "c"] {
            cluster.worker(name);
        }
        tokio::time::sleep(SECOND * 10).await;
        cluster
    }

    fn life(&mut self) -> Uuid {
        self.lives += 1;
        Uuid::from_u128(self.lives)
    }

    fn worker(&mut self, name: &str) -> JoinHandle<Ending> {
        let key = MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(self.life()) };
        let (store, membership, clock) = (self.store.clone(), self.membership.clone(), self.clock.clone());
        tokio::spawn(worker::run(Worker::new(WorkerConfig::new(key)), store, membership, clock, pending(), |_| {}))
    }

    async fn slots(&self) -> Vec<SlotState> {
        self.store.assignment().await.unwrap().slots
    }
}

fn moves(before: &[SlotState], after: &[SlotState]) -> u64 {
    before.iter().zip(after).map(|(before, after)| after.epoch.since(before.epoch)).sum()
}

/// A fourth worker is there for five seconds and gone for five, for five minutes. Movements in each minute.
async fn moves_for_a_flapping_worker(damping: Duration) -> Vec<u64> {
    let mut cluster = Cluster::new(ControlConfig { damping, ..ControlConfig::default() }).await;
    let mut minutes = Vec::new();
    for _ in 0..5 {
        let before = cluster.slots().await;
        for _ in 0..6 {
            let flapping = cluster.worker("d");
            tokio::time::sleep(SECOND * 5).await;
            flapping.abort();
            tokio::time::sleep(SECOND * 5).await;
        }
        minutes.push(moves(&before, &cluster.slots().await));
    }
    minutes
}

#[tokio::test(start_paused = true)]
async fn a_flapping_worker_moves_little_and_then_nothing() {
    let share = u64::from(SLOTS) / 4;
    let damped = moves_for_a_flapping_worker(SECOND * 60).await;
    let undamped = moves_for_a_flapping_worker(Duration::ZERO).await;
    println!("moves in each of five minutes of flapping: {damped:?}; without damping: {undamped:?}");
    assert!(damped[0] <= 2 * (share + 10), "{damped:?}: there and back, once");
    assert_eq!(damped[1..], [0; 4], "then it never stays long enough");
    assert!(undamped.iter().all(|moves| *moves >= 5 * 2 * (share - 10)), "{undamped:?}: the test must tell the difference");
}

#[tokio::test(start_paused = true)]
async fn a_flapping_worker_that_stays_gets_its_share() {
    let mut cluster = Cluster::new(ControlConfig::default()).await;
    for _ in 0..20 {
        let flapping = cluster.worker("d");
        tokio::time::sleep(SECOND * 5).await;
        flapping.abort();
        tokio::time::sleep(SECOND * 5).await;
    }
    cluster.worker("d");
    tokio::time::sleep(SECOND * 65).await;
    let slots = cluster.slots().await;
    let owned = slots.iter().filter(|slot| slot.owner.as_ref().is_some_and(|owner| owner.worker.as_str() == "d")).count();
    assert!((240..=270).contains(&owned), "{owned} of 1024 slots");
}

/// After how long a worker has its share again that ran for so long, died, and came back ten seconds later.
async fn back_after(ran: Duration) -> Duration {
    let mut cluster = Cluster::new(ControlConfig::default()).await;
    let worker = cluster.worker("d");
    tokio::time::sleep(ran).await;
    worker.abort();
    tokio::time::sleep(SECOND * 10).await;
    cluster.worker("d");
    let began = cluster.clock.now();
    while !cluster.slots().await.iter().any(|slot| slot.owner.as_ref().is_some_and(|owner| owner.worker.as_str() == "d")) {
        tokio::time::sleep(SECOND / 10).await;
    }
    cluster.clock.now() - began
}

#[tokio::test(start_paused = true)]
async fn a_single_death_is_soon_forgiven_to_a_process_that_has_run_for_long() {
    let (old, young) = (back_after(SECOND * 70).await, back_after(SECOND * 20).await);
    println!("given slots again {old:?} after its return, one that died young {young:?}");
    assert!(old <= SECOND * 4, "{old:?}");
    assert!((SECOND * 8..SECOND * 10).contains(&young), "{young:?}");
}

#[tokio::test(start_paused = true)]
async fn slots_of_a_flapping_worker_are_reassigned_without_delay() {
    let mut cluster = Cluster::new(ControlConfig { moves_per_s: 1, ..ControlConfig::default() }).await;
    let values = |cluster: &Cluster| cluster.store.rows().iter().map(|row| row.value).min().unwrap();
    let dying = ["x", "y"].map(|name| cluster.worker(name));
    tokio::time::sleep(SECOND * 5).await;
    dying.iter().for_each(JoinHandle::abort);
    tokio::time::sleep(SECOND * 5).await;
    let before = values(&cluster);
    tokio::time::sleep(SECOND * 10).await;
    assert!(values(&cluster) >= before + 9, "all are ticked again, whatever the budget");
}

#[tokio::test(start_paused = true)]
async fn planned_movements_keep_within_their_budget_and_all_come() {
    let mut cluster = Cluster::new(ControlConfig { moves_per_s: 20, ..ControlConfig::default() }).await;
    cluster.worker("d");
    tokio::time::sleep(SECOND * 3).await;
    let mut before = cluster.slots().await;
    let mut total = moves(&vec![SlotState::default(); before.len()], &before) - u64::from(SLOTS);
    for _ in 0..20 {
        tokio::time::sleep(SECOND).await;
        let after = cluster.slots().await;
        let moved = moves(&before, &after);
        // Slots without items move at once; with 4,000 items on 1,024 slots some twenty have none.
        assert!(moved <= 2 * 20 + 5, "{moved} in a second");
        total += moved;
        before = after;
    }
    assert!((240..=270).contains(&total), "{total}: the joiner's share, and each slot once");
}
