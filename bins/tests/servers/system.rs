//! One system for one test: a database, a key in Redis, and the programs that use them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use test_servers::{Database, Postgres, Redis};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::programs::{Program, Which};

/// Time limit of a condition: far above every promise, for busy machines.
const PATIENCE: Duration = Duration::from_secs(60);

/// Systems that run at a time: each has several processes that want to be on time.
static PLACES: Semaphore = Semaphore::const_new(2);

pub(crate) struct System {
    pub(crate) user: PgPool,
    pub(crate) database_url: String,
    pub(crate) redis_url: String,
    pub(crate) redis_key: String,
    /// Further environment of its programs.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) control: Option<Program>,
    pub(crate) workers: BTreeMap<String, Program>,
    _database: Option<Database>,
    _place: SemaphorePermit<'static>,
}

impl System {
    /// On a database and a key of its own of the shared servers.
    pub(crate) async fn shared() -> Self {
        let database = Postgres::database().await;
        let (database_url, redis_url) = (database.url().to_owned(), Redis::shared().await.url().to_owned());
        Self { _database: Some(database), ..Self::on(database_url, redis_url).await }
    }

    /// On servers that the test stops and starts.
    pub(crate) async fn on(database_url: String, redis_url: String) -> Self {
        let place = PLACES.acquire().await.unwrap();
        let user = PgPool::connect(&database_url).await.unwrap();
        let redis_key = format!("{}workers", Redis::unique_prefix());
        Self {
            user,
            database_url,
            redis_url,
            redis_key,
            variables: Vec::new(),
            control: None,
            workers: BTreeMap::new(),
            _database: None,
            _place: place,
        }
    }

    /// Installs the schema and the oracle, puts items in, and starts a control plane and workers.
    pub(crate) async fn running(mut self, items: u32, workers: &[&str]) -> Self {
        self.install(items).await;
        self.start_control();
        for name in workers {
            self.start_worker(name);
        }
        self
    }

    pub(crate) async fn install(&self, items: u32) {
        assert_eq!(self.tool(&["migrate"]).await.0, 0);
        crate::oracle::watch(&self.user).await;
        if items > 0 {
            assert_eq!(self.tool(&["items", "add", &items.to_string()]).await.0, 0);
        }
    }

    pub(crate) fn start(&self, which: Which, words: &[&str], more: &[(&str, &str)]) -> Program {
        let mut variables =
            vec![("DATABASE_URL", self.database_url.as_str()), ("REDIS_URL", &self.redis_url), ("REDIS_KEY", &self.redis_key)];
        variables.extend(self.variables.iter().map(|(variable, value)| (*variable, value.as_str())));
        variables.extend(more);
        Program::start(which, words, &variables)
    }

    pub(crate) fn start_control(&mut self) {
        self.control = Some(self.start(Which::ControlPlane, &[], &[]));
    }

    pub(crate) fn start_worker(&mut self, name: &str) {
        let program = self.start(Which::Worker, &[], &[("POD_NAME", name)]);
        self.workers.insert(name.to_owned(), program);
    }

    pub(crate) fn kill_worker(&mut self, name: &str) {
        self.workers.remove(name).unwrap().kill();
    }

    /// Runs the command-line tool to its end: its exit code, and what it said.
    pub(crate) async fn tool(&self, words: &[&str]) -> (i32, String) {
        let mut program = self.start(Which::Tool, words, &[]);
        let code = program.ended().await;
        (code, format!("{}\n{}", program.out.all().join("\n"), program.err.all().join("\n")))
    }

    pub(crate) async fn run(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.user).await.unwrap();
    }

    /// The tick by the database's clock.
    pub(crate) async fn tick(&self) -> i64 {
        sqlx::query_scalar("select tick from scaler.clock()").fetch_one(&self.user).await.unwrap()
    }

    /// Waits until the database's clock is in this tick.
    pub(crate) async fn until_tick(&self, tick: i64) {
        eventually(&format!("tick {tick}"), async || {
            let now = self.tick().await;
            (now >= tick).then_some(()).ok_or(now)
        })
        .await;
    }

    /// The items that each worker last printed.
    pub(crate) fn printed(&self) -> BTreeMap<String, BTreeSet<Uuid>> {
        let items =
            |line: &str| line.split_once("items:").map(|(_, ids)| ids.split_whitespace().map(|id| id.parse().unwrap()).collect());
        let printed = self.workers.iter().filter_map(|(name, program)| Some((name.clone(), items(&program.out.last()?)?)));
        printed.collect()
    }

    /// The items that each worker owns, by the database.
    pub(crate) async fn owned(&self) -> BTreeMap<String, BTreeSet<Uuid>> {
        let query = "select s.owner, w.id from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id) where s.owner is not null";
        let rows: Vec<(String, Uuid)> = sqlx::query_as(query).fetch_all(&self.user).await.unwrap();
        let mut owned: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (owner, id) in rows {
            owned.entry(owner).or_default().insert(id);
        }
        owned
    }

    /// Waits until the loads, most first, are these, and every worker prints what it owns; how long that took.
    pub(crate) async fn until_loads(&self, loads: &[usize]) -> Duration {
        let begun = Instant::now();
        eventually(&format!("loads {loads:?}"), async || {
            let (owned, printed) = (self.owned().await, self.printed());
            let mut found: Vec<_> = owned.values().map(BTreeSet::len).collect();
            found.sort_unstable_by(|a, b| b.cmp(a));
            let shown = owned.iter().all(|(name, items)| printed.get(name) == Some(items));
            (found == loads && shown).then_some(()).ok_or_else(|| format!("{found:?} {:?} {:?}", self.control, self.workers))
        })
        .await;
        begun.elapsed()
    }
}

/// Asks again and again until the answer is yes; fails with the last answer when that takes too long.
pub(crate) async fn eventually<T, E: Debug>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) => assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; at last {last:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
