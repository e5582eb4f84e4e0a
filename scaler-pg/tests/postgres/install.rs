//! Installing and adopting: what is the user's stays as it is.

use std::time::Duration;

use futures_util::future::join_all;
use scaler_core::{ErrorClass, Incarnation, SlotCount, SlotRange, StoreError, WorkStore};
use scaler_pg::{PgConfig, PgStore};
use uuid::Uuid;

use crate::support::{Desk, bare, installed, member};

/// Returns the text of the refusal, and checks that nothing was created.
async fn refused(desk: &Desk, expected: &str) {
    let error = desk.store.install(None).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(desk.number("select count(*) from pg_namespace where nspname = 'scaler'").await, 0, "a schema was made");
}

#[tokio::test]
async fn an_empty_database_gets_all_that_is_needed() {
    let desk = bare().await;
    assert_eq!(desk.store.install(None).await.unwrap().slots, SlotCount::DEFAULT);
    assert_eq!(desk.number("select count(*) from scaler.slot").await, 4096);
    assert_eq!(desk.number("select count(*) from public.work_items").await, 0);
    desk.store.probe().await.unwrap();
}

#[tokio::test]
async fn concurrent_and_repeated_installs_succeed() {
    let desk = bare().await;
    let installers: Vec<_> = (0..6).map(|_| PgStore::new(&PgConfig::new(desk.database.url())).unwrap()).collect();
    for installed in join_all(installers.iter().map(|store| store.install(SlotCount::new(512).ok()))).await {
        assert_eq!(installed.unwrap().slots.get(), 512);
    }
    assert_eq!(desk.store.install(None).await.unwrap().slots.get(), 512, "what is installed holds");
    assert_eq!(desk.number("select count(*) from scaler.slot").await, 512);
}

#[tokio::test]
async fn first_items_come_once_and_only_into_a_table_made_now() {
    let desk = bare().await;
    let installers: Vec<_> = (0..4).map(|_| PgStore::new(&PgConfig::new(desk.database.url())).unwrap()).collect();
    for installed in join_all(installers.iter().map(|store| store.install_with_items(None, 10))).await {
        installed.unwrap();
    }
    assert_eq!(desk.number("select count(*) from public.work_items").await, 10);
    desk.run("delete from public.work_items").await;
    desk.store.install_with_items(None, 10).await.unwrap();
    assert_eq!(desk.number("select count(*) from public.work_items").await, 0, "an emptied table stays empty");

    let desk = bare().await;
    desk.run("create table public.work_items (id uuid primary key, value integer, currentworker text)").await;
    desk.store.install_with_items(None, 10).await.unwrap();
    assert_eq!(desk.number("select count(*) from public.work_items").await, 0, "a user's table is given nothing");
}

#[tokio::test]
async fn a_dropped_work_table_is_named_and_can_be_recreated() {
    let desk = bare().await;
    let missing = desk.store.probe().await.unwrap_err();
    assert!(missing.to_string().contains("schema scaler is missing"), "{missing}");
    desk.store.install(None).await.unwrap();
    desk.run("drop table public.work_items").await;
    let missing = desk.store.probe().await.unwrap_err();
    assert!(matches!(missing, StoreError::NotInstalled { .. }), "{missing}");
    assert!(missing.to_string().contains("table public.work_items is missing"), "{missing}");
    let worker = member("worker-1");
    let missing = desk.store.tick(&worker, SlotRange::ALL).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotInstalled { .. }), "{missing}");
    assert!(missing.to_string().contains("public.work_items"), "{missing}");
    desk.store.install(None).await.unwrap();
    desk.store.probe().await.unwrap();
    desk.store.tick(&worker, SlotRange::ALL).await.unwrap();
}

#[tokio::test]
async fn the_originals_table_is_adopted_with_its_rows() {
    let desk = bare().await;
    desk.run(
        "create table public.work_items (id uuid primary key, value integer, currentWorker varchar(255));
         insert into public.work_items select gen_random_uuid(), nullif(n, 3), 'old' from generate_series(1, 50) n",
    )
    .await;
    desk.store.install(None).await.unwrap();
    desk.store.probe().await.unwrap();
    assert_eq!(desk.number("select count(*) from public.work_items where currentworker = 'old'").await, 50);
    assert_eq!(desk.number("select sum(value) from public.work_items").await, 1275 - 3);
    let shape = "select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
                 from pg_attribute where attrelid = 'public.work_items'::regclass and attnum > 0";
    let shape: String = sqlx::query_scalar(shape).fetch_one(&desk.user).await.unwrap();
    assert_eq!(shape, "id uuid, value integer, currentworker character varying(255)");
}

#[tokio::test]
async fn rows_without_a_value_and_with_the_greatest_are_worked_on() {
    let desk = bare().await;
    desk.run(
        "create table public.work_items (id uuid, value integer, currentWorker varchar(255));
         insert into public.work_items values ('00000000-0000-0000-0000-000000000001', null),
             ('00000000-0000-0000-0000-000000000002', 2147483647), (null, 7)",
    )
    .await;
    desk.store.install(SlotCount::new(256).ok()).await.unwrap();
    desk.run("update scaler.slot set owner = 'w', incarnation = '00000000-0000-0000-0000-00000000000f', epoch = 1").await;
    let mut owner = member("w");
    owner.incarnation = Incarnation::new(Uuid::from_u128(15));
    let report = desk.store.tick(&owner, SlotRange::ALL).await.unwrap();
    assert_eq!(report.items, 2, "a row without an id is nobody's");
    assert_eq!(desk.number("select value::bigint from public.work_items where id::text like '%1'").await, 1);
    assert_eq!(desk.number("select value::bigint from public.work_items where id::text like '%2'").await, 2_147_483_647);
}

#[tokio::test]
async fn a_users_fillfactor_is_kept_unless_it_is_that_of_any_table() {
    for (chosen, kept) in [(80, "fillfactor=80"), (100, "fillfactor=25")] {
        let desk = bare().await;
        desk.run("create table public.work_items (id uuid, value integer, currentworker text)").await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("alter table public.work_items set (fillfactor = {chosen})")))
            .execute(&desk.user)
            .await
            .unwrap();
        desk.store.install(None).await.unwrap();
        let options: Vec<String> =
            sqlx::query_scalar("select unnest(reloptions) from pg_class where oid = 'public.work_items'::regclass")
                .fetch_all(&desk.user)
                .await
                .unwrap();
        assert_eq!(options, [kept]);
    }
}

/// Returns the number of valid indexes on the slot.
const INDEXES_ON_THE_SLOT: &str = "select count(*) from pg_index where indrelid = 'public.work_items'::regclass and indisvalid
    and pg_get_expr(indexprs, indrelid) like '%slot_of(id)'";

#[tokio::test]
async fn a_table_that_takes_the_place_of_another_gets_an_index_of_its_own() {
    let desk = bare().await;
    desk.store.install(None).await.unwrap();
    desk.run(
        "create table next (like public.work_items including defaults);
         alter table public.work_items rename to former;
         alter table next rename to work_items",
    )
    .await;
    assert_eq!(desk.number(INDEXES_ON_THE_SLOT).await, 0);
    desk.store.install(None).await.unwrap();
    assert_eq!(desk.number(INDEXES_ON_THE_SLOT).await, 1);
    desk.store.install(None).await.unwrap();
    assert_eq!(desk.number(INDEXES_ON_THE_SLOT).await, 1, "once is enough");
    // While programs run, too.
    desk.run("drop table former; alter table public.work_items rename to former; create table public.work_items (like former)")
        .await;
    desk.store.ensure_table().await.unwrap();
    assert_eq!(desk.number(INDEXES_ON_THE_SLOT).await, 1);
}

#[tokio::test]
async fn the_session_that_blocks_an_installer_is_named() {
    let desk = bare().await;
    let mut other = desk.user.acquire().await.unwrap();
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *other).await.unwrap();
    sqlx::raw_sql("select pg_advisory_lock(x'7363616c6572'::bigint)").execute(&mut *other).await.unwrap();
    let error = desk.store.install(None).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert!(error.to_string().contains(&format!("waiting for another installer: session {pid} (")), "{error}");
    sqlx::raw_sql("select pg_advisory_unlock_all()").execute(&mut *other).await.unwrap();

    // A writer whose transaction stays open beside the making of the index.
    desk.run("create table public.work_items (id uuid primary key, value integer, currentworker text)").await;
    sqlx::raw_sql("begin; insert into public.work_items values (gen_random_uuid(), 0)").execute(&mut *other).await.unwrap();
    let old = "select count(*) from pg_stat_activity where datname = current_database() and xact_start < clock_timestamp() - interval '2 s'";
    while desk.number(old).await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let error = desk.store.install(None).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert!(error.to_string().contains(&format!("to create the index on the slot: session {pid} (")), "{error}");
    let indexes = "select count(*) from pg_index where indrelid = 'public.work_items'::regclass and indexprs is not null";
    assert_eq!(desk.number(indexes).await, 0, "none is left half made");
    sqlx::raw_sql("rollback").execute(&mut *other).await.unwrap();
    desk.store.install(None).await.unwrap();
    assert_eq!(desk.number(INDEXES_ON_THE_SLOT).await, 1);
}

#[tokio::test]
async fn each_table_that_inherits_gets_an_index() {
    let desk = bare().await;
    desk.run(
        "create table public.work_items (id uuid, value integer, currentworker text);
         create table public.more () inherits (public.work_items);
         create table public.\"still more\" () inherits (public.more)",
    )
    .await;
    desk.store.install(None).await.unwrap();
    assert_eq!(desk.number("select count(*) from pg_index where indexprs is not null and indisvalid").await, 3);
    desk.store.ensure_table().await.unwrap();
}

#[tokio::test]
async fn columns_that_no_tick_can_change_are_refused_with_the_remedy() {
    for (column, remedy) in [
        ("value integer generated always as (1) stored, currentworker text", "alter column value drop expression"),
        ("value integer generated always as identity, currentworker text", "alter column value drop identity"),
        ("value integer, currentworker text generated always as ('me') stored", "alter column currentworker drop expression"),
    ] {
        let desk = bare().await;
        let create = format!("create table public.work_items (id uuid primary key, {column})");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&desk.user).await.unwrap();
        refused(&desk, remedy).await;
    }
}

#[tokio::test]
async fn an_invalid_index_is_rebuilt() {
    let desk = bare().await;
    desk.store.install(None).await.unwrap();
    desk.run("update pg_index set indisvalid = false where indrelid = 'public.work_items'::regclass and indexprs is not null")
        .await;
    desk.store.install(None).await.unwrap();
    assert_eq!(desk.number(INDEXES_ON_THE_SLOT).await, 1);
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_and_left_alone() {
    for (create, expected) in [
        (
            "create table public.work_items (id bigint, value integer, currentworker text)",
            "work_items.id is bigint, expected uuid",
        ),
        (
            "create table public.work_items (id uuid, value bigint, currentworker text)",
            "work_items.value is bigint, expected integer",
        ),
        ("create table public.work_items (id uuid, value integer)", "work_items.currentworker is missing"),
        (
            "create table public.work_items (id uuid, value integer, currentworker varchar(20))",
            "is character varying(20), expected text",
        ),
        ("create view public.work_items as select 1 as id", "work_items is a view, expected a table"),
    ] {
        let desk = bare().await;
        desk.run(create).await;
        refused(&desk, expected).await;
    }
}

#[tokio::test]
async fn other_slots_than_installed_are_refused() {
    let desk = bare().await;
    desk.store.install(SlotCount::new(256).ok()).await.unwrap();
    let error = desk.store.install(SlotCount::new(512).ok()).await.unwrap_err();
    assert!(error.to_string().contains("installed with 256 slots, but SLOTS is 512"), "{error}");
    let error = desk.store.install(SlotCount::new(128).ok()).await.unwrap_err();
    assert!(error.to_string().contains("128 slots: an installation has 256 to 65536"), "{error}");
}

#[tokio::test]
async fn a_missing_privilege_of_a_worker_is_named() {
    let desk = bare().await;
    let role = desk.database.name().to_owned();
    let created = sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "create role {role} login password 'secret'; grant usage on schema public to {role}"
    )));
    created.execute(&desk.user).await.unwrap();
    let (_, place) = desk.database.url().rsplit_once('@').unwrap();
    let limited = PgStore::new(&PgConfig::new(format!("postgres://{role}:secret@{place}"))).unwrap();
    let denied = limited.install(None).await.unwrap_err();
    assert!(matches!(denied, StoreError::NotInstalled { .. }), "another must install: {denied}");
    assert!(matches!(limited.probe().await.unwrap_err(), StoreError::NotInstalled { .. }));
    desk.store.install(None).await.unwrap();
    let closed = [limited.install(None).await.map(drop).unwrap_err(), limited.probe().await.unwrap_err()];
    assert!(closed.iter().all(|error| error.class() == ErrorClass::Transient), "its owner has not opened it yet: {closed:?}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("grant usage on schema scaler to {role}"))).execute(&desk.user).await.unwrap();
    let denied = limited.probe().await.unwrap_err();
    assert!(
        matches!(denied, StoreError::Denied { .. }) && denied.to_string().contains("select on public.work_items"),
        "{denied}"
    );
    let dropped = format!("drop owned by {role}; drop role {role}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(dropped)).execute(&desk.user).await.unwrap();
}

#[tokio::test]
async fn errors_name_the_place_and_no_secret() {
    let mut nowhere = PgConfig::new("postgres://me:secret@127.0.0.1:1/work");
    nowhere.connect_timeout = Duration::from_millis(300);
    let error = PgStore::new(&nowhere).unwrap().probe().await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1:1/work") && !text.contains("secret"), "{text}");
    let config = PgConfig::new("postgres://me:secret@db/work");
    assert!(!format!("{config:?}").contains("secret"));
    let error = PgStore::new(&PgConfig::new("mysql://me:secret@db/work")).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Permanent);
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}
#[tokio::test]
async fn an_item_is_found_by_its_key() {
    let desk = installed(60_000).await;
    let id = desk.store.add_items(1).await.unwrap().remove(0);
    let found = desk.store.find_item(&id.to_string()).await.unwrap().unwrap();
    assert_eq!((found.item, found.value, found.worker), (id, Some(0), None));
    assert_eq!(desk.store.find_item(&Uuid::new_v4().to_string()).await.unwrap(), None);
    let refused = desk.store.find_item("7; drop table").await.unwrap_err();
    assert!(matches!(refused, scaler_core::StoreError::Refused { .. }), "{refused}");
}
