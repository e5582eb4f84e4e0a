//! One system for one fault: a database, a key in Redis, and the programs that use them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use test_servers::{Database, Postgres, Redis};

use crate::dice::Dice;
use crate::error::{PlayError, Result};
use crate::oracle::{self, Standing, Watch};
use crate::programs::{Program, Signal, Variables, Which};
use crate::proxy::Proxy;
pub use crate::stage::Scene;
use crate::wait::eventually;

/// Maximum time to become steady; after it, the fault counts as not healed.
const PATIENCE: Duration = Duration::from_secs(90);
/// Minimum time that a state must last to count as steady.
const STEADY_FOR: Duration = Duration::from_millis(2500);
const SCHEMA_WITHIN: Duration = Duration::from_secs(30);
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Proxies of one program to its servers.
#[derive(Debug)]
pub struct Ways {
    /// Proxy to Postgres.
    pub postgres: Proxy,
    /// Proxy to Redis.
    pub redis: Proxy,
}

/// One system, for one fault.
#[derive(Debug)]
pub struct World {
    /// Sessions other than those of the programs.
    pub user: PgPool,
    /// URL of Postgres for the programs.
    pub database_url: String,
    /// URL of Postgres for workers, if they use another proxy or role.
    pub worker_database_url: Option<String>,
    /// URL of Postgres for control planes, if they use another proxy or role.
    pub control_database_url: Option<String>,
    /// URL of Redis for the programs.
    pub redis_url: String,
    /// Key of the hash of workers.
    pub redis_key: String,
    /// Further environment variables of all programs.
    pub variables: Variables,
    /// Running control planes, by name.
    pub control_planes: BTreeMap<String, Program>,
    /// Running workers, by name.
    pub workers: BTreeMap<String, Program>,
    /// Random numbers of the fault.
    pub dice: Dice,
    _database: Option<Database>,
}

impl World {
    /// Creates a world on the shared servers, with a database and a key of its own.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn shared(dice: Dice) -> Result<Self> {
        Self::on(Postgres::shared().await, Redis::shared().await.url(), dice).await
    }

    /// Creates a world on these servers.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn on(postgres: &Postgres, redis_url: &str, dice: Dice) -> Result<Self> {
        let database = postgres.new_database().await;
        let world = Self::in_database(database.url(), redis_url, dice).await?;
        Ok(Self { _database: Some(database), ..world })
    }

    /// Creates a world in this database, which the caller keeps.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn in_database(database_url: &str, redis_url: &str, dice: Dice) -> Result<Self> {
        // A server that was unavailable leaves broken sessions behind, so they are tested before use.
        let user = PgPoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(5));
        Ok(Self {
            user: user.connect(database_url).await?,
            database_url: database_url.to_owned(),
            worker_database_url: None,
            control_database_url: None,
            redis_url: redis_url.to_owned(),
            redis_key: format!("{}workers", Redis::unique_prefix()),
            variables: Variables::new(),
            control_planes: BTreeMap::new(),
            workers: BTreeMap::new(),
            dice,
            _database: None,
        })
    }

    /// Installs the schema, the oracle and the items, starts the programs, and waits until the system is steady.
    ///
    /// # Errors
    /// If the system does not become steady.
    pub async fn play(&mut self, scene: Scene) -> Result<()> {
        self.install(scene.items).await?;
        self.play_on(scene).await
    }

    /// Like [`play`](Self::play), if the schema and the items exist already.
    ///
    /// # Errors
    /// If the system does not become steady.
    pub async fn play_on(&mut self, scene: Scene) -> Result<()> {
        for number in 1..=scene.control_planes {
            self.start_control_plane(&format!("control-{number}"), &[])?;
        }
        for number in 1..=scene.workers {
            self.start_worker(&format!("worker-{number}"), &[])?;
        }
        self.steady().await.map(drop)
    }

    /// Installs the schema and the oracle, and adds items.
    ///
    /// # Errors
    /// If Postgres refuses a statement.
    pub async fn install(&self, items: u32) -> Result<()> {
        self.tool(&["migrate"]).await?;
        oracle::install(&self.user).await?;
        if items > 0 {
            self.tool(&["items", "add", &items.to_string()]).await?;
        }
        Ok(())
    }

    /// Starts a control plane; these variables take precedence over all others.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start_control_plane(&mut self, name: &str, variables: &[(&str, &str)]) -> Result<()> {
        let all = self.variables_and(self.control_database_url.as_ref(), variables);
        let program = Program::start(Which::ControlPlane, &[], &all)?;
        self.control_planes.insert(name.to_owned(), program);
        Ok(())
    }

    /// Starts a worker; these variables take precedence over all others.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start_worker(&mut self, name: &str, variables: &[(&str, &str)]) -> Result<()> {
        let mut all = self.variables_and(self.worker_database_url.as_ref(), variables);
        all.insert("POD_NAME".to_owned(), name.to_owned());
        self.workers.insert(name.to_owned(), Program::start(Which::Worker, &[], &all)?);
        Ok(())
    }

    /// Starts a worker that reaches its servers through proxies of its own.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub async fn start_worker_by_ways(&mut self, name: &str) -> Result<Ways> {
        let (ways, database_url, redis_url) = self.ways().await?;
        self.start_worker(name, &[("DATABASE_URL", &database_url), ("REDIS_URL", &redis_url)])?;
        Ok(ways)
    }

    /// Starts a control plane that reaches its servers through proxies of its own.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub async fn start_control_plane_by_ways(&mut self, name: &str) -> Result<Ways> {
        let (ways, database_url, redis_url) = self.ways().await?;
        self.start_control_plane(name, &[("DATABASE_URL", &database_url), ("REDIS_URL", &redis_url)])?;
        Ok(ways)
    }

    async fn ways(&mut self) -> Result<(Ways, String, String)> {
        let (postgres, database_url) = Proxy::to(&self.database_url, self.dice.clone()).await?;
        let (redis, redis_url) = Proxy::to(&self.redis_url, self.dice.clone()).await?;
        Ok((Ways { postgres, redis }, database_url, redis_url))
    }

    /// Runs the command-line tool until it has ended.
    ///
    /// # Errors
    /// If the tool ends with an error.
    pub async fn tool(&self, words: &[&str]) -> Result<()> {
        let mut tool = Program::start(Which::Tool, words, &self.variables_and(None, &[]))?;
        match tool.ended().await? {
            0 => Ok(()),
            code => Err(PlayError::Unfit(format!("notifi-scaler {words:?} ended with {code}: {:?}", tool.err))),
        }
    }

    /// Sends SIGKILL to this worker.
    ///
    /// # Errors
    /// If there is no worker of this name.
    pub async fn kill_worker(&mut self, name: &str) -> Result<()> {
        self.workers.remove(name).ok_or_else(|| missing(name))?.kill().await
    }

    /// Sends SIGTERM to this worker and waits until it has left.
    ///
    /// # Errors
    /// If there is no worker of this name, or it does not leave gracefully.
    pub async fn drain_worker(&mut self, name: &str) -> Result<()> {
        self.worker(name)?.signal(Signal::Term).await?;
        self.ended_worker(name, 0).await
    }

    /// Replaces these workers, as a rolling update with one more worker at a time does: for `worker-1` a new one named `new-1`, and so on.
    ///
    /// # Errors
    /// If one of them does not become ready, or does not leave.
    pub async fn replace_workers(&mut self, numbers: impl IntoIterator<Item = u32>) -> Result<()> {
        for number in numbers {
            let new = format!("new-{number}");
            self.start_worker(&new, &[("POD_REVISION", "new")])?;
            self.ready_worker(&new).await?;
            self.drain_worker(&format!("worker-{number}")).await?;
        }
        Ok(())
    }

    /// Waits until this worker is ready.
    ///
    /// # Errors
    /// If there is no worker of this name, or it does not become ready.
    pub async fn ready_worker(&self, name: &str) -> Result<()> {
        eventually(READY_WITHIN, "the worker is ready", async || {
            let answer = self.worker(name)?.get("/ready").await?;
            Ok(if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer) })
        })
        .await
    }

    /// Sends SIGTERM to this worker without waiting, and returns its process.
    ///
    /// # Errors
    /// If there is no worker of this name.
    pub async fn leave_worker(&mut self, name: &str) -> Result<Program> {
        let worker = self.workers.remove(name).ok_or_else(|| missing(name))?;
        worker.signal(Signal::Term).await?;
        Ok(worker)
    }

    /// Waits until this worker has ended, with this code.
    ///
    /// # Errors
    /// If there is no worker of this name, or it does not end with this code.
    pub async fn ended_worker(&mut self, name: &str, expected: i32) -> Result<()> {
        let mut worker = self.workers.remove(name).ok_or_else(|| missing(name))?;
        let code = worker.ended().await?;
        let why = || PlayError::Unfit(format!("{name} ended with {code}: {:?}", worker.err));
        (code == expected).then_some(()).ok_or_else(why)
    }

    /// Returns this worker.
    ///
    /// # Errors
    /// If there is no worker of this name.
    pub fn worker(&self, name: &str) -> Result<&Program> {
        self.workers.get(name).ok_or_else(|| missing(name))
    }

    /// Returns the name of a random worker.
    ///
    /// # Errors
    /// If there is no worker.
    pub fn any_worker(&mut self) -> Result<String> {
        let names: Vec<_> = self.workers.keys().cloned().collect();
        self.dice.pick(names).ok_or_else(|| missing("any worker"))
    }

    /// Returns the name of the control plane that leads.
    ///
    /// # Errors
    /// If none leads.
    pub async fn leader(&self) -> Result<String> {
        eventually(SCHEMA_WITHIN, "a control plane leads", async || {
            let leader = "select coalesce(holder::text, '') from scaler.leader where expires_at > clock_timestamp()";
            let holder: Option<String> = sqlx::query_scalar(leader).fetch_optional(&self.user).await?;
            let leads =
                |program: &Program| holder.as_ref().is_some_and(|id| program.err.find(&format!("candidate {id}")).is_some());
            let found = self.control_planes.iter().find(|(_, program)| leads(program));
            Ok(found.map(|(name, _)| name.clone()).ok_or(holder))
        })
        .await
    }

    /// Returns the number of suspicions of lost workers, as text. If no worker was lost, each was false, and cost moves.
    #[must_use]
    pub fn false_suspicions(&self) -> String {
        let lost: usize = self.control_planes.values().map(|program| program.err.taken_for_lost().len()).sum();
        format!("false suspicions {lost}")
    }

    /// Returns the number of slots that this worker owns.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn slots_of(&self, worker: &str) -> Result<i64> {
        let slots = "select count(*) from scaler.slot where owner = $1";
        Ok(sqlx::query_scalar(slots).bind(worker).fetch_one(&self.user).await?)
    }

    /// Starts an observed period.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn watch(&self) -> Result<Watch> {
        Watch::begin(&self.user).await
    }

    /// Waits until exactly the running workers own slots, evenly, each item is ticked, and no slot moves. Returns the moment since which this
    /// has held.
    ///
    /// # Errors
    /// If the system does not become steady: the fault has not healed.
    pub async fn steady(&self) -> Result<Instant> {
        self.steady_with(self.workers.keys().cloned().collect()).await
    }

    /// Like [`steady`](Self::steady), but loads need only be fair: slots that workers claimed by themselves are not moved again for a small
    /// gain.
    ///
    /// # Errors
    /// If the system does not become steady.
    pub async fn steady_and_fair(&self) -> Result<Instant> {
        self.steady_where(self.workers.keys().cloned().collect(), |standing| standing.fair).await
    }

    /// Like [`steady`](Self::steady), but with exactly these owners.
    ///
    /// # Errors
    /// If the system does not become steady.
    pub async fn steady_with(&self, owners: Vec<String>) -> Result<Instant> {
        self.steady_where(owners, |standing| standing.even).await
    }

    async fn steady_where(&self, owners: Vec<String>, shared: fn(&Standing) -> bool) -> Result<Instant> {
        let mut since: Option<(Instant, i64)> = None;
        eventually(PATIENCE, &format!("steady with the owners {owners:?}"), async || {
            let asked = Instant::now();
            let standing = match Standing::look(&self.user).await {
                Ok(standing) => standing,
                Err(trouble) => {
                    since = None;
                    return Err(trouble);
                }
            };
            let good = standing.owners == owners && shared(&standing) && standing.unticked == 0;
            since = match since {
                Some((began, changes)) if good && changes == standing.changes => Some((began, changes)),
                _ => good.then_some((asked, standing.changes)),
            };
            let lasting = since.filter(|(began, _)| began.elapsed() >= STEADY_FOR).map(|(began, _)| began);
            Ok(lasting.ok_or(standing))
        })
        .await
    }

    /// Waits a random time within a second, so that faults strike at any point of a tick.
    pub async fn some_moment(&mut self) {
        tokio::time::sleep(self.dice.within(Duration::from_secs(1))).await;
    }

    fn variables_and(&self, database_url: Option<&String>, more: &[(&str, &str)]) -> Variables {
        let mut all = self.variables.clone();
        let database_url = database_url.unwrap_or(&self.database_url);
        for (variable, value) in [("DATABASE_URL", database_url), ("REDIS_URL", &self.redis_url), ("REDIS_KEY", &self.redis_key)]
        {
            all.insert(variable.to_owned(), value.clone());
        }
        all.extend(more.iter().map(|(variable, value)| ((*variable).to_owned(), (*value).to_owned())));
        all
    }
}

fn missing(name: &str) -> PlayError {
    PlayError::Unfit(format!("{name} does not run"))
}
