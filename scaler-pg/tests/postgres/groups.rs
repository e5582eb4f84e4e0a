//! Groups of a user's own: any table, key, filter and statement.

use scaler_core::{ErrorClass, SlotCount, SlotRange, StoreError, WorkStore, digest_of, slot_of};
use scaler_pg::{PgStore, PgStoreBuilder};

use crate::support::{Desk, bare, member};

mod tables {
    use crate::group_desk::{GroupDesk, with_group};
    use scaler_pg::WorkerAccess;

    async fn fixture() -> GroupDesk {
        with_group(WorkerAccess::Tables).await
    }

    scaler_core::store_suite!(fixture);
}

mod functions {
    use crate::group_desk::{GroupDesk, with_group};
    use scaler_pg::WorkerAccess;

    async fn fixture() -> GroupDesk {
        with_group(WorkerAccess::Functions).await
    }

    scaler_core::store_suite!(fixture);
}

const SLOTS: u32 = 256;

fn group(desk: &Desk, name: &str) -> PgStoreBuilder {
    PgStore::builder(desk.database.url()).group(name)
}

/// Installs the group with 256 slots and long ticks, all slots with one owner.
async fn installed(desk: &Desk, builder: PgStoreBuilder, name: &str) -> (PgStore, scaler_core::MemberKey) {
    let store = builder.build().unwrap();
    store.install(SlotCount::new(SLOTS).ok()).await.unwrap();
    let owner = member("a");
    let give = format!(
        "update {name}.meta set tick_ms = 60000;
         update {name}.slot set owner = 'a', incarnation = '{}', epoch = 1",
        owner.incarnation
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(give)).execute(&desk.user).await.unwrap();
    (store, owner)
}

/// Lets the next tick begin.
async fn next_tick(desk: &Desk, name: &str) {
    desk.run_unguarded(&format!("update {name}.slot set last_tick = 0")).await;
}

/// Ticks until no item was left out for lack of time, as may happen on a busy machine: one call does what fits into a second, and counts items
/// that it does not try as locked. Returns the number of items that were ticked, and of those that were refused.
async fn tick_all(desk: &Desk, store: &PgStore, owner: &scaler_core::MemberKey) -> (u64, u64) {
    let mut tries = 0;
    loop {
        tries += 1;
        assert!(tries <= 20, "each of 20 ticks left items out");
        next_tick(desk, "feeds").await;
        let report = store.tick(owner, SlotRange::ALL).await.unwrap();
        if report.left == 0 && report.locked == 0 {
            return (report.items, report.refused);
        }
    }
}

#[tokio::test]
async fn keys_of_each_type_are_in_the_slots_that_both_sides_find() {
    for (key_type, keys) in [
        ("uuid", "gen_random_uuid()"),
        ("bigint", "(n - 150) * 12345678901"),
        ("integer", "n - 150"),
        ("text", "case when n = 1 then '' else chr((64 + n % 40)::integer) || 'ü' || n end"),
        ("varchar(20)", "n::text"),
    ] {
        let desk = bare().await;
        let create = format!(
            "create table public.feeds (id {key_type} primary key, polled integer default 0);
             insert into public.feeds select {keys} from generate_series(1::bigint, 300) n"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&desk.user).await.unwrap();
        let builder = group(&desk, "feeds").table("feeds").statement("update {table} set polled = polled + 1 where {owned}");
        let (store, owner) = installed(&desk, builder, "feeds").await;
        let report = store.tick(&owner, SlotRange::ALL).await.unwrap();
        let items = store.items(&owner, SlotRange::ALL).await.unwrap();
        assert_eq!((report.items, items.len()), (300, 300), "{key_type}");
        assert_eq!(report.digest, digest_of(&items), "{key_type}");
        assert!(items.is_sorted(), "{key_type}: {items:?}");
        let load = store.census().await.unwrap();
        let slots = SlotCount::new(SLOTS).unwrap();
        for item in &items {
            assert!(load.of(slot_of(item, slots)) > 0, "{key_type} {item}");
        }
        // Refused items are left out of later ticks: keys as parameters, of one item and of many.
        desk.run(
            "create function public.refuse() returns trigger language plpgsql as $$ begin
                 if hashtext(new.id::text) % 3 = 0 then raise exception 'no'; end if; return new; end $$;
             create trigger refuse before update on public.feeds for each row execute function public.refuse()",
        )
        .await;
        let refused = desk.number("select count(*) from public.feeds where hashtext(id::text) % 3 = 0").await.unsigned_abs();
        for _ in 0..3 {
            assert_eq!(tick_all(&desk, &store, &owner).await, (300 - refused, refused), "{key_type}");
        }
        assert_eq!(store.list_items(400).await.unwrap().len(), 300);
        store.probe().await.unwrap();
    }
}

#[tokio::test]
async fn two_groups_of_a_database_do_not_know_each_other() {
    let desk = bare().await;
    desk.run(
        "create table public.feeds (id bigint primary key, polled integer default 0);
         insert into public.feeds select n from generate_series(1, 100) n",
    )
    .await;
    let statement = "update {table} set polled = polled + 1 where {owned}";
    let (one, owner) = installed(&desk, group(&desk, "one").table("feeds").statement(statement), "one").await;
    let (other, other_owner) = installed(&desk, group(&desk, "other").table("feeds").filter("id > 90"), "other").await;
    desk.store.install(SlotCount::new(512).ok()).await.unwrap();
    let (report, other_report) = tokio::join!(one.tick(&owner, SlotRange::ALL), other.tick(&other_owner, SlotRange::ALL));
    assert_eq!((report.unwrap().items, other_report.unwrap().items), (100, 10));
    assert_eq!(desk.number("select sum(polled) from public.feeds").await, 100, "the other changes nothing");
    assert_ne!(one.installation().await.unwrap(), other.installation().await.unwrap());
    assert_eq!(other.tick(&owner, SlotRange::ALL).await.unwrap().owned, 0);
    assert_eq!(desk.store.slot_count().await.unwrap().get(), 512);
    for store in [&one, &other, &*desk.store] {
        store.ensure_table().await.unwrap();
        store.probe().await.unwrap();
    }
    assert_eq!(desk.number("select count(*) from pg_index where indrelid = 'public.feeds'::regclass").await, 3);
}

#[tokio::test]
async fn sessions_of_one_group_say_nothing_about_another() {
    let desk = bare().await;
    desk.store.install(SlotCount::new(SLOTS).ok()).await.unwrap();
    desk.run("create table public.feeds (id bigint primary key)").await;
    let worker = member("a");
    let config = scaler_pg::PgConfig::for_worker(desk.database.url(), worker.incarnation);
    let feeds = group(&desk, "feeds").table("feeds").config(config).build().unwrap();
    feeds.install(SlotCount::new(SLOTS).ok()).await.unwrap();
    feeds.ping().await.unwrap();
    let sessions = feeds.assignment().await.unwrap().sessions.unwrap();
    assert!(sessions.contains(&worker.incarnation));
    assert_eq!(desk.store.assignment().await.unwrap().sessions, None, "the reference group has no worker");
}

#[tokio::test]
async fn a_partitioned_table_has_an_index_on_each_partition_and_on_each_that_comes() {
    let desk = bare().await;
    desk.run(
        "create table public.feeds (id bigint not null, day integer, polled integer default 0, primary key (id, day)) partition by range (day);
         create table public.feeds_1 partition of public.feeds for values from (0) to (10);
         create table public.feeds_2 partition of public.feeds for values from (10) to (20) partition by list (day);
         create table public.feeds_2a partition of public.feeds_2 default;
         insert into public.feeds select n, n % 20 from generate_series(1, 100) n",
    )
    .await;
    let statement = "update {table} set polled = polled + 1 where {owned}";
    let builder = group(&desk, "feeds").table("feeds").statement(statement);
    let (store, owner) = installed(&desk, builder, "feeds").await;
    let indexes = "select count(*) from pg_index where indexprs is not null and indisvalid";
    assert_eq!(desk.number(indexes).await, 2);
    assert_eq!(store.tick(&owner, SlotRange::ALL).await.unwrap().items, 100);
    desk.run(
        "create table public.feeds_3 partition of public.feeds for values from (20) to (30); insert into public.feeds values (1000, 25)",
    )
    .await;
    store.ensure_table().await.unwrap();
    assert_eq!(desk.number(indexes).await, 3);
    next_tick(&desk, "feeds").await;
    assert_eq!(store.tick(&owner, SlotRange::ALL).await.unwrap().items, 101);
    assert_eq!(desk.number("select sum(polled) from public.feeds").await, 201);
    store.rewrite().await.unwrap();
    assert_eq!(desk.number("select count(*) from pg_index where indisclustered").await, 3, "each partition by its own index");
    assert_eq!(desk.number("select sum(polled) from public.feeds").await, 201);
}

#[tokio::test]
async fn a_filter_selects_the_items_and_the_rows_of_the_index() {
    for (filter, in_the_index) in [
        ("enabled and not (name = '}{table}')", true),
        ("due < now()", false),
        ("enabled and id in (select p.id from public.picked p)", false),
    ] {
        let desk = bare().await;
        desk.run(
            "create table public.picked (id bigint);
             create table public.feeds (id bigint primary key, enabled boolean, name text default '', due timestamptz default now() - interval '1 h');
             insert into public.feeds select n, n <= 10, '' from generate_series(1, 50) n;
             update public.feeds set due = case when enabled then due else 'infinity' end;
             insert into public.picked select n from generate_series(1, 50) n",
        )
        .await;
        let (store, owner) = installed(&desk, group(&desk, "feeds").table("feeds").filter(filter), "feeds").await;
        let partial = "select count(*) from pg_index where indexprs is not null and indpred is not null";
        assert_eq!(desk.number(partial).await, i64::from(in_the_index), "{filter}");
        let report = store.tick(&owner, SlotRange::ALL).await.unwrap();
        let items = store.items(&owner, SlotRange::ALL).await.unwrap();
        assert_eq!((report.items, items.len(), report.digest), (10, 10, digest_of(&items)), "{filter}");
        assert_eq!(store.census().await.unwrap().total(), 10);
        // Another filter replaces the index; the same one leaves it.
        let one = "select min(indexrelid::bigint) from pg_index where indexprs is not null";
        let before = desk.number(one).await;
        group(&desk, "feeds").table("feeds").filter(filter).build().unwrap().install(None).await.unwrap();
        assert_eq!(desk.number(one).await, before, "{filter}");
        let other = group(&desk, "feeds").table("feeds").filter("id <= 7").build().unwrap();
        let waits = other.probe().await.unwrap_err();
        assert!(matches!(waits, StoreError::NotInstalled { .. }) && waits.to_string().contains("filter"), "{waits}");
        other.install(None).await.unwrap();
        assert_eq!(desk.number("select count(*) from pg_index where indexprs is not null").await, 1);
        next_tick(&desk, "feeds").await;
        assert_eq!(other.tick(&owner, SlotRange::ALL).await.unwrap().items, 7);
        other.rewrite().await.unwrap();
        assert_eq!(desk.number("select count(*) from pg_index where indisclustered").await, 0, "a partial index gives no order");
        assert_eq!(desk.number("select count(*) from public.feeds").await, 50);
    }
}

#[tokio::test]
async fn a_statement_may_write_elsewhere_and_leave_out_rows() {
    let desk = bare().await;
    desk.run(
        "create table public.log (id bigint, by text);
         create table public.feeds (id bigint primary key, due integer default 0);
         insert into public.feeds select n, n % 2 from generate_series(1, 20) n",
    )
    .await;
    for (name, statement, sql, expected) in [
        (
            "a",
            "insert into public.log select item.id, {worker} from {table} where {owned} and item.due = 0",
            "select count(*) from public.log where by = 'a'",
            10,
        ),
        (
            "b",
            "with past as (update {table} set due = due + 10 where {owned} returning id) insert into public.log select id, 'b' from past",
            "select count(*) from public.log where by = 'b'",
            20,
        ),
        ("c", "delete from {table} where {owned} and item.due > 10", "select count(*) from public.feeds", 10),
    ] {
        let (store, owner) = installed(&desk, group(&desk, name).table("feeds").statement(statement), name).await;
        let report = store.tick(&owner, SlotRange::ALL).await.unwrap();
        assert_eq!((desk.number(sql).await, report.refused), (expected, 0), "{statement}: {report:?}");
        assert_eq!(store.try_to_write(&owner).await.unwrap(), None);
        assert_eq!(desk.number(sql).await, expected, "a trial is taken back");
        // Twice in a tick is once.
        assert_eq!(store.tick(&owner, SlotRange::ALL).await.unwrap().ticked, 0);
        assert_eq!(desk.number(sql).await, expected);
    }
}

/// Asserts that the group is refused at its installation with this message, and that nothing was made or altered.
async fn refused(desk: &Desk, builder: PgStoreBuilder, expected: &[&str]) {
    let answer = builder.build().unwrap().install(None).await;
    assert!(answer.is_err(), "accepted, but expected {expected:?}");
    let error = answer.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
    let text = error.to_string();
    assert!(expected.iter().all(|part| text.contains(part)) && !text.contains('\n'), "{text}");
    assert_eq!(desk.number("select count(*) from pg_namespace where nspname = 'feeds'").await, 0, "{text}: a schema was made");
    assert_eq!(desk.number("select count(*) from pg_index where indexprs is not null").await, 0, "{text}: an index was made");
}

#[tokio::test]
async fn a_table_or_key_that_cannot_serve_is_refused_with_the_remedy() {
    let desk = bare().await;
    desk.run(
        "create table public.feeds (id bigint primary key, plain integer not null, maybe integer unique, day date not null unique);
         create table public.german (id text collate \"de-x-icu\" primary key);
         create collation public.same (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         create table public.same (id text collate public.same primary key);
         create table public.partial (id bigint not null);
         create unique index on public.partial (id) where id > 0;
         create view public.looked as select * from public.feeds",
    )
    .await;
    for (table, key, expected) in [
        ("missing", "id", &["table public.\"missing\"", "does not exist", "create it"][..]),
        ("nowhere.feeds", "id", &["table \"nowhere\".\"feeds\"", "does not exist"]),
        ("looked", "id", &["public.\"looked\" is a view", "name a table"]),
        ("feeds", "other", &["column \"other\"", "is missing"]),
        ("feeds", "day", &["key public.\"feeds\".\"day\" is date", "bigint"]),
        ("feeds", "maybe", &["may be null", "set not null"]),
        ("feeds", "plain", &["is not unique", "create unique index"]),
        ("partial", "id", &["is not unique"]),
        ("same", "id", &["nondeterministic collation"]),
    ] {
        refused(&desk, group(&desk, "feeds").table(table).key(key), expected).await;
    }
    group(&desk, "feeds").table("german").build().unwrap().install(None).await.unwrap();
}

#[tokio::test]
async fn sql_that_does_not_fit_the_table_is_refused_before_anything_is_made() {
    let desk = bare().await;
    desk.run(
        "create table public.log (id bigint); create table public.feeds (id bigint primary key, enabled boolean, polled integer)",
    )
    .await;
    for (filter, expected) in [
        ("polled", "it is int4"),
        ("enabled, enabled", "it is bool, bool"),
        ("enabled) or (true", "syntax error"),
        ("enabled; drop table public.log", "syntax error"),
        ("missing", "column \"missing\" does not exist"),
        ("count(*) > 1", "aggregate"),
        ("polled = $1", "it has parameters"),
        ("true union select true", "syntax error"),
    ] {
        refused(&desk, group(&desk, "feeds").table("feeds").filter(filter), &["the filter does not fit table", expected]).await;
    }
    for (statement, expected) in [
        ("update {table} set missing = 1 where {owned}", "column \"missing\""),
        ("update {table} set polled = 1 where {owned}; delete from {table}", "multiple commands"),
        ("update {table} set polled = 1 where {owned} returning id", "returns rows"),
        ("with one as (select 1) select * from {table} where {owned}", "returns rows"),
        ("insert into log select item.id from {table} where {owned}", "relation \"log\" does not exist"),
        ("update {table} set polled = 'x' where {owned}", "invalid input syntax"),
        ("update {table} set polled = $2 where {owned}", "it has parameters"),
        ("update {table} set polled = 1 where {owned} /* open", "comment"),
    ] {
        let builder = group(&desk, "feeds").table("feeds").statement(statement);
        refused(&desk, builder, &["the statement does not fit table", expected]).await;
    }
    assert_eq!(desk.number("select count(*) from pg_class where relname in ('log', 'feeds')").await, 2);
    for bad in [
        group(&desk, "No"),
        group(&desk, "a").table("a.b.c"),
        group(&desk, "a").key("id"),
        group(&desk, "a").filter(" "),
        group(&desk, "a").statement("select 1"),
    ] {
        assert_eq!(bad.build().unwrap_err().class(), ErrorClass::Permanent);
    }
}

#[tokio::test]
async fn an_installed_group_keeps_its_table_and_key() {
    let desk = bare().await;
    desk.run(
        "create table public.feeds (id bigint primary key, other bigint not null unique);
         create table public.mails (id bigint primary key)",
    )
    .await;
    let (store, _) = installed(&desk, group(&desk, "feeds").table("feeds"), "feeds").await;
    for (other, expected) in [
        (
            group(&desk, "feeds").table("mails"),
            "installed for table public.\"feeds\" with key id, but table public.\"mails\" with key id",
        ),
        (group(&desk, "feeds").table("feeds").key("other"), "with key \"other\" is asked for"),
        (group(&desk, "feeds"), "but table public.work_items with key id is asked for"),
    ] {
        let other = other.build().unwrap();
        for error in [other.install(None).await.unwrap_err(), other.probe().await.unwrap_err()] {
            assert!(error.class() == ErrorClass::Permanent && error.to_string().contains(expected), "{error}");
        }
    }
    assert_eq!(desk.number("select count(*) from pg_class where relname = 'work_items'").await, 0);
    desk.run("drop table public.feeds; create table public.feeds (id text primary key)").await;
    let error = store.install(None).await.unwrap_err();
    assert!(error.to_string().contains("of type bigint, but"), "{error}");
    let error = store.add_items(1).await.unwrap_err();
    assert!(error.class() == ErrorClass::Permanent && error.to_string().contains("is not the table of the increment"), "{error}");
    let error = store.snapshot(&scaler_pg::Scope::All).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
}

#[tokio::test]
async fn a_store_uses_the_pool_of_its_service_and_leaves_its_sessions_as_they_are() {
    let desk = bare().await;
    desk.run("create table public.feeds (id bigint primary key, polled integer default 0); insert into public.feeds select n from generate_series(1, 50) n")
        .await;
    let options = sqlx::postgres::PgPoolOptions::new().max_connections(3);
    let pool = options.connect(desk.database.url()).await.unwrap();
    let statement = "update {table} set polled = polled + 1 where {owned}";
    let builder = PgStore::builder("").group("feeds").table("feeds").statement(statement).pool(pool.clone());
    let (store, owner) = installed(&desk, builder, "feeds").await;
    store.ensure_table().await.unwrap();
    for _ in 0..5 {
        next_tick(&desk, "feeds").await;
        let (report, load) = tokio::join!(store.tick(&owner, SlotRange::ALL), store.census());
        assert_eq!((report.unwrap().items, load.unwrap().total()), (50, 50));
    }
    assert!(pool.size() <= 3);
    for _ in 0..3 {
        let setting: String = sqlx::query_scalar("select current_setting('statement_timeout')").fetch_one(&pool).await.unwrap();
        assert_eq!(setting, "0", "the service's sessions keep their settings");
    }
    pool.close().await;
    assert_eq!(store.tick(&owner, SlotRange::ALL).await.unwrap_err().class(), ErrorClass::Transient);
}
