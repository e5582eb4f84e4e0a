//! Main function of `worker`: builds it, runs it, and drains it.

use std::sync::Arc;
use std::time::Duration;

use notifi_scaler_common::config::{Endpoint, MembershipEndpoint, Secrets};
use notifi_scaler_common::metrics::WorkerMetrics;
use notifi_scaler_common::observe::WorkerObserver;
use notifi_scaler_common::readiness::Readiness;
use notifi_scaler_common::servers::{ServerWait, Store, membership};
use notifi_scaler_common::shutdown::Shutdown;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, health, telemetry};
use prometheus_client::registry::Registry;
use scaler_core::node::{Control, Node};
use scaler_core::worker::WorkerConfig;
use scaler_core::{Clock, Incarnation, MemberKey, Membership, StoreError, TokioClock};
use scaler_pg::PgStore;
use tracing_subscriber::filter::LevelFilter;
use uuid::Uuid;

use crate::WorkerArgs;

/// Maximum time to write the last line.
const LAST_LINE: Duration = Duration::from_secs(1);

/// Runs a worker until it has left.
///
/// # Errors
/// If the configuration is invalid, or if another process takes the name.
pub async fn run(args: &WorkerArgs) -> Result<(), Failure> {
    let key = MemberKey { worker: args.worker()?, incarnation: Incarnation::new(Uuid::new_v4()) };
    let secrets = Secrets::from_env();
    let (postgres, members) = (args.postgres.endpoint(&secrets)?, args.membership.endpoint(&secrets)?);
    telemetry::init(&args.process.logging, LevelFilter::INFO);
    let shutdown = Shutdown::on_signals()?;
    let lines = StdoutWriter::stdout()?;
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let readiness = Readiness::new(Arc::clone(&clock), "tick");
    let mut registry = Registry::default();
    let metrics = WorkerMetrics::register(&mut registry);
    health::serve(args.process.listen, readiness.clone(), registry).await?;

    let (worker, incarnation) = (&key.worker, key.incarnation);
    tracing::info!(%worker, %incarnation, "worker starts, Postgres at {postgres}, members in {members}");
    let (store, membership) = tokio::select! {
        servers = reach(args, &postgres, &members, key.incarnation, readiness.clone()) => servers?,
        () = shutdown.requested() => return Ok(()),
    };
    let mut observer = WorkerObserver::new(key.worker.clone(), args.print_ids, lines.clone(), metrics, readiness);
    let config = WorkerConfig { revision: args.pod_revision.clone(), ..args.timing.config(key.clone(), &args.ticks) };
    let ended = Node::builder(store)
        .name(key.worker.as_str())
        .incarnation(key.incarnation)
        .membership(membership)
        .control(Control::Off)
        .waits_for_successor(true)
        .worker(|_| config)
        .clock(clock)
        .observe(move |event| observer.observe(&event))
        .run_until(shutdown.requested())
        .await;
    lines.flush(LAST_LINE);
    Ok(ended?)
}

async fn reach(
    args: &WorkerArgs,
    postgres: &Endpoint,
    members: &MembershipEndpoint,
    incarnation: Incarnation,
    readiness: Readiness,
) -> Result<(PgStore, Arc<dyn Membership>), Failure> {
    let store = Store { endpoint: postgres, args: &args.postgres }.for_worker(incarnation, &args.ticks)?;
    // A missing schema is no error here: the worker loop waits for it, and logs that.
    let probe = async || match store.probe().await {
        Err(StoreError::NotInstalled { .. }) => Ok(()),
        probed => Ok(probed?),
    };
    let wait = ServerWait::forever(readiness);
    let ((), membership) = tokio::try_join!(wait.until_ready("Postgres", probe), membership(&store, members, &args.membership))?;
    Ok((store, membership))
}
