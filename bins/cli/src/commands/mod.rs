//! Commands of the command-line tool.

mod check;
mod completions;
mod doctor;
mod events;
mod explain;
mod items;
mod migrate;
mod optimize;
mod plan;
mod servers;
mod slots;
mod status;
#[cfg(test)]
mod testing;
mod top;
mod verify;
mod wishes;
mod workers;

use clap::{Args, Parser, Subcommand};
use notifi_scaler_common::config::{PostgresArgs, SECRETS_HELP, Secrets, WaitArgs, percent};
use notifi_scaler_common::servers::{ServerWait, Store};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, telemetry};
use scaler_core::WishKind;
use scaler_pg::PgStore;
use tracing_subscriber::filter::LevelFilter;

use crate::demo::{self, DemoArgs};
use crate::output::OutputArgs;
pub use completions::{CompletionsArgs, ManArgs};
pub use doctor::DoctorArgs;
pub use events::EventsArgs;
pub use explain::ExplainArgs;
use items::ItemsCommand;
pub use migrate::MigrateArgs;
pub use plan::{ApplyArgs, PlanArgs};
pub use servers::ServersArgs;
pub use slots::SlotsArgs;
pub use top::TopArgs;
pub use verify::VerifyArgs;
pub use wishes::{PinArgs, PodArgs, UnpinArgs, WeighArgs, WishArgs, WishesArgs};
pub use workers::WorkersArgs;

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
    Status(Box<StatusArgs>),
    /// Shows workers, loads and events full-screen, each second; q quits
    #[command(after_help = SECRETS_HELP)]
    Top(Box<TopArgs>),
    /// Lists the workers, with what each carries and what operators asked of it
    #[command(after_help = SECRETS_HELP)]
    Workers(Box<WorkersArgs>),
    /// Lists slots with their owners, epochs, ticks and items
    #[command(after_help = SECRETS_HELP)]
    Slots(Box<SlotsArgs>),
    /// Prints what changed, when and why; the newest event comes last
    #[command(after_help = SECRETS_HELP)]
    Events(Box<EventsArgs>),
    /// Says why an item, a slot or a worker is where it is, why it moved, and why it does not
    #[command(after_help = SECRETS_HELP)]
    Explain(Box<ExplainArgs>),
    /// Lists what operators asked for: pauses, cordons, drains, weights and pins
    #[command(after_help = SECRETS_HELP)]
    Wishes(Box<WishesArgs>),
    /// Pauses rebalancing: no slot moves while its owner works, except away from workers that drain
    #[command(after_help = SECRETS_HELP)]
    Pause(Box<WishArgs>),
    /// Ends the pause of rebalancing
    #[command(after_help = SECRETS_HELP)]
    Resume(Box<WishArgs>),
    /// Lets a worker keep its slots and receive no others
    #[command(after_help = SECRETS_HELP)]
    Cordon(Box<PodArgs>),
    /// Lets a cordoned worker receive slots again
    #[command(after_help = SECRETS_HELP)]
    Uncordon(Box<PodArgs>),
    /// Moves all slots away from a worker, whose process goes on without work
    #[command(after_help = SECRETS_HELP)]
    Drain(Box<PodArgs>),
    /// Lets a drained worker receive slots again
    #[command(after_help = SECRETS_HELP)]
    Undrain(Box<PodArgs>),
    /// Sets the share of a worker relative to the others
    #[command(after_help = SECRETS_HELP)]
    Weigh(Box<WeighArgs>),
    /// Pins a slot to a worker, as long as the worker may receive slots
    #[command(after_help = SECRETS_HELP)]
    Pin(Box<PinArgs>),
    /// Lets a pinned slot move like all others
    #[command(after_help = SECRETS_HELP)]
    Unpin(Box<UnpinArgs>),
    /// Shows what would move if workers joined, were drained, or had other weights; changes nothing
    #[command(after_help = SECRETS_HELP)]
    Plan(Box<PlanArgs>),
    /// Carries out a plan, unless what it was made from has changed
    #[command(after_help = SECRETS_HELP)]
    Apply(Box<ApplyArgs>),
    /// Checks every part of the system, and prints what is not well (exit code 1 if anything is not)
    #[command(after_help = SECRETS_HELP)]
    Doctor(Box<DoctorArgs>),
    /// Verifies from two snapshots that every item gained exactly one per tick of its slot (exit code 1 if not)
    #[command(after_help = SECRETS_HELP)]
    Verify(Box<VerifyArgs>),
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
        /// Rewrite the whole table at once, with room for the increments, while no other session can read or write it: for a large
        /// table with full pages, before the first worker starts
        #[arg(long)]
        full: bool,
        /// Connection settings of Postgres.
        #[command(flatten)]
        postgres: PostgresArgs,
        /// Maximum wait for Postgres.
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Prints completions for a shell
    #[command(hide = true)]
    Completions(CompletionsArgs),
    /// Writes man pages into a directory, one for each command
    #[command(hide = true)]
    Man(ManArgs),
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
    /// Format of the output.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Servers.
    #[command(flatten)]
    pub servers: ServersArgs,
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
        ToolCommand::Top(args) => top::run(&args).await?,
        ToolCommand::Workers(args) => workers::run(&args, &lines).await?,
        ToolCommand::Slots(args) => slots::run(&args, &lines).await?,
        ToolCommand::Events(args) => events::run(&args, &lines).await?,
        ToolCommand::Explain(args) => explain::run(&args, &lines).await?,
        ToolCommand::Wishes(args) => wishes::list(&args, &lines).await?,
        ToolCommand::Pause(args) => wishes::pause(&args, &lines).await?,
        ToolCommand::Resume(args) => wishes::resume(&args, &lines).await?,
        ToolCommand::Cordon(args) => wishes::make(WishKind::Cordon, &args, &lines).await?,
        ToolCommand::Uncordon(args) => wishes::withdraw(WishKind::Cordon, &args, &lines).await?,
        ToolCommand::Drain(args) => wishes::make(WishKind::Drain, &args, &lines).await?,
        ToolCommand::Undrain(args) => wishes::withdraw(WishKind::Drain, &args, &lines).await?,
        ToolCommand::Weigh(args) => wishes::weigh(&args, &lines).await?,
        ToolCommand::Pin(args) => wishes::pin(&args, &lines).await?,
        ToolCommand::Unpin(args) => wishes::unpin(&args, &lines).await?,
        ToolCommand::Plan(args) => plan::plan(&args, &lines).await?,
        ToolCommand::Apply(args) => plan::apply(&args, &lines).await?,
        ToolCommand::Doctor(args) => doctor::run(&args, &lines).await?,
        ToolCommand::Completions(args) => completions::completions(args, &lines),
        ToolCommand::Man(args) => completions::man(&args, &lines)?,
        ToolCommand::Verify(args) => verify::run(&args, &lines).await?,
        ToolCommand::Items { command } => items::run(command, &lines).await?,
        ToolCommand::Optimize { full, postgres, wait } => optimize::run(full, &postgres, &wait, &lines).await?,
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
