//! Clusters the rows of each slot in adjacent pages, online.
//!
//! A row is deleted and inserted again unchanged, in one statement: no update can choose the page of a row. A concurrent update would find
//! the row gone, so writers of the table wait for each batch, some tens of milliseconds, and then read the table again. Readers do not wait.
//! If the delete could have side effects, for example by a trigger, the optimization is refused.

use std::time::{Duration, Instant};

use scaler_core::{SlotCount, StoreError, WorkStore};
use sqlx::{Connection, PgConnection};

use crate::PgStore;
use crate::backend::Backend;
use crate::error::{Finding, classify};
use crate::row::row;
use crate::store::signed;

pub(crate) const DURING: &str = "optimize";
/// Number of slots that are analyzed together.
const WINDOW: u32 = 64;
/// Maximum number of rows that are moved while writers wait; more only if one slot holds more.
const BATCH: i64 = 4000;
/// Maximum number of rows of a slot that is moved. A larger one would make writers wait for too long.
const MOST: i64 = 50_000;
/// Maximum time that a batch waits for writers, while other sessions wait for it.
const PATIENCE: &str = "set local lock_timeout = '250ms'";
/// Maximum number of attempts at a batch whose rows other sessions hold, and the wait between two attempts.
const TRIES: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(150);
/// Interval between pings on a session that pauses.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Dispersion of the rows of slots over pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spread {
    /// Number of slots that have rows.
    pub slots: u64,
    /// Number of pages that hold their rows; a page counts once for each slot.
    pub pages: u64,
    /// Number of pages in which they would fit.
    pub least: u64,
}

/// Progress of an optimization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Optimized {
    /// Number of slots that have been analyzed.
    pub looked_at: u32,
    /// Number of slots in total.
    pub slots: SlotCount,
    /// Number of rows that were moved.
    pub moved: u64,
    /// Number of slots that were left as they are, since they have too many rows.
    pub too_large: u32,
    /// Dispersion of the rows before the optimization.
    pub before: Spread,
    /// Dispersion of the rows after it.
    pub after: Spread,
}

row! {
    #[derive(Clone, Copy)]
    struct SlotRow {
        slot: i32,
        rows: i64,
        pages: i64,
        least: i64,
    }
}

impl PgStore {
    /// Clusters the rows of each slot whose rows are scattered, slot by slot, while workers and users go on. Calls `progress` after every few
    /// slots. May be stopped at any moment, and called again.
    ///
    /// # Errors
    /// If moving rows could have side effects, as with a foreign key that refers to them, if this user does not own the table, when
    /// another session holds rows for half a minute, or as for any other call. Rows that were moved until then stay moved.
    pub async fn optimize(&self, progress: impl FnMut(&Optimized) + Send) -> Result<Optimized, StoreError> {
        let slots = self.slot_count().await?;
        // Closed at the end, so that its changed settings end with it.
        let mut session = self.link.connect(DURING).await?;
        let connection: &mut PgConnection = &mut session;
        let backend = self.link.wait(DURING, Backend::of(connection)).await?.into();
        // Vacuum and a slot with many rows take longer than any other call.
        self.link.attend(DURING, &backend, self.optimize_on(connection, slots, progress)).await
    }

    async fn optimize_on(
        &self,
        connection: &mut PgConnection,
        slots: SlotCount,
        mut progress: impl FnMut(&Optimized) + Send,
    ) -> Result<Optimized, StoreError> {
        self.prepare(connection).await?;
        let mut done =
            Optimized { looked_at: 0, slots, moved: 0, too_large: 0, before: Spread::default(), after: Spread::default() };
        while done.looked_at < slots.get() {
            let end = (done.looked_at + WINDOW).min(slots.get());
            self.window(connection, done.looked_at, end, &mut done).await?;
            done.looked_at = end;
            progress(&done);
        }
        if done.moved > 0 {
            self.on(connection, sqlx::query(&self.sql.vacuum_table)).await?;
        }
        Ok(done)
    }

    async fn prepare(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.must_be_movable(connection).await?;
        self.leave_room(connection).await
    }

    /// Gives the table its storage settings, for a session that may take as long as it needs.
    pub(crate) async fn leave_room(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let failed = |error| classify(DURING, self.link.target(), error);
        sqlx::raw_sql("set statement_timeout = 0").execute(&mut *connection).await.map_err(failed)?;
        // The settings of a user's own table are the user's.
        let settings = [&self.sql.leave_room, &self.sql.rest_autovacuum];
        for sql in settings.into_iter().filter(|_| self.sql.group.is_increment()) {
            sqlx::raw_sql(sql).execute(&mut *connection).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn must_be_movable(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let why: Option<String> = sqlx::query_scalar(&self.sql.not_movable)
            .fetch_one(connection)
            .await
            .map_err(|error| classify(DURING, self.link.target(), error))?;
        match why {
            None => Ok(()),
            Some(why) => {
                let source =
                    Box::new(Finding::NotMovable { target: self.link.target().clone(), table: self.sql.group.table(), why });
                Err(StoreError::Refused { during: DURING, source })
            }
        }
    }

    /// Clusters the scattered slots from `first` to `end` (exclusive).
    async fn window(&self, connection: &mut PgConnection, first: u32, end: u32, done: &mut Optimized) -> Result<(), StoreError> {
        let before = self.scattered(connection, first, end).await?;
        done.before.add(&before);
        let (large, small): (Vec<SlotRow>, Vec<_>) =
            before.iter().filter(|slot| slot.is_scattered()).partition(|slot| slot.rows > MOST);
        done.too_large += u32::try_from(large.len()).unwrap_or(u32::MAX);
        for batch in batches(&small) {
            done.moved += self.gather_when_free(connection, &batch).await?;
        }
        let after = if small.is_empty() { before } else { self.scattered(connection, first, end).await? };
        done.after.add(&after);
        Ok(())
    }

    async fn scattered(&self, connection: &mut PgConnection, first: u32, end: u32) -> Result<Vec<SlotRow>, StoreError> {
        let query = sqlx::query_as(&self.sql.scattered).bind(signed(first)).bind(signed(end));
        query.fetch_all(connection).await.map_err(|error| classify(DURING, self.link.target(), error))
    }

    /// Moves the rows of these slots once no other session holds one, and then pauses for as long as that took, to let other sessions work.
    #[expect(clippy::disallowed_methods, reason = "how long others waited decides how long they are let work")]
    async fn gather_when_free(&self, connection: &mut PgConnection, slots: &[i32]) -> Result<u64, StoreError> {
        let mut tries = 1;
        loop {
            let begun = Instant::now();
            match self.gather(connection, slots).await {
                Err(StoreError::Busy { .. }) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                answer => {
                    self.rest(connection, begun.elapsed()).await?;
                    return answer;
                }
            }
        }
    }

    /// Pauses for `left`, with a ping each second, since an attended session must not be idle.
    async fn rest(&self, connection: &mut PgConnection, mut left: Duration) -> Result<(), StoreError> {
        while !left.is_zero() {
            let moment = left.min(SIGN_OF_LIFE);
            tokio::time::sleep(moment).await;
            left -= moment;
            connection.ping().await.map_err(|error| classify(DURING, self.link.target(), error))?;
        }
        Ok(())
    }

    async fn gather(&self, connection: &mut PgConnection, slots: &[i32]) -> Result<u64, StoreError> {
        let failed = |error| classify(DURING, self.link.target(), error);
        let mut batch = connection.begin().await.map_err(failed)?;
        let moved = self.gather_in(&mut batch, slots).await;
        // At once in either case, since other sessions wait.
        if moved.is_ok() { batch.commit().await } else { batch.rollback().await }.map_err(failed)?;
        moved
    }

    async fn gather_in(&self, batch: &mut PgConnection, slots: &[i32]) -> Result<u64, StoreError> {
        self.on(batch, sqlx::query(PATIENCE)).await?;
        // In the lock order of a tick: its slots first, then the table.
        self.on(batch, sqlx::query(&self.sql.hold_slots).bind(slots)).await?;
        self.on(batch, sqlx::query(&self.sql.lock_table)).await?;
        // From here on, no session can create a trigger on the table.
        self.must_be_movable(batch).await?;
        self.on(batch, sqlx::query(&self.sql.gather).bind(slots)).await
    }

    /// Runs a statement and returns the number of rows that it affected.
    async fn on(
        &self,
        connection: &mut PgConnection,
        query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> Result<u64, StoreError> {
        let answer = query.execute(connection).await;
        answer.map(|done| done.rows_affected()).map_err(|error| classify(DURING, self.link.target(), error))
    }
}

impl SlotRow {
    /// True if the rows lie in more than twice as many pages as they need, plus two.
    const fn is_scattered(&self) -> bool {
        self.pages > 2 * self.least + 2
    }
}

impl Spread {
    fn add(&mut self, slots: &[SlotRow]) {
        for slot in slots {
            self.slots += 1;
            self.pages += slot.pages.unsigned_abs();
            self.least += slot.least.unsigned_abs();
        }
    }
}

/// Returns the batches of slots that are moved together, in order.
fn batches(slots: &[SlotRow]) -> Vec<Vec<i32>> {
    let mut batches: Vec<Vec<i32>> = Vec::new();
    let mut rows = 0;
    for slot in slots {
        rows += slot.rows;
        match batches.last_mut() {
            Some(batch) if rows <= BATCH => batch.push(slot.slot),
            _ => {
                rows = slot.rows;
                batches.push(vec![slot.slot]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_few_rows_and_at_least_one_slot() {
        let slot = |slot, rows| SlotRow { slot, rows, pages: 9, least: 1 };
        let slots = [slot(1, 3000), slot(2, 1000), slot(3, 1), slot(5, 9000), slot(6, 1)];
        assert_eq!(batches(&slots), [vec![1, 2], vec![3], vec![5], vec![6]]);
        assert_eq!(batches(&[]), Vec::<Vec<i32>>::new());
    }
}
