//! Opening a file: creates its schema, or checks it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use scaler_core::memory::MemoryMembership;
use scaler_core::{Clock, InstallationId, KeyType, SlotCount, StoreError, Tick};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use uuid::Uuid;

use crate::error::{BUSY, NOT_A_DATABASE, OpenError, code, failed};

/// Marks a file as one of ours: "scal" in its header.
const APPLICATION_ID: i32 = 0x7363_616c;
/// Time to wait for another process to close the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// Settings of a file, fixed when it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Number of slots.
    pub slots: SlotCount,
    /// Type of the keys.
    pub key: KeyType,
    /// Length of a tick, in whole milliseconds, at least one.
    pub tick: Duration,
}

impl Default for Layout {
    fn default() -> Self {
        Self { slots: SlotCount::DEFAULT, key: KeyType::Uuid, tick: Duration::from_secs(1) }
    }
}

/// Store in an SQLite file. Cheap to clone; all clones share one connection, so that each transaction is alone.
///
/// A commit survives the end of the process. After a power failure, the file may be as it was a moment before.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pub(crate) pool: SqlitePool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) layout: Layout,
    pub(crate) installation: InstallationId,
    pub(crate) membership: Arc<MemoryMembership>,
}

impl SqliteStore {
    /// Opens a file, or creates it. The clock must not begin anew with the process: see [`WallClock`](crate::WallClock).
    ///
    /// # Errors
    /// If the file cannot be used, is in use, belongs to another program, or has another layout. Nothing is changed then.
    pub async fn open(path: &Path, layout: Layout, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let error = |source: sqlx::Error| match code(&source) {
            Some(BUSY) => OpenError::InUse { path: path.to_owned() },
            Some(NOT_A_DATABASE) => OpenError::Foreign { path: path.to_owned() },
            _ => OpenError::Unusable { path: path.to_owned(), source },
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(PATIENCE)
            .locking_mode(SqliteLockingMode::Exclusive)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.map_err(error)?;
        let mut transaction = pool.begin_with("begin immediate").await.map_err(error)?;
        if !is_ours(&mut transaction).await.map_err(error)? {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
        sqlx::raw_sql(include_str!("operations.sql")).execute(&mut *transaction).await.map_err(error)?;
        let (installation, found) = meta(&mut transaction, layout).await.map_err(error)?;
        if found != layout {
            let Layout { slots, key, tick } = found;
            return Err(OpenError::OtherLayout { path: path.to_owned(), slots, key, tick_ms: millis(tick).unsigned_abs() });
        }
        transaction.commit().await.map_err(error)?;
        let membership = Arc::new(MemoryMembership::new(Arc::clone(&clock)));
        Ok(Self { pool, clock, layout, installation, membership })
    }

    /// Returns the connection pool, which has one connection: for statements of one's own on the file.
    #[must_use]
    pub const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction that no other one runs beside.
    pub(crate) async fn begin(&self, during: &'static str) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.pool.begin_with("begin immediate").await.map_err(failed(during))
    }

    /// Returns the present tick, counted from 1, and the time since it began.
    pub(crate) async fn now(&self, connection: &mut SqliteConnection) -> sqlx::Result<(Tick, Duration)> {
        let ahead: i64 = sqlx::query_scalar("select ahead from meta").fetch_one(connection).await?;
        let (now, length) = (self.clock.now().as_nanos(), self.layout.tick.as_nanos());
        let into = Duration::from_nanos(u64::try_from(now % length).unwrap_or(0));
        Ok((Tick(u64::try_from(now / length).unwrap_or(u64::MAX).saturating_add(ahead.unsigned_abs() + 1)), into))
    }
}

/// Returns a duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// True if the file is ours, or new: then it is marked as ours, and gets its schema.
async fn is_ours(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let application: i32 = sqlx::query_scalar("pragma application_id").fetch_one(&mut *connection).await?;
    if application == APPLICATION_ID {
        return Ok(true);
    }
    let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema").fetch_one(&mut *connection).await?;
    if application != 0 || tables > 0 {
        return Ok(false);
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("pragma application_id = {APPLICATION_ID}"))).execute(&mut *connection).await?;
    sqlx::raw_sql(include_str!("schema.sql")).execute(connection).await?;
    Ok(true)
}

/// Returns what the file says of itself; a new file gets this layout, and all of its slots.
async fn meta(connection: &mut SqliteConnection, layout: Layout) -> sqlx::Result<(InstallationId, Layout)> {
    let insert = "insert into meta (one, installation, slots, key_type, tick_ms) values (1, ?, ?, ?, ?) on conflict do nothing";
    let created = sqlx::query(insert)
        .bind(Uuid::new_v4().to_string())
        .bind(i64::from(layout.slots.get()))
        .bind(layout.key.to_string())
        .bind(millis(layout.tick).max(1))
        .execute(&mut *connection)
        .await?;
    if created.rows_affected() > 0 {
        let fill = "with recursive number (slot) as (select 0 union all select slot + 1 from number where slot < ? - 1)
                    insert into slot (slot) select slot from number";
        sqlx::query(fill).bind(i64::from(layout.slots.get())).execute(&mut *connection).await?;
    }
    let (installation, slots, key, tick_ms): (String, u32, String, u32) =
        sqlx::query_as("select installation, slots, key_type, tick_ms from meta").fetch_one(connection).await?;
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let installation = installation.parse().map_err(|error: uuid::Error| wrong(error.into()))?;
    let slots = SlotCount::new(slots).map_err(|error| wrong(error.into()))?;
    let keys = [KeyType::Uuid, KeyType::BigInt, KeyType::Integer, KeyType::Text];
    let key = keys.into_iter().find(|known| known.to_string() == key).ok_or_else(|| wrong(format!("key type {key}").into()))?;
    Ok((InstallationId::new(installation), Layout { slots, key, tick: Duration::from_millis(tick_ms.into()) }))
}
