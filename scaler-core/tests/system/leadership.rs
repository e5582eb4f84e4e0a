//! A leader whose turns fail: another one takes over, and where all fail the workers heal by themselves. On virtual time.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::control::{self, ControlConfig, ControlEvent};
use scaler_core::hand_over::Acknowledgement;
use scaler_core::memory::{MemoryMembership, MemoryStore};
use scaler_core::worker::{self, Worker, WorkerConfig};
use scaler_core::{
    Adoption, Assignment, Claim, Clock, Election, Hearing, Holding, Incarnation, InstallationId, ItemId, MemberKey, Outcome,
    RefusedItem, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick, TickReport, TokioClock, Transfer, WorkStore, WorkerId,
};
use tokio::task::JoinHandle;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);
/// Ten seconds of turns that fail and a lease.
const ANOTHER_LEADS_WITHIN: Duration = Duration::from_secs(15);
const WORKERS_HEAL_WITHIN: Duration = Duration::from_secs(21);
/// Time limit of a call, like an adapter's command time-out.
const NO_ANSWER_AFTER: Duration = Duration::from_secs(3);

/// A statement of a leader's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statement {
    Renew,
    Assignment,
    Census,
    Commit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Refused,
    Hangs,
    /// It takes a minute, and succeeds.
    TakesLong,
}

const ALL: [(Statement, Failure); 8] = [
    (Statement::Renew, Failure::Refused),
    (Statement::Renew, Failure::Hangs),
    (Statement::Assignment, Failure::Refused),
    (Statement::Assignment, Failure::Hangs),
    (Statement::Census, Failure::Refused),
    (Statement::Census, Failure::Hangs),
    (Statement::Commit, Failure::Refused),
    (Statement::Commit, Failure::Hangs),
];

/// The store as one control plane reaches it.
#[derive(Debug)]
struct Failing {
    store: Arc<MemoryStore>,
    fails: Mutex<Option<(Statement, Failure)>>,
}

impl Failing {
    async fn attempt(&self, statement: Statement) -> Result<(), StoreError> {
        let fails = self.fails.lock().unwrap().filter(|(which, _)| *which == statement);
        match fails {
            None => Ok(()),
            Some((_, Failure::Refused)) => Err(StoreError::Refused { during: "turn", source: "a trigger".into() }),
            Some((_, Failure::TakesLong)) => {
                tokio::time::sleep(60 * SECOND).await;
                Ok(())
            }
            Some((_, Failure::Hangs)) => {
                tokio::time::sleep(NO_ANSWER_AFTER).await;
                Err(StoreError::Unanswered { during: "turn", source: "silence".into() })
            }
        }
    }
}

#[async_trait]
impl WorkStore for Failing {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        self.store.tick(owner, slots).await
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        self.store.items(owner, slots).await
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        self.store.holdings(owner, slots).await
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        self.store.acknowledge(owner, ended).await
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        self.store.try_to_write(owner).await
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        self.attempt(Statement::Assignment).await?;
        self.store.assignment().await
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.attempt(Statement::Census).await?;
        self.store.census().await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        self.attempt(Statement::Commit).await?;
        self.store.commit(term, transfers).await
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        self.store.catch_up(term).await
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        self.store.adopt(owner).await
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        self.store.claim_orphans(owner, limit, well_since).await
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.store.installation().await
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.store.slot_count().await
    }
}

#[async_trait]
impl Election for Failing {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        self.store.campaign(candidate, lease, hearing).await
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        self.attempt(Statement::Renew).await?;
        self.store.renew(term, lease, hearing).await
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.store.resign(term).await
    }
}

/// Events of the control planes: the number of each that was elected, in order, and the count of resignations.
#[derive(Debug, Default)]
struct Told {
    elected: Vec<usize>,
    gave_up: usize,
}

/// Two control planes, the first of which leads, three workers, and 30 items that all are ticked.
struct Cluster {
    clock: Arc<dyn Clock>,
    store: Arc<MemoryStore>,
    planes: Vec<Arc<Failing>>,
    workers: Vec<JoinHandle<worker::Ending>>,
    told: Arc<Mutex<Told>>,
}

impl Cluster {
    async fn begin() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let store = Arc::new(MemoryStore::new(clock.clone(), SlotCount::new(256).unwrap(), SECOND));
        let membership = Arc::new(MemoryMembership::new(clock.clone()));
        for number in 1..=30_u128 {
            store.insert(ItemId::Uuid(Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))));
        }
        let told = Arc::new(Mutex::new(Told::default()));
        let mut planes = Vec::new();
        for number in 0..2_usize {
            let failing = Arc::new(Failing { store: store.clone(), fails: Mutex::new(None) });
            planes.push(failing.clone());
            let log = told.clone();
            let observe = move |event: ControlEvent<'_>| match event {
                ControlEvent::Elected { .. } => log.lock().unwrap().elected.push(number),
                ControlEvent::GaveUp { .. } => log.lock().unwrap().gave_up += 1,
                _ => {}
            };
            let candidate = Uuid::from_u128(number as u128 + 1);
            let config = ControlConfig::default();
            tokio::spawn(control::run(config, candidate, failing, membership.clone(), clock.clone(), pending(), observe));
            tokio::time::sleep(SECOND / 10).await;
        }
        let worker = |number: u128| {
            let name = WorkerId::new(format!("w{number}")).unwrap();
            let state = Worker::new(WorkerConfig::new(MemberKey {
                worker: name,
                incarnation: Incarnation::new(Uuid::from_u128(number)),
            }));
            tokio::spawn(worker::run(state, store.clone(), membership.clone(), clock.clone(), pending(), |_| {}))
        };
        let workers = (1..=3).map(worker).collect();
        tokio::time::sleep(8 * SECOND).await;
        assert_eq!(told.lock().unwrap().elected, [0]);
        Self { clock, store, planes, workers, told }
    }

    fn values(&self) -> BTreeMap<ItemId, u64> {
        self.store.rows().into_iter().map(|row| (row.id, row.value)).collect()
    }

    /// Returns the time until the condition holds; fails after a minute.
    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Duration {
        let begun = self.clock.now();
        while !is_so(self) {
            assert!(self.clock.now() - begun < 60 * SECOND, "{what} never");
            tokio::time::sleep(SECOND / 10).await;
        }
        self.clock.now() - begun
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_turns_fail_loses_the_lead_to_a_working_one() {
    for (statement, failure) in ALL {
        let cluster = Cluster::begin().await;
        *cluster.planes[0].fails.lock().unwrap() = Some((statement, failure));
        // Something must move, or nothing is committed.
        cluster.workers[0].abort();
        println!("{statement:?} {failure:?}");
        let took = cluster.until("another leads", |cluster| cluster.told.lock().unwrap().elected.last() == Some(&1)).await;
        assert!(took <= ANOTHER_LEADS_WITHIN, "{statement:?} {failure:?}: another leads after {took:?}");
        let before = cluster.values();
        let all_ticked = |cluster: &Cluster| cluster.values().iter().all(|(item, value)| *value > before[item]);
        cluster.until("all are ticked", all_ticked).await;
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(cluster.told.lock().unwrap().elected, [0, 1], "{statement:?} {failure:?}: it leads ever since");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_turns_of_all_fail_the_workers_heal_by_themselves() {
    for (statement, failure) in ALL {
        let cluster = Cluster::begin().await;
        for plane in &cluster.planes {
            *plane.fails.lock().unwrap() = Some((statement, failure));
        }
        cluster.workers[0].abort();
        let before = cluster.values();
        let all_ticked = |cluster: &Cluster| cluster.values().iter().all(|(item, value)| *value > before[item] + 1);
        let took = cluster.until("all are ticked", all_ticked).await;
        assert!(took <= WORKERS_HEAL_WITHIN, "{statement:?} {failure:?}: all are ticked again after {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_resigned_leads_again_once_its_turns_succeed() {
    let cluster = Cluster::begin().await;
    for plane in &cluster.planes {
        *plane.fails.lock().unwrap() = Some((Statement::Assignment, Failure::Refused));
    }
    tokio::time::sleep(60 * SECOND).await;
    assert!(cluster.told.lock().unwrap().gave_up >= 2);
    for plane in &cluster.planes {
        *plane.fails.lock().unwrap() = None;
    }
    let elected = cluster.told.lock().unwrap().elected.len();
    tokio::time::sleep(20 * SECOND).await;
    let gave_up = cluster.told.lock().unwrap().gave_up;
    tokio::time::sleep(60 * SECOND).await;
    let told = cluster.told.lock().unwrap();
    assert!(told.elected.len() <= elected + 1 && told.gave_up == gave_up, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_first_count_delays_neither_the_lease_nor_a_decision() {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let store = Arc::new(MemoryStore::new(clock.clone(), SlotCount::new(256).unwrap(), SECOND));
    let membership = Arc::new(MemoryMembership::new(clock.clone()));
    let terms = Arc::new(Mutex::new(0));
    let log = terms.clone();
    let observe = move |event: ControlEvent<'_>| *log.lock().unwrap() += u32::from(matches!(event, ControlEvent::Elected { .. }));
    let large = Arc::new(Failing { store: store.clone(), fails: Mutex::new(Some((Statement::Census, Failure::TakesLong))) });
    tokio::spawn(control::run(
        ControlConfig::default(),
        Uuid::nil(),
        large,
        membership.clone(),
        clock.clone(),
        pending(),
        observe,
    ));
    let key = MemberKey { worker: WorkerId::new("w").unwrap(), incarnation: Incarnation::new(Uuid::from_u128(1)) };
    let state = Worker::new(WorkerConfig::new(key.clone()));
    tokio::spawn(worker::run(state, store.clone(), membership, clock, pending(), |_| {}));
    tokio::time::sleep(5 * SECOND).await;
    let owned = store.assignment().await.unwrap().slots;
    assert!(owned.iter().all(|slot| slot.owner.as_ref() == Some(&key)), "all slots are given out before the count has ended");
    tokio::time::sleep(120 * SECOND).await;
    assert_eq!(*terms.lock().unwrap(), 1, "the lease was renewed all the while");
}
