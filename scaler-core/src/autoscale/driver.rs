//! Driver of the autoscaler: observes the fleet and carries out decisions.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{
    AutoscaleConfig, AutoscaleEvent, Autoscaler, Decision, Fleet, FleetError, FleetView, Foreign, Lead, Observation, Workload,
};
use crate::backoff::Backoff;
use crate::episode::Episode;
use crate::{Clock, InstallationId, Membership, Term, WorkerId};

/// Maximum wait after failures of the fleet.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Runs an autoscaler until `stop` completes, next to a control plane that reports its workload by a
/// [`WorkloadWatcher`](super::WorkloadWatcher). While the control plane does not lead, the autoscaler does nothing, except that it raises
/// the number to the minimum once, when it starts.
///
/// Dropping the future ends it at once; workers that are retired then stay retired until an autoscaler decides otherwise.
pub async fn run(
    config: AutoscaleConfig,
    fleet: Arc<dyn Fleet>,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    lead: watch::Receiver<Option<Lead>>,
    stop: impl Future<Output = ()> + Send,
    mut observe: impl FnMut(AutoscaleEvent<'_>) + Send,
) {
    let mut driver = Driver::new(config, fleet, membership, clock, lead);
    let mut stop = std::pin::pin!(stop);
    loop {
        let turn = async {
            let wait = driver.turn(&mut observe).await;
            tokio::time::sleep(wait).await;
        };
        tokio::select! {
            () = turn => {}
            () = &mut stop => return,
        }
    }
}

struct Driver {
    config: AutoscaleConfig,
    fleet: Arc<dyn Fleet>,
    membership: Arc<dyn Membership>,
    clock: Arc<dyn Clock>,
    lead: watch::Receiver<Option<Lead>>,
    /// Current term and the state of the autoscaler in it; `None` while the control plane does not lead.
    at_work: Option<(Term, Autoscaler)>,
    /// True until the number was found to be at least the minimum, or a term began.
    starts: bool,
    stands_back: bool,
    backoff: Backoff,
    episode: Episode,
}

/// Failure of a turn.
enum Failure {
    Fleet(FleetError),
    Membership(crate::MembershipError),
}

impl Driver {
    fn new(
        config: AutoscaleConfig,
        fleet: Arc<dyn Fleet>,
        membership: Arc<dyn Membership>,
        clock: Arc<dyn Clock>,
        lead: watch::Receiver<Option<Lead>>,
    ) -> Self {
        // Only one autoscaler leads at a time, so its jitter need not differ from that of others.
        let backoff = Backoff::new(config.interval, LONGEST_RETRY, 0);
        let (starts, episode) = (config.min > 0, Episode::default());
        Self { config, fleet, membership, clock, lead, at_work: None, starts, stands_back: false, backoff, episode }
    }

    /// Runs one turn and returns the time to wait before the next.
    async fn turn(&mut self, observe: &mut (impl FnMut(AutoscaleEvent<'_>) + Send)) -> Duration {
        let turned = self.try_turn(observe).await;
        match turned {
            Ok(()) => {
                self.backoff.succeeded();
                if self.episode.recovered() {
                    observe(AutoscaleEvent::FleetBack);
                }
                self.config.interval
            }
            // Another writer was faster; the next look shows what it wrote.
            Err(Failure::Fleet(FleetError::Changed { .. })) => self.config.interval,
            Err(Failure::Fleet(error)) => {
                let retry_in = self.backoff.failed();
                if self.episode.failed(self.clock.now(), &error) {
                    observe(AutoscaleEvent::FleetFailed { error, retry_in });
                }
                retry_in
            }
            Err(Failure::Membership(error)) => {
                let retry_in = self.backoff.failed();
                observe(AutoscaleEvent::MembershipFailed { error, retry_in });
                retry_in
            }
        }
    }

    async fn try_turn(&mut self, observe: &mut (impl FnMut(AutoscaleEvent<'_>) + Send)) -> Result<(), Failure> {
        let Some((term, installation)) = self.office() else {
            if self.at_work.take().is_some() {
                self.stands_back = false;
                observe(AutoscaleEvent::StoodDown);
            }
            if self.starts {
                self.raise_to_minimum(observe).await?;
                self.starts = false;
            }
            return Ok(());
        };
        self.starts = false;
        let fleet = self.fleet.read().await.map_err(Failure::Fleet)?;
        let retired = self.membership.retired(installation).await.ok();
        // Read the workload after the fleet: it must not be older than the view of the workers.
        let workload = self.workload();
        if self.office() != Some((term, installation)) {
            return Ok(());
        }
        let items = workload.as_ref().map(|workload| workload.items);
        observe(AutoscaleEvent::Looked { fleet: &fleet, wanted: items.map(|items| self.config.wanted(items)), items });
        let seen = Observation { fleet: &fleet, workload: workload.as_deref(), retired: retired.as_ref() };
        let now = self.clock.now();
        let decision = self.autoscaler(term).step(now, &seen);
        self.tell(&decision, &fleet, observe);
        if let Some(replicas) = self.act(installation, decision, &fleet, &retired.unwrap_or_default(), observe).await? {
            let now = self.clock.now();
            self.autoscaler(term).wrote(now, replicas);
        }
        Ok(())
    }

    /// Raises the number of workers to the minimum while the control plane does not lead. Needed when the fleet is handed over to the
    /// autoscaler: if a manifest no longer contains the number, Kubernetes resets it to 1, and the leader may still be a control plane of
    /// the earlier configuration, which does not scale.
    async fn raise_to_minimum(&self, observe: &mut (impl FnMut(AutoscaleEvent<'_>) + Send)) -> Result<(), Failure> {
        let fleet = self.fleet.read().await.map_err(Failure::Fleet)?;
        let (from, to) = (fleet.replicas, self.config.min);
        if from < to {
            self.fleet.set_replicas(&fleet, to).await.map_err(Failure::Fleet)?;
            observe(AutoscaleEvent::Scaled { from, to });
        }
        Ok(())
    }

    fn office(&self) -> Option<(Term, InstallationId)> {
        self.lead.borrow().as_ref().map(|lead| (lead.term, lead.installation))
    }

    fn workload(&self) -> Option<Arc<Workload>> {
        let (at, workload) = self.lead.borrow().as_ref()?.seen.clone()?;
        (self.clock.now().saturating_sub(at) <= self.config.fresh_for).then_some(workload)
    }

    /// Returns the state for this term. A new term starts with an empty one, as another autoscaler may have decided in between.
    fn autoscaler(&mut self, term: Term) -> &mut Autoscaler {
        if self.at_work.as_ref().is_some_and(|(known, _)| *known != term) {
            self.at_work = None;
        }
        let config = &self.config;
        &mut self.at_work.get_or_insert_with(|| (term, Autoscaler::new(config.clone()))).1
    }

    fn tell(&mut self, decision: &Decision, fleet: &FleetView, observe: &mut (impl FnMut(AutoscaleEvent<'_>) + Send)) {
        let (to, by) = (fleet.replicas, fleet.writer.as_deref());
        let stands_back = matches!(decision.foreign, Some(Foreign::Again { .. } | Foreign::StandingBack));
        if std::mem::replace(&mut self.stands_back, stands_back) && !stands_back {
            observe(AutoscaleEvent::Resumed);
        }
        match decision.foreign {
            Some(Foreign::Once { from }) => observe(AutoscaleEvent::Overruled { from, to, by }),
            Some(Foreign::Again { from }) => {
                observe(AutoscaleEvent::Contested { from, to, by, stands_back_for: self.config.stand_back });
            }
            Some(Foreign::StandingBack) | None => {}
        }
    }

    /// Carries out a decision; returns the number of workers if one was written.
    async fn act(
        &self,
        installation: InstallationId,
        decision: Decision,
        fleet: &FleetView,
        retired: &BTreeSet<WorkerId>,
        observe: &mut (impl FnMut(AutoscaleEvent<'_>) + Send),
    ) -> Result<Option<u32>, Failure> {
        if let Some(victims) = decision.retire {
            self.membership.retire(installation, &victims).await.map_err(Failure::Membership)?;
            let (retired, reinstated) = (&victims - retired, &(retired - &victims) & &fleet.workers.keys().cloned().collect());
            if !(retired.is_empty() && reinstated.is_empty()) {
                observe(AutoscaleEvent::Retired { retired, reinstated });
            }
        }
        if let Some(marked) = decision.mark {
            self.fleet.mark(fleet, &marked).await.map_err(Failure::Fleet)?;
        }
        if let Some(replicas) = decision.replicas {
            self.fleet.set_replicas(fleet, replicas).await.map_err(Failure::Fleet)?;
            observe(AutoscaleEvent::Scaled { from: fleet.replicas, to: replicas });
        }
        Ok(decision.replicas)
    }
}
