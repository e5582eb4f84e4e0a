//! Opens the Postgres store with the arguments of a program.

use scaler_core::Incarnation;
use scaler_pg::{PgConfig, PgStore, TickCommit};

use crate::Failure;
use crate::config::{CommitArg, Endpoint, PostgresArgs, TickArgs};

/// Settings for opening the store.
#[derive(Clone, Debug)]
pub struct Store<'a> {
    /// URL of Postgres.
    pub endpoint: &'a Endpoint,
    /// Time-outs, pooler mode and password file.
    pub args: &'a PostgresArgs,
}

impl Store<'_> {
    /// Opens the store for a worker: its sessions carry its incarnation, and its ticks follow `ticks`.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn for_worker(&self, incarnation: Incarnation, ticks: &TickArgs) -> Result<PgStore, Failure> {
        let mut config = PgConfig::for_worker(self.endpoint.reveal(), incarnation);
        config.ticks_at_once = ticks.ticks_at_once.into();
        config.tick_commit = match ticks.tick_commit {
            CommitArg::On => TickCommit::Durable,
            CommitArg::Off => TickCommit::Asynchronous,
        };
        self.open(config)
    }

    /// Opens the store for a program; `name` is the application name of its sessions.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn for_program(&self, name: &str) -> Result<PgStore, Failure> {
        let mut config = PgConfig::new(self.endpoint.reveal());
        name.clone_into(&mut config.application_name);
        self.open(config)
    }

    /// Opens the store as [`for_program`](Self::for_program) does, with at most `most` sessions.
    ///
    /// # Errors
    /// If the URL cannot be used.
    pub fn for_sessions(&self, name: &str, most: u32) -> Result<PgStore, Failure> {
        let mut config = PgConfig::new(self.endpoint.reveal());
        name.clone_into(&mut config.application_name);
        config.max_connections = most;
        self.open(config)
    }

    fn open(&self, mut config: PgConfig) -> Result<PgStore, Failure> {
        config.password_file.clone_from(&self.args.postgres_password_file);
        config.pooler = self.args.postgres_pooler.into();
        config.reconnect_spread = self.args.postgres_reconnect_spread;
        config.connect_timeout = self.args.postgres_connect_timeout;
        config.command_timeout = self.args.postgres_command_timeout;
        config.statement_timeout = self.args.postgres_statement_timeout;
        config.lock_timeout = self.args.postgres_lock_timeout;
        Ok(self.args.work.describe(PgStore::builder(config.url.clone())).config(config).build()?)
    }
}
