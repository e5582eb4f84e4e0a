//! Tests of the autoscaler's driver on virtual time.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::autoscale::{self, AutoscaleConfig, AutoscaleEvent, Fleet, FleetError, FleetView, Lead, Workload};
use scaler_core::memory::{MemoryFleet, MemoryMembership};
use scaler_core::{Clock, InstallationId, Membership, Term, TokioClock, WorkerId};
use tokio::sync::watch;
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

/// A fleet that is away when it is asked to be.
#[derive(Debug)]
struct Faulty {
    sound: Arc<MemoryFleet>,
    away: Mutex<bool>,
    reads: Mutex<u32>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Fleet for Faulty {
    async fn read(&self) -> Result<FleetView, FleetError> {
        *self.reads.lock().unwrap() += 1;
        if *self.away.lock().unwrap() {
            return Err(FleetError::Unavailable { during: "read", source: "connection refused".into() });
        }
        self.sound.read().await
    }

    async fn set_replicas(&self, seen: &FleetView, replicas: u32) -> Result<(), FleetError> {
        self.sound.set_replicas(seen, replicas).await
    }

    async fn mark(&self, seen: &FleetView, workers: &BTreeSet<WorkerId>) -> Result<(), FleetError> {
        self.sound.mark(seen, workers).await
    }
}

/// A driver whose control plane is the test.
struct Stage {
    clock: Arc<dyn Clock>,
    fleet: Arc<Faulty>,
    lead: watch::Sender<Option<Lead>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    fn new(replicas: u32) -> Self {
        Self::with_min(replicas, 0)
    }

    fn with_min(replicas: u32, min: u32) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
        let sound = Arc::new(MemoryFleet::new(replicas));
        for number in 1..=replicas {
            sound.join(&WorkerId::new(format!("worker-{number}")).unwrap());
        }
        let fleet = Arc::new(Faulty { sound, away: Mutex::new(false), reads: Mutex::new(0) });
        let membership: Arc<dyn Membership> = Arc::new(MemoryMembership::new(clock.clone()));
        let (lead, receiver) = watch::channel(None);
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = told.clone();
        let observe = move |event: AutoscaleEvent<'_>| {
            let word = match event {
                AutoscaleEvent::Looked { .. } => return,
                AutoscaleEvent::Scaled { from, to } => format!("{from} -> {to}"),
                AutoscaleEvent::Overruled { from, to, .. } => format!("overruled {from} -> {to}"),
                AutoscaleEvent::Contested { from, to, .. } => format!("contested {from} -> {to}"),
                AutoscaleEvent::Resumed => "resumed".to_owned(),
                AutoscaleEvent::StoodDown => "stood down".to_owned(),
                AutoscaleEvent::FleetFailed { error, .. } => error.to_string(),
                AutoscaleEvent::FleetBack => "back".to_owned(),
                other => format!("{other:?}"),
            };
            log.lock().unwrap().push(word);
        };
        let config = AutoscaleConfig { min, ..AutoscaleConfig::default() };
        let run = autoscale::run(config, fleet.clone(), membership, clock.clone(), receiver, pending(), observe);
        tokio::spawn(run);
        Self { clock, fleet, lead, told }
    }

    /// The control plane leads in this term, and sees so many items just now.
    fn sees(&self, term: u64, items: u64) {
        let workload = Workload { items, ..Workload::default() };
        let term = Term { number: term, holder: Uuid::nil() };
        self.lead.send_replace(Some(Lead {
            term,
            installation: InstallationId::new(Uuid::nil()),
            seen: Some((self.clock.now(), Arc::new(workload))),
        }));
    }

    /// Seconds go by, in which it goes on seeing so many items.
    async fn goes_on(&self, seconds: u32, term: u64, items: u64) {
        for _ in 0..seconds {
            self.sees(term, items);
            tokio::time::sleep(SECOND).await;
        }
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    fn reads(&self) -> u32 {
        std::mem::take(&mut *self.fleet.reads.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn without_leadership_the_autoscaler_makes_no_call() {
    let stage = Stage::new(2);
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(stage.reads(), 0);
    stage.goes_on(10, 1, 150).await;
    assert_eq!(stage.told(), ["2 -> 3"]);
    stage.lead.send_replace(None);
    tokio::time::sleep(SECOND * 5).await;
    stage.reads();
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!((stage.told(), stage.reads()), (vec!["stood down".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_candidate_raises_the_number_to_the_minimum_once() {
    let stage = Stage::with_min(1, 7);
    *stage.fleet.away.lock().unwrap() = true;
    tokio::time::sleep(SECOND * 5).await;
    *stage.fleet.away.lock().unwrap() = false;
    tokio::time::sleep(SECOND * 30).await;
    assert_eq!(stage.told(), ["read: the orchestrator is unavailable: connection refused", "1 -> 7", "back"]);
    stage.fleet.sound.demand(2);
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(stage.told(), [""; 0], "from then on it is up to the leader");
    stage.lead.send_replace(Some(Lead {
        term: Term { number: 1, holder: Uuid::nil() },
        installation: InstallationId::new(Uuid::nil()),
        seen: None,
    }));
    tokio::time::sleep(SECOND * 5).await;
    assert_eq!(stage.told(), ["2 -> 7"], "at once, though the items are not known");
}

#[tokio::test(start_paused = true)]
async fn an_outdated_scan_is_not_used() {
    let stage = Stage::new(2);
    stage.goes_on(10, 1, 100).await;
    tokio::time::sleep(SECOND * 11).await;
    stage.fleet.sound.demand(1);
    tokio::time::sleep(SECOND * 600).await;
    assert_eq!(stage.told(), ["overruled 2 -> 1"], "that 100 items want 2 is not known any more");
    stage.goes_on(3, 1, 100).await;
    assert_eq!(stage.told(), ["1 -> 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_is_away_is_reported_and_asked_less_and_less_often() {
    let stage = Stage::new(2);
    stage.goes_on(10, 1, 100).await;
    *stage.fleet.away.lock().unwrap() = true;
    stage.reads();
    stage.goes_on(300, 1, 500).await;
    let told = stage.told();
    assert!(
        told.iter().all(|told| told == "read: the orchestrator is unavailable: connection refused")
            && (2..=4).contains(&told.len()),
        "{told:?}"
    );
    let reads = stage.reads();
    assert!((10..=20).contains(&reads), "{reads} in 300 s");
    *stage.fleet.away.lock().unwrap() = false;
    stage.goes_on(60, 1, 500).await;
    assert_eq!(stage.told(), ["2 -> 6", "back", "6 -> 10"]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_reported_when_it_begins_and_when_it_ends() {
    let stage = Stage::new(2);
    stage.goes_on(10, 1, 100).await;
    for (number, told) in [(1, vec!["overruled 2 -> 1", "1 -> 2"]), (1, vec!["contested 2 -> 1"])] {
        stage.fleet.sound.demand(number);
        stage.goes_on(10, 1, 100).await;
        assert_eq!(stage.told(), told);
    }
    stage.goes_on(290, 1, 100).await;
    assert_eq!(stage.told(), [""; 0]);
    stage.goes_on(10, 1, 100).await;
    assert_eq!(stage.told(), ["resumed", "1 -> 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_term_begins_with_an_empty_memory() {
    let stage = Stage::new(2);
    stage.goes_on(10, 1, 100).await;
    stage.fleet.sound.demand(4);
    stage.goes_on(10, 2, 100).await;
    assert_eq!(stage.told(), [""; 0], "another may have written it");
}
