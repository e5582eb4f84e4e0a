//! Observation of the whole system: real programs, a Postgres and a Redis of their own, and a witness that reads the slots from outside.

mod plot;
mod programs;
mod witness;

use std::time::Duration;

use scaler_core::WorkStore;
use scaler_pg::{PgConfig, PgStore};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use test_servers::{Postgres, Redis};

use crate::args::{Args, Commit};
use crate::contender::{Contender, learn, work};
use crate::field::{Failure, Field, TICK};
use crate::measure::now;
pub(crate) use plot::plot;
use programs::{Cost, Programs};
use witness::{Activity, Seen, Witness};

/// Share of the measured limit of Postgres that the system is loaded with.
const SHARE: f64 = 0.7;
/// Time for which the limit is measured: long enough for a checkpoint and the full-page writes after it.
const AT_THE_LIMIT: Duration = Duration::from_secs(120);
/// Length of a part of the measurement; the slowest part is the limit. Parts are as long as a tick, since a missed tick is not made up for:
/// what counts is what Postgres, on this machine, can do in any second.
const PART: Duration = Duration::from_secs(1);
/// Time from the first full tick to the first look, so that all is settled.
const SETTLE: Duration = Duration::from_secs(10);
/// Maximum time until all programs have started and all items are ticked.
const START: Duration = Duration::from_secs(180);

/// Observations of the running system.
pub(crate) struct Life {
    pub(crate) items: u32,
    pub(crate) workers: u32,
    pub(crate) seconds: f64,
    pub(crate) seen: Seen,
    before: Activity,
    after: Activity,
    cost: Cost,
}

/// Number of items per second that can be ticked, pass after pass, without other load.
pub(crate) struct Limit {
    /// Rate in the slowest part.
    pub(crate) least: f64,
    /// Mean rate.
    pub(crate) mean: f64,
}

/// Measures the limit with these chunks and workers.
#[expect(clippy::cast_precision_loss, reason = "a rate")]
pub(crate) async fn limit(server: &Postgres, args: &Args) -> Result<Limit, Failure> {
    let field = Field::prepare(server, args, args.live_order()).await?;
    let contender = Contender::Fenced(args.commits()[0]);
    let mut sessions = contender.sessions(&field, 0).await?;
    learn(&mut sessions).await?;
    let begun = now();
    let (mut least, mut all) = (f64::INFINITY, 0);
    while begun.elapsed() < AT_THE_LIMIT {
        let (part, mut rows) = (now(), 0);
        while part.elapsed() < PART {
            let pass = now();
            rows += work(&mut sessions).await?;
            // Wait until all items are due again.
            tokio::time::sleep((2 * TICK).saturating_sub(pass.elapsed())).await;
        }
        least = least.min(rows as f64 / part.elapsed().as_secs_f64());
        all += rows;
    }
    let mean = all as f64 / begun.elapsed().as_secs_f64();
    field.own.close().await?;
    Ok(Limit { least, mean })
}

/// Returns the number of items that the system is loaded with.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of items")]
pub(crate) fn share_of(limit: &Limit) -> u32 {
    (limit.least * SHARE) as u32
}

/// Runs the system with this many items for this long.
pub(crate) async fn live(server: &Postgres, items: u32, workers: u32, lasts: Duration, args: &Args) -> Result<Life, Failure> {
    let database = server.new_database().await;
    let store = PgStore::new(&PgConfig::new(database.url()))?;
    store.install(None).await?;
    let mut own = PgConnection::connect(database.url()).await?;
    sqlx::query(args.live_order().load()).bind(i64::from(items)).execute(&mut own).await?;
    sqlx::raw_sql("vacuum analyze").execute(&mut own).await?;
    own.close().await?;
    let load = store.census().await?;
    drop(store);
    let redis = Redis::private().await;
    let mut witness = Witness::new(database.url(), load).await?;
    let commit = if args.commits()[0] == Commit::On { "on" } else { "off" };
    let mut programs = Programs::start(database.url(), redis.url(), workers, commit, witness.pid)?;
    witness.all_ticked(START).await?;
    tokio::time::sleep(SETTLE).await;
    let (before, begun, cost) = (witness.activity().await?, now(), programs.cost()?);
    let seen = witness.watch(lasts).await?;
    let after = witness.activity().await?;
    let cost = programs.cost()?.since(&cost);
    Ok(Life { items, workers, seconds: begun.elapsed().as_secs_f64(), seen, before, after, cost })
}

#[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
impl Life {
    pub(crate) fn rows_per_s(&self) -> f64 {
        self.seen.increments as f64 / self.seconds
    }

    fn wal_per_s(&self) -> f64 {
        (self.after.wal_bytes - self.before.wal_bytes) as f64 / self.seconds
    }

    fn statements_per_s(&self) -> f64 {
        (self.after.transactions - self.before.transactions - self.seen.own_statements) as f64 / self.seconds
    }

    fn hot(&self) -> f64 {
        (self.after.hot_updates - self.before.hot_updates) as f64 / (self.after.updates - self.before.updates).max(1) as f64
    }

    /// Returns the growth of the table and its indexes, as a fraction.
    fn growth(&self) -> f64 {
        self.after.table_bytes as f64 / self.before.table_bytes as f64 - 1.0
    }

    /// Returns the CPU use, in percent of a core.
    fn cpu(&self, seconds: f64) -> f64 {
        100.0 * seconds / self.seconds
    }

    pub(crate) fn header() -> String {
        "| items | workers | s | rows/s | lag p50, ms | p99 | max | missed | in ticks | HOT | WAL bytes a row | growth | \
         CPU of a worker | Postgres | control plane | memory of a worker, MB | control plane | statements/s | WAL bytes/s |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
            .to_owned()
    }

    pub(crate) fn row(&self) -> String {
        let lag = |share| self.seen.lag_ms(share);
        let workers = f64::from(self.workers);
        format!(
            "| {} | {} | {:.0} | {:.0} | {} | {} | {} | {} | {} | {:.1} % | {:.0} | {:.2} % | {:.2} % | {:.1} % | {:.2} % | {:.0} | {:.0} | {:.1} | {:.0} |",
            self.items,
            self.workers,
            self.seconds,
            self.rows_per_s(),
            lag(0.5),
            lag(0.99),
            lag(1.0),
            self.seen.missed,
            self.seen.bad_ticks.len(),
            100.0 * self.hot(),
            self.wal_per_s() / self.rows_per_s().max(1.0),
            100.0 * self.growth(),
            self.cpu(self.cost.workers_s) / workers,
            self.cpu(self.cost.postgres_s),
            self.cpu(self.cost.control_s),
            self.cost.worker_mb / workers,
            self.cost.control_mb,
            self.statements_per_s(),
            self.wal_per_s(),
        )
    }

    /// Returns the targets, each with its maximum, as JSON.
    pub(crate) fn targets(&self) -> Vec<Value> {
        let targets = [
            ("p99 tick lag, ms", self.seen.lag_ms(0.99) as f64, 1000.0),
            ("missed ticks of items", self.seen.missed as f64, 0.0),
            ("growth of the table", self.growth(), 0.05),
        ];
        let target = |(name, value, limit)| json!({ "name": name, "value": value, "limit": limit, "ok": value <= limit });
        targets.into_iter().map(target).collect()
    }
}
