//! The store passes the contract of all stores, and goes on where a killed process was.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::testing::store::StoreFixture;
use scaler_core::testing::{SetClock, Violation};
use scaler_core::{DEAF_AFTER, Election, ItemId, KeyType, LEADERLESS_AFTER, SlotCount, WorkStore, WorkerId};
use sqlite_store::{Layout, OpenError, SqliteStore, WallClock};
use sqlx::sqlite::SqlitePool;
use tempfile::TempDir;

const SECOND: Duration = Duration::from_secs(1);

/// Layout that the contract's tests ask for.
fn layout() -> Layout {
    Layout { slots: SlotCount::new(256).unwrap(), ..Layout::default() }
}

/// A store in a file of its own, whose clock the test sets.
struct Fixture {
    store: Arc<SqliteStore>,
    clock: Arc<SetClock>,
    _folder: TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::new(Arc::new(WallClock)));
    let store = Arc::new(SqliteStore::open(&folder.path().join("items.db"), layout(), clock.clone()).await.unwrap());
    // What a user's own constraints do.
    let refusals = "create table refused_item (id any) strict;
        create table refused_worker (worker text) strict;
        create trigger refuse before update on work_items
        when new.id in (select id from refused_item) or new.currentworker in (select worker from refused_worker)
        begin select raise(abort, 'the test refuses it'); end;";
    sqlx::raw_sql(refusals).execute(pool(&store)).await.unwrap();
    Fixture { store, clock, _folder: folder }
}

fn pool(store: &SqliteStore) -> &SqlitePool {
    store.pool()
}

impl Fixture {
    async fn run(&self, sql: &'static str, value: String) -> Result<(), Violation> {
        sqlx::query(sql).bind(value).execute(pool(&self.store)).await?;
        Ok(())
    }

    fn set_ahead(&self, by: Duration) {
        self.clock.set_ahead(i64::try_from(by.as_millis()).unwrap());
    }
}

#[async_trait]
impl StoreFixture for Fixture {
    fn store(&self) -> Arc<dyn WorkStore> {
        self.store.clone()
    }

    fn election(&self) -> Arc<dyn Election> {
        self.store.clone()
    }

    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation> {
        for item in items {
            assert!(self.store.insert(item).await?);
        }
        Ok(())
    }

    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation> {
        for item in items {
            assert!(self.store.remove(item).await?);
        }
        Ok(())
    }

    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation> {
        for item in items {
            self.run("insert into refused_item values (?)", item.to_string()).await?;
        }
        Ok(())
    }

    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation> {
        self.run("insert into refused_worker values (?)", worker.to_string()).await
    }

    async fn accept_all(&self) -> Result<(), Violation> {
        self.run("delete from refused_item where id <> ?", String::new()).await?;
        self.run("delete from refused_worker where worker <> ?", String::new()).await
    }

    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation> {
        Ok(self.store.row(item).await?.map(|row| (row.value, row.worker)))
    }

    async fn outlast_the_leader(&self) -> Result<(), Violation> {
        self.set_ahead(LEADERLESS_AFTER);
        Ok(())
    }

    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation> {
        self.clock.set_ahead(-i64::try_from(by.as_millis()).unwrap());
        Ok(())
    }

    async fn outlast_deafness(&self) -> Result<(), Violation> {
        self.set_ahead(DEAF_AFTER);
        Ok(())
    }

    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation> {
        self.clock.set_ahead(-1000 * ticks.cast_signed());
        Ok(())
    }

    async fn pass_a_moment(&self) {
        self.set_ahead(SECOND / 10);
    }
}

scaler_core::store_suite!(fixture);
scaler_core::operations_suite!(fixture);

async fn open(path: &Path, layout: Layout) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, layout, Arc::new(WallClock)).await
}

#[tokio::test]
async fn a_file_keeps_its_installation_and_its_items_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let uuids = [1_u128 << 127, 7, 0xff].map(uuid::Uuid::from_u128).map(ItemId::Uuid);
    for (name, key, mut items) in [
        ("uuid", KeyType::Uuid, uuids.to_vec()),
        ("bigint", KeyType::BigInt, [10_i64, -7, 9].map(ItemId::from).to_vec()),
        ("text", KeyType::Text, ["b", "B", "\u{e4}", "10", "9"].map(ItemId::from).to_vec()),
    ] {
        let (path, layout) = (folder.path().join(name), Layout { key, ..layout() });
        let store = open(&path, layout).await.unwrap();
        for item in &items {
            assert!(store.insert(item).await.unwrap() && !store.insert(item).await.unwrap());
        }
        let installation = store.installation().await.unwrap();
        drop(store);
        let store = eventually_open(&path, layout).await;
        assert_eq!(store.installation().await.unwrap(), installation);
        items.sort_unstable();
        assert_eq!(store.rows().await.unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>(), items);
    }
}

/// Opens a file that another store of this process has just dropped: its connection closes on a thread of its own.
async fn eventually_open(path: &Path, layout: Layout) -> SqliteStore {
    loop {
        match open(path, layout).await {
            Err(OpenError::InUse { .. }) => {}
            opened => return opened.unwrap(),
        }
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_with_its_name_and_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.db");
    let store = open(&path, layout()).await.unwrap();
    let refused = open(&path, layout()).await.unwrap_err().to_string();
    assert!(refused.contains("items.db: another process has opened this file"), "{refused}");
    drop(store);
    eventually_open(&path, layout()).await;
    let other = Layout { slots: SlotCount::new(512).unwrap(), ..layout() };
    let refused = loop {
        match open(&path, other).await {
            Err(OpenError::InUse { .. }) => {}
            opened => break opened.unwrap_err().to_string(),
        }
    };
    assert!(refused.contains("items.db: has 256 slots, uuid keys and ticks of 1000 ms"), "{refused}");

    let foreign = folder.path().join("foreign.db");
    std::fs::write(&foreign, "This is a text, and no database of any kind. ".repeat(100)).unwrap();
    let refused = open(&foreign, layout()).await.unwrap_err().to_string();
    assert!(refused.contains("foreign.db: not a file of this program"), "{refused}");
    assert!(std::fs::read_to_string(&foreign).unwrap().starts_with("This is a text"));

    let others = folder.path().join("others.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}?mode=rwc", others.display())).await.unwrap();
    sqlx::raw_sql("create table notes (note text)").execute(&pool).await.unwrap();
    pool.close().await;
    let refused = open(&others, layout()).await.unwrap_err().to_string();
    assert!(refused.contains("others.db: not a file of this program"), "{refused}");

    let refused = open(&folder.path().join("missing/items.db"), layout()).await.unwrap_err().to_string();
    assert!(refused.contains("missing/items.db: cannot be used"), "{refused}");
}

#[tokio::test]
async fn a_key_of_another_type_is_refused() {
    let fixture = fixture().await;
    let refused = fixture.store.insert(&ItemId::from("7")).await.unwrap_err().to_string();
    assert!(refused.contains("is not a key of type uuid"), "{refused}");
}

#[tokio::test]
async fn values_stay_exact_over_lives_of_a_process() {
    use scaler_core::Node;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.db");
    let mut before = 0;
    for _ in 0..2 {
        let store = eventually_open(&path, layout()).await;
        for item in (0..10).map(|item| ItemId::Uuid(uuid::Uuid::from_u128(item))) {
            store.insert(&item).await.unwrap();
        }
        let node = tokio::spawn(Node::builder(store.clone()).name("node-1").run_until(std::future::pending()));
        let sum = loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let rows = store.rows().await.unwrap();
            assert!(rows.iter().all(|row| row.value == row.ticks), "{rows:?}");
            let sum: u64 = rows.iter().map(|row| row.value).sum();
            if rows.iter().all(|row| row.value > before) {
                break sum;
            }
        };
        // As a kill does.
        node.abort();
        let _ = node.await;
        before = sum / 10;
    }
}
