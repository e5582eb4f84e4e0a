//! The clock of the store is set back and ahead, on virtual time: work goes on, and nothing is done twice.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaler_core::control::{self, ControlConfig, ControlEvent};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::testing::SetClock;
use scaler_core::worker::{self, Worker, WorkerConfig};
use scaler_core::{Clock, Incarnation, ItemId, MemberKey, SlotCount, SlotState, Tick, TokioClock, WorkStore, WorkerId};
use tokio::task::JoinHandle;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);
/// The time to notice, and to the next try.
const LONGEST_STALL: Duration = Duration::from_secs(3);

struct Cluster {
    clock: Arc<dyn Clock>,
    store_clock: Arc<SetClock>,
    store: Arc<MemoryStore>,
    membership: Arc<MemoryMembership>,
    /// By how much each control plane said that the clock fell.
    falls: Arc<Mutex<Vec<Duration>>>,
    lives: u128,
}

impl Cluster {
    /// Three workers that have shared a hundred items, and a control plane.
    async fn new() -> (Self, JoinHandle<()>) {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store_clock = Arc::new(SetClock::new(clock.clone()));
        let store = Arc::new(MemoryStore::new(store_clock.clone(), SlotCount::new(256).unwrap(), SECOND));
        for n in 1..=100_u128 {
            store.insert(ItemId::Uuid(Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))));
        }
        let membership = Arc::new(MemoryMembership::new(clock.clone()));
        let mut cluster = Self { clock, store_clock, store, membership, falls: Arc::default(), lives: 0 };
        let leader = cluster.control_plane();
        for name in ["a", "b", "c"] {
            cluster.worker(name);
        }
        tokio::time::sleep(SECOND * 10).await;
        (cluster, leader)
    }

    fn control_plane(&mut self) -> JoinHandle<()> {
        let (candidate, config) = (self.life(), ControlConfig::default());
        let (store, membership, clock) = (self.store.clone(), self.membership.clone(), self.clock.clone());
        let falls = self.falls.clone();
        let observe = move |event: ControlEvent<'_>| {
            if let ControlEvent::ClockFell { by } = event {
                falls.lock().unwrap().push(by);
            }
        };
        tokio::spawn(control::run(config, candidate, store, membership, clock, pending(), observe))
    }

    fn worker(&mut self, name: &str) {
        let key = MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(self.life()) };
        let (store, membership, clock) = (self.store.clone(), self.membership.clone(), self.clock.clone());
        tokio::spawn(worker::run(Worker::new(WorkerConfig::new(key)), store, membership, clock, pending(), |_| {}));
    }

    fn life(&mut self) -> Uuid {
        self.lives += 1;
        Uuid::from_u128(self.lives)
    }

    fn least_value(&self) -> u64 {
        self.store.rows().iter().map(|row| row.value).min().unwrap()
    }

    async fn slots(&self) -> Vec<SlotState> {
        self.store.assignment().await.unwrap().slots
    }

    /// The longest time within this one in which the item that lags most was not incremented.
    async fn longest_stall(&self, within: Duration) -> Duration {
        let (mut longest, mut last, mut value) = (Duration::ZERO, self.clock.now(), self.least_value());
        let end = last + within;
        while self.clock.now() < end {
            tokio::time::sleep(SECOND / 20).await;
            longest = longest.max(self.clock.now() - last);
            if self.least_value() > value {
                (last, value) = (self.clock.now(), self.least_value());
            }
        }
        longest
    }
}

fn moves(before: &[SlotState], after: &[SlotState]) -> u64 {
    before.iter().zip(after).map(|(before, after)| after.epoch.since(before.epoch)).sum()
}

fn last_tick(slots: &[SlotState]) -> Tick {
    slots.iter().map(|slot| slot.last_tick).max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn ticks_go_on_when_the_clock_falls_at_any_place_in_a_second() {
    for part in 0..10 {
        let (cluster, _leader) = Cluster::new().await;
        tokio::time::sleep(SECOND * part / 10).await;
        let before = cluster.slots().await;
        cluster.store_clock.set_ahead(-30_000 - i64::from(part) * 70);
        let stall = cluster.longest_stall(SECOND * 20).await;
        assert!(stall <= LONGEST_STALL, "{stall:?}");
        let after = cluster.slots().await;
        assert_eq!(moves(&before, &after), 0);
        let ticks = last_tick(&after).since(last_tick(&before));
        assert!((17..=21).contains(&ticks), "{ticks} ticks in 20 s");
        let falls = cluster.falls.lock().unwrap().clone();
        assert!(matches!(falls[..], [by] if by.abs_diff(SECOND * 31) <= 2 * SECOND), "told once: {falls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_right_again_leaves_ticks_ahead_and_nothing_stands_still() {
    let (cluster, _leader) = Cluster::new().await;
    for by_ms in [-30_000, 30_000, -3_600_000, 3_600_000, -1500, 1500] {
        let before = cluster.slots().await;
        cluster.store_clock.set_ahead(by_ms);
        let stall = cluster.longest_stall(SECOND * 20).await;
        assert!(stall <= LONGEST_STALL, "{stall:?} after {by_ms} ms");
        assert_eq!(moves(&before, &cluster.slots().await), 0, "after {by_ms} ms");
    }
    assert_eq!(cluster.falls.lock().unwrap().len(), 2, "what is no more than a tick or two mends itself");
}

#[tokio::test(start_paused = true)]
async fn the_next_leader_need_not_wait_for_a_lease_by_the_clock_that_fell() {
    let (mut cluster, leader) = Cluster::new().await;
    cluster.store_clock.set_ahead(-60_000);
    leader.abort();
    cluster.control_plane();
    let stall = cluster.longest_stall(SECOND * 20).await;
    assert!(stall <= LONGEST_STALL, "{stall:?}");
}
