//! The process of Postgres that works for a session.

use sqlx::PgConnection;

/// The process of Postgres that works for a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    /// When it was started, in microseconds since 1970: a pid is used again.
    pub(crate) started_us: i64,
}

impl Backend {
    /// That of this session, or, through a pooler, of this transaction.
    pub(crate) async fn of(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let query = sqlx::query_as(include_str!("../sql/backend.sql")).persistent(false);
        let (pid, started_us) = query.fetch_one(connection).await?;
        Ok(Self { pid, started_us })
    }
}
