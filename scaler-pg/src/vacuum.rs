//! Vacuum of slots and items, to remove the row versions that an old transaction kept.

use scaler_core::StoreError;
use sqlx::PgConnection;

use crate::backend::Backend;
use crate::error::classify;
use crate::{PgStore, Pooler};

const DURING: &str = "vacuum";
const SETTINGS: &str = "set statement_timeout = 0; set lock_timeout = '5s'";

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
            let failed = |error| classify(DURING, self.link.target(), error);
            sqlx::raw_sql(SETTINGS).execute(&mut *connection).await.map_err(failed)?;
            // One by one, since `VACUUM` cannot run in a transaction.
            for vacuum in [&self.sql.vacuum_slots, &self.sql.vacuum_table] {
                sqlx::query(vacuum).execute(&mut *connection).await.map_err(failed)?;
            }
            Ok(())
        };
        self.link.attend(DURING, &backend, work).await
    }
}
