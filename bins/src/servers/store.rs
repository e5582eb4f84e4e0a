//! Postgres, from arguments to a store that answers.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use scaler_core::{ErrorClass, Incarnation, StoreError};
use scaler_pg::{PgConfig, PgStore, TickCommit};

use crate::Failure;
use crate::config::{CommitArg, Endpoint, PostgresArgs, TickArgs};
use crate::words::soon;

/// How to open the store.
#[derive(Clone, Debug)]
pub struct Store<'a> {
    /// Where it is.
    pub endpoint: &'a Endpoint,
    /// How long it may take.
    pub args: &'a PostgresArgs,
}

impl Store<'_> {
    /// For a worker: its sessions bear its incarnation, and tick as it is told to.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn for_worker(&self, incarnation: Incarnation, ticks: &TickArgs) -> Result<PgStore, Failure> {
        let mut config = PgConfig::for_worker(self.endpoint.reveal(), incarnation);
        config.ticks_at_once = ticks.ticks_at_once.into();
        config.tick_commit = match ticks.tick_commit {
            CommitArg::On => TickCommit::Durable,
            CommitArg::Off => TickCommit::Asynchronous,
        };
        self.open(config)
    }

    /// For a program of this name.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn for_program(&self, name: &str) -> Result<PgStore, Failure> {
        let mut config = PgConfig::new(self.endpoint.reveal());
        name.clone_into(&mut config.application_name);
        self.open(config)
    }

    /// As [`for_program`](Self::for_program), with one session at most.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn for_one_session(&self, name: &str) -> Result<PgStore, Failure> {
        let mut config = PgConfig::new(self.endpoint.reveal());
        name.clone_into(&mut config.application_name);
        config.max_connections = 1;
        self.open(config)
    }

    fn open(&self, mut config: PgConfig) -> Result<PgStore, Failure> {
        config.pooler = self.args.postgres_pooler.into();
        config.reconnect_spread = self.args.postgres_reconnect_spread_ms;
        config.connect_timeout = self.args.postgres_connect_timeout_ms;
        config.command_timeout = self.args.postgres_command_timeout_ms;
        config.statement_timeout = self.args.postgres_statement_timeout_ms;
        config.lock_timeout = self.args.postgres_lock_timeout_ms;
        Ok(PgStore::new(&config)?)
    }
}

/// Repeats a first call until the store is there: says once that it is away, and once that it has come.
///
/// # Errors
/// When the call fails in a way that waiting does not mend.
pub async fn once_there<T, F>(call: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut away = false;
    let mut waits = waits();
    loop {
        let error = match call().await {
            Ok(answer) => {
                if away {
                    tracing::info!("the store is there");
                }
                return Ok(answer);
            }
            Err(error) if error.class() == ErrorClass::Permanent => return Err(error.into()),
            Err(error) => error,
        };
        let wait = waits.next().unwrap_or_default();
        if !std::mem::replace(&mut away, true) {
            tracing::warn!("{error}; retrying {}, and then until it is there", soon(wait));
        }
        tokio::time::sleep(wait).await;
    }
}

/// The waits between attempts to reach a server that is away at the start.
fn waits() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_is_waited_for() {
        let calls = AtomicU32::new(0);
        let answer = once_there(async || match calls.fetch_add(1, Ordering::Relaxed) {
            call if call < 20 => Err(StoreError::Unavailable { during: "probe", source: "connection refused".into() }),
            call => Ok(call),
        });
        assert_eq!(answer.await.unwrap(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_refuses_is_not() {
        let refused: Result<(), _> =
            once_there(async || Err(StoreError::Denied { during: "probe", source: "wrong password".into() })).await;
        assert_eq!(refused.unwrap_err().code(), 64);
    }
}
