//! Workers and control planes that log in as roles of their own: all works, and nothing else can be done.

use std::time::Duration;

use scaler_core::{ErrorClass, EventFilter, EventLog, SlotCount, SlotRange, Wish, Wishes, WorkStore};
use scaler_pg::{Roles, WorkerAccess};
use sqlx::{AssertSqlSafe, PgPool};

use crate::oracle;
use crate::role_desk::{roles, with_roles};
use crate::support::member;

mod tables {
    use crate::role_desk::{RoleDesk, with_roles};
    use scaler_pg::WorkerAccess;

    async fn fixture() -> RoleDesk {
        with_roles(300, WorkerAccess::Tables).await
    }

    scaler_core::store_suite!(fixture);
    scaler_core::operations_suite!(fixture);
}

mod functions {
    use crate::role_desk::{RoleDesk, with_roles};
    use scaler_pg::WorkerAccess;

    async fn fixture() -> RoleDesk {
        with_roles(300, WorkerAccess::Functions).await
    }

    scaler_core::store_suite!(fixture);
}

async fn assert_refused(pool: &PgPool, statements: &[&'static str]) {
    for statement in statements {
        let error = sqlx::raw_sql(*statement).execute(pool).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
    }
}

const NOT_FOR_WORKERS: &[&str] = &[
    "update scaler.slot set owner = 'me'",
    "update scaler.slot set incarnation = gen_random_uuid()",
    "update scaler.slot set epoch = epoch + 1",
    "update scaler.slot set term = 7",
    "insert into scaler.slot (slot) values (7777)",
    "delete from scaler.slot",
    "update scaler.leader set term = term + 1",
    "select * from scaler.leader",
    "update scaler.meta set tick_ms = 10",
    "update public.work_items set id = gen_random_uuid()",
    "insert into public.work_items (value) values (1)",
    "delete from public.work_items",
    "truncate public.work_items",
    "create table scaler.mine ()",
    "select scaler.set_slots(512)",
];

#[tokio::test]
async fn a_worker_may_change_only_what_a_tick_changes() {
    let desk = with_roles(60_000, WorkerAccess::Tables).await;
    desk.split.worker.probe().await.unwrap();
    assert_refused(&desk.worker, NOT_FOR_WORKERS).await;
    let functions = ["select * from scaler.tick('a', gen_random_uuid(), 0, 256, null, null)"];
    assert_refused(&desk.worker, &functions).await;
}

#[tokio::test]
async fn a_worker_of_functions_reaches_no_table() {
    let desk = with_roles(60_000, WorkerAccess::Functions).await;
    desk.split.worker.probe().await.unwrap();
    assert_refused(&desk.worker, NOT_FOR_WORKERS).await;
    let direct = [
        "update public.work_items set value = value + 1",
        "update public.work_items set currentworker = 'me'",
        "update scaler.slot set last_tick = 1",
        "select id from public.work_items",
        "select slot from scaler.slot",
        "select slots from scaler.meta",
        "select id from public.work_items for update",
    ];
    assert_refused(&desk.worker, &direct).await;
}

#[tokio::test]
async fn a_control_plane_may_move_slots_and_count_items_but_change_none() {
    let desk = with_roles(60_000, WorkerAccess::Tables).await;
    assert_eq!(desk.split.control.install(None).await.unwrap().slots.get(), 256, "it finds what its owner has installed");
    let error = desk.split.control.install(SlotCount::new(512).ok()).await.unwrap_err();
    assert!(error.to_string().contains("installed with 256 slots, but SLOTS is 512"), "{error}");
    let refused = [
        "update public.work_items set value = 0",
        "update public.work_items set currentworker = 'me'",
        "select currentworker from public.work_items",
        "select id from public.work_items for update",
        "insert into public.work_items (value) values (1)",
        "delete from public.work_items",
        "update scaler.slot set last_tick = last_tick + 1",
        "update scaler.slot set ticks = ticks + 1",
        "delete from scaler.slot",
        "update scaler.meta set tick_ms = 10",
        "select * from scaler.tick('a', gen_random_uuid(), 0, 256, null, null)",
        "select scaler.adopt('a', gen_random_uuid())",
        "drop table scaler.slot",
        "create table scaler.mine ()",
    ];
    assert_refused(&desk.control, &refused).await;
}

#[tokio::test]
async fn a_running_worker_follows_when_its_rights_change() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    desk.owner.store.add_items(20).await.unwrap();
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.owner.user).await.unwrap();
    for access in [WorkerAccess::Tables, WorkerAccess::Functions, WorkerAccess::Tables] {
        desk.owner.store.grant(&roles(&desk.names, access)).await.unwrap();
        // The first try after the change may find its way barred.
        let _ = desk.split.worker.tick(&owner, SlotRange::ALL).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(desk.split.worker.tick(&owner, SlotRange::ALL).await.unwrap().items, 20, "{access:?}");
        assert_eq!(desk.split.worker.items(&owner, SlotRange::ALL).await.unwrap().len(), 20);
    }
}

#[tokio::test]
async fn a_users_lock_on_one_item_costs_only_that_item_its_tick_by_functions_too() {
    let desk = with_roles(60_000, WorkerAccess::Functions).await;
    let items = desk.owner.store.add_items(20).await.unwrap();
    let owner = member("a");
    let give = sqlx::query("update scaler.slot set owner = 'a', incarnation = $1, epoch = 1").bind(owner.incarnation.uuid());
    give.execute(&desk.owner.user).await.unwrap();
    let mut user = desk.owner.user.begin().await.unwrap();
    let lock = sqlx::query("select from public.work_items where id = $1 for update").bind(items[0].as_uuid());
    lock.execute(&mut *user).await.unwrap();
    let report = desk.split.worker.tick(&owner, SlotRange::ALL).await.unwrap();
    assert_eq!((report.items, report.locked), (19, 1));
}

#[tokio::test]
async fn roles_that_cannot_serve_are_refused_and_nothing_changes() {
    let desk = with_roles(60_000, WorkerAccess::Functions).await;
    let [worker, control] = &desk.names;
    let nobody = "nobody; drop schema scaler".to_owned();
    for (roles, expected) in [
        (Roles { worker: Some((nobody, WorkerAccess::Tables)), ..Roles::default() }, "does not exist"),
        (Roles { control: Some("postgres".to_owned()), ..Roles::default() }, "superuser"),
        (roles(&[worker.clone(), worker.clone()], WorkerAccess::Tables), "name different roles"),
        (roles(&[worker.clone(), "missing".to_owned()], WorkerAccess::Tables), "missing does not exist"),
    ] {
        let error = desk.owner.store.grant(&roles).await.unwrap_err();
        assert!(error.class() == ErrorClass::Permanent && error.to_string().contains(expected), "{error}");
    }
    desk.split.worker.probe().await.unwrap();
    assert_refused(&desk.worker, &["update public.work_items set value = 1"]).await;
    let roles = Roles { control: Some(control.clone()), ..Roles::default() };
    let error = desk.split.control.grant(&roles).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Permanent, "only the owner grants: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_functions_no_item_is_incremented_twice_in_a_tick() {
    let desk = with_roles(200, WorkerAccess::Functions).await;
    desk.owner.run(oracle::AUDIT).await;
    desk.owner.store.add_items(200).await.unwrap();
    println!("by functions: {}", oracle::assert_fenced(&desk.owner, &*desk.split, &*desk.split.control).await);
}

#[tokio::test]
async fn a_read_only_role_sees_all_and_changes_nothing() {
    let desk = with_roles(60_000, WorkerAccess::Tables).await;
    desk.owner.store.add_items(5).await.unwrap();
    let look = &desk.look;
    look.probe_to_look().await.unwrap();
    assert_eq!(look.list_items(10).await.unwrap().len(), 5);
    assert_eq!(look.census().await.unwrap().total(), 5);
    assert_eq!(look.assignment().await.unwrap().slots.len(), 256);
    look.leader().await.unwrap();
    let first = look.snapshot(&scaler_pg::Scope::All).await.unwrap();
    assert!(look.audit(&scaler_pg::Scope::All, first).await.unwrap().proves());
    desk.split.control.probe_to_look().await.expect("a control plane may look, too");
    let refused = [
        "update public.work_items set value = 0",
        "insert into public.work_items (value) values (1)",
        "delete from public.work_items",
        "select id from public.work_items for update",
        "update scaler.slot set ticks = ticks + 1",
        "update scaler.leader set term = term + 1",
        "update scaler.meta set ahead_ms = 1",
        "insert into scaler.wish (kind, subject, made_by, note) values ('pause', '', 'me', '')",
        "delete from scaler.event",
        "update scaler.view set body = ''",
        "select scaler.adopt('a', gen_random_uuid())",
        "select * from scaler.try_to_write('a', gen_random_uuid())",
        "create table scaler.mine ()",
    ];
    assert_refused(&desk.looker, &refused).await;
    let lacking = desk.look.probe().await.unwrap_err();
    assert!(matches!(lacking, scaler_core::StoreError::Denied { .. }), "{lacking}");
}

#[tokio::test]
async fn an_operator_makes_wishes_and_changes_nothing_else() {
    let desk = with_roles(60_000, WorkerAccess::Tables).await;
    let operate = &desk.operate;
    operate.probe_to_look().await.unwrap();
    operate.wish(&Wish::Pause, "alice", "new disks").await.unwrap();
    let seen = Wishes::wishes(&desk.look).await.unwrap();
    assert_eq!(seen.iter().map(|recorded| &recorded.wish).collect::<Vec<_>>(), [&Wish::Pause]);
    assert_eq!(Wishes::wishes(&*desk.split.control).await.unwrap(), seen);
    assert!(operate.withdraw(&Wish::Pause.subject(), "bob").await.unwrap());
    assert_eq!(desk.look.events(&EventFilter::default(), 10).await.unwrap().len(), 2);
    desk.split.control.publish_view("{}").await.unwrap();
    assert_eq!(operate.published_view().await.unwrap().unwrap().1, "{}");
    let refused = [
        "update public.work_items set value = 0",
        "update scaler.slot set owner = 'me'",
        "update scaler.leader set term = term + 1",
        "delete from scaler.event",
        "update scaler.event set made_by = 'another'",
        "update scaler.view set body = ''",
    ];
    assert_refused(&desk.operator, &refused).await;
}

#[tokio::test]
async fn wishes_that_cannot_be_are_refused_by_the_schema() {
    let desk = with_roles(60_000, WorkerAccess::Tables).await;
    for values in [
        "'dance', '', null, null, null",
        "'pause', 'a', null, null, null",
        "'pause', '', 'a', null, null",
        "'cordon', 'a', 'b', null, null",
        "'cordon', '', null, null, null",
        "'drain', 'a b', 'a b', null, null",
        "'weight', 'a', 'a', null, 0",
        "'weight', 'a', 'a', null, null",
        "'weight', 'a', 'a', null, 1001",
        "'pin', '7', 'a', 8, null",
        "'pin', '7', null, 7, null",
        "'pin', '-1', 'a', -1, null",
        "'pin', '65536', 'a', 65536, null",
    ] {
        let insert =
            format!("insert into scaler.wish (kind, subject, worker, slot, weight, made_by, note) values ({values}, 'me', '')");
        let error = sqlx::raw_sql(AssertSqlSafe(insert)).execute(&desk.operator).await.unwrap_err();
        let code = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("23514"), "{values}: {error}");
    }
}

#[tokio::test]
async fn a_public_schema_that_is_closed_is_opened_to_the_roles() {
    for access in [WorkerAccess::Tables, WorkerAccess::Functions] {
        let desk = with_roles(60_000, access).await;
        desk.owner.run("revoke all on schema public from public").await;
        for name in &desk.names {
            let revoke = format!("revoke all on schema public from \"{name}\"");
            sqlx::raw_sql(sqlx::AssertSqlSafe(revoke)).execute(&desk.owner.user).await.unwrap();
        }
        let lacking = desk.split.worker.probe().await.unwrap_err();
        assert!(lacking.to_string().contains("usage on schema public is not granted"), "{lacking}");
        desk.owner.store.grant(&roles(&desk.names, access)).await.unwrap();
        desk.split.worker.probe().await.unwrap();
        desk.split.control.install(None).await.unwrap();
        desk.split.tick(&member("a"), SlotRange::ALL).await.unwrap();
    }
}

#[tokio::test]
async fn a_role_from_which_a_policy_hides_rows_is_refused() {
    let desk = with_roles(50, WorkerAccess::Tables).await;
    desk.owner.store.add_items(5).await.unwrap();
    desk.owner.run("alter table public.work_items enable row level security").await;
    let refused = desk.owner.store.grant(&roles(&desk.names, WorkerAccess::Tables)).await.unwrap_err();
    let told = refused.to_string();
    assert!(
        told.contains(&format!("row security hides rows from role {}", desk.names[0])) && told.contains("bypassrls"),
        "{told}"
    );
    for error in [
        desk.split.worker.probe().await.unwrap_err(),
        desk.split.control.install(None).await.map(drop).unwrap_err(),
        // Those that run already are told, and pass no row over without a word.
        desk.split.census().await.map(drop).unwrap_err(),
    ] {
        let told = error.to_string().replace('-', " ");
        assert!(
            error.class() == ErrorClass::Permanent && (told.contains("row security") || told.contains("row level security")),
            "{error}"
        );
    }
    for name in &desk.names {
        let bypass = format!("alter role \"{name}\" bypassrls");
        sqlx::raw_sql(sqlx::AssertSqlSafe(bypass)).execute(&desk.owner.user).await.unwrap();
    }
    desk.owner.store.grant(&roles(&desk.names, WorkerAccess::Tables)).await.unwrap();
    assert_eq!(desk.split.census().await.unwrap().total(), 5);
}
