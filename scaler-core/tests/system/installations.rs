//! Two systems that share one membership by mistake: each shares its own items among its own workers. On virtual time.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaler_core::control::{self, ControlConfig, ControlEvent};
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::worker::{self, Worker, WorkerConfig};
use scaler_core::{Clock, Incarnation, InstallationId, ItemId, MemberKey, SlotCount, TokioClock, WorkStore, WorkerId};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

/// A store of its own, a control plane, and workers of these names.
struct System {
    store: Arc<MemoryStore>,
    /// The names of strangers, as often as they were reported.
    strangers: Arc<Mutex<Vec<String>>>,
}

impl System {
    fn start(number: u128, names: &[&str], membership: &Arc<MemoryMembership>, clock: &Arc<dyn Clock>) -> Self {
        let store = MemoryStore::new(clock.clone(), SlotCount::new(256).unwrap(), SECOND);
        let store = Arc::new(store.with_installation(InstallationId::new(Uuid::from_u128(number))));
        for item in 1..=30_u128 {
            store.insert(ItemId::Uuid(Uuid::from_u128(
                (item + 100 * number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            )));
        }
        let strangers = Arc::new(Mutex::new(Vec::new()));
        let log = strangers.clone();
        let observe = move |event: ControlEvent<'_>| {
            if let ControlEvent::Strangers(members) = event {
                log.lock().unwrap().extend(members.iter().map(|member| member.key.worker.to_string()));
            }
        };
        let candidate = Uuid::from_u128(number);
        let config = ControlConfig::default();
        tokio::spawn(control::run(config, candidate, store.clone(), membership.clone(), clock.clone(), pending(), observe));
        for (place, name) in (0..).zip(names) {
            let incarnation = Incarnation::new(Uuid::from_u128(100 * number + place));
            let state = Worker::new(WorkerConfig::new(MemberKey { worker: WorkerId::new(*name).unwrap(), incarnation }));
            tokio::spawn(worker::run(state, store.clone(), membership.clone(), clock.clone(), pending(), |_| {}));
        }
        Self { store, strangers }
    }

    async fn owners(&self) -> BTreeSet<u128> {
        let slots = self.store.assignment().await.unwrap().slots;
        slots.into_iter().map(|slot| slot.owner.map_or(0, |owner| owner.incarnation.uuid().as_u128())).collect()
    }

    fn values(&self) -> Vec<u64> {
        self.store.rows().into_iter().map(|row| row.value).collect()
    }
}

async fn each_works_alone(names: [&[&str]; 2]) {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let membership = Arc::new(MemoryMembership::new(clock.clone()));
    let systems =
        [1_u128, 2].map(|number| System::start(number, names[usize::try_from(number).unwrap() - 1], &membership, &clock));
    tokio::time::sleep(6 * SECOND).await;
    let before = systems.each_ref().map(System::values);
    tokio::time::sleep(60 * SECOND).await;
    for ((system, before), number) in systems.iter().zip(before).zip([1, 2]) {
        let missed = system.values().iter().zip(&before).filter(|(after, before)| *after - *before < 60).count();
        assert_eq!(missed, 0, "items of system {number} that missed a tick");
        assert_eq!(system.owners().await, BTreeSet::from([100 * number, 100 * number + 1]), "who owns slots of system {number}");
        let mut strangers = system.strangers.lock().unwrap().clone();
        strangers.sort_unstable();
        strangers.dedup();
        assert_eq!(strangers, names[usize::try_from(2 - number).unwrap()], "strangers that system {number} reports");
        assert!(system.strangers.lock().unwrap().len() <= 4, "few reports");
    }
}

#[tokio::test(start_paused = true)]
async fn two_systems_in_one_membership_share_nothing() {
    each_works_alone([&["a1", "a2"], &["b1", "b2"]]).await;
}

#[tokio::test(start_paused = true)]
async fn two_installations_with_equal_worker_names_share_nothing() {
    each_works_alone([&["w1", "w2"], &["w1", "w2"]]).await;
}
