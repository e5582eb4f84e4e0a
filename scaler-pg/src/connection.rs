//! Calls on sessions, with time limits that detect an unreachable server.
//!
//! A server that vanished closes no connection: they stay open until the kernel gives up retransmitting, after 15 minutes. The client library
//! offers neither keep-alive nor `TCP_USER_TIMEOUT` for its sockets, so this module relies on answers. Postgres answers each statement within
//! the statement timeout, if need be with a cancellation (SQLSTATE 57014). A session without an answer for the longer command timeout is
//! closed, together with all idle ones. Statements that may take longer are [attended](Link::attend). For Postgres' check of its clients, see
//! [`PgConfig::settings`].

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use scaler_core::{Clock, StoreError, TokioClock};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{AssertSqlSafe, Connection, FromRow, PgConnection, PgPool, Postgres};
use tokio::time::timeout;

use crate::backend::Backend;
use crate::config::{PgConfig, Pooler, TickCommit};
use crate::error::{Finding, Missing, Target, classify, is_read_only, may_be_missing};
use crate::idle::{IdleSessions, Purpose};
use crate::password::PasswordFile;
use crate::pool::{Pool, PoolOptions};
use crate::sessions::{Session, Sessions};
use crate::sql::Sql;

/// Time limit of each long-running statement. Such a statement locks only rows that it adds or removes, or none.
const LASTING: &str = "set local statement_timeout = '300s'";

/// Maximum number of connections for members, besides the one that listens. A heartbeat takes one for a moment.
const MOST_FOR_MEMBERS: u32 = 2;

/// Sessions with one database.
#[derive(Debug)]
pub(crate) struct Link {
    sessions: Sessions,
    pooler: Pooler,
    sql: Arc<Sql>,
    clock: TokioClock,
    /// Statement that begins a transaction with its settings; `None` if the sessions have the settings.
    begin: Option<String>,
    command_timeout: Duration,
    statement_timeout: Duration,
}

/// Reason for which a transaction was rolled back.
pub(crate) enum Failed {
    Statement(sqlx::Error),
    /// An answer was wrong.
    Finding(StoreError),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Finding(error)
    }
}

impl Link {
    /// Returns two links to the same database: for all calls but ticks, and for ticks.
    ///
    /// Only ticks use the connections of the second link, and only these may commit without waiting for the disk. The links connect at first
    /// use. If one finds the server gone, the idle sessions of both are closed.
    pub(crate) fn pair(config: &PgConfig, shared: Option<&PgPool>, sql: &Arc<Sql>) -> Result<(Self, Self), StoreError> {
        config.check()?;
        if let Some(pool) = shared {
            let link = |commit| Self::shared(config, sql, pool.clone(), commit);
            return Ok((link(TickCommit::Durable), link(config.tick_commit)));
        }
        let idle = Arc::new(IdleSessions::new());
        let others = Self::new(config, sql, &idle, Purpose::Others, config.max_connections, TickCommit::Durable)?;
        // One more is opened while some slots fail: those are retried in parallel with the others.
        let ticks = Self::new(config, sql, &idle, Purpose::Ticks, config.ticks_at_once.saturating_add(1), config.tick_commit)?;
        Ok((others, ticks))
    }

    /// Returns a link for members: its sessions are its own, so that no heartbeat waits for a long statement of the store.
    pub(crate) fn for_members(config: &PgConfig, shared: Option<&PgPool>, sql: &Arc<Sql>) -> Result<Self, StoreError> {
        config.check()?;
        if let Some(pool) = shared {
            return Ok(Self::shared(config, sql, pool.clone(), TickCommit::Durable));
        }
        let most = config.max_connections.min(MOST_FOR_MEMBERS);
        Self::new(config, sql, &Arc::new(IdleSessions::new()), Purpose::Others, most, TickCommit::Durable)
    }

    fn new(
        config: &PgConfig,
        sql: &Arc<Sql>,
        idle: &Arc<IdleSessions>,
        purpose: Purpose,
        most: u32,
        commit: TickCommit,
    ) -> Result<Self, StoreError> {
        let PgConfig { reconnect_spread, command_timeout, statement_timeout, .. } = *config;
        let connect_timeout = config.connect_timeout.min(command_timeout);
        let options = PoolOptions { purpose, most, connect_timeout, reconnect_spread };
        let password = config.password_file.clone().map(PasswordFile::new);
        let pool = Pool::new(config.hosts(commit)?, password, Arc::clone(idle), options);
        Ok(Self {
            sessions: Sessions::Own(Box::new(pool)),
            pooler: config.pooler,
            sql: Arc::clone(sql),
            clock: TokioClock::start(),
            begin: (config.pooler == Pooler::Transaction).then(|| config.begin(commit)),
            command_timeout,
            statement_timeout,
        })
    }

    /// Returns the statements of the installation.
    pub(crate) fn sql(&self) -> &Sql {
        &self.sql
    }

    /// Returns a link on the sessions of a shared pool. Their settings are the pool's, so each call is a transaction with its own settings.
    fn shared(config: &PgConfig, sql: &Arc<Sql>, pool: PgPool, commit: TickCommit) -> Self {
        Self {
            sessions: Sessions::shared(pool),
            pooler: config.pooler,
            sql: Arc::clone(sql),
            clock: TokioClock::start(),
            begin: Some(config.begin(commit)),
            command_timeout: config.command_timeout,
            statement_timeout: config.statement_timeout,
        }
    }

    /// Returns the time of the clock that limits calls.
    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(crate) const fn target(&self) -> &Target {
        self.sessions.target()
    }

    /// Returns the connection pooler mode.
    pub(crate) const fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// Returns the host that took writes last, as [`Sessions::best_host`].
    pub(crate) async fn best_host(&self, during: &'static str) -> Result<PgConnectOptions, StoreError> {
        self.sessions.best_host(during).await
    }

    /// Returns the maximum time of a call.
    pub(crate) const fn command_timeout(&self) -> Duration {
        self.command_timeout
    }

    /// Runs a statement and returns all of its rows.
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

    /// Runs a statement that has one row and returns it.
    pub(crate) async fn row<T>(&self, during: &'static str, query: QueryAs<'_, Postgres, T, PgArguments>) -> Result<T, StoreError>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let query = query.persistent(self.begin.is_none());
        self.run(during, async move |connection: &mut PgConnection| query.fetch_one(connection).await).await
    }

    /// Runs a statement and returns the number of rows that it changed.
    pub(crate) async fn change(&self, during: &'static str, query: Query<'_, Postgres, PgArguments>) -> Result<u64, StoreError> {
        let query = query.persistent(self.begin.is_none());
        let done = self.run(during, async move |connection: &mut PgConnection| query.execute(connection).await).await?;
        Ok(done.rows_affected())
    }

    /// Runs a statement; behind a transaction pooler, in a transaction with its settings.
    async fn run<T>(
        &self,
        during: &'static str,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let begin = self.begin.as_deref();
        self.call(during, async move |connection: &mut PgConnection| match begin {
            None => statement(connection).await,
            Some(begin) => within(connection, begin, statement).await,
        })
        .await
    }

    /// Runs statements on a session, within the command timeout. The wait for the session counts.
    pub(crate) async fn call<T>(
        &self,
        during: &'static str,
        statements: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let begun = self.clock.now();
        let mut session = self.connect(during).await?;
        let left = self.command_timeout.saturating_sub(self.clock.now().saturating_sub(begun));
        match timeout(left, statements(&mut session)).await {
            Ok(Ok(answer)) => self.keep(session, Ok(answer)),
            Ok(Err(error)) => {
                let error = self.told_apart(during, &mut session, error).await;
                self.keep(session, Err(error))
            }
            Err(_) => {
                // If less than the statement timeout was left, the server may still be at work: it is not known to be unreachable. This
                // session is closed in any case, since a late answer would be taken for that of the next call.
                drop(session);
                if left > self.statement_timeout {
                    self.sessions.forget_all();
                }
                Err(self.no_answer(during, self.command_timeout))
            }
        }
    }

    /// Returns the error of a failed call, by its SQLSTATE and by the missing part of the installation.
    async fn told_apart(&self, during: &'static str, session: &mut PgConnection, error: sqlx::Error) -> StoreError {
        if may_be_missing(&error)
            && let Some(missing) = self.missing(session).await
        {
            return missing.failure(during, self.target().clone(), &self.sql.group);
        }
        classify(during, self.target(), error)
    }

    /// Returns the missing part of the installation; `None` if nothing is missing or the query fails.
    async fn missing(&self, session: &mut PgConnection) -> Option<Missing> {
        let ask = async |connection: &mut PgConnection| {
            let query = sqlx::query_scalar(&self.sql.missing).persistent(self.begin.is_none());
            query.fetch_optional(connection).await
        };
        let answer = async {
            match self.begin.as_deref() {
                None => ask(session).await,
                Some(begin) => within(session, begin, ask).await,
            }
        };
        let word: Option<String> = timeout(self.command_timeout, answer).await.ok()?.ok()?;
        Missing::of(&word?)
    }

    /// Returns a session for the caller's own use.
    pub(crate) async fn connect(&self, during: &'static str) -> Result<Session<'_>, StoreError> {
        self.sessions.lend(self.command_timeout, during).await
    }

    /// Waits for the answer to one statement on a session of the caller's own, within the command timeout.
    pub(crate) async fn wait<T>(
        &self,
        during: &'static str,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match timeout(self.command_timeout, call).await {
            Ok(answer) => answer.map_err(|error| classify(during, self.target(), error)),
            Err(_) => Err(self.no_answer(during, self.command_timeout)),
        }
    }

    /// Runs long statements in a transaction of their own, for as long as Postgres works on them, and at most `LASTING` each. `begin`
    /// replaces the usual statement that begins the transaction.
    pub(crate) async fn lasting<T>(
        &self,
        during: &'static str,
        begin: Option<&'static str>,
        statements: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Failed>,
    ) -> Result<T, StoreError> {
        let mut session = self.connect(during).await?;
        let backend = OnceLock::new();
        let begin = begin.or(self.begin.as_deref()).unwrap_or("begin");
        let work = within(&mut session, begin, async |transaction: &mut PgConnection| {
            let _ = backend.set(Backend::of(transaction).await?);
            sqlx::raw_sql(LASTING).execute(&mut *transaction).await?;
            statements(transaction).await
        });
        let mut failed = None;
        let work = async {
            work.await.map_err(|error| match error {
                Failed::Statement(error) => {
                    let told = classify(during, self.target(), sqlx::Error::WorkerCrashed);
                    failed = Some(error);
                    told
                }
                Failed::Finding(error) => error,
            })
        };
        let answer = self.attend(during, &backend, work).await;
        let answer = match failed {
            Some(error) => Err(self.told_apart(during, &mut session, error).await),
            None => answer,
        };
        self.keep(session, answer)
    }

    /// Returns the session to the pool, unless the server did not answer or takes no writes. Then this session and all idle ones are closed:
    /// a late answer would be taken for that of the next call, and writes need another server.
    pub(crate) fn keep<T>(&self, session: Session<'_>, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match &answer {
            Err(StoreError::Unanswered { .. } | StoreError::Unavailable { .. }) => self.sessions.forget_all(),
            Err(StoreError::Busy { source, .. }) if is_read_only(source.as_ref()) => self.sessions.forget_all(),
            Ok(_) | Err(_) => session.give_back(),
        }
        answer
    }

    fn no_answer(&self, during: &'static str, waited: Duration) -> StoreError {
        let finding = Finding::NoAnswer { target: self.target().clone(), waited };
        StoreError::Unanswered { during, source: Box::new(finding) }
    }
}

/// Runs a statement in a transaction of its own. Without one, a pooler may send its prepare and execute messages to two servers.
async fn within<T, E: From<sqlx::Error>>(
    connection: &mut PgConnection,
    begin: &str,
    statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, E>,
) -> Result<T, E> {
    // Composed of numbers and constants of this crate.
    let mut transaction = connection.begin_with(AssertSqlSafe(begin)).await?;
    match statement(&mut transaction).await {
        Ok(answer) => {
            transaction.commit().await?;
            Ok(answer)
        }
        Err(error) => {
            // At once: until then, the pooler reserves a server for this client.
            transaction.rollback().await?;
            Err(error)
        }
    }
}
