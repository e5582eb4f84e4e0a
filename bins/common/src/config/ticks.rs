//! How a worker ticks.

use clap::{Args, ValueEnum};

/// How the ticks of a worker reach Postgres.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Ticks")]
pub struct TickArgs {
    /// How many statements that tick may be under way at once, each over some ten thousand items: more help one that works alone
    #[arg(long, env, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub ticks_at_once: u8,
    /// Whether a tick waits until it is on disk; all else always does
    #[arg(long, env, value_enum, default_value_t = CommitArg::On)]
    pub tick_commit: CommitArg,
}

/// Whether a commit waits until it is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CommitArg {
    /// It waits, as Postgres is configured.
    On,
    /// It does not: a crash of Postgres may lose the ticks of its last moments, whole.
    Off,
}
