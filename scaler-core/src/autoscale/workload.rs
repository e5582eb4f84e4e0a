//! Workload watcher: passes what the leading control plane observes to an autoscaler.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::control::{ControlEvent, MemberPhase};
use crate::{Assignment, Clock, InstallationId, Slot, SlotLoad, Term, WorkerId};

/// Number of items and their distribution over workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Total number of items.
    pub items: u64,
    /// Load of each worker that owns slots or has a phase.
    pub workers: BTreeMap<WorkerId, Carried>,
}

/// Load and phase of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Number of owned slots.
    pub slots: u64,
    /// Number of items in these slots.
    pub items: u64,
    /// Phase of the worker; `None` if unknown.
    pub phase: Option<MemberPhase>,
}

/// Leadership of a control plane and the last workload that it observed.
#[derive(Clone, Debug)]
pub struct Lead {
    /// Term of the leadership.
    pub term: Term,
    /// Installation of the store.
    pub installation: InstallationId,
    /// Last workload and the time when it was observed, by the clock of the process; `None` before the first look and while rebalancing is
    /// paused.
    pub seen: Option<(Duration, Arc<Workload>)>,
}

/// Receives the events of a control plane and passes on the workload that an autoscaler needs: see [`observe`](Self::observe).
#[derive(Debug)]
pub struct WorkloadWatcher {
    clock: Arc<dyn Clock>,
    office: Option<(Term, InstallationId)>,
    held: bool,
    phases: BTreeMap<WorkerId, MemberPhase>,
    scanned: Option<Workload>,
    passed_on: watch::Sender<Option<Lead>>,
}

impl WorkloadWatcher {
    /// Creates a watcher and the channel on which it passes on the workload: `None` while its control plane does not lead.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> (Self, watch::Receiver<Option<Lead>>) {
        let (passed_on, receiver) = watch::channel(None);
        (Self { clock, office: None, held: false, phases: BTreeMap::new(), scanned: None, passed_on }, receiver)
    }

    /// Records an event of the control plane. All events must be passed in.
    pub fn observe(&mut self, event: &ControlEvent<'_>) {
        match event {
            ControlEvent::Elected { term, installation } => {
                self.office = Some((*term, *installation));
                self.held = false;
                self.scanned = None;
                self.pass_on(None);
            }
            ControlEvent::Deposed(_) | ControlEvent::Following => {
                self.office = None;
                self.pass_on(None);
            }
            ControlEvent::Scanned { assignment, load } => self.scanned = Some(carried(assignment, load)),
            ControlEvent::PhaseChanged { worker, now: Some(phase), .. } => _ = self.phases.insert((*worker).clone(), *phase),
            ControlEvent::PhaseChanged { worker, now: None, .. } => _ = self.phases.remove(*worker),
            ControlEvent::RebalancePaused { .. } => {
                self.held = true;
                self.pass_on(None);
            }
            ControlEvent::RebalanceResumed => self.held = false,
            // The phases of the owners of the scanned slots are only known at the end of the turn.
            ControlEvent::Turned => {
                if let Some(workload) = self.scanned.take().filter(|_| !self.held) {
                    self.pass_on(Some(self.with_phases(workload)));
                }
            }
            _ => {}
        }
    }

    fn with_phases(&self, mut workload: Workload) -> Workload {
        for (worker, phase) in &self.phases {
            workload.workers.entry(worker.clone()).or_default().phase = Some(*phase);
        }
        workload
    }

    fn pass_on(&self, workload: Option<Workload>) {
        let seen = workload.map(|workload| (self.clock.now(), Arc::new(workload)));
        self.passed_on.send_replace(self.office.map(|(term, installation)| Lead { term, installation, seen }));
    }
}

fn carried(assignment: &Assignment, load: &SlotLoad) -> Workload {
    let mut workers: BTreeMap<&WorkerId, Carried> = BTreeMap::new();
    for (slot, state) in (0..).map(Slot::new).zip(&assignment.slots) {
        if let Some(owner) = &state.owner {
            let carried = workers.entry(&owner.worker).or_default();
            carried.slots += 1;
            carried.items += u64::from(load.of(slot));
        }
    }
    let workers = workers.into_iter().map(|(worker, carried)| (worker.clone(), carried)).collect();
    Workload { items: load.total(), workers }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{Incarnation, MemberKey, SlotCount, SlotRange, SlotState, Tick, TokioClock};

    const TERM: Term = Term { number: 7, holder: Uuid::nil() };
    const OURS: InstallationId = InstallationId::new(Uuid::nil());

    /// Runs a turn in which worker `a` owns both slots, the first with two items.
    fn turn(watcher: &mut WorkloadWatcher) {
        let a = WorkerId::new("a").unwrap();
        let owner = MemberKey { worker: a.clone(), incarnation: Incarnation::new(Uuid::nil()) };
        let slots = vec![SlotState { owner: Some(owner), ..SlotState::default() }; 2];
        let assignment = Assignment {
            installation: OURS,
            tick: Tick(1),
            tick_length: Duration::from_secs(1),
            range: SlotRange::ALL,
            slots,
            sessions: None,
        };
        let load = SlotLoad::of_items(SlotCount::new(2).unwrap(), [(Slot::new(0), 2)]);
        watcher.observe(&ControlEvent::Scanned { assignment: &assignment, load: &load });
        watcher.observe(&ControlEvent::PhaseChanged { worker: &a, before: None, now: Some(MemberPhase::Draining) });
        watcher.observe(&ControlEvent::Turned);
    }

    fn seen(lead: &watch::Receiver<Option<Lead>>) -> Option<Arc<Workload>> {
        lead.borrow().as_ref()?.seen.as_ref().map(|(_, workload)| Arc::clone(workload))
    }

    #[tokio::test]
    async fn the_leaders_scan_and_worker_phases_are_passed_on() {
        let (mut watcher, lead) = WorkloadWatcher::new(Arc::new(TokioClock::start()));
        watcher.observe(&ControlEvent::Elected { term: TERM, installation: OURS });
        assert!(lead.borrow().is_some() && seen(&lead).is_none());
        turn(&mut watcher);
        let workload = seen(&lead).unwrap();
        let carried = Carried { slots: 2, items: 2, phase: Some(MemberPhase::Draining) };
        assert_eq!(*workload, Workload { items: 2, workers: [(WorkerId::new("a").unwrap(), carried)].into() });
    }

    #[tokio::test]
    async fn while_nothing_may_move_nothing_is_seen() {
        let (mut watcher, lead) = WorkloadWatcher::new(Arc::new(TokioClock::start()));
        watcher.observe(&ControlEvent::Elected { term: TERM, installation: OURS });
        turn(&mut watcher);
        watcher.observe(&ControlEvent::RebalancePaused { silent: 2, owned: 2 });
        turn(&mut watcher);
        assert!(lead.borrow().is_some() && seen(&lead).is_none());
        watcher.observe(&ControlEvent::RebalanceResumed);
        turn(&mut watcher);
        assert!(seen(&lead).is_some());
    }

    #[tokio::test]
    async fn a_former_leader_passes_on_nothing() {
        for end in [ControlEvent::Deposed(TERM), ControlEvent::Following] {
            let (mut watcher, lead) = WorkloadWatcher::new(Arc::new(TokioClock::start()));
            watcher.observe(&ControlEvent::Elected { term: TERM, installation: OURS });
            turn(&mut watcher);
            watcher.observe(&end);
            watcher.observe(&ControlEvent::Turned);
            assert!(lead.borrow().is_none());
        }
    }
}
