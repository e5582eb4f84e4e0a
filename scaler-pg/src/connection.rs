//! The pool, and the one way to use it.

use std::future::Future;
use std::time::Duration;

use scaler_core::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{Connection, FromRow, PgConnection, Postgres};

use crate::error::{Finding, Target, classify};
use crate::{PgConfig, TickCommit};

/// How long to look for the reason why there is no connection.
const FOR_THE_CAUSE: Duration = Duration::from_millis(500);

/// Connections to one database.
#[derive(Debug)]
pub(crate) struct Link {
    pool: PgPool,
    options: PgConnectOptions,
    target: Target,
    connect_timeout: Duration,
    command_timeout: Duration,
}

impl Link {
    /// For all but ticks. Connects at first use.
    pub(crate) fn new(config: &PgConfig) -> Result<Self, StoreError> {
        let (options, target) = config.parse()?;
        Ok(Self::with(config, config.max_connections, options, target))
    }

    /// For ticks: nothing else takes their connections, and only their sessions may commit without waiting for the disk.
    pub(crate) fn for_ticks(config: &PgConfig) -> Result<Self, StoreError> {
        let (options, target) = config.parse()?;
        let options = match config.tick_commit {
            TickCommit::Durable => options,
            TickCommit::Asynchronous => options.options([("synchronous_commit", "off")]),
        };
        Ok(Self::with(config, config.ticks_at_once, options, target))
    }

    fn with(config: &PgConfig, max_connections: u32, options: PgConnectOptions, target: Target) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(config.connect_timeout)
            // A worker's session is its sign of life: it is never closed for being idle or old.
            .idle_timeout(None)
            .max_lifetime(None)
            // A broken connection shows in the call itself, which saves a round trip each.
            .test_before_acquire(false)
            .connect_lazy_with(options.clone());
        Self { pool, options, target, connect_timeout: config.connect_timeout, command_timeout: config.command_timeout }
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
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
        let mut connection = self.connect(during).await?;
        let answer = self.wait(during, query.fetch_all(&mut *connection)).await;
        keep(connection, answer)
    }

    /// The one row of a statement that has one.
    pub(crate) async fn row<T>(&self, during: &'static str, query: QueryAs<'_, Postgres, T, PgArguments>) -> Result<T, StoreError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut connection = self.connect(during).await?;
        let answer = self.wait(during, query.fetch_one(&mut *connection)).await;
        keep(connection, answer)
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) async fn change(&self, during: &'static str, query: Query<'_, Postgres, PgArguments>) -> Result<u64, StoreError> {
        let mut connection = self.connect(during).await?;
        let answer = self.wait(during, query.execute(&mut *connection)).await;
        keep(connection, answer).map(|done| done.rows_affected())
    }

    pub(crate) async fn connect(&self, during: &'static str) -> Result<PoolConnection<Postgres>, StoreError> {
        match self.pool.acquire().await {
            Ok(connection) => Ok(connection),
            Err(sqlx::Error::PoolTimedOut) => Err(self.why_not_connected(during).await),
            Err(error) => Err(classify(during, &self.target, error)),
        }
    }

    /// The pool goes on trying in silence until its time is over: one try of our own tells the cause.
    async fn why_not_connected(&self, during: &'static str) -> StoreError {
        match tokio::time::timeout(FOR_THE_CAUSE, PgConnection::connect_with(&self.options)).await {
            Ok(Err(cause)) => classify(during, &self.target, cause),
            Ok(Ok(_)) | Err(_) => {
                let finding = Finding::NoConnection { target: self.target.clone(), waited: self.connect_timeout };
                StoreError::Unavailable { during, source: Box::new(finding) }
            }
        }
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
            Ok(answer) => answer.map_err(|error| classify(during, &self.target, error)),
            Err(_) => {
                let finding = Finding::NoAnswer { target: self.target.clone(), waited };
                Err(StoreError::Unanswered { during, source: Box::new(finding) })
            }
        }
    }
}

/// A connection whose answer did not come is given up: an answer that came late would be taken for the next call's.
pub(crate) fn keep<T>(connection: PoolConnection<Postgres>, answer: Result<T, StoreError>) -> Result<T, StoreError> {
    if matches!(answer, Err(StoreError::Unanswered { .. } | StoreError::Unavailable { .. })) {
        drop(connection.detach());
    }
    answer
}
