//! Vacuum of slots and items, to remove the row versions that an old transaction kept.

use scaler_core::StoreError;
use sqlx::PgConnection;

use crate::backend::Backend;
use crate::error::classify;
use crate::{PgStore, Pooler};

const DURING: &str = "vacuum";
/// Statements that run one by one, since `VACUUM` cannot run in a transaction. It cancels an autovacuum of the same table, which is throttled
/// by its cost delay. Indexes are cleaned up in any case: until then, bitmap scans read the entries of dead versions.
const STATEMENTS: [&str; 4] = [
    "set statement_timeout = 0",
    "set lock_timeout = '5s'",
    "vacuum (index_cleanup on, truncate off, parallel 0) scaler.slot",
    "vacuum (index_cleanup on, truncate off, parallel 0) public.work_items",
];

impl PgStore {
    /// Vacuums the tables of slots and items.
    ///
    /// An open transaction makes Postgres keep one version of each row and tick. After its end, autovacuum may start only a minute later and
    /// is throttled; until it is done, each tick reads all of these versions.
    ///
    /// Postgres skips tables that this role may not vacuum. Does nothing behind a transaction pooler, where session settings would leak to
    /// other clients.
    ///
    /// # Errors
    /// If the store is unavailable, refuses, or has stopped working on the statement.
    pub async fn vacuum(&self) -> Result<(), StoreError> {
        if self.link.pooler() == Pooler::Transaction {
            return Ok(());
        }
        // Not returned to the pool: its settings end with it.
        let mut session = self.link.connect(DURING).await?;
        let connection: &mut PgConnection = &mut session;
        let backend = self.link.wait(DURING, Backend::of(connection)).await?.into();
        let work = async {
            for statement in STATEMENTS {
                let answer = sqlx::query(statement).execute(&mut *connection).await;
                answer.map_err(|error| classify(DURING, self.link.target(), error))?;
            }
            Ok(())
        };
        self.link.attend(DURING, &backend, work).await
    }
}
