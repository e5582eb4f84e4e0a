//! What anybody can see of the ticks from outside: no worker is asked.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_core::{Slot, SlotLoad};
use sqlx::{Connection, PgConnection};

use crate::field::Failure;
use crate::measure::now;

/// From one look to the next: lags are told too long by up to this.
const STEP: Duration = Duration::from_millis(50);

/// Looks at all slots again and again.
pub(crate) struct Witness {
    connection: PgConnection,
    /// Its process at the server.
    pub(crate) pid: u32,
    load: SlotLoad,
    statements: i64,
}

/// What it has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How many items were seen ticked so many milliseconds after the beginning of the tick.
    lags: BTreeMap<i64, u64>,
    /// Ticks of items that were left out.
    pub(crate) missed: u64,
    pub(crate) increments: u64,
    pub(crate) own_statements: i64,
}

#[derive(sqlx::FromRow)]
struct Look {
    now_ms: i64,
    last_ticks: Vec<i64>,
    ticks: Vec<i64>,
}

/// What Postgres has counted.
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

    /// Waits until each item was ticked in this tick or the last.
    pub(crate) async fn all_ticked(&mut self, patience: Duration) -> Result<(), Failure> {
        let begun = now();
        loop {
            let look = self.look().await?;
            let tick = look.now_ms / 1000;
            if self.weights(&look).all(|(slot, _)| look.last_ticks[slot] + 1 >= tick) {
                return Ok(());
            }
            if begun.elapsed() > patience {
                return Err("not every item is ticked: the system does not come up, or it is too much".into());
            }
            tokio::time::sleep(STEP).await;
        }
    }

    /// Looks on for so long.
    pub(crate) async fn watch(&mut self, lasts: Duration) -> Result<Seen, Failure> {
        let (mut seen, begun, statements) = (Seen::default(), now(), self.statements);
        let first = self.look().await?;
        let mut last = Look { ticks: first.ticks.clone(), last_ticks: first.last_ticks.clone(), ..first };
        while begun.elapsed() < lasts {
            tokio::time::sleep(STEP).await;
            let look = self.look().await?;
            for (slot, items) in self.weights(&look) {
                let tick = look.last_ticks[slot];
                if tick > last.last_ticks[slot] {
                    *seen.lags.entry(look.now_ms - tick * 1000).or_default() += items;
                }
            }
            last = look;
        }
        for (slot, items) in self.weights(&last) {
            let done = last.ticks[slot] - first.ticks[slot];
            let gone = (last.now_ms / 1000 - 1).max(last.last_ticks[slot]) - first.last_ticks[slot];
            seen.missed += items * (gone - done).unsigned_abs();
            seen.increments += items * done.unsigned_abs();
        }
        seen.own_statements = self.statements - statements;
        Ok(seen)
    }

    async fn look(&mut self) -> Result<Look, Failure> {
        self.statements += 1;
        Ok(sqlx::query_as(include_str!("../sql/witness.sql")).fetch_one(&mut self.connection).await?)
    }

    /// The slots that hold items, by number.
    fn weights(&self, look: &Look) -> impl Iterator<Item = (usize, u64)> + use<> {
        let load = self.load.clone();
        (0..u32::try_from(look.ticks.len()).unwrap_or(0))
            .map(move |slot| (slot as usize, u64::from(load.of(Slot::new(slot)))))
            .filter(|(_, items)| *items > 0)
    }
}

impl Seen {
    /// The lag that this share of all ticks of items does not exceed, in milliseconds.
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
