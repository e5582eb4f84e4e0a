//! Connection settings and timeouts for Postgres.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use scaler_core::{Incarnation, StoreError};

use crate::error::{Finding, Target};
use crate::group::{Group, WORKER_SESSION};
use crate::hosts::Hosts;

/// Maximum time for which one of our transactions behind a pooler may be idle.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// TCP settings with which Postgres closes the session of a client that no longer acknowledges data, and frees its connection slot and locks.
/// Probes begin after 5 s of silence. A worker that comes back has a new session within the 3 s of its own timeout.
const CLIENT_GONE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "5"),
    ("tcp_user_timeout", "10000"),
];

/// Connection pooler mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// No pooler, or a pooler in session mode.
    #[default]
    None,
    /// A pooler in transaction mode, such as pgbouncer with `pool_mode = transaction`. Each call is then a transaction with its own settings,
    /// no statement stays prepared, and session names hold no incarnation, since the sessions are the pooler's.
    Transaction,
}

/// Connection settings and timeouts for Postgres.
#[derive(Clone)]
#[non_exhaustive]
pub struct PgConfig {
    /// URL of the database, `postgres://user:password@host:port/database`, with the options that libpq knows, such as `sslmode`. Of several
    /// hosts (`host1:port1,host2:port2`), the one that takes writes is used.
    pub url: String,
    /// File with the password, in place of the one in the URL. It is read again for each connection, as are the certificates that the URL
    /// names: a changed file takes effect with the next connection.
    pub password_file: Option<PathBuf>,
    /// Name of the sessions (`application_name`).
    pub application_name: String,
    /// Maximum number of open connections, besides those for ticks.
    pub max_connections: u32,
    /// Maximum number of connections for ticks, besides one for slots whose ticks fail.
    pub ticks_at_once: u32,
    /// Commit mode of ticks.
    pub tick_commit: TickCommit,
    /// Connection pooler mode.
    pub pooler: Pooler,
    /// Maximum random wait before the next session is opened after one was lost.
    pub reconnect_spread: Duration,
    /// Maximum time to open a connection, over all hosts: each gets an equal share.
    pub connect_timeout: Duration,
    /// Maximum time of a call, including the wait for a connection. A connection without any answer for this time is closed.
    pub command_timeout: Duration,
    /// Maximum time that the server works on one statement. Less than the command timeout, so that a slow server still answers in time.
    pub statement_timeout: Duration,
    /// Maximum time that a statement waits for a lock of another session.
    pub lock_timeout: Duration,
}

/// Commit mode of ticks: durable or asynchronous. All other commits are durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickCommit {
    /// The commit is as the server is configured: by default, it waits until it is on disk.
    Durable,
    /// The commit does not wait: a crash of the server may lose the last ticks. Fence and increments of a tick are lost together.
    Asynchronous,
}

impl PgConfig {
    /// Returns the defaults: 4 connections, and 4 for ticks, which wait for the disk; no pooler; a new session within 500 ms after a loss; 2
    /// s to connect, 3 s per call, 2.5 s per statement, 300 ms for a lock.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            password_file: None,
            application_name: "scaler".to_owned(),
            max_connections: 4,
            ticks_at_once: 4,
            tick_commit: TickCommit::Durable,
            pooler: Pooler::None,
            reconnect_spread: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_millis(2500),
            lock_timeout: Duration::from_millis(300),
        }
    }

    /// Returns the defaults for a worker. Its sessions carry its incarnation, so that the control plane sees at once when they end.
    pub fn for_worker(url: impl Into<String>, incarnation: Incarnation) -> Self {
        Self {
            application_name: format!("{WORKER_SESSION}{incarnation}"),
            max_connections: 2,
            ticks_at_once: 1,
            ..Self::new(url)
        }
    }

    /// Returns the incarnation that the names of the sessions carry; `None` if they carry none.
    pub(crate) fn incarnation(&self) -> Option<Incarnation> {
        let (prefix, incarnation) = self.application_name.rsplit_once(' ')?;
        prefix.starts_with(WORKER_SESSION.trim_end()).then(|| incarnation.parse().ok()).flatten()
    }

    /// Returns the same configuration, with the session names of this group.
    pub(crate) fn for_group(&self, group: &Group) -> Self {
        let name = self.application_name.strip_prefix(WORKER_SESSION);
        let name = name.map(|incarnation| format!("{}{incarnation}", group.session_name()));
        Self { application_name: name.unwrap_or_else(|| self.application_name.clone()), ..self.clone() }
    }

    /// Refuses timeouts with which a slow server would be taken for one that is unreachable.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let (statement, command) = (self.statement_timeout, self.command_timeout);
        if statement < command {
            return Ok(());
        }
        let finding = Finding::Timeouts { target: Target::of_url(&self.url), statement, command };
        Err(StoreError::Refused { during: "connect", source: Box::new(finding) })
    }

    /// Returns the connection options of each host, with sessions in this commit mode.
    pub(crate) fn hosts(&self, commit: TickCommit) -> Result<Hosts, StoreError> {
        let hosts = Hosts::of(&self.url)?;
        Ok(match self.pooler {
            Pooler::None => hosts.with(|options| options.application_name(&self.application_name).options(self.settings(commit))),
            // The pooler would lend a session with a worker's name to other clients. These parameters are the only ones that every pooler
            // accepts.
            Pooler::Transaction => {
                let is_worker = self.application_name.starts_with(WORKER_SESSION.trim_end());
                let name = if is_worker { "scaler" } else { self.application_name.as_str() };
                hosts.with(|options| options.application_name(name).extra_float_digits(None).statement_cache_capacity(0))
            }
        })
    }

    /// Returns the statement that begins a transaction with its settings, on a session that has other ones.
    pub(crate) fn begin(&self, commit: TickCommit) -> String {
        let settings = self.settings(commit).into_iter().map(|(name, value)| format!("; set local {name} = '{value}'"));
        format!("begin isolation level read committed{}", settings.collect::<String>())
    }

    /// Returns the time after which Postgres ends a session that is idle in a transaction. It is short, since a worker that is stopped in a
    /// transaction keeps its slots locked.
    fn idle_in_transaction(&self) -> Duration {
        match self.pooler {
            Pooler::None => self.statement_timeout,
            Pooler::Transaction => self.statement_timeout.min(LONGEST_PAUSE),
        }
    }

    /// Returns the settings of each session.
    pub(crate) fn settings(&self, commit: TickCommit) -> Vec<(&'static str, String)> {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let mut settings = vec![
            ("statement_timeout", millis(self.statement_timeout)),
            ("lock_timeout", millis(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", millis(self.idle_in_transaction())),
            ("default_transaction_isolation", "read committed".to_owned()),
            // A row-level security policy that hides rows from this role then raises an error. With `on`, these rows would be skipped
            // silently.
            ("row_security", "off".to_owned()),
            // Compiling a statement that runs for milliseconds costs more than it gains.
            ("jit", "off".to_owned()),
        ];
        if self.pooler == Pooler::None {
            settings.extend(CLIENT_GONE.map(|(name, value)| (name, value.to_owned())));
        }
        if commit == TickCommit::Asynchronous {
            settings.push(("synchronous_commit", "off".to_owned()));
        }
        settings
    }
}

impl fmt::Debug for PgConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgConfig")
            .field("target", &Target::of_url(&self.url))
            .field("password_file", &self.password_file)
            .field("application_name", &self.application_name)
            .field("max_connections", &self.max_connections)
            .field("ticks_at_once", &self.ticks_at_once)
            .field("tick_commit", &self.tick_commit)
            .field("pooler", &self.pooler)
            .field("reconnect_spread", &self.reconnect_spread)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_timeout_is_less_than_that_of_the_call() {
        let mut config = PgConfig::new("postgres://me:hunter2@db/work");
        assert!(config.check().is_ok());
        config.statement_timeout = config.command_timeout;
        let refused = config.check().unwrap_err();
        let told = refused.to_string();
        assert!(matches!(refused, StoreError::Refused { .. }) && told.contains("3s") && !told.contains("hunter2"), "{told}");
    }
}
