//! Rows change their places, and nothing else: not for those who tick, nor for those who change them at that moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use scaler_core::{SlotRange, StoreError, WorkStore};
use scaler_pg::{Optimized, PgConfig, PgStore, Rewritten};

use crate::support::{Desk, bare, installed, member};

/// A user's own table: of the original's shape, with a column more, and rows that lie as they came.
const OWN: &str = "create table public.work_items (
        id uuid primary key default gen_random_uuid(), value integer, currentworker varchar(255),
        gone integer, note text not null default 'kept', touched integer not null default 0);
    alter table public.work_items drop column gone;
    insert into public.work_items (value, note) select n, 'note ' || n from generate_series(1, 20000) n";

#[tokio::test]
async fn the_rows_of_a_slot_come_together_and_stay_what_they_were() {
    let desk = own().await;
    desk.run("create table public.before as select id, value, currentworker, note from public.work_items").await;
    let done = optimize(&desk).await.unwrap();
    assert!(done.moved > 15_000, "{done:?}");
    assert!(done.before.pages > 5 * done.after.pages, "{done:?}");
    assert_eq!(done.before.slots, 256);
    for changed in [
        "select count(*) from (select id, value, currentworker, note from public.work_items except all select * from public.before) x",
        "select count(*) from (select * from public.before except all select id, value, currentworker, note from public.work_items) x",
    ] {
        assert_eq!(desk.number(changed).await, 0, "{changed}");
    }
    assert_eq!(optimize(&desk).await.unwrap().moved, 0, "what lies together is left");
}

#[tokio::test]
async fn ticks_and_writes_during_optimize_are_not_lost() {
    let desk = own().await;
    desk.run("update scaler.meta set tick_ms = 50; update public.work_items set value = 0").await;
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.user).await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let ticking = {
        let (over, store) = (Arc::clone(&over), Arc::clone(&desk.store));
        tokio::spawn(async move {
            let mut locked = 0;
            while !over.load(Ordering::Relaxed) {
                locked += store.tick(&owner, SlotRange::new(0..128)).await.unwrap().locked;
                locked += store.tick(&owner, SlotRange::new(128..256)).await.unwrap().locked;
            }
            locked.cast_signed()
        })
    };
    let writing = {
        let (over, user) = (Arc::clone(&over), desk.user.clone());
        tokio::spawn(async move {
            let mut written = 0;
            while !over.load(Ordering::Relaxed) {
                let touch = "update public.work_items set touched = touched + 1 where id = any (array(
                                 select id from public.work_items order by random() limit 50))";
                written += sqlx::query(touch).execute(&user).await.unwrap().rows_affected();
            }
            i64::try_from(written).unwrap()
        })
    };
    let done = optimize(&desk).await.unwrap();
    over.store(true, Ordering::Relaxed);
    let locked = ticking.await.unwrap();
    let written = writing.await.unwrap();
    assert!(done.moved > 0 && written > 0, "{done:?}");
    assert_eq!(desk.number("select sum(touched) from public.work_items").await, written, "no write of a user is lost");
    assert_eq!(desk.number("select count(*) from public.work_items").await, 20_000);
    let ahead =
        "select count(*) from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id) where w.value > s.ticks";
    assert_eq!(desk.number(ahead).await, 0, "no item has more increments than its slot has ticks");
    let behind =
        "select sum(s.ticks - w.value)::bigint from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id)";
    assert_eq!(desk.number(behind).await, locked, "an item that the user kept locked misses the tick, and is counted");
}

#[tokio::test]
async fn no_rows_move_if_that_would_have_side_effects() {
    for (hindrance, why) in [
        ("create table public.child (item uuid references public.work_items on delete cascade)", "foreign key"),
        ("create publication p for table public.work_items", "publication"),
        ("create publication p for all tables", "publication"),
        ("create rule r as on delete to public.work_items do also select 1", "rule"),
        ("alter table public.work_items enable row level security", "row security"),
        ("alter table public.work_items add twice integer generated always as (value * 2) stored", "generated column"),
        ("create table public.child () inherits (public.work_items)", "children"),
        (
            "create function public.f() returns trigger language plpgsql as 'begin return null; end';
             create trigger t before delete on public.work_items for each row execute function public.f()",
            "trigger",
        ),
    ] {
        let desk = own().await;
        desk.run(hindrance).await;
        let error = optimize(&desk).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }) && error.to_string().contains(why), "{hindrance}: {error}");
        assert_eq!(desk.number("select count(*) from public.work_items").await, 20_000);
    }
}

#[tokio::test]
async fn a_table_of_our_own_making_and_an_optimized_one_have_room_and_rest() {
    let set = "select count(*) from pg_class, unnest(reloptions) option where oid = 'public.work_items'::regclass
                   and option in ('fillfactor=25', 'autovacuum_analyze_scale_factor=100', 'autovacuum_vacuum_scale_factor=2')";
    assert_eq!(installed(1000).await.number(set).await, 3);
    let desk = own().await;
    assert_eq!(desk.number(set).await, 1, "an adopted one is given room only");
    optimize(&desk).await.unwrap();
    assert_eq!(desk.number(set).await, 3);
    desk.run(
        "alter table public.work_items
             set (fillfactor = 70, autovacuum_analyze_scale_factor = 3, autovacuum_vacuum_scale_factor = 0.1)",
    )
    .await;
    optimize(&desk).await.unwrap();
    assert_eq!(desk.number(set).await, 0, "what its user has set is left");
}

#[tokio::test]
async fn a_rewritten_table_has_its_rows_in_slot_order_with_room_for_their_increments() {
    let desk = own().await;
    desk.run(
        "create publication p for table public.work_items;
         create table public.child (item uuid references public.work_items on delete cascade);
         insert into public.child select id from public.work_items",
    )
    .await;
    let done = rewrite(&desk).await.unwrap();
    assert!(done.after > 3 * done.before && done.after < 5 * done.before, "{done:?}");
    assert_eq!(desk.number("select count(*) from public.child join public.work_items on id = item").await, 20_000);
    let out_of_order = "select count(*) from (select scaler.slot_of(id) slot, lag(scaler.slot_of(id)) over (order by ctid) before
                            from public.work_items) x where slot < before";
    assert_eq!(desk.number(out_of_order).await, 0);
    desk.run("update public.work_items set value = value + 1").await;
    let size = "select pg_relation_size('public.work_items')";
    assert_eq!(desk.number(size).await.unsigned_abs(), done.after, "increments stay in their pages");
}

#[tokio::test]
async fn a_table_that_another_session_holds_is_left_as_it_is() {
    let desk = own().await;
    let mut reader = desk.user.begin().await.unwrap();
    sqlx::query("select from public.work_items limit 1").execute(&mut *reader).await.unwrap();
    let error = rewrite(&desk).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    reader.rollback().await.unwrap();
    rewrite(&desk).await.unwrap();
}

/// A database with a user's own table, adopted.
async fn own() -> Desk {
    let desk = bare().await;
    desk.run(OWN).await;
    desk.store.install(scaler_core::SlotCount::new(256).ok()).await.unwrap();
    desk
}

async fn optimize(desk: &Desk) -> Result<Optimized, StoreError> {
    PgStore::new(&PgConfig::new(desk.database.url())).unwrap().optimize(|_| {}).await
}

async fn rewrite(desk: &Desk) -> Result<Rewritten, StoreError> {
    PgStore::new(&PgConfig::new(desk.database.url())).unwrap().rewrite().await
}
