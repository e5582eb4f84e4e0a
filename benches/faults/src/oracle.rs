//! The oracle: it writes down, by triggers in the test's database only, what happens, and judges it afterwards.

use sqlx::{PgPool, Row};

use crate::error::Result;

/// Puts the oracle into a database that has the schema and no increments yet.
///
/// # Errors
/// When Postgres refuses.
pub async fn install(user: &PgPool) -> Result<()> {
    sqlx::raw_sql(include_str!("sql/audit.sql")).execute(user).await?;
    Ok(())
}

/// Folds the record of increments into sums, all but the last seconds: a long run would fill the disk. What is asked of single ticks
/// cannot be told any more.
///
/// # Errors
/// When Postgres refuses.
pub async fn fold(user: &PgPool) -> Result<()> {
    // Apart, so that nobody waits for the folding.
    sqlx::raw_sql(include_str!("sql/set_aside.sql")).execute(user).await?;
    sqlx::raw_sql(include_str!("sql/fold.sql")).execute(user).await?;
    Ok(())
}

/// A time under watch, from a moment on, by the database's clock.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Seconds since 1970.
    pub since_s: f64,
}

/// What the oracle found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Increments since the database was made.
    pub increments: i64,
    /// Items incremented twice in a tick, counted once for each such tick.
    pub doubles: i64,
    /// The other invariants, each with how often it was broken.
    pub broken: Vec<(&'static str, i64)>,
    /// The ticks that half of the items missed at most.
    pub missed_p50: i64,
    /// The ticks that an item missed at most.
    pub missed_p100: i64,
    /// Items that missed any.
    pub missing_items: i64,
    /// The ticks that an item missed at most, not counting the one that missed most.
    pub missed_by_others: i64,
    /// Of all ticks of all items, so many of a hundred were missed.
    pub missed_percent: f64,
    /// The longest time between two increments of an item, in seconds.
    pub gap_s: f64,
    /// Slots that changed hands.
    pub moved: i64,
}

/// The invariants beside doubles, as the statement names them.
const INVARIANTS: [&str; 6] = [
    "steps_other_than_one",
    "increments_by_others_than_the_owner",
    "values_apart_from_their_ticks",
    "values_apart_from_the_record",
    "changes_without_their_epoch",
    "moves_by_a_past_term",
];

impl Watch {
    /// Begins now.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn begin(user: &PgPool) -> Result<Self> {
        sqlx::raw_sql("truncate public.audit_before").execute(user).await?;
        let since_s = sqlx::query_scalar(include_str!("sql/begin.sql")).fetch_one(user).await?;
        Ok(Self { since_s })
    }

    /// Judges what happened until now.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn judge(&self, user: &PgPool) -> Result<Findings> {
        let until_s = now_s(user).await?;
        let broken = sqlx::query(include_str!("sql/broken.sql")).fetch_one(user).await?;
        // The present tick may still come, and the first one may have begun before the watch.
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

    /// Slots that have changed hands so far.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn moved(&self, user: &PgPool) -> Result<i64> {
        let until_s = now_s(user).await?;
        let moved = sqlx::query(include_str!("sql/moved.sql")).bind(self.since_s).bind(until_s).fetch_one(user).await?;
        Ok(moved.try_get("moved")?)
    }
}

/// Where things stand at this moment.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    /// Who owns slots; an empty name where nobody does.
    pub owners: Vec<String>,
    /// Whether no two owners differ by more than the heaviest slot.
    pub even: bool,
    /// Whether nobody has a tenth more than the mean.
    pub fair: bool,
    /// Items that the last whole tick left out.
    pub unticked: i64,
    /// How often slots have changed.
    pub changes: i64,
}

impl Standing {
    /// Looks.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn look(user: &PgPool) -> Result<Self> {
        Ok(sqlx::query_as(include_str!("sql/standing.sql")).fetch_one(user).await?)
    }
}

/// How long it took, from this moment on, until the last slot of this worker was somebody else's, in seconds.
///
/// # Errors
/// When Postgres does not answer.
pub async fn taken_over_after_s(user: &PgPool, worker: &str, since_s: f64) -> Result<f64> {
    let last = "select coalesce(max(extract(epoch from at))::float8 - $2, 0) from public.audit_moves
                where gave = $1 and took <> $1 and at > to_timestamp($2)";
    Ok(sqlx::query_scalar(last).bind(worker).bind(since_s).fetch_one(user).await?)
}

/// The time by the database's clock, in seconds since 1970.
///
/// # Errors
/// When Postgres does not answer.
pub async fn now_s(user: &PgPool) -> Result<f64> {
    Ok(sqlx::query_scalar("select extract(epoch from clock_timestamp())::float8").fetch_one(user).await?)
}

#[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}
