//! Puts the rows of each slot beside each other while everybody works on.
//!
//! A row is taken out and put back, as it was, in one statement: no update can be told where to put a row. Who updates it at
//! that moment would find it gone; so writers of the table wait for a batch, some tens of milliseconds, and look at it anew then.
//! Readers wait for nothing. Where taking a row out could be noticed otherwise, as by a trigger, it is refused.

use std::time::{Duration, Instant};

use scaler_core::{SlotCount, StoreError, WorkStore};
use sqlx::{Connection, PgConnection};

use crate::PgStore;
use crate::backend::Backend;
use crate::error::{Finding, classify};
use crate::row::row;
use crate::store::signed;

const DURING: &str = "optimize";
/// How many slots are looked at together.
const WINDOW: u32 = 64;
/// How many rows are moved while writers wait; more only where one slot holds more.
const BATCH: i64 = 4000;
/// A slot with more rows stays: they would keep writers waiting for too long.
const MOST: i64 = 50_000;
/// How long a batch waits for writers at the most, while others wait for it.
const PATIENCE: &str = "set local lock_timeout = '250ms'";
/// How often a batch is tried whose rows others hold, and from one try to the next.
const TRIES: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(150);
/// How often a session that rests is used all the same.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// How far the rows of slots lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spread {
    /// How many slots have rows.
    pub slots: u64,
    /// In how many pages their rows lie, a page counted once for each slot.
    pub pages: u64,
    /// In how many they would fit.
    pub least: u64,
}

/// How far an optimization has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Optimized {
    /// How many slots have been looked at, of all.
    pub looked_at: u32,
    /// How many there are.
    pub slots: SlotCount,
    /// How many rows were moved.
    pub moved: u64,
    /// Slots with so many rows that they were left as they are.
    pub too_large: u32,
    /// The rows as they were.
    pub before: Spread,
    /// The rows as they are.
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
    /// Puts the rows of each slot beside each other where they lie far apart, slot by slot, while workers and users go on; tells how far
    /// it is after each few. May be stopped at any moment, and called again.
    ///
    /// # Errors
    /// When rows cannot be moved unnoticed, as where a foreign key points at them, when this user does not own the table, when
    /// somebody holds rows for half a minute, or as for any other call. What was moved until then stays moved.
    pub async fn optimize(&self, progress: impl FnMut(&Optimized) + Send) -> Result<Optimized, StoreError> {
        let slots = self.slot_count().await?;
        // It is closed at the end, and with it goes the longer time that its statements may take.
        let mut session = self.link.connect(DURING).await?;
        let connection: &mut PgConnection = &mut session;
        let backend = self.link.wait(DURING, Backend::of(connection)).await?.into();
        // Vacuum and a slot with many rows last for longer than any other call.
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
            self.on(connection, sqlx::query("vacuum public.work_items")).await?;
        }
        Ok(done)
    }

    async fn prepare(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        self.must_be_movable(connection).await?;
        for sql in
            ["set statement_timeout = 0", include_str!("../sql/leave_room.sql"), include_str!("../sql/rest_autovacuum.sql")]
        {
            sqlx::raw_sql(sql).execute(&mut *connection).await.map_err(|error| classify(DURING, self.link.target(), error))?;
        }
        Ok(())
    }

    async fn must_be_movable(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let why: Option<String> = sqlx::query_scalar(include_str!("../sql/not_movable.sql"))
            .fetch_one(connection)
            .await
            .map_err(|error| classify(DURING, self.link.target(), error))?;
        match why {
            None => Ok(()),
            Some(why) => {
                let source = Box::new(Finding::NotMovable { target: self.link.target().clone(), why });
                Err(StoreError::Refused { during: DURING, source })
            }
        }
    }

    /// Gathers what is scattered from the first slot to before the last.
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
        let query = sqlx::query_as(include_str!("../sql/scattered.sql")).bind(signed(first)).bind(signed(end));
        query.fetch_all(connection).await.map_err(|error| classify(DURING, self.link.target(), error))
    }

    /// Moves the rows of these slots as soon as nobody holds one; then lets others work for as long as that took.
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

    /// Does nothing for so long, but for a sign of life: a session that is attended must not idle.
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
        // At once in either case: others wait.
        if moved.is_ok() { batch.commit().await } else { batch.rollback().await }.map_err(failed)?;
        moved
    }

    async fn gather_in(&self, batch: &mut PgConnection, slots: &[i32]) -> Result<u64, StoreError> {
        self.on(batch, sqlx::query(PATIENCE)).await?;
        // In the order of a tick: its slots first, then the table.
        self.on(batch, sqlx::query(include_str!("../sql/hold_slots.sql")).bind(slots)).await?;
        self.on(batch, sqlx::query("lock table public.work_items in exclusive mode")).await?;
        // Nobody can give it a trigger now.
        self.must_be_movable(batch).await?;
        self.on(batch, sqlx::query(include_str!("../sql/gather.sql")).bind(slots)).await
    }

    /// Runs a statement; how many rows it had to do with.
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
    /// Whether it lies in twice as many pages as it must, and some.
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

/// Slots that are moved together, in order.
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
