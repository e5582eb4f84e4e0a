//! Servers of a command that reads slots and members.

use std::sync::Arc;

use clap::Args;
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{MembershipArgs, PostgresArgs, Secrets, WaitArgs};
use notifi_scaler_common::overview::Overview;
use notifi_scaler_common::servers::{ServerWait, membership};
use scaler_core::Membership;
use scaler_pg::PgStore;

use super::open;

/// Servers of a command that reads slots and members.
#[derive(Clone, Debug, Args)]
pub struct ServersArgs {
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

/// Open servers. The membership may be unavailable: a command then shows what the store tells.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) store: PgStore,
    pub(super) membership: Result<Arc<dyn Membership>, Failure>,
}

impl Servers {
    /// Opens the servers, and waits until they answer.
    ///
    /// # Errors
    /// If an argument is invalid, or if Postgres is unavailable, refuses, or is not installed.
    pub(super) async fn open(args: &ServersArgs) -> Result<Self, Failure> {
        let endpoint = args.membership.endpoint(&Secrets::from_env())?;
        let store = open(&args.postgres, &args.wait).await?;
        // Its error describes best what is missing.
        store.probe_to_look().await?;
        let answers = async || {
            let membership = membership(&store, &endpoint, &args.membership).await?;
            membership.members().await?;
            Ok(membership)
        };
        let membership = ServerWait::at_most(args.wait.wait).until_ready(endpoint.servers.as_str(), answers).await;
        Ok(Self { store, membership })
    }

    /// Reads the state of the system.
    ///
    /// # Errors
    /// If the store is unavailable, refuses, or does not answer.
    pub(super) async fn overview(&self) -> Result<Overview, Failure> {
        let members = match &self.membership {
            Ok(membership) => membership.members().await.ok(),
            Err(_) => None,
        };
        Ok(Overview::read(&self.store, members).await?)
    }

    /// Fails if the members could not be read. Called after everything else was shown.
    ///
    /// # Errors
    /// The failure of the membership.
    pub(super) fn members_failure(self) -> Result<(), Failure> {
        self.membership.map(drop)
    }
}
