//! Tests of the schema's guards, which refuse a wrong value from every role.

use std::time::Duration;

use crate::support::{installed, member};
use scaler_core::testing::store::StoreFixture;
use scaler_core::{Claim, Election, Hearing, MemberKey, Slot, SlotRange, StoreError, Tick, WorkStore};
use scaler_pg::{PgConfig, PgStore};

#[tokio::test]
async fn ownership_changes_exactly_with_its_epoch_and_nothing_runs_backwards() {
    let desk = installed(1000).await;
    desk.run_unguarded("update scaler.leader set term = 5").await;
    desk.run_unguarded(
        "update scaler.slot set owner = 'a', incarnation = gen_random_uuid(), epoch = 1, last_tick = 5, ticks = 5, term = 5",
    )
    .await;
    for broken in [
        "update scaler.slot set owner = 'b' where slot = 1",
        "update scaler.slot set incarnation = gen_random_uuid() where slot = 1",
        "update scaler.slot set owner = 'b', epoch = 3 where slot = 1",
        "update scaler.slot set epoch = 3 where slot = 1",
        "update scaler.slot set epoch = 0 where slot = 1",
        "update scaler.slot set last_tick = 4 where slot = 1",
        "update scaler.slot set ticks = 4 where slot = 1",
        "update scaler.slot set term = 4 where slot = 1",
        "update scaler.slot set owner = null, epoch = 2 where slot = 1",
        "update scaler.slot set owner = 'b b', epoch = 2 where slot = 1",
        "update scaler.slot set owner = '', epoch = 2 where slot = 1",
        "update scaler.slot set owner = repeat('b', 254), epoch = 2 where slot = 1",
        "update scaler.slot set ticks = 7 where slot = 1",
        "update scaler.slot set last_tick = 9223372036854775807 where slot = 1",
        "update scaler.slot set last_tick = (select tick + 2 from scaler.clock()) where slot = 1",
        "update scaler.slot set term = 6 where slot = 1",
        "update scaler.slot set moved_at = 'infinity' where slot = 1",
        "update scaler.leader set term = -1",
        "update scaler.leader set term = 7",
        "update scaler.leader set expires_at = 'infinity'",
        "update scaler.leader set expires_at = clock_timestamp() + interval '2 days'",
        "update scaler.leader set deaf_since = clock_timestamp() + interval '2 days'",
        "update scaler.meta set ahead_ms = -1",
        "update scaler.meta set ahead_ms = 9223372036854775807",
        "update scaler.meta set ahead_ms = 5000",
    ] {
        assert!(sqlx::query(broken).execute(&desk.user).await.is_err(), "{broken}");
    }
    desk.run("update scaler.slot set owner = 'b', epoch = 2 where slot = 1").await;
}

#[tokio::test]
async fn a_users_lock_on_one_item_costs_only_that_item_its_tick() {
    let desk = installed(60_000).await;
    let items = desk.store.add_items(20).await.unwrap();
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    let mut user = desk.user.begin().await.unwrap();
    sqlx::query("select from public.work_items where id = $1 for update")
        .bind(items[0].as_uuid())
        .execute(&mut *user)
        .await
        .unwrap();
    let report = desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
    assert_eq!((report.items, report.locked), (19, 1));
    user.rollback().await.unwrap();
    for item in &items {
        let (value, _) = desk.value(item).await.unwrap().unwrap();
        assert_eq!(value, u64::from(*item != items[0]));
    }
}

#[tokio::test]
async fn a_slot_that_is_just_moving_is_left_for_the_next_try() {
    let desk = installed(60_000).await;
    desk.store.add_items(300).await.unwrap();
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    let busy = desk.store.census().await.unwrap();
    let slot = (0..256).map(Slot::new).find(|slot| busy.of(*slot) > 0).unwrap();
    let mut mover = desk.user.begin().await.unwrap();
    let lock = sqlx::query("select from scaler.slot where slot = $1 for no key update").bind(slot.number().cast_signed());
    lock.execute(&mut *mover).await.unwrap();
    let first = desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
    mover.rollback().await.unwrap();
    let second = desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
    assert_eq!(first.items, 300 - u64::from(busy.of(slot)));
    assert_eq!(second.items, u64::from(busy.of(slot)));
}

#[tokio::test]
async fn a_users_trigger_works_as_ever() {
    let desk = installed(60_000).await;
    desk.store.add_items(5).await.unwrap();
    desk.run(
        "create table seen (id uuid);
         create function see() returns trigger language plpgsql as $$ begin insert into seen values (new.id); return null; end $$;
         create trigger see after update on work_items for each row execute function see()",
    )
    .await;
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    assert_eq!(desk.store.tick(&owner, SlotRange::ALL).await.unwrap().items, 5);
    assert_eq!(desk.number("select count(*) from seen").await, 5);
}

#[tokio::test]
async fn a_closed_session_and_a_missed_tick_make_an_orphan_where_sessions_can_be_seen() {
    let desk = installed(2000).await;
    let [silent, heir] = [member("a"), member("b")];
    let open = |member: &MemberKey| {
        let config = PgConfig::for_worker(desk.database.url(), member.incarnation);
        PgStore::new(&config).unwrap()
    };
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(silent.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    desk.run("update scaler.leader set term = 1, holder = gen_random_uuid(), expires_at = now() - interval '1 minute'").await;
    let last = open(&silent).tick(&silent, SlotRange::ALL).await.unwrap().tick;
    // As if there were items in all of them.
    desk.run_unguarded("update scaler.slot set last_tick = (select max(last_tick) from scaler.slot)").await;
    let seen = open(&heir);
    let first = loop {
        match seen.claim_orphans(&heir, 100, Tick(0)).await.unwrap() {
            Claim::Claimed { slots: 0 } => desk.pass_a_moment().await,
            claim => break claim,
        }
    };
    assert_eq!(first, Claim::Claimed { slots: 100 });
    assert!(desk.store.assignment().await.unwrap().tick.since(last) >= 2, "a whole tick must be missed");
    let unseen = desk.store.claim_orphans(&member("c"), 1000, Tick(0)).await.unwrap();
    assert_eq!(unseen, Claim::Claimed { slots: 0 }, "who is not seen itself cannot tell");
    assert_eq!(seen.claim_orphans(&heir, 1000, Tick(0)).await.unwrap(), Claim::Claimed { slots: 156 });
}

#[tokio::test]
async fn no_election_succeeds_during_a_claim() {
    let desk = installed(1000).await;
    desk.run("update scaler.leader set term = 1, holder = gen_random_uuid(), expires_at = now() - interval '1 minute'").await;
    let mut claim = desk.user.begin().await.unwrap();
    let claimed = sqlx::query("select scaler.claim_orphans('a', gen_random_uuid(), 10, 0)").execute(&mut *claim).await;
    claimed.unwrap();
    let campaign = desk.store.campaign(uuid::Uuid::from_u128(1), Duration::from_secs(5), Hearing::Members);
    assert!(matches!(campaign.await.unwrap_err(), StoreError::Busy { .. }), "it waits as long as it may");
    claim.commit().await.unwrap();
    let term = desk.store.campaign(uuid::Uuid::from_u128(1), Duration::from_secs(5), Hearing::Members).await.unwrap();
    assert_eq!(term.map(|term| term.number), Some(2));
    assert!(matches!(desk.store.claim_orphans(&member("a"), 10, Tick(0)).await.unwrap(), Claim::NotYet { .. }));
}
