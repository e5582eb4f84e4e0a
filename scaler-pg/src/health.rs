//! Health of the database, for a role that looks.

use std::time::Duration;

use scaler_core::StoreError;

use crate::PgStore;
use crate::install::NEWEST;
use crate::row::row;
use crate::store::unsigned;

/// State of the server, of the table of work, and of the sessions that use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Version of Postgres.
    pub server_version: String,
    /// Role of this session.
    pub role: String,
    /// True if the server is a standby, which takes no writes.
    pub is_standby: bool,
    /// Version of the installed schema, and the one that this version of the library needs.
    pub schema: (u64, u64),
    /// Estimated number of live rows of the table of work.
    pub live_rows: u64,
    /// Estimated number of dead rows of it.
    pub dead_rows: u64,
    /// True if autovacuum is on for the table of work.
    pub autovacuums: bool,
    /// Number of sessions that are idle in a transaction that has used the table of work, and the time for which the first one has been idle.
    /// `None` if this role may not see the sessions of others.
    pub idle_in_transaction: Option<(u64, Duration)>,
}

row! {
    struct HealthRow {
        server_version: String,
        role: String,
        is_standby: bool,
        schema_version: i64,
        live: i64,
        dead: i64,
        autovacuums: bool,
        idle_sessions: Option<i64>,
        longest_s: Option<f64>,
    }
}

impl PgStore {
    /// Reads the health of the database; `None` if the table of work is missing.
    ///
    /// # Errors
    /// If the store is unavailable, refuses, or does not answer.
    pub async fn health(&self) -> Result<Option<Health>, StoreError> {
        let rows: Vec<HealthRow> = self.link.rows("health", sqlx::query_as(&self.sql.health)).await?;
        Ok(rows.into_iter().next().map(|row| Health {
            server_version: row.server_version,
            role: row.role,
            is_standby: row.is_standby,
            schema: (unsigned(row.schema_version), unsigned(NEWEST)),
            live_rows: unsigned(row.live),
            dead_rows: unsigned(row.dead),
            autovacuums: row.autovacuums,
            idle_in_transaction: row.idle_sessions.map(|sessions| {
                let longest = Duration::try_from_secs_f64(row.longest_s.unwrap_or_default()).unwrap_or_default();
                (unsigned(sessions), longest)
            }),
        }))
    }
}
