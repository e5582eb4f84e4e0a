//! Oracle: records all increments and moves by triggers in the test's database only, and judges them afterwards.

use sqlx::{PgPool, Row};

use crate::error::Result;

/// Installs the oracle in a database that has the schema and no increments yet.
///
/// # Errors
/// If Postgres refuses.
pub async fn install(user: &PgPool) -> Result<()> {
    sqlx::raw_sql(include_str!("sql/audit.sql")).execute(user).await?;
    Ok(())
}

/// Folds the record of increments into sums, except for the last seconds, since it would fill the disk in a long run. Afterwards, results
/// about single ticks are no longer available.
///
/// # Errors
/// If Postgres refuses.
pub async fn fold(user: &PgPool) -> Result<()> {
    // A separate statement, so that no session waits for the fold.
    sqlx::raw_sql(include_str!("sql/set_aside.sql")).execute(user).await?;
    sqlx::raw_sql(include_str!("sql/fold.sql")).execute(user).await?;
    Ok(())
}

/// An observed period, from a moment on, by the database's clock.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Start of the period, in seconds since 1970.
    pub since_s: f64,
}

/// Findings of the oracle.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Number of increments since the database was created.
    pub increments: i64,
    /// Number of items that were incremented twice in a tick, counted once for each such tick.
    pub doubles: i64,
    /// The other invariants, each with the number of violations.
    pub broken: Vec<(&'static str, i64)>,
    /// Median number of missed ticks per item.
    pub missed_p50: i64,
    /// Maximum number of missed ticks per item.
    pub missed_p100: i64,
    /// Number of items that missed a tick.
    pub missing_items: i64,
    /// Maximum number of missed ticks per item, without the item that missed most.
    pub missed_by_others: i64,
    /// Percentage of missed ticks, of all ticks of all items.
    pub missed_percent: f64,
    /// Longest time between two increments of an item, in seconds.
    pub gap_s: f64,
    /// Number of slot moves.
    pub moved: i64,
}

/// Invariants other than doubles, as the statement names them.
const INVARIANTS: [&str; 6] = [
    "steps_other_than_one",
    "increments_by_others_than_the_owner",
    "values_apart_from_their_ticks",
    "values_apart_from_the_record",
    "changes_without_their_epoch",
    "moves_by_a_past_term",
];

impl Watch {
    /// Starts a period now.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn begin(user: &PgPool) -> Result<Self> {
        sqlx::raw_sql("truncate public.audit_before").execute(user).await?;
        let since_s = sqlx::query_scalar(include_str!("sql/begin.sql")).fetch_one(user).await?;
        Ok(Self { since_s })
    }

    /// Judges the period until now.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn judge(&self, user: &PgPool) -> Result<Findings> {
        let until_s = now_s(user).await?;
        let broken = sqlx::query(include_str!("sql/broken.sql")).fetch_one(user).await?;
        // The current tick may still be in progress, and the first one may have begun before the period.
        let ticks = (whole(self.since_s) + 1, whole(until_s) - 1);
        let (missed_p50, missed_p100, missing_items, missed_by_others, missed_percent) =
            sqlx::query_as(include_str!("sql/missed.sql")).bind(ticks.0).bind(ticks.1).fetch_one(user).await?;
        let gap_s = sqlx::query_scalar(include_str!("sql/gap.sql")).bind(self.since_s).bind(until_s).fetch_one(user).await?;
        let mut findings = Findings {
            increments: broken.try_get("increments")?,
            doubles: broken.try_get("doubles")?,
            broken: Vec::new(),
            missed_p50,
            missed_p100,
            missing_items,
            missed_by_others,
            missed_percent,
            gap_s,
            moved: self.moved(user).await?,
        };
        for invariant in INVARIANTS {
            findings.broken.push((invariant, broken.try_get(invariant)?));
        }
        Ok(findings)
    }

    /// Returns the number of slot moves so far.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn moved(&self, user: &PgPool) -> Result<i64> {
        let until_s = now_s(user).await?;
        let moved = sqlx::query(include_str!("sql/moved.sql")).bind(self.since_s).bind(until_s).fetch_one(user).await?;
        Ok(moved.try_get("moved")?)
    }
}

/// State of the system at this moment.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// Owners of slots; an empty name for slots without an owner.
    pub owners: Vec<String>,
    /// True if no two owners differ by more than the heaviest slot.
    pub even: bool,
    /// True if no owner has over a tenth more than the mean.
    pub fair: bool,
    /// Number of items that were not ticked in the last whole tick.
    pub unticked: i64,
    /// Number of changes of slots so far.
    pub changes: i64,
}

impl Standing {
    /// Reads the current state.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn look(user: &PgPool) -> Result<Self> {
        Ok(sqlx::query_as(include_str!("sql/standing.sql")).fetch_one(user).await?)
    }
}

/// Returns the time from this moment until the last slot of this worker went to another worker, in seconds.
///
/// # Errors
/// If Postgres does not answer.
pub async fn taken_over_after_s(user: &PgPool, worker: &str, since_s: f64) -> Result<f64> {
    let last = "select coalesce(max(extract(epoch from at))::float8 - $2, 0) from public.audit_moves
                where gave = $1 and took <> $1 and at > to_timestamp($2)";
    Ok(sqlx::query_scalar(last).bind(worker).bind(since_s).fetch_one(user).await?)
}

/// Returns the time of the database's clock, in seconds since 1970.
///
/// # Errors
/// If Postgres does not answer.
pub async fn now_s(user: &PgPool) -> Result<f64> {
    Ok(sqlx::query_scalar("select extract(epoch from clock_timestamp())::float8").fetch_one(user).await?)
}

#[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}
