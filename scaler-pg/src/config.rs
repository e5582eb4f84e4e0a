//! Where Postgres is, and how long to wait for it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use scaler_core::{Incarnation, StoreError};

use crate::error::{Finding, Target};
use crate::hosts::Hosts;

/// How sessions of workers are named, so that others can see whether they are there.
pub(crate) const WORKER_SESSION: &str = "scaler-worker ";

/// How long a transaction of ours through a pooler may wait for us.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// After how long Postgres closes a session whose client no longer acknowledges what it is sent, so that its place and its locks are free:
/// probes begin after 5 s of silence. A worker that comes back has a new session within the 3 s of its own timeout.
const CLIENT_GONE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "5"),
    ("tcp_user_timeout", "10000"),
];

/// What stands between us and Postgres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or a pooler that lends whole sessions.
    #[default]
    None,
    /// A pooler that lends a session for a transaction only, such as pgbouncer with `pool_mode = transaction`. Each call is then a
    /// transaction of its own with its settings, nothing stays prepared, and sessions bear no incarnation: they would be those of the pooler.
    Transaction,
}

/// Where Postgres is, and how long to wait for it.
#[derive(Clone)]
#[non_exhaustive]
pub struct PgConfig {
    /// `postgres://user:password@host:port/database`, with the options that libpq knows, such as `sslmode`. Of several hosts
    /// (`host1:port1,host2:port2`) the one is used that takes writes.
    pub url: String,
    /// A file with the password, in place of the one in the URL. It is read anew for each connection, as are the certificates that the URL
    /// names: what is changed while the program runs counts from the next connection on.
    pub password_file: Option<PathBuf>,
    /// The name of its sessions.
    pub application_name: String,
    /// How many connections may be open at a time, beside those that tick.
    pub max_connections: u32,
    /// How many connections may tick at a time, beside one for slots whose ticks fail.
    pub ticks_at_once: u32,
    /// Whether a tick waits until it is on disk.
    pub tick_commit: TickCommit,
    /// What stands in between.
    pub pooler: Pooler,
    /// After a session was lost, a random wait up to this before the next one is opened.
    pub reconnect_spread: Duration,
    /// How long opening a connection may take, over all hosts: each gets its share.
    pub connect_timeout: Duration,
    /// How long a call may take, with the wait for a connection. A connection on which nothing was answered for so long is closed.
    pub command_timeout: Duration,
    /// How long the server works on one statement. Less than the command timeout, so that a slow server still answers in time.
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
    /// The defaults: 4 connections and 4 that tick and wait for the disk, without a pooler, reopened within 500 ms, 2 s to connect,
    /// 3 s to answer, 2.5 s a statement, 300 ms for a lock.
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

    /// The defaults for a worker: its sessions bear its incarnation, so that the control plane sees at once when they are gone.
    pub fn for_worker(url: impl Into<String>, incarnation: Incarnation) -> Self {
        Self {
            application_name: format!("{WORKER_SESSION}{incarnation}"),
            max_connections: 2,
            ticks_at_once: 1,
            ..Self::new(url)
        }
    }

    /// Refuses timeouts by which a slow server would be taken for one that vanished.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let (statement, command) = (self.statement_timeout, self.command_timeout);
        if statement < command {
            return Ok(());
        }
        let finding = Finding::Timeouts { target: Target::of_url(&self.url), statement, command };
        Err(StoreError::Refused { during: "connect", source: Box::new(finding) })
    }

    /// How to reach each host, with sessions that commit so.
    pub(crate) fn hosts(&self, commit: TickCommit) -> Result<Hosts, StoreError> {
        let hosts = Hosts::of(&self.url)?;
        Ok(match self.pooler {
            Pooler::None => hosts.with(|options| options.application_name(&self.application_name).options(self.settings(commit))),
            // The session that bears a worker's name would be lent to others, and these are the only parameters that every pooler takes.
            Pooler::Transaction => {
                let name =
                    self.application_name.strip_prefix(WORKER_SESSION).map_or(self.application_name.as_str(), |_| "scaler");
                hosts.with(|options| options.application_name(name).extra_float_digits(None).statement_cache_capacity(0))
            }
        })
    }

    /// Begins a transaction with its settings, where no session keeps them.
    pub(crate) fn begin(&self, commit: TickCommit) -> Option<String> {
        let settings = self.settings(commit).into_iter().map(|(name, value)| format!("; set local {name} = '{value}'"));
        (self.pooler == Pooler::Transaction)
            .then(|| format!("begin isolation level read committed{}", settings.collect::<String>()))
    }

    /// A worker that is stopped in the middle of a transaction keeps its slots locked, so that it is cut off soon.
    fn idle_in_transaction(&self) -> Duration {
        match self.pooler {
            Pooler::None => self.statement_timeout,
            Pooler::Transaction => self.statement_timeout.min(LONGEST_PAUSE),
        }
    }

    /// What each session is set to.
    pub(crate) fn settings(&self, commit: TickCommit) -> Vec<(&'static str, String)> {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let mut settings = vec![
            ("statement_timeout", millis(self.statement_timeout)),
            ("lock_timeout", millis(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", millis(self.idle_in_transaction())),
            ("default_transaction_isolation", "read committed".to_owned()),
            // A policy that hides rows from this role raises an error: without it, they would be passed over without a word.
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
