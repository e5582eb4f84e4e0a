//! `notifi-scaler migrate`: installs the schema, and grants privileges to roles.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use notifi_scaler_common::config::{PostgresArgs, WaitArgs, slots};
use notifi_scaler_common::servers::ServerWait;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, telemetry};
use scaler_core::SlotCount;
use scaler_pg::{Roles, WorkerAccess};
use tracing_subscriber::filter::LevelFilter;

use super::open;
use crate::removal::MOST_ITEMS;

/// Arguments of `notifi-scaler migrate`.
#[derive(Clone, Debug, Args)]
pub struct MigrateArgs {
    /// Number of slots, a power of two [default: as installed, or 4096]
    #[arg(long, env, value_parser = slots)]
    pub slots: Option<SlotCount>,
    /// Number of items to add to the table of work, if this call creates it
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_ITEMS)))]
    pub initial_items: u32,
    /// Role that is granted the privileges of a worker, and no others; it must exist
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub worker_role: Option<String>,
    /// Limit the worker role to SECURITY DEFINER functions, without access to any table
    #[arg(long, requires = "worker_role")]
    pub hard: bool,
    /// Role that is granted the privileges of a control plane, and no others; it must exist
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub control_role: Option<String>,
    /// Role that is granted read access to slots and items, for `status` and `verify`, and no others; it must exist
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub looking_role: Option<String>,
    /// Role that is granted what an operator needs: read access, and wishes such as `pause` and `drain`, and no others; it must exist
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub operating_role: Option<String>,
    /// Connection settings of Postgres.
    #[command(flatten)]
    pub postgres: PostgresArgs,
    /// Maximum wait for Postgres.
    #[command(flatten)]
    pub wait: WaitArgs,
}

pub(super) async fn run(args: &MigrateArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    telemetry::init(&args.wait.logging, LevelFilter::INFO);
    let access = if args.hard { WorkerAccess::Functions } else { WorkerAccess::Tables };
    let worker = args.worker_role.clone().map(|role| (role, access));
    let roles = Roles {
        worker,
        control: args.control_role.clone(),
        look: args.looking_role.clone(),
        operate: args.operating_role.clone(),
    };
    let store = open(&args.postgres, &args.wait).await?;
    let install = async || {
        let installation = store.install_with_items(args.slots, args.initial_items).await?;
        store.grant(&roles).await?;
        Ok(installation)
    };
    let installation = ServerWait::at_most(args.wait.wait).until_ready("Postgres", install).await?;
    lines.finish(told(installation.slots, &roles));
    Ok(())
}

fn told(slots: SlotCount, roles: &Roles) -> String {
    let mut told = format!("the schema is installed, with {slots} slots");
    if let Some((role, access)) = &roles.worker {
        let what = match access {
            WorkerAccess::Tables => "the privileges of a worker",
            WorkerAccess::Functions => "the privileges of a worker, by functions only",
        };
        told.push_str(&format!("; {role} has {what}"));
    }
    if let Some(role) = &roles.control {
        told.push_str(&format!("; {role} has the privileges of a control plane"));
    }
    if let Some(role) = &roles.look {
        told.push_str(&format!("; {role} has read access"));
    }
    if let Some(role) = &roles.operate {
        told.push_str(&format!("; {role} has the privileges of an operator"));
    }
    told
}
