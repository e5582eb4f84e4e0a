//! Commands of the command-line tool.

mod check;
mod items;
mod migrate;
mod optimize;
mod refusal;
mod status;
mod verify;

use clap::{Args, Parser, Subcommand};
use notifi_scaler_common::config::{MembershipArgs, PostgresArgs, SECRETS_HELP, Secrets, WaitArgs, percent};
use notifi_scaler_common::servers::{ServerWait, Store};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, telemetry};
use scaler_pg::PgStore;
use tracing_subscriber::filter::LevelFilter;

use crate::demo::{self, DemoArgs};
use items::ItemsCommand;
pub use migrate::MigrateArgs;
pub use verify::VerifyArgs;

/// Application name of the tool's Postgres sessions.
const SESSION: &str = "notifi-scaler";

/// Splits the rows of a Postgres table across workers; this tool demonstrates and operates the system.
#[derive(Clone, Debug, Parser)]
#[command(name = "notifi-scaler", version)]
pub struct ToolArgs {
    /// Command to run.
    #[command(subcommand)]
    pub command: ToolCommand,
}

/// Commands of the tool.
#[derive(Clone, Debug, Subcommand)]
pub enum ToolCommand {
    /// Runs a control plane and workers in this process, on a table in memory or in a file
    #[command(visible_alias = "local")]
    Demo(Box<DemoArgs>),
    /// Installs or upgrades the schema and grants privileges to roles; idempotent
    #[command(after_help = SECRETS_HELP)]
    Migrate(Box<MigrateArgs>),
    /// Shows the leader, and the slots and items of each worker
    #[command(after_help = SECRETS_HELP)]
    Status(StatusArgs),
    /// Verifies from two snapshots that every item gained exactly one per tick of its slot (exit code 1 if not)
    #[command(after_help = SECRETS_HELP)]
    Verify(VerifyArgs),
    /// Adds, removes or lists items
    #[command(after_help = SECRETS_HELP)]
    Items {
        /// Subcommand.
        #[command(subcommand)]
        command: ItemsCommand,
    },
    /// Clusters the rows of each slot, online, to make ticks of a large table faster; can be interrupted and repeated
    #[command(after_help = SECRETS_HELP)]
    Optimize {
        /// Connection settings of Postgres.
        #[command(flatten)]
        postgres: PostgresArgs,
        /// Maximum wait for Postgres.
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// Arguments of `notifi-scaler status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Take a second snapshot after 5 s and fail (exit code 1) unless every item was ticked once a second and loads are even
    #[arg(long)]
    pub check: bool,
    /// Load above its fair share that a worker may carry in a check, in percent
    #[arg(long, default_value = "10", value_parser = percent)]
    pub tolerance_percent: f64,
    /// Connection settings of Postgres.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Servers of the membership.
    #[command(flatten)]
    pub membership: MembershipArgs,
    /// Maximum wait for the servers.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Runs the command.
///
/// # Errors
/// The failure of the command.
pub async fn run(args: ToolArgs) -> Result<(), Failure> {
    let lines = StdoutWriter::stdout()?;
    match args.command {
        ToolCommand::Demo(args) => demo::run(&args).await?,
        ToolCommand::Migrate(args) => migrate::run(&args, &lines).await?,
        ToolCommand::Status(args) => status::run(&args, &lines).await?,
        ToolCommand::Verify(args) => verify::run(&args, &lines).await?,
        ToolCommand::Items { command } => items::run(command, &lines).await?,
        ToolCommand::Optimize { postgres, wait } => optimize::run(&postgres, &wait, &lines).await?,
    }
    Ok(())
}

/// Opens the store and waits until it answers.
async fn open(args: &PostgresArgs, wait: &WaitArgs) -> Result<PgStore, Failure> {
    let endpoint = args.endpoint(&Secrets::from_env())?;
    telemetry::init(&wait.logging, LevelFilter::WARN);
    let store = Store { endpoint: &endpoint, args }.for_program(SESSION)?;
    ServerWait::at_most(wait.wait).until_ready("Postgres", async || Ok(store.ping().await?)).await?;
    Ok(store)
}
