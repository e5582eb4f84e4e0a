//! Arguments of the bench: what it measures.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the fenced tick beside other ways to increment every row, interleaved, on a Postgres of its own.
#[derive(Clone, Debug, Parser)]
#[command(name = "scripts/bench tick")]
pub(crate) struct Args {
    /// Use a tenth of the items, and fewer rounds
    #[arg(long)]
    quick: bool,
    /// Print the targets and results as JSON, instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Number of items [default: 1000000; quick: 100000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    items: Option<u32>,
    /// Number of concurrent workers
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) workers: u32,
    /// Approximate number of rows per statement
    #[arg(long, default_value_t = 32_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) chunk: u32,
    /// Order of the rows in the heap [default: both, one after the other; with `--live`: in slot order]
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// Commit mode: on waits until the commit is on disk, off does not [default: both]
    #[arg(long, value_enum)]
    commit: Option<Commit>,
    /// Number of rounds [default: 7; quick: 3]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..1000))]
    rounds: Option<u16>,
    /// Measure instead how much faster ticks are after `notifi-scaler optimize` has put the rows of each slot beside each other
    #[arg(long, conflicts_with_all = ["live", "order", "json"])]
    pub(crate) optimized: bool,
    /// Run and observe the whole system for this many seconds instead: with `--items`, or with 70 % of what can be ticked in any second
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(5..=86_400))]
    live: Option<u32>,
    /// Run it with more and more items and workers, for `--live` seconds each, and write a plot of rows per second and lag
    #[arg(long, value_name = "FILE", requires = "live")]
    pub(crate) plot: Option<PathBuf>,
}

/// Order of the rows in the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Rows of a slot beside each other
    Slot,
    /// Rows in random order, as they were inserted
    Random,
}

impl Order {
    /// Returns the statement that loads the items.
    pub(crate) const fn load(self) -> &'static str {
        match self {
            Self::Slot => include_str!("sql/load_by_slot.sql"),
            Self::Random => include_str!("sql/load_at_random.sql"),
        }
    }
}

/// Commit mode of the measured statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Commit {
    /// A commit waits until it is on disk
    On,
    /// A commit does not wait
    Off,
}

impl Args {
    pub(crate) fn items(&self) -> u32 {
        self.items.unwrap_or(if self.quick { 100_000 } else { 1_000_000 })
    }

    /// Returns the number of items, if given.
    pub(crate) const fn given_items(&self) -> Option<u32> {
        self.items
    }

    /// Returns the time to run the whole system, if given.
    pub(crate) fn live(&self) -> Option<Duration> {
        self.live.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Maximum number of points per curve of the plot: 1 with `--quick`.
    pub(crate) const fn sizes(&self) -> usize {
        if self.quick { 1 } else { usize::MAX }
    }

    pub(crate) fn rounds(&self) -> u16 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 7 })
    }

    /// Returns the number of rows that the slow contenders process in a pass.
    pub(crate) fn sample(&self) -> u32 {
        self.items().min(if self.quick { 4000 } else { 20_000 })
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.order.map_or(vec![Order::Slot, Order::Random], |order| vec![order])
    }

    /// Returns the order of the rows for the whole system.
    pub(crate) fn live_order(&self) -> Order {
        self.order.unwrap_or(Order::Slot)
    }

    pub(crate) fn commits(&self) -> Vec<Commit> {
        self.commit.map_or(vec![Commit::Off, Commit::On], |commit| vec![commit])
    }
}
