//! The clock of Postgres is set back and ahead, on a server that lives by a clock of its own.

use std::sync::Arc;
use std::time::Duration;

use scaler_core::testing::store::StoreFixture;
use scaler_core::{
    Cause, Claim, Election, Hearing, MemberKey, Outcome, SlotCount, SlotRange, Term, Tick, Timing, Transfer, WorkStore,
};
use scaler_pg::{PgConfig, PgStore};
use sqlx::{PgPool, Row};
use test_servers::{Clock, Postgres};
use uuid::Uuid;

use crate::support::{Desk, member};

const LEASE: Duration = Duration::from_secs(5);
const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

/// A store on a server of its own, with a leader and with an owner of all slots, and of twenty items.
struct Scene {
    desk: Desk,
    clock: Clock,
    term: Term,
    owner: MemberKey,
    _server: Postgres,
}

async fn scene() -> Scene {
    let clock = Clock::right();
    let server = Postgres::private_with_clock(&clock).await;
    let database = server.new_database().await;
    let user = PgPool::connect(database.url()).await.unwrap();
    let store = Arc::new(PgStore::new(&PgConfig::new(database.url())).unwrap());
    store.install(SlotCount::new(256).ok()).await.unwrap();
    store.add_items(20).await.unwrap();
    let (term, owner) = (store.campaign(FIRST, LEASE, Hearing::Members).await.unwrap().unwrap(), member("a"));
    let scene = Scene { desk: Desk { store, user, database }, clock, term, owner, _server: server };
    scene.give(&scene.owner).await;
    scene
}

impl Scene {
    async fn give(&self, to: &MemberKey) {
        let slots = self.desk.store.assignment().await.unwrap().slots;
        let transfer = |(slot, state): (_, &scaler_core::SlotState)| Transfer {
            slot,
            epoch: state.epoch,
            to: to.clone(),
            timing: Timing::Now,
            cause: Cause::Rebalance,
        };
        let transfers: Vec<_> = (0..).map(scaler_core::Slot::new).zip(&slots).map(transfer).collect();
        let outcome = self.desk.store.commit(&self.term, &transfers).await.unwrap();
        assert!(matches!(outcome, Outcome::Committed { moved, .. } if moved.len() == 256));
    }

    /// Ticks as soon as there is a tick to do; the tick.
    async fn next_tick(&self) -> Tick {
        loop {
            let report = self.desk.store.tick(&self.owner, SlotRange::ALL).await.unwrap();
            if report.items == 20 {
                return report.tick;
            }
            self.desk.pass_a_moment().await;
        }
    }

    async fn catch_up(&self) -> u64 {
        self.desk.store.catch_up(&self.term).await.unwrap()
    }
}

#[tokio::test]
async fn ticks_continue_from_the_last_one_when_the_clock_jumps() {
    let scene = scene().await;
    let mut last = scene.next_tick().await;
    for (ahead_s, falls) in [(-30, true), (0, false), (30, false), (-3600, true), (-3600, false)] {
        scene.clock.set(ahead_s);
        let ticks = scene.catch_up().await;
        assert_eq!(ticks > 0, falls, "{ticks} ticks at {ahead_s} s");
        let tick = scene.next_tick().await;
        assert!(tick > last, "{tick} after {last}");
        if falls {
            assert!(tick.since(last) <= 3, "{tick} just after {last}");
        }
        last = tick;
    }
    let behind =
        "select count(*) from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id) where w.value <> s.ticks";
    assert_eq!(scene.desk.number(behind).await, 0, "items that gained other than their slot's ticks");
}

#[tokio::test]
async fn a_tick_with_the_previous_number_in_flight_increments_nothing_twice() {
    let scene = scene().await;
    let last = scene.next_tick().await;
    scene.clock.set(-30);
    // In a transaction that sees all as it was before the leader caught up, as a statement does that began then.
    let mut under_way = scene.desk.user.begin_with("begin isolation level repeatable read").await.unwrap();
    sqlx::query("select from scaler.meta").execute(&mut *under_way).await.unwrap();
    let ticks = scene.catch_up().await;
    assert!((29..=32).contains(&ticks), "{ticks} ticks");
    let tick = sqlx::query("select * from scaler.tick('a', $1, 0, 256, null, null)").bind(scene.owner.incarnation.uuid());
    let report = tick.fetch_one(&mut *under_way).await.unwrap();
    under_way.commit().await.unwrap();
    let (tick, items): (i64, i64) = (report.get("tick"), report.get("items"));
    assert!(tick.unsigned_abs() < last.0, "it goes by the clock that fell");
    assert_eq!(items, 0);
    assert!(scene.next_tick().await > last);
}

#[tokio::test]
async fn a_clock_that_falls_does_not_delay_the_next_leader() {
    let scene = scene().await;
    let store = &scene.desk.store;
    assert_eq!(store.campaign(SECOND, LEASE, Hearing::Members).await.unwrap(), None);
    scene.clock.set(-30);
    let next = store.campaign(SECOND, LEASE, Hearing::Members).await.unwrap().unwrap();
    assert!(next.number > scene.term.number);
    assert_eq!(scene.catch_up().await, 0, "the term before moves no ticks on");
}

#[tokio::test]
async fn what_was_given_by_either_clock_is_a_sign_of_life_for_its_time_only() {
    let scene = scene().await;
    scene.next_tick().await;
    scene.clock.set(-30);
    assert!(scene.catch_up().await > 0);
    let heir = member("b");
    let claim = async |name: &str| {
        let free = "update scaler.leader set expires_at = clock_timestamp() - interval '10 seconds'";
        sqlx::query(free).execute(&scene.desk.user).await.unwrap();
        scene.desk.store.claim_orphans(&member(name), 1000, Tick(0)).await.unwrap()
    };
    // As if there had been no tick for five seconds.
    scene.desk.run_unguarded("update scaler.meta set ahead_ms = ahead_ms + 5000").await;
    scene.give(&heir).await;
    assert_eq!(claim("c").await, Claim::Claimed { slots: 0 }, "it was given just now");
    // As if it had been given before the clock fell.
    scene.desk.run("update scaler.slot set moved_at = clock_timestamp() + interval '25 seconds'").await;
    assert_eq!(claim("c").await, Claim::Claimed { slots: 256 });
}
