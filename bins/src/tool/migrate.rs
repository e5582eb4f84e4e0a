//! `notifi-scaler migrate`: installs the schema, or brings it up to date.

use clap::Args;
use scaler_core::SlotCount;
use tracing_subscriber::filter::LevelFilter;

use super::open;
use crate::config::{LogArgs, PostgresArgs, slots};
use crate::lines::Lines;
use crate::removal::MOST_ITEMS;
use crate::servers::once_there;
use crate::{Failure, telemetry};

/// What to install, and where.
#[derive(Clone, Debug, Args)]
pub struct MigrateArgs {
    /// How many slots there are, a power of two [default: as installed, or 4096]
    #[arg(long, env, value_parser = slots)]
    pub slots: Option<SlotCount>,
    /// How many items to put into the table of work, if this very call makes it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_ITEMS)))]
    pub initial_items: u32,
    /// Wait for a Postgres that is away, however long that takes
    #[arg(long)]
    pub wait: bool,
    /// Where Postgres is.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// How it logs.
    #[command(flatten)]
    pub logging: LogArgs,
}

pub(super) async fn run(args: &MigrateArgs, lines: &Lines) -> Result<(), Failure> {
    telemetry::init(&args.logging, LevelFilter::INFO);
    let store = open(&args.postgres)?;
    let install = async || store.install_with_items(args.slots, args.initial_items).await;
    let installation = if args.wait { once_there(install).await? } else { install().await? };
    lines.finish(format!("the schema is installed, with {} slots", installation.slots));
    Ok(())
}
