//! A database with a group of one's own: a table in a schema with quoted names, a filter and a statement.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::testing::Violation;
use scaler_core::testing::store::StoreFixture;
use scaler_core::{Election, ItemId, SlotCount, WorkStore, WorkerId};
use scaler_pg::{PgConfig, PgStore, Roles, WorkerAccess};
use sqlx::{AssertSqlSafe, PgPool};
use test_servers::{Database, Postgres};
use tokio::sync::OnceCell;

use crate::role_desk::Split;

/// Columns have the names of variables in the functions: a name of the user's is a column.
const TABLE: &str = r#"
    create schema "My ""Schema""";
    create table "My ""Schema"""."Feeds 'n' 100%" (
        "Feed Id" uuid primary key, state text not null default 'on', items integer, slots integer not null default 0, worker text, tick integer,
        marked integer, left_out integer, batch integer, free integer)
"#;
const FILTER: &str = "state = 'on' and batch is null and marked is null and left_out is null -- a comment";
const STATEMENT: &str =
    "update {table} set slots = slots + 1, worker = {worker}, items = coalesce(item.items, 0) + 1 where {owned};";
const REFUSALS: &str = r#"
    create schema if not exists refusals;
    create table if not exists refusals.item (id uuid);
    create table if not exists refusals.worker (name text);
    create or replace function refusals.refuse() returns trigger language plpgsql security definer as $$
    begin
        if exists (select from refusals.item where id = new."Feed Id") or exists (select from refusals.worker where name = new.worker) then
            raise exception 'the test refuses %', new."Feed Id" using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create or replace trigger refuse before update on "My ""Schema"""."Feeds 'n' 100%" for each row execute function refusals.refuse();
"#;

/// A store that ticks as a worker's role, or as the owner.
pub(crate) struct GroupDesk {
    pub(crate) split: Arc<Split>,
    pub(crate) user: PgPool,
    _database: Database,
}

/// Returns a store of the group `order`, whose name is a word of SQL, as this user.
fn store(url: &str) -> PgStore {
    let builder = PgStore::builder("").group("order").table(r#""My ""Schema"""."Feeds 'n' 100%""#).key("\"Feed Id\"");
    builder.filter(FILTER).statement(STATEMENT).config(PgConfig::new(url)).build().unwrap()
}

/// Returns a database with the group, whose workers have this access.
pub(crate) async fn with_group(access: WorkerAccess) -> GroupDesk {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    let database = SERVER.get_or_init(Postgres::private).await.new_database().await;
    let user = PgPool::connect(database.url()).await.unwrap();
    sqlx::raw_sql(TABLE).execute(&user).await.unwrap();
    let owner = store(database.url());
    owner.install(SlotCount::new(256).ok()).await.unwrap();
    sqlx::raw_sql("update \"order\".meta set tick_ms = 300").execute(&user).await.unwrap();
    let role = format!("Worker \"{}\"", database.name());
    let create = format!("create role \"{}\" login", role.replace('"', "\"\""));
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&user).await.unwrap();
    owner.grant(&Roles { worker: Some((role.clone(), access)), ..Roles::default() }).await.unwrap();
    let role = role.replace(' ', "%20").replace('"', "%22");
    let worker = store(&database.url().replacen("postgres@", &format!("{role}@"), 1));
    worker.probe().await.unwrap();
    let split = Arc::new(Split { worker, control: Arc::new(store(database.url())) });
    // A row of another state is no item, whatever slot it is in.
    let off = r#"insert into "My ""Schema"""."Feeds 'n' 100%" ("Feed Id", state) select gen_random_uuid(), 'off' from generate_series(1, 50)"#;
    sqlx::raw_sql(off).execute(&user).await.unwrap();
    GroupDesk { split, user, _database: database }
}

impl GroupDesk {
    async fn run(&self, sql: &'static str) -> Result<(), Violation> {
        sqlx::raw_sql(sql).execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn with_ids(&self, sql: &'static str, items: &[ItemId]) -> Result<(), Violation> {
        let ids: Vec<_> = items.iter().filter_map(ItemId::as_uuid).collect();
        sqlx::query(sql).bind(ids).execute(&self.user).await.map(drop).map_err(Violation::from)
    }
}

#[async_trait]
impl StoreFixture for GroupDesk {
    fn store(&self) -> Arc<dyn WorkStore> {
        self.split.clone()
    }

    fn election(&self) -> Arc<dyn Election> {
        self.split.control.clone()
    }

    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.with_ids(r#"insert into "My ""Schema"""."Feeds 'n' 100%" ("Feed Id") select * from unnest($1::uuid[])"#, items).await
    }

    /// A row that the filter leaves out is removed, too.
    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.with_ids(r#"update "My ""Schema"""."Feeds 'n' 100%" set state = 'off' where "Feed Id" = any ($1)"#, items).await
    }

    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.run(REFUSALS).await?;
        self.with_ids("insert into refusals.item select * from unnest($1::uuid[])", items).await
    }

    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation> {
        self.run(REFUSALS).await?;
        let query = sqlx::query("insert into refusals.worker values ($1)").bind(worker.as_str());
        query.execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn accept_all(&self) -> Result<(), Violation> {
        self.run("truncate refusals.item, refusals.worker").await
    }

    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation> {
        let sql = r#"select slots, worker from "My ""Schema"""."Feeds 'n' 100%" where "Feed Id" = $1 and state = 'on'"#;
        let row: Option<(i32, Option<String>)> = sqlx::query_as(sql).bind(item.as_uuid()).fetch_optional(&self.user).await?;
        Ok(row.map(|(value, worker)| (value.unsigned_abs().into(), worker)))
    }

    async fn outlast_the_leader(&self) -> Result<(), Violation> {
        self.run("update \"order\".leader set expires_at = clock_timestamp() - interval '10 seconds'").await
    }

    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation> {
        let later = sqlx::query("update \"order\".leader set expires_at = expires_at + make_interval(secs => $1)");
        later.bind(by.as_secs_f64()).execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn outlast_deafness(&self) -> Result<(), Violation> {
        self.run("update \"order\".leader set deaf_since = deaf_since - interval '10 seconds'").await
    }

    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation> {
        let ahead = format!(
            "begin; set local session_replication_role = replica;
             update \"order\".slot set last_tick = last_tick + {ticks} where last_tick > 0; commit"
        );
        sqlx::raw_sql(AssertSqlSafe(ahead)).execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn pass_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
