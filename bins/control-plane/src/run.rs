//! Main function of `control-plane`: builds it, runs it, and resigns.

use std::sync::Arc;

use notifi_scaler_common::config::{MembershipEndpoint, Secrets};
use notifi_scaler_common::metrics::ControlMetrics;
use notifi_scaler_common::observe::ControlObserver;
use notifi_scaler_common::readiness::Readiness;
use notifi_scaler_common::servers::{ServerWait, Store, membership};
use notifi_scaler_common::shutdown::Shutdown;
use notifi_scaler_common::{Failure, health, telemetry};
use prometheus_client::registry::Registry;
use scaler_core::{Clock, EventLog, Membership, TokioClock, control};
use scaler_pg::PgStore;
use tracing_subscriber::filter::LevelFilter;
use uuid::Uuid;

use crate::ControlPlaneArgs;
use crate::auditing::Auditing;
use crate::kubernetes_events::{self, KubernetesEvents};
use crate::page::Page;
use crate::scaling::Scaling;

/// Application name of its Postgres sessions.
const SESSION: &str = "scaler-control-plane";

/// Runs a control plane, as leader or standby, until it is asked to stop, then resigns.
///
/// # Errors
/// If the configuration is invalid.
pub async fn run(args: &ControlPlaneArgs) -> Result<(), Failure> {
    let secrets = Secrets::from_env();
    let (postgres, members) = (args.postgres.endpoint(&secrets)?, args.membership.endpoint(&secrets)?);
    telemetry::init(&args.process.logging, LevelFilter::INFO);
    let shutdown = Shutdown::on_signals()?;
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let readiness = Readiness::new(Arc::clone(&clock), "turn");
    let mut registry = Registry::default();
    let metrics = ControlMetrics::register(&mut registry);
    let scaling = Scaling::prepare(&args.autoscale, &mut registry).await?;
    let store = Store { endpoint: &postgres, args: &args.postgres };
    let kubernetes_events = match &args.kubernetes_events {
        Some(pod) => Some(KubernetesEvents::find(pod).await?),
        None => None,
    };
    let page = Page::open(&args.api, &secrets, &store)?;
    let auditing = Auditing::prepare(&store, args.audit_interval, page.feed(), &mut registry)?;
    health::serve(args.process.listen, readiness.clone(), registry).await?;

    let candidate = Uuid::new_v4();
    tracing::info!("control plane starts as candidate {candidate}, Postgres at {postgres}, members in {members}");
    let (store, membership) = tokio::select! {
        servers = reach(args, &store, &members, readiness.clone()) => servers?,
        () = page.wait(&readiness) => return Ok(()),
        () = shutdown.requested() => return Ok(()),
    };
    let store = Arc::new(store);
    let log: Arc<dyn EventLog> = Arc::clone(&store) as Arc<dyn EventLog>;
    let (mut tell_scaling, scaling) =
        scaling.start(Arc::clone(&membership), Arc::clone(&log), Arc::clone(&clock), page.feed(), shutdown.requested());
    let (mut tell_kubernetes, posting) =
        kubernetes_events::start(kubernetes_events, log, Arc::clone(&clock), shutdown.requested());
    let (mut tell_auditing, auditing) = auditing.start(shutdown.requested());
    let (mut tell_page, page) = page.start(Arc::clone(&membership), shutdown.requested());
    let mut observer = ControlObserver::new(metrics, readiness);
    let observe = move |event: control::ControlEvent<'_>| {
        observer.observe(&event);
        tell_scaling(&event);
        tell_auditing(&event);
        tell_kubernetes(&event);
        tell_page(&event);
    };
    let control = control::run(args.control.config(), candidate, store, membership, clock, shutdown.requested(), observe);
    tokio::join!(control, scaling, auditing, posting, page);
    tracing::info!("control plane stopped");
    Ok(())
}

async fn reach(
    args: &ControlPlaneArgs,
    store: &Store<'_>,
    members: &MembershipEndpoint,
    readiness: Readiness,
) -> Result<(PgStore, Arc<dyn Membership>), Failure> {
    let store = store.for_program(SESSION)?;
    let wait = ServerWait::forever(readiness);
    let install = wait.until_ready("Postgres", async || Ok(store.install(args.slots).await?));
    let (installation, membership) = tokio::try_join!(install, membership(&store, members, &args.membership))?;
    tracing::info!("the schema is installed, with {} slots", installation.slots);
    Ok((store, membership))
}
