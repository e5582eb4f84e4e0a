//! A database of its own for each test, and the hands of a user on it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::testing::Violation;
use scaler_core::testing::store::StoreFixture;
use scaler_core::{Election, Incarnation, ItemId, MemberKey, SlotCount, WorkStore, WorkerId};
use scaler_pg::{PgConfig, PgStore};
use sqlx::PgPool;
use test_servers::{Database, Postgres};
use uuid::Uuid;

/// A database with the schema in it, or not yet.
pub(crate) struct Desk {
    pub(crate) store: Arc<PgStore>,
    pub(crate) user: PgPool,
    pub(crate) database: Database,
}

/// An empty database.
pub(crate) async fn bare() -> Desk {
    let database = Postgres::database().await;
    let user = PgPool::connect(database.url()).await.unwrap();
    let store = Arc::new(PgStore::new(&PgConfig::new(database.url())).unwrap());
    Desk { store, user, database }
}

/// A database with the schema, 256 slots, and ticks of this many milliseconds.
pub(crate) async fn installed(tick_ms: i32) -> Desk {
    let desk = bare().await;
    desk.store.install(SlotCount::new(256).ok()).await.unwrap();
    sqlx::query("update scaler.meta set tick_ms = $1").bind(tick_ms).execute(&desk.user).await.unwrap();
    desk
}

pub(crate) fn member(name: &str) -> MemberKey {
    MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::new_v4()) }
}

/// Creates a trigger that refuses the rows that two tables name, for every role.
const REFUSALS: &str = r"
    create schema if not exists refusals;
    create table if not exists refusals.item (id uuid);
    create table if not exists refusals.worker (name text);
    create or replace function refusals.refuse() returns trigger language plpgsql security definer as $$
    begin
        if exists (select from refusals.item where id = new.id) or exists (select from refusals.worker where name = new.currentworker) then
            raise exception 'the test refuses %', new.id using errcode = 'check_violation';
        end if;
        return new;
    end $$;
    create or replace trigger refuse before update on public.work_items for each row execute function refusals.refuse();
";

impl Desk {
    async fn install_refusals(&self) -> Result<(), Violation> {
        sqlx::raw_sql(REFUSALS).execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    /// Runs a statement of the test's own.
    pub(crate) async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.user).await.unwrap();
    }

    /// As [`run`](Self::run), past the guards: for what a test makes of the clock.
    pub(crate) async fn run_unguarded(&self, sql: &str) {
        let unguarded = format!("begin; set local session_replication_role = replica; {sql}; commit");
        sqlx::raw_sql(sqlx::AssertSqlSafe(unguarded)).execute(&self.user).await.unwrap();
    }

    /// The first column of the first row.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.user).await.unwrap()
    }
}

#[async_trait]
impl StoreFixture for Desk {
    fn store(&self) -> Arc<dyn WorkStore> {
        self.store.clone()
    }

    fn election(&self) -> Arc<dyn Election> {
        self.store.clone()
    }

    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation> {
        let ids: Vec<_> = items.iter().filter_map(ItemId::as_uuid).collect();
        let query = sqlx::query("insert into public.work_items (id) select * from unnest($1::uuid[])").bind(ids);
        query.execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.store.remove_items(items).await.map(drop).map_err(Violation::from)
    }

    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation> {
        self.install_refusals().await?;
        let ids: Vec<_> = items.iter().filter_map(ItemId::as_uuid).collect();
        let query = sqlx::query("insert into refusals.item select * from unnest($1::uuid[])").bind(ids);
        query.execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation> {
        self.install_refusals().await?;
        let query = sqlx::query("insert into refusals.worker values ($1)").bind(worker.as_str());
        query.execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn accept_all(&self) -> Result<(), Violation> {
        sqlx::query("truncate refusals.item, refusals.worker").execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation> {
        let query = sqlx::query_as("select value, currentworker from public.work_items where id = $1").bind(item.as_uuid());
        let row: Option<(i32, Option<String>)> = query.fetch_optional(&self.user).await?;
        Ok(row.map(|(value, worker)| (value.unsigned_abs().into(), worker)))
    }

    async fn outlast_the_leader(&self) -> Result<(), Violation> {
        let free = "update scaler.leader set expires_at = clock_timestamp() - interval '10 seconds'";
        sqlx::query(free).execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation> {
        let later =
            sqlx::query("update scaler.leader set expires_at = expires_at + make_interval(secs => $1)").bind(by.as_secs_f64());
        later.execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn outlast_deafness(&self) -> Result<(), Violation> {
        let long_deaf = "update scaler.leader set deaf_since = deaf_since - interval '10 seconds'";
        sqlx::query(long_deaf).execute(&self.user).await.map(drop).map_err(Violation::from)
    }

    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation> {
        // It is all the same whether the clock falls or ticks lie ahead.
        self.run_unguarded(&format!("update scaler.slot set last_tick = last_tick + {ticks} where last_tick > 0")).await;
        Ok(())
    }

    async fn pass_a_moment(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
