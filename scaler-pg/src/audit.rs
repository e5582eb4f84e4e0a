//! Snapshots of an audit: two, each a consistent read of one moment.
//!
//! Rows are streamed in the order of their ids, and 20 bytes per item of the first snapshot are kept in memory. A temporary copy in Postgres
//! would need a long-lived session and the privilege to write. A transaction that is open for the whole audit would keep vacuum from removing
//! the dead row versions that each tick leaves behind.

use std::time::Duration;

use futures_util::TryStreamExt;
use scaler_core::audit::{Audit, Moment, Report, SlotTicks, Snapshot};
use scaler_core::{ItemId, Slot, StoreError, Tick, WorkerId};
use sqlx::{Connection, PgConnection};

use crate::PgStore;
use crate::key::Key;
use crate::store::{number, signed, unsigned};

const DURING: &str = "audit";
/// Maximum number of items in a sample.
const MOST_SAMPLED: i64 = 5_000;
const BEGIN: &str = include_str!("../sql/audit_begin.sql");

/// Slots that an audit reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every item.
    All,
    /// The items of these slots, at most 5,000.
    Slots(Vec<Slot>),
}

type ItemRow = (Key, i32, i32);

impl PgStore {
    /// True if the work is the increment of the reference table. Only its values show how often an item was worked on.
    #[must_use]
    pub fn is_auditable(&self) -> bool {
        self.sql.group.is_increment()
    }

    /// Returns up to `slots` slots that hold items, chosen at random.
    ///
    /// # Errors
    /// If the work is not the increment, whose values alone show how often an item was worked on; or if the store is unavailable, refuses,
    /// or does not answer.
    pub async fn sample(&self, slots: u16) -> Result<Scope, StoreError> {
        self.must_increment(DURING)?;
        let query = sqlx::query_as(&self.sql.audit_sample).bind(i32::from(slots));
        let rows: Vec<(i32,)> = self.link.rows(DURING, query).await?;
        Ok(Scope::Slots(rows.into_iter().map(|(slot,)| number(slot)).collect()))
    }

    /// Takes the first snapshot.
    ///
    /// # Errors
    /// As for [`sample`](Self::sample).
    pub async fn snapshot(&self, scope: &Scope) -> Result<Snapshot, StoreError> {
        self.look(scope, Snapshot::new, |snapshot, item, _, value| snapshot.push(item, value)).await
    }

    /// Takes the second snapshot and returns the report on both.
    ///
    /// # Errors
    /// As for [`sample`](Self::sample).
    pub async fn audit(&self, scope: &Scope, first: Snapshot) -> Result<Report, StoreError> {
        self.look(scope, |moment| Audit::new(first, moment), Audit::see).await.map(Audit::finish)
    }

    /// Returns the age of the database's oldest transaction; `None` if this role may not see the transactions of other users.
    ///
    /// # Errors
    /// As for [`sample`](Self::sample).
    pub async fn oldest_transaction(&self) -> Result<Option<Duration>, StoreError> {
        let query = sqlx::query_as(include_str!("../sql/oldest_transaction.sql"));
        let rows: Vec<(f64,)> = self.link.rows("oldest transaction", query).await?;
        // If the server's clock was set back, the transaction began in the future.
        Ok(rows.first().map(|(seconds,)| Duration::try_from_secs_f64(*seconds).unwrap_or_default()))
    }

    async fn look<T>(
        &self,
        scope: &Scope,
        begin: impl FnOnce(Moment) -> T,
        see: impl FnMut(&mut T, ItemId, Slot, i32),
    ) -> Result<T, StoreError> {
        self.must_increment(DURING)?;
        match scope {
            // Reading all items may take long. It blocks no other session.
            Scope::All => {
                let all = async |transaction: &mut PgConnection| Ok(self.read(transaction, None, begin, see).await?);
                self.link.lasting(DURING, Some(BEGIN), all).await?
            }
            Scope::Slots(slots) => {
                let slots = slots.iter().map(|slot| signed(slot.number())).collect();
                let some = async |connection: &mut PgConnection| {
                    let mut transaction = connection.begin_with(BEGIN).await?;
                    let seen = self.read(&mut transaction, Some(slots), begin, see).await?;
                    transaction.rollback().await.map(|()| seen)
                };
                self.link.call(DURING, some).await?
            }
        }
    }

    /// Reads slots and items in this transaction. The inner error is about the data that was read.
    async fn read<T>(
        &self,
        transaction: &mut PgConnection,
        slots: Option<Vec<i32>>,
        begin: impl FnOnce(Moment) -> T,
        mut see: impl FnMut(&mut T, ItemId, Slot, i32),
    ) -> Result<Result<T, StoreError>, sqlx::Error> {
        let rows = sqlx::query_as(&self.sql.audit_slots).bind(&slots).persistent(false);
        let moment = match self.moment(rows.fetch_all(&mut *transaction).await?) {
            Ok(moment) => moment,
            Err(error) => return Ok(Err(error)),
        };
        let mut seen = begin(moment);
        let query = match slots {
            None => sqlx::query_as(&self.sql.audit_items),
            Some(slots) => sqlx::query_as(&self.sql.audit_some_items).bind(slots).bind(MOST_SAMPLED),
        };
        let mut items = query.persistent(false).fetch(&mut *transaction);
        while let Some((Key(id), slot, value)) = items.try_next().await? as Option<ItemRow> {
            see(&mut seen, id, number(slot), value);
        }
        Ok(Ok(seen))
    }

    fn moment(&self, rows: Vec<(i64, i32, Option<String>, i64, i64)>) -> Result<Moment, StoreError> {
        let mut moment = Moment::default();
        for (tick, slot, owner, ticks, last_tick) in rows {
            let owner = owner.map(WorkerId::new).transpose();
            let owner = owner.map_err(|error| self.misshapen(DURING, "scaler.slot.owner", &error))?;
            moment.tick = Tick(unsigned(tick));
            moment.slots.insert(number(slot), SlotTicks { owner, ticks: unsigned(ticks), last_tick: Tick(unsigned(last_tick)) });
        }
        Ok(moment)
    }
}
