//! Clears away the row versions that an old transaction kept Postgres from pruning.

use scaler_core::StoreError;
use sqlx::PgConnection;

use crate::backend::Backend;
use crate::error::classify;
use crate::{PgStore, Pooler};

const DURING: &str = "vacuum";
/// One after the other, since none may be part of a transaction. A vacuum of ours ends one of autovacuum's, which rests most of the time. The indexes are
/// what costs ticks most: a bitmap scan reads through entries of dead versions until a vacuum removes them.
const STATEMENTS: [&str; 4] = [
    "set statement_timeout = 0",
    "set lock_timeout = '5s'",
    "vacuum (index_cleanup on, truncate off, parallel 0) scaler.slot",
    "vacuum (index_cleanup on, truncate off, parallel 0) public.work_items",
];

impl PgStore {
    /// Vacuums slots and items. While a transaction is open, Postgres keeps all row versions since it began, one for each row and tick. Autovacuum may come a minute
    /// after its end, and takes its time; until then each tick reads through all of them.
    ///
    /// Postgres leaves out tables that this role may not vacuum, which autovacuum comes to later. Nothing is done through a pooler, where settings
    /// of a session would be left to others.
    ///
    /// # Errors
    /// When the store is away, refuses, or is no more at work on it.
    pub async fn vacuum(&self) -> Result<(), StoreError> {
        if self.link.pooler() == Pooler::Transaction {
            return Ok(());
        }
        // Not given back: it closes with its settings.
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
