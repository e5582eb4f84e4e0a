//! Postgres backend: the server process of a session.

use sqlx::PgConnection;

/// Postgres backend: the server process of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    /// Start time in microseconds since 1970: a pid is reused.
    pub(crate) started_us: i64,
}

impl Backend {
    /// Returns the backend of this session or, behind a transaction pooler, of this transaction.
    pub(crate) async fn of(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let query = sqlx::query_as(include_str!("../sql/backend.sql")).persistent(false);
        let (pid, started_us) = query.fetch_one(connection).await?;
        Ok(Self { pid, started_us })
    }
}
