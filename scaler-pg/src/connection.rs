//! The one way to use a session.

use std::future::Future;
use std::time::Duration;

use scaler_core::StoreError;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection, Postgres};

use crate::config::{PgConfig, Pooler, TickCommit};
use crate::error::{Finding, Target, classify, is_read_only};
use crate::pool::{Lent, Pool};

/// Sessions with one database.
#[derive(Debug)]
pub(crate) struct Link {
    pool: Pool,
    /// Begins a transaction with its settings, where a pooler lends sessions for a transaction only.
    begin: Option<String>,
    command_timeout: Duration,
}

impl Link {
    /// For all but ticks. Connects at first use.
    pub(crate) fn new(config: &PgConfig) -> Result<Self, StoreError> {
        Self::with(config, config.max_connections, TickCommit::Durable)
    }

    /// For ticks: nothing else takes their connections, and only their sessions may commit without waiting for the disk.
    pub(crate) fn for_ticks(config: &PgConfig) -> Result<Self, StoreError> {
        Self::with(config, config.ticks_at_once, config.tick_commit)
    }

    fn with(config: &PgConfig, connections: u32, commit: TickCommit) -> Result<Self, StoreError> {
        let pool = Pool::new(config.hosts(commit)?, connections, config.connect_timeout, config.reconnect_spread);
        Ok(Self { pool, begin: config.begin(commit), command_timeout: config.command_timeout })
    }

    pub(crate) const fn target(&self) -> &Target {
        self.pool.target()
    }

    /// What stands between us and Postgres.
    pub(crate) const fn pooler(&self) -> Pooler {
        if self.begin.is_some() { Pooler::Transaction } else { Pooler::None }
    }

    /// All rows of a statement.
    pub(crate) async fn rows<T>(
        &self,
        during: &'static str,
        query: QueryAs<'_, Postgres, T, PgArguments>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let query = query.persistent(self.begin.is_none());
        self.run(during, async move |connection: &mut PgConnection| query.fetch_all(connection).await).await
    }

    /// The one row of a statement that has one.
    pub(crate) async fn row<T>(&self, during: &'static str, query: QueryAs<'_, Postgres, T, PgArguments>) -> Result<T, StoreError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let query = query.persistent(self.begin.is_none());
        self.run(during, async move |connection: &mut PgConnection| query.fetch_one(connection).await).await
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) async fn change(&self, during: &'static str, query: Query<'_, Postgres, PgArguments>) -> Result<u64, StoreError> {
        let query = query.persistent(self.begin.is_none());
        let done = self.run(during, async move |connection: &mut PgConnection| query.execute(connection).await).await?;
        Ok(done.rows_affected())
    }

    pub(crate) async fn connect(&self, during: &'static str) -> Result<Lent<'_>, StoreError> {
        self.pool.lend(during).await
    }

    pub(crate) async fn wait<T>(
        &self,
        during: &'static str,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        self.wait_at_most(self.command_timeout, during, call).await
    }

    pub(crate) async fn wait_at_most<T>(
        &self,
        waited: Duration,
        during: &'static str,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(waited, call).await {
            Ok(answer) => answer.map_err(|error| classify(during, self.target(), error)),
            Err(_) => {
                let finding = Finding::NoAnswer { target: self.target().clone(), waited };
                Err(StoreError::Unanswered { during, source: Box::new(finding) })
            }
        }
    }

    /// A session whose answer did not come is given up: an answer that came late would be taken for the next call's. So is one with a
    /// server that takes no writes: another one does.
    pub(crate) fn keep<T>(&self, session: Lent<'_>, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match &answer {
            Err(StoreError::Unanswered { .. } | StoreError::Unavailable { .. }) => self.pool.forget_all(),
            Err(StoreError::Busy { source, .. }) if is_read_only(source.as_ref()) => self.pool.forget_all(),
            Ok(_) | Err(_) => session.give_back(),
        }
        answer
    }

    async fn run<T>(
        &self,
        during: &'static str,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let mut session = self.connect(during).await?;
        let answer = match &self.begin {
            None => self.wait(during, statement(&mut session)).await,
            Some(begin) => self.wait(during, within(&mut session, begin, statement)).await,
        };
        self.keep(session, answer)
    }
}

/// A statement in a transaction of its own. Its two halves, to prepare and to execute, would else reach two servers.
async fn within<T>(
    connection: &mut PgConnection,
    begin: &str,
    statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
) -> Result<T, sqlx::Error> {
    // Made of numbers and words of this crate.
    let mut transaction = connection.begin_with(AssertSqlSafe(begin)).await?;
    match statement(&mut transaction).await {
        Ok(answer) => transaction.commit().await.map(|()| answer),
        Err(error) => {
            // At once: until then the pooler keeps a server for us.
            transaction.rollback().await?;
            Err(error)
        }
    }
}
