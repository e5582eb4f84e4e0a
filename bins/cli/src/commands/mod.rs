//! The command-line tool.

mod check;
mod items;
mod migrate;
mod optimize;
mod refusal;
mod status;
mod verify;

use clap::{Args, Parser, Subcommand};
use notifi_scaler_common::config::{PostgresArgs, RedisArgs, SECRETS_HELP, Secrets, WaitArgs, percent};
use notifi_scaler_common::servers::{ServerWait, Store};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, telemetry};
use scaler_pg::PgStore;
use tracing_subscriber::filter::LevelFilter;

use crate::demo::{self, LocalArgs};
use items::ItemsCommand;
pub use migrate::MigrateArgs;
pub use verify::VerifyArgs;

/// The name of the tool's sessions with Postgres.
const SESSION: &str = "notifi-scaler";

/// Shares a table of items among workers; this is the tool to try it and to look after it.
#[derive(Clone, Debug, Parser)]
#[command(name = "notifi-scaler", version)]
pub struct ToolArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ToolCommand,
}

/// What the tool can do.
#[derive(Clone, Debug, Subcommand)]
pub enum ToolCommand {
    /// Runs a control plane and workers in this process, on a table in memory
    Local(Box<LocalArgs>),
    /// Installs the schema, or brings it up to date, and gives roles what they need; safe to repeat
    #[command(after_help = SECRETS_HELP)]
    Migrate(Box<MigrateArgs>),
    /// Shows who leads, and who carries what
    #[command(after_help = SECRETS_HELP)]
    Status(StatusArgs),
    /// Proves from two looks that every item gained just as much as its slot was ticked (exit code 1 if one did not)
    #[command(after_help = SECRETS_HELP)]
    Verify(VerifyArgs),
    /// Adds, removes or lists items
    #[command(after_help = SECRETS_HELP)]
    Items {
        /// What to do with them.
        #[command(subcommand)]
        command: ItemsCommand,
    },
    /// Puts the rows of each slot beside each other while all work on, which makes ticks of a large table faster; safe to stop and to repeat
    #[command(after_help = SECRETS_HELP)]
    Optimize {
        /// Where Postgres is.
        #[command(flatten)]
        postgres: PostgresArgs,
        /// How long it waits for it.
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// What there is to look at.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Look a second time after some seconds, and fail (exit code 1) unless every item was ticked once a second and loads are even
    #[arg(long)]
    pub check: bool,
    /// How much more than its fair share a worker may carry in a check, in percent
    #[arg(long, default_value = "10", value_parser = percent)]
    pub tolerance_percent: f64,
    /// Where Postgres is.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Where Redis is.
    #[command(flatten)]
    pub redis: RedisArgs,
    /// How long it waits for them.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Does what was asked for.
///
/// # Errors
/// When it cannot be done.
pub async fn run(args: ToolArgs) -> Result<(), Failure> {
    let lines = StdoutWriter::stdout()?;
    match args.command {
        ToolCommand::Local(args) => demo::run(&args).await?,
        ToolCommand::Migrate(args) => migrate::run(&args, &lines).await?,
        ToolCommand::Status(args) => status::run(&args, &lines).await?,
        ToolCommand::Verify(args) => verify::run(&args, &lines).await?,
        ToolCommand::Items { command } => items::run(command, &lines).await?,
        ToolCommand::Optimize { postgres, wait } => optimize::run(&postgres, &wait, &lines).await?,
    }
    Ok(())
}

/// A store that has answered.
async fn open(args: &PostgresArgs, wait: &WaitArgs) -> Result<PgStore, Failure> {
    let endpoint = args.endpoint(&Secrets::from_env()?)?;
    telemetry::init(&wait.logging, LevelFilter::WARN);
    let store = Store { endpoint: &endpoint, args }.for_program(SESSION)?;
    ServerWait::at_most(wait.wait).until_ready("Postgres", async || Ok(store.ping().await?)).await?;
    Ok(store)
}
