//! Where Postgres is, and how long to wait for it.

use std::fmt;
use std::time::Duration;

use scaler_core::{Incarnation, StoreError};

use crate::error::Target;
use crate::hosts::Hosts;

/// How sessions of workers are named, so that others can see whether they are there.
pub(crate) const WORKER_SESSION: &str = "scaler-worker ";

/// How long a transaction of ours through a pooler may wait for us.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

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
    /// The name of its sessions.
    pub application_name: String,
    /// How many connections may be open at a time, beside those that tick.
    pub max_connections: u32,
    /// How many connections may tick at a time.
    pub ticks_at_once: u32,
    /// Whether a tick waits until it is on disk.
    pub tick_commit: TickCommit,
    /// What stands in between.
    pub pooler: Pooler,
    /// After a session was lost, a random wait up to this before the next one is opened.
    pub reconnect_spread: Duration,
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
    /// The defaults: 4 connections and 4 that tick and wait for the disk, without a pooler, reopened within 500 ms, 3 s to connect,
    /// 10 s to answer, 8 s a statement, 300 ms for a lock.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            application_name: "scaler".to_owned(),
            max_connections: 4,
            ticks_at_once: 4,
            tick_commit: TickCommit::Durable,
            pooler: Pooler::None,
            reconnect_spread: Duration::from_millis(500),
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
            ticks_at_once: 1,
            ..Self::new(url)
        }
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

    fn settings(&self, commit: TickCommit) -> Vec<(&'static str, String)> {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let mut settings = vec![
            ("statement_timeout", millis(self.statement_timeout)),
            ("lock_timeout", millis(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", millis(self.idle_in_transaction())),
            ("default_transaction_isolation", "read committed".to_owned()),
            // Compiling a statement that runs for milliseconds costs more than it gains.
            ("jit", "off".to_owned()),
        ];
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
