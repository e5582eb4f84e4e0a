//! Each role sets every column that it may write to what cannot be, and calls every function with hostile arguments: whatever it does, the leader goes
//! on, and workers tick.

use std::time::{Duration, Instant};

use scaler_core::testing::store::StoreFixture;
use scaler_core::{
    Cause, EventFilter, EventLog, Hearing, MemberKey, Outcome, Slot, SlotRange, StoreError, Term, Timing, Transfer, Wishes,
};
use scaler_pg::WorkerAccess;
use sqlx::{AssertSqlSafe, PgPool};
use test_servers::AttackSurface;
use uuid::Uuid;

use crate::role_desk::{RoleDesk, with_roles};
use crate::support::member;

const LEASE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);
/// Random attacks of each role, besides each column and function with each extreme.
const RANDOM: u64 = 60;

/// A leader and a worker that must go on.
struct Victims<'a> {
    desk: &'a RoleDesk,
    worker: MemberKey,
    term: Term,
}

impl Victims<'_> {
    /// Returns true if the leader completes a turn and the worker ticks. A leader that was deposed is replaced.
    async fn go_on(&mut self) -> Result<(), StoreError> {
        let (store, election) = (self.desk.store(), self.desk.election());
        if !election.renew(&self.term, LEASE, Hearing::Members).await? {
            self.term = loop {
                if let Some(term) = election.campaign(Uuid::new_v4(), LEASE, Hearing::Members).await? {
                    break term;
                }
                // What an hour from now would end is by a clock that has fallen.
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
        }
        store.catch_up(&self.term).await?;
        let assignment = store.assignment().await?;
        store.census().await?;
        Wishes::wishes(&*self.desk.split.control).await?;
        self.desk.look.events(&EventFilter::default(), 100).await?;
        let mine = |slot: &Slot| assignment.slots[slot.index()].owner.as_ref() == Some(&self.worker);
        let lost: Vec<_> = (0..256).map(Slot::new).filter(|slot| !mine(slot)).collect();
        let epoch = |slot: Slot| assignment.slots[slot.index()].epoch;
        let transfer =
            |slot| Transfer { slot, epoch: epoch(slot), to: self.worker.clone(), timing: Timing::Now, cause: Cause::Rebalance };
        let outcome = store.commit(&self.term, &lost.into_iter().map(transfer).collect::<Vec<_>>()).await?;
        assert!(matches!(&outcome, Outcome::Committed { refused, .. } if refused.is_empty()), "{outcome:?}");
        let begun = Instant::now();
        while store.tick(&self.worker, SlotRange::ALL).await?.items == 0 {
            assert!(begun.elapsed() < PATIENCE, "nothing is ticked any more");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

/// The attack after which a worker or leader stood still, and the failure.
async fn attacked(desk: &RoleDesk, role: &PgPool) -> Result<(), String> {
    desk.owner.store.add_items(10).await.unwrap();
    let worker = member("victim");
    let term = desk.election().campaign(Uuid::new_v4(), LEASE, Hearing::Members).await.unwrap();
    let mut victims = Victims { desk, worker, term: term.unwrap() };
    victims.go_on().await.unwrap();
    let surface = AttackSurface::of(role, "scaler").await.unwrap();
    assert!(!surface.is_empty(), "it may do something");
    let random = (0..RANDOM).filter_map(|seed| surface.random_attack(seed));
    for attack in surface.attacks().into_iter().chain(random) {
        // It may be refused, or change what may be changed.
        let _ = sqlx::raw_sql(AssertSqlSafe(attack.clone())).execute(role).await;
        victims.go_on().await.map_err(|error| format!("after {attack}: {error}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn hostile_writes_by_the_worker_role_stop_no_other_worker() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    attacked(&desk, &desk.worker).await.unwrap();
}

#[tokio::test]
async fn hostile_calls_by_the_execute_only_worker_role_stop_no_other_worker() {
    let desk = with_roles(50, WorkerAccess::Functions).await;
    attacked(&desk, &desk.worker).await.unwrap();
}

#[tokio::test]
async fn hostile_values_by_the_control_role_stop_no_worker() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    attacked(&desk, &desk.control).await.unwrap();
}

#[tokio::test]
async fn hostile_reads_by_the_look_role_stop_no_worker() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    attacked(&desk, &desk.looker).await.unwrap();
}

#[tokio::test]
async fn hostile_wishes_by_the_operating_role_stop_no_worker() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    attacked(&desk, &desk.operator).await.unwrap();
}

#[tokio::test]
async fn without_its_guards_the_schema_is_brought_to_a_stop() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    desk.owner
        .run(
            "drop trigger guard_ticks on scaler.slot;
             alter table scaler.slot drop constraint slot_counts_can_be",
        )
        .await;
    let stopped = attacked(&desk, &desk.worker).await.unwrap_err();
    assert!(stopped.contains("last_tick"), "{stopped}");
}
