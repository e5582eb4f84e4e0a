//! What is measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the fenced tick beside other ways to increment every row, interleaved, on a Postgres of its own.
#[derive(Clone, Debug, Parser)]
#[command(name = "scripts/bench tick")]
pub(crate) struct Args {
    /// A tenth of the items, and fewer rounds
    #[arg(long)]
    quick: bool,
    /// What is to be reached, as JSON, instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// How many items [default: 1000000; quick: 100000]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    items: Option<u32>,
    /// How many workers at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) workers: u32,
    /// How many rows a statement, about
    #[arg(long, default_value_t = 32_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) chunk: u32,
    /// How the rows lie in the heap [default: both, one after the other; with `--live`: in slot order]
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// Whether a commit waits until it is on disk [default: both]
    #[arg(long, value_enum)]
    commit: Option<Commit>,
    /// How many rounds [default: 7; quick: 3]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..1000))]
    rounds: Option<u16>,
    /// Measure instead how much faster the tick is once `notifi-scaler optimize` has put the rows of each slot beside each other
    #[arg(long, conflicts_with_all = ["live", "order", "json"])]
    pub(crate) optimized: bool,
    /// Let the whole system work for so many seconds instead, and look on: on `--items`, or on 70 % of what can be ticked in any second
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(5..=86_400))]
    live: Option<u32>,
    /// Let it work with ever more items and workers, `--live` seconds each, and write a picture of rows a second and lag
    #[arg(long, value_name = "FILE", requires = "live")]
    pub(crate) plot: Option<PathBuf>,
}

/// How the rows lie in the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The rows of a slot beside each other.
    Slot,
    /// As they came.
    Random,
}

impl Order {
    /// The statement that loads so many items.
    pub(crate) const fn load(self) -> &'static str {
        match self {
            Self::Slot => include_str!("sql/load_by_slot.sql"),
            Self::Random => include_str!("sql/load_at_random.sql"),
        }
    }
}

/// Whether a commit waits until it is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Commit {
    /// It waits.
    On,
    /// It does not.
    Off,
}

impl Args {
    pub(crate) fn items(&self) -> u32 {
        self.items.unwrap_or(if self.quick { 100_000 } else { 1_000_000 })
    }

    /// How many items, if that is said.
    pub(crate) const fn given_items(&self) -> Option<u32> {
        self.items
    }

    /// How long the whole system shall work, if it shall.
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

    /// How many rows the slow ways do in a pass.
    pub(crate) fn sample(&self) -> u32 {
        self.items().min(if self.quick { 4000 } else { 20_000 })
    }

    pub(crate) fn orders(&self) -> Vec<Order> {
        self.order.map_or(vec![Order::Slot, Order::Random], |order| vec![order])
    }

    /// How the rows lie where the whole system works.
    pub(crate) fn live_order(&self) -> Order {
        self.order.unwrap_or(Order::Slot)
    }

    pub(crate) fn commits(&self) -> Vec<Commit> {
        self.commit.map_or(vec![Commit::Off, Commit::On], |commit| vec![commit])
    }
}
