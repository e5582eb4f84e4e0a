//! Where Postgres is, and how long to wait for it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use scaler_core::{BoxError, Incarnation, StoreError};
use sqlx::postgres::PgConnectOptions;

use crate::error::{Finding, PgError, Target};

/// How sessions of workers are named, so that others can see whether they are there.
pub(crate) const WORKER_SESSION: &str = "scaler-worker ";

/// Where Postgres is, and how long to wait for it.
#[derive(Clone)]
#[non_exhaustive]
pub struct PgConfig {
    /// `postgres://user:password@host:port/database`, with the options that libpq knows, such as `sslmode`.
    pub url: String,
    /// The name of its sessions.
    pub application_name: String,
    /// How many connections may be open at a time, beside those that tick.
    pub max_connections: u32,
    /// How many connections may tick at a time.
    pub ticks_at_once: u32,
    /// Whether a tick waits until it is on disk.
    pub tick_commit: TickCommit,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for an answer before the connection is given up.
    pub command_timeout: Duration,
    /// How long the server works on one statement.
    pub statement_timeout: Duration,
    /// How long a statement waits for what somebody else has locked.
    pub lock_timeout: Duration,
}

/// Whether a tick waits until it is on disk. All else always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickCommit {
    /// As the server is configured, which is: it waits.
    Durable,
    /// It does not: a crash of the server may lose the ticks of its last moments, fence and increment together.
    Asynchronous,
}

impl PgConfig {
    /// The defaults: 4 connections and 4 that tick and wait for the disk, 3 s to connect, 10 s to answer, 8 s a statement, 300 ms for a lock.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            application_name: "scaler".to_owned(),
            max_connections: 4,
            ticks_at_once: 4,
            tick_commit: TickCommit::Durable,
            connect_timeout: Duration::from_secs(3),
            command_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(8),
            lock_timeout: Duration::from_millis(300),
        }
    }

    /// The defaults for a worker: its sessions bear its incarnation, so that the control plane sees at once when they are gone.
    pub fn for_worker(url: impl Into<String>, incarnation: Incarnation) -> Self {
        Self {
            application_name: format!("{WORKER_SESSION}{incarnation}"),
            max_connections: 2,
            ticks_at_once: 2,
            ..Self::new(url)
        }
    }

    /// What sqlx connects with, and what errors name.
    pub(crate) fn parse(&self) -> Result<(PgConnectOptions, Target), StoreError> {
        let refused = |source: BoxError| StoreError::Refused { during: "connect", source };
        if !["postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme)) {
            return Err(refused(Box::new(Finding::OtherScheme { target: Target::of_url(&self.url) })));
        }
        let options = PgConnectOptions::from_str(&self.url)
            .map_err(|source| refused(Box::new(PgError::new(Target::of_url(&self.url), source))))?;
        let target = Target::of(&options);
        let millis = |duration: Duration| duration.as_millis().to_string();
        let options = options.application_name(&self.application_name).options([
            ("statement_timeout", millis(self.statement_timeout)),
            ("lock_timeout", millis(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", millis(self.statement_timeout)),
            ("default_transaction_isolation", "read committed".to_owned()),
            // Compiling a statement that runs for milliseconds costs more than it gains.
            ("jit", "off".to_owned()),
        ]);
        Ok((options, target))
    }
}

impl fmt::Debug for PgConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgConfig")
            .field("target", &Target::of_url(&self.url))
            .field("application_name", &self.application_name)
            .field("max_connections", &self.max_connections)
            .field("ticks_at_once", &self.ticks_at_once)
            .field("tick_commit", &self.tick_commit)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .finish()
    }
}
