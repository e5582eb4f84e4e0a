//! Tick options of a worker.

use clap::{Args, ValueEnum};

/// Concurrency and durability of ticks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Ticks")]
pub struct TickArgs {
    /// Maximum number of concurrent tick statements, each for up to 64,000 items; more than 1 helps only a worker that has Postgres to itself
    #[arg(long, env, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub ticks_at_once: u8,
    /// Synchronous (`on`) or asynchronous (`off`) commit of ticks; all other statements commit synchronously
    #[arg(long, env, value_enum, default_value_t = CommitArg::On)]
    pub tick_commit: CommitArg,
}

/// Value of `TICK_COMMIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CommitArg {
    /// Synchronous commit, as Postgres is configured.
    On,
    /// Asynchronous commit: a crash of Postgres may lose the most recent ticks, each as a whole.
    Off,
}
