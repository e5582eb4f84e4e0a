//! Rewrites the table of work in slot order, offline.

use std::time::Duration;

use scaler_core::StoreError;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::PgStore;
use crate::backend::Backend;
use crate::error::classify;
use crate::optimize::DURING;
use crate::row::row;

/// Maximum wait for the lock on a table. All sessions that come later wait behind it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Size of the table before and after it was rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewritten {
    /// Size of the rows before, in bytes; without indexes.
    pub before: u64,
    /// Size of the rows after it, in bytes; without indexes.
    pub after: u64,
}

row! {
    struct Relation {
        relation: String,
        slot_index: Option<String>,
        bytes: i64,
    }
}

impl PgStore {
    /// Rewrites the table in slot order, and its indexes with it. The reference table gets room in each page for the increments; another
    /// table keeps its own fillfactor. No session can read or write the table meanwhile. Each partition, and each table that inherits, is
    /// rewritten by itself. With a filter, whose index holds some of the rows only, the order stays.
    ///
    /// For a large table whose pages are full, before workers start on it: increments would first have to move each row to another page.
    /// [`optimize`](Self::optimize) does nearly the same while workers and users go on.
    ///
    /// # Errors
    /// If this user does not own the table, if another session holds a lock on it for 5 s, or as for any other call. Partitions that were
    /// rewritten until then stay rewritten. If the future is dropped, the partition in progress stays as it was.
    pub async fn rewrite(&self) -> Result<Rewritten, StoreError> {
        // Closed at the end, so that its changed settings end with it.
        let mut session = self.link.connect(DURING).await?;
        let connection: &mut PgConnection = &mut session;
        let backend = self.link.wait(DURING, Backend::of(connection)).await?.into();
        // It takes as long as the table is large.
        self.link.attend(DURING, &backend, self.rewrite_on(connection)).await
    }

    async fn rewrite_on(&self, connection: &mut PgConnection) -> Result<Rewritten, StoreError> {
        self.leave_room(connection).await?;
        self.execute(connection, format!("set lock_timeout = '{}ms'", PATIENCE.as_millis())).await?;
        let relations = self.relations(connection).await?;
        for Relation { relation, slot_index, .. } in &relations {
            // Postgres has quoted the names.
            let rewrite = match slot_index {
                Some(index) => format!("cluster {relation} using {index}"),
                None => format!("vacuum (full) {relation}"),
            };
            self.execute(connection, rewrite).await?;
            self.execute(connection, format!("analyze {relation}")).await?;
        }
        let total = |relations: &[Relation]| relations.iter().map(|relation| relation.bytes.unsigned_abs()).sum();
        Ok(Rewritten { before: total(&relations), after: total(&self.relations(connection).await?) })
    }

    async fn relations(&self, connection: &mut PgConnection) -> Result<Vec<Relation>, StoreError> {
        let relations = sqlx::query_as(&self.sql.relations).fetch_all(connection).await;
        relations.map_err(|error| classify(DURING, self.link.target(), error))
    }

    async fn execute(&self, connection: &mut PgConnection, statement: String) -> Result<(), StoreError> {
        let answer = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
        answer.map(drop).map_err(|error| classify(DURING, self.link.target(), error))
    }
}
