//! Interleaved passes: each contender has one pass per round. Each round starts with another contender, and every other round runs backwards,
//! so that no contender always follows the same one.

use std::time::{Duration, Instant};

use crate::args::Args;
use crate::contender::{Contender, learn, work};
use crate::field::{Failure, Field, TICK};

/// Passes of one contender in one field.
pub(crate) struct Found {
    pub(crate) contender: Contender,
    pub(crate) passes: Vec<Pass>,
}

/// One pass over the items, or over a sample of them.
pub(crate) struct Pass {
    pub(crate) rows: u64,
    pub(crate) took_s: f64,
    /// Number of updates in the pass and its warm-up.
    pub(crate) updates: u64,
    pub(crate) hot_updates: u64,
    pub(crate) wal_bytes: u64,
    /// Growth of the heap.
    pub(crate) growth_bytes: i64,
}

#[derive(sqlx::FromRow)]
struct Counters {
    updates: i64,
    hot_updates: i64,
    heap_bytes: i64,
}

impl Found {
    /// Returns rows per second: the median of all passes.
    pub(crate) fn rows_per_s(&self) -> f64 {
        median(self.passes.iter().map(Pass::rows_per_s))
    }

    /// Returns the ratio to the rate of another one, by the medians of both.
    pub(crate) fn over(&self, other: &Self) -> f64 {
        self.rows_per_s() / other.rows_per_s()
    }

    /// Returns the share of HOT updates, which stayed within their page and touched no index.
    #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
    pub(crate) fn hot_share(&self) -> f64 {
        let sum = |of: fn(&Pass) -> u64| self.passes.iter().map(of).sum::<u64>() as f64;
        sum(|pass| pass.hot_updates) / sum(|pass| pass.updates)
    }

    /// Returns the mean of all passes, per row.
    #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
    pub(crate) fn per_row(&self, of: impl Fn(&Pass) -> f64) -> f64 {
        self.passes.iter().map(of).sum::<f64>() / self.passes.iter().map(|pass| pass.rows).sum::<u64>() as f64
    }
}

impl Pass {
    #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
    fn rows_per_s(&self) -> f64 {
        self.rows as f64 / self.took_s
    }
}

/// Measures all contenders in this field.
pub(crate) async fn measure(field: &mut Field, args: &Args) -> Result<Vec<Found>, Failure> {
    let mut all = vec![Contender::Plain];
    for commit in args.commits() {
        all.extend([Contender::Fenced, Contender::Unfenced, Contender::OneRow, Contender::Queue].map(|way| way(commit)));
    }
    let mut found: Vec<_> = all.into_iter().map(|contender| Found { contender, passes: Vec::new() }).collect();
    // The first pass fills in the workers' names, which makes every row longer, once.
    pass(field, Contender::Plain, 0).await?;
    for round in 0..args.rounds() {
        let count = found.len();
        for turn in 0..count {
            let place = (turn + usize::from(round)) % count;
            let found = &mut found[if round % 2 == 0 { place } else { count - 1 - place }];
            let number = i64::from(round) * 100 + i64::try_from(turn)? + 1;
            found.passes.push(pass(field, found.contender, number).await?);
        }
    }
    Ok(found)
}

/// Measures one contender in two fields in turn.
pub(crate) async fn in_turn(fields: &mut [Field; 2], contender: Contender, args: &Args) -> Result<[Found; 2], Failure> {
    let mut found = [(); 2].map(|()| Found { contender, passes: Vec::new() });
    for field in &mut *fields {
        pass(field, Contender::Plain, 0).await?;
    }
    for round in 0..args.rounds() {
        for turn in 0..2 {
            let place = usize::from(round + turn) % 2;
            found[place].passes.push(pass(&mut fields[place], contender, round.into()).await?);
        }
    }
    Ok(found)
}

async fn pass(field: &mut Field, contender: Contender, number: i64) -> Result<Pass, Failure> {
    let before = counters(field).await?;
    let mut sessions = contender.sessions(field, number).await?;
    let mut warmed = learn(&mut sessions).await?;
    if contender.is_in_chunks() {
        tokio::time::sleep(TICK).await;
        warmed += work(&mut sessions).await?;
    }
    tokio::time::sleep(TICK).await;
    let wal_before = wal_bytes(field).await?;
    let begun = now();
    let rows = work(&mut sessions).await?;
    let took_s = begun.elapsed().as_secs_f64();
    let wal_after = wal_bytes(field).await?;
    drop(sessions);
    let after = counters(field).await?;
    let updates = (after.updates - before.updates).cast_unsigned();
    let expected = match contender {
        Contender::OneRow(_) | Contender::Queue(_) => field.sample.len() as u64,
        _ => u64::from(field.items),
    };
    if rows != expected || updates != expected + warmed {
        return Err(format!("{contender}: did {rows} rows of {expected}").into());
    }
    Ok(Pass {
        rows,
        took_s,
        updates,
        hot_updates: (after.hot_updates - before.hot_updates).cast_unsigned(),
        wal_bytes: (wal_after - wal_before).cast_unsigned(),
        growth_bytes: after.heap_bytes - before.heap_bytes,
    })
}

/// Returns the counters of Postgres, once no other session is connected.
async fn counters(field: &mut Field) -> Result<Counters, Failure> {
    while sqlx::query_scalar::<_, i64>(include_str!("sql/other_sessions.sql")).fetch_one(&mut field.own).await? > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(sqlx::query_as(include_str!("sql/counters.sql")).fetch_one(&mut field.own).await?)
}

/// Returns the current WAL position of Postgres, in bytes.
pub(crate) async fn wal_bytes(field: &mut Field) -> Result<i64, Failure> {
    let query = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
    Ok(sqlx::query_scalar(query).fetch_one(&mut field.own).await?)
}

#[expect(clippy::disallowed_methods, reason = "it measures, by the clock of the machine")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    (at(values.len().saturating_sub(1) / 2) + at(values.len() / 2)) / 2.0
}
