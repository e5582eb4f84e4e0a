//! Looks, and does what the autoscaler says.

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

/// The longest wait after failures of the fleet.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Runs an autoscaler until `stop` completes, beside a control plane whose [`WorkloadWatcher`](super::WorkloadWatcher) tells it what there is
/// to do. While that one does not lead, it does nothing, except that it raises the number to the minimum once, when it starts.
///
/// Dropping the future ends it at once; whoever is retired then stays so until an autoscaler decides otherwise.
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
    /// The term it works in, and what it remembers of it.
    at_work: Option<(Term, Autoscaler)>,
    /// True until the number was found to be at least the minimum, or a term began.
    starts: bool,
    stands_back: bool,
    backoff: Backoff,
    episode: Episode,
}

/// What went wrong in a turn.
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
        // One at a time leads: its jitter need not differ from that of others.
        let backoff = Backoff::new(config.interval, LONGEST_RETRY, 0);
        let (starts, episode) = (config.min > 0, Episode::default());
        Self { config, fleet, membership, clock, lead, at_work: None, starts, stands_back: false, backoff, episode }
    }

    /// One turn; how long to rest after it.
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
            // Somebody was faster: what they wrote is seen with the next look.
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
        // What is known of the work must be no older than what is known of the workers.
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

    /// For the moment when the fleet is handed to the autoscaler: a manifest that no longer contains the number has Kubernetes reset
    /// it to 1, and the leader may still be a control plane of the earlier configuration, which does not scale.
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

    /// A new term begins with an empty memory: another may have decided meanwhile.
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

    /// The number that was written.
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
