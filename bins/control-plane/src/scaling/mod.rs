//! Number of workers: set by the leading control plane, or only exported as a metric.

mod kubernetes;
mod refusal;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use notifi_scaler_common::api::ViewFeed;
use notifi_scaler_common::{Failure, USAGE};
use prometheus_client::registry::Registry;
use scaler_core::autoscale::{self, AutoscaleConfig, AutoscaleEvent, Fleet, Lead, WorkloadWatcher};
use scaler_core::control::ControlEvent;
use scaler_core::{Clock, EventLog, InstallationId, Membership, MembershipError};
use tokio::sync::watch;

pub use kubernetes::{Kubernetes, NoKubernetes};

use crate::metrics::AutoscaleMetrics;
use crate::observe::{AutoscaleObserver, WantedObserver, append, history};
use crate::{AutoscaleArgs, AutoscaleMode};

/// Wait after a failure of the membership.
const RETRY: Duration = Duration::from_secs(2);

/// Autoscaling, before it runs.
#[derive(Debug)]
pub struct Scaling {
    config: AutoscaleConfig,
    exports: bool,
    fleet: Option<Arc<dyn Fleet>>,
    metrics: AutoscaleMetrics,
}

impl Scaling {
    /// Prepares the autoscaling that the arguments ask for. Finds the cluster that it needs, but makes no call yet.
    ///
    /// # Errors
    /// If the arguments contradict each other, or if no cluster is configured.
    pub async fn prepare(args: &AutoscaleArgs, registry: &mut Registry) -> Result<Self, Failure> {
        let config = args.config()?;
        let fleet: Option<Arc<dyn Fleet>> = match args.autoscale {
            AutoscaleMode::Off | AutoscaleMode::Export => None,
            AutoscaleMode::Builtin => {
                let fleet = Kubernetes::find(args.deployment()?, args.autoscale_namespace.as_deref()).await;
                let fleet = fleet.map_err(|error| Failure::own(error, USAGE))?;
                let (min, max) = (args.autoscale_min, args.autoscale_max);
                tracing::info!(target = %fleet, min, max, "the leader sets the number of workers");
                Some(Arc::new(fleet))
            }
        };
        let exports = args.autoscale != AutoscaleMode::Off;
        Ok(Self { config, exports, fleet, metrics: AutoscaleMetrics::register(registry) })
    }

    /// Splits into an observer for all events of the control plane, and a task to run beside the control plane, whose state goes to
    /// `feed`.
    pub fn start(
        self,
        membership: Arc<dyn Membership>,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        feed: ViewFeed,
        stop: impl Future<Output = ()> + Send,
    ) -> (impl FnMut(&ControlEvent<'_>) + Send, impl Future<Output = ()> + Send) {
        let (mut watcher, lead) = WorkloadWatcher::new(Arc::clone(&clock));
        let wanted = self.exports.then(|| WantedObserver::new(self.metrics.clone(), self.config.clone()));
        let tell = move |event: &ControlEvent<'_>| {
            watcher.observe(event);
            if let Some(wanted) = &wanted {
                wanted.observe(event);
            }
        };
        let run = async move {
            match self.fleet {
                Some(fleet) => {
                    let (history, records) = history();
                    let mut observer = AutoscaleObserver::new(self.metrics, feed, history);
                    let observe = move |event: AutoscaleEvent<'_>| observer.observe(&event);
                    let scale = autoscale::run(self.config, fleet, membership, clock, lead, stop, observe);
                    tokio::join!(scale, append(records, &*log));
                }
                None => tokio::select! {
                    () = reinstate_all(membership.as_ref(), lead) => {}
                    () = stop => {}
                },
            }
        };
        (tell, run)
    }
}

/// Reinstates, at the beginning of each leadership, the workers that a former autoscaler retired: without one, they would stay retired.
async fn reinstate_all(membership: &dyn Membership, mut lead: watch::Receiver<Option<Lead>>) {
    loop {
        let led = lead.wait_for(Option::is_some).await.map(|lead| lead.as_ref().map(|lead| (lead.term, lead.installation)));
        let Ok(Some((term, installation))) = led else { return };
        while let Err(error) = reinstate(membership, installation).await {
            tracing::debug!(%error, "cannot reinstate retired workers; retrying");
            tokio::time::sleep(RETRY).await;
        }
        if lead.wait_for(|lead| lead.as_ref().map(|lead| lead.term) != Some(term)).await.is_err() {
            return;
        }
    }
}

async fn reinstate(membership: &dyn Membership, installation: InstallationId) -> Result<(), MembershipError> {
    let retired = membership.retired(installation).await?;
    if !retired.is_empty() {
        membership.retire(installation, &BTreeSet::new()).await?;
        tracing::info!(workers = retired.len(), "retired workers reinstated, because AUTOSCALE is not builtin");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use scaler_core::memory::MemoryMembership;
    use scaler_core::{Term, TokioClock, WorkerId};
    use uuid::Uuid;

    use super::*;

    const OURS: InstallationId = InstallationId::new(Uuid::nil());

    #[tokio::test(start_paused = true)]
    async fn without_an_autoscaler_each_leader_reinstates_retired_workers() {
        let membership = MemoryMembership::new(Arc::new(TokioClock::start()));
        let retired = BTreeSet::from([WorkerId::new("worker-1").unwrap()]);
        let (sender, lead) = watch::channel(None);
        let leads = |number| Some(Lead { term: Term { number, holder: Uuid::nil() }, installation: OURS, seen: None });
        let script = async {
            membership.retire(OURS, &retired).await.unwrap();
            tokio::time::sleep(RETRY).await;
            assert_eq!(membership.retired(OURS).await.unwrap(), retired, "a control plane that does not lead reinstates none");
            for term in [1, 2] {
                membership.retire(OURS, &retired).await.unwrap();
                sender.send_replace(leads(term));
                tokio::time::sleep(RETRY).await;
                assert!(membership.retired(OURS).await.unwrap().is_empty());
                membership.retire(OURS, &retired).await.unwrap();
                sender.send_replace(leads(term));
                tokio::time::sleep(RETRY).await;
                assert_eq!(membership.retired(OURS).await.unwrap(), retired, "once in a term");
            }
        };
        tokio::select! {
            () = reinstate_all(&membership, lead) => unreachable!("it runs until the sender is dropped"),
            () = script => {}
        }
    }
}
