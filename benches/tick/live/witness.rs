//! Witness of the ticks, which observes them from outside: no worker is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scaler_core::{Slot, SlotLoad};
use sqlx::{Connection, PgConnection};

use crate::field::Failure;
use crate::measure::now;

/// Interval between two looks; lags are overestimated by up to this.
const STEP: Duration = Duration::from_millis(50);

/// Reads all slots periodically.
pub(crate) struct Witness {
    connection: PgConnection,
    /// Pid of its backend.
    pub(crate) pid: u32,
    load: SlotLoad,
    statements: i64,
}

/// Observations of the witness.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Number of items by lag: milliseconds from the start of a tick until they were seen ticked.
    lags: BTreeMap<i64, u64>,
    /// Number of item ticks that were missed.
    pub(crate) missed: u64,
    /// Ticks in which some items were missed.
    pub(crate) bad_ticks: BTreeSet<i64>,
    pub(crate) increments: u64,
    pub(crate) own_statements: i64,
}

/// Last tick of each slot at one moment.
#[derive(sqlx::FromRow)]
struct Look {
    now_ms: i64,
    slots: Vec<i32>,
    last_ticks: Vec<i64>,
}

/// Ticks of each slot until one moment.
#[derive(sqlx::FromRow)]
struct Done {
    last_ticks: Vec<i64>,
    ticks: Vec<i64>,
}

/// Counters of Postgres.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Activity {
    pub(crate) transactions: i64,
    pub(crate) updates: i64,
    pub(crate) hot_updates: i64,
    pub(crate) wal_bytes: i64,
    pub(crate) table_bytes: i64,
}

impl Witness {
    pub(crate) async fn new(url: &str, load: SlotLoad) -> Result<Self, Failure> {
        let mut connection = PgConnection::connect(url).await?;
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut connection).await?;
        Ok(Self { connection, pid: pid.unsigned_abs(), load, statements: 0 })
    }

    pub(crate) async fn activity(&mut self) -> Result<Activity, Failure> {
        Ok(sqlx::query_as(include_str!("../sql/activity.sql")).fetch_one(&mut self.connection).await?)
    }

    /// Waits until each item was ticked in the current or the last tick.
    pub(crate) async fn all_ticked(&mut self, patience: Duration) -> Result<(), Failure> {
        let begun = now();
        loop {
            let look = self.look().await?;
            let last = look.now_ms / 1000 - 1;
            if look.ticks().all(|(slot, tick)| tick >= last || self.weight(slot) == 0) {
                return Ok(());
            }
            if begun.elapsed() > patience {
                return Err("not every item is ticked: the system does not come up, or it is too much".into());
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// Observes the ticks for this long.
    pub(crate) async fn watch(&mut self, lasts: Duration) -> Result<Seen, Failure> {
        let (mut seen, begun, statements) = (Seen::default(), now(), self.statements);
        let first = self.done().await?;
        let mut last_ticks = first.last_ticks.clone();
        let mut now_ms = 0;
        while begun.elapsed() < lasts {
            tokio::time::sleep(STEP).await;
            let look = self.look().await?;
            now_ms = look.now_ms;
            for (slot, tick) in look.ticks() {
                let before = std::mem::replace(&mut last_ticks[slot], tick);
                if tick > before && self.weight(slot) > 0 {
                    *seen.lags.entry(now_ms - tick * 1000).or_default() += self.weight(slot);
                    seen.bad_ticks.extend(before + 1..tick);
                }
            }
        }
        let last = self.done().await?;
        for slot in 0..first.ticks.len() {
            let done = last.ticks[slot] - first.ticks[slot];
            // The current tick may still be in progress.
            let gone = (now_ms / 1000 - 1).max(last.last_ticks[slot]) - first.last_ticks[slot];
            seen.missed += self.weight(slot) * (gone - done).unsigned_abs();
            seen.increments += self.weight(slot) * done.unsigned_abs();
        }
        seen.own_statements = self.statements - statements;
        Ok(seen)
    }

    async fn look(&mut self) -> Result<Look, Failure> {
        self.statements += 1;
        Ok(sqlx::query_as(include_str!("../sql/witness.sql")).fetch_one(&mut self.connection).await?)
    }

    async fn done(&mut self) -> Result<Done, Failure> {
        self.statements += 1;
        Ok(sqlx::query_as(include_str!("../sql/done.sql")).fetch_one(&mut self.connection).await?)
    }

    /// Returns the number of items in a slot.
    fn weight(&self, slot: usize) -> u64 {
        self.load.of(Slot::new(u32::try_from(slot).unwrap_or(u32::MAX))).into()
    }
}

impl Look {
    /// Returns each slot with its last tick.
    fn ticks(&self) -> impl Iterator<Item = (usize, i64)> {
        self.slots.iter().map(|slot| slot.unsigned_abs() as usize).zip(self.last_ticks.iter().copied())
    }
}

impl Seen {
    /// Returns the lag that this share of all item ticks does not exceed, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
    pub(crate) fn lag_ms(&self, share: f64) -> i64 {
        let all = self.lags.values().sum::<u64>() as f64;
        let mut so_far = 0;
        let within = self.lags.iter().find(|(_, items)| {
            so_far += **items;
            so_far as f64 >= share * all
        });
        within.map_or(0, |(lag, _)| *lag)
    }
}
