//! State machine of the autoscaler: turns each observation into a decision.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::scale_down::{Empties, choose, is_relieved};
use super::window::Highest;
use super::writer_conflict::{Reading, WriterConflict};
use super::{AutoscaleConfig, FleetView, Workload};
use crate::WorkerId;

/// Input of the autoscaler for one look.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Workers and their desired number.
    pub fleet: &'a FleetView,
    /// Items and their distribution over workers; `None` if they cannot be read.
    pub workload: Option<&'a Workload>,
    /// Workers that are retired; `None` if they cannot be read.
    pub retired: Option<&'a BTreeSet<WorkerId>>,
}

/// Actions to take, in this order; `None` means no change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Workers to retire; all others are reinstated.
    pub retire: Option<BTreeSet<WorkerId>>,
    /// Workers to mark for termination before others; all others are unmarked.
    pub mark: Option<BTreeSet<WorkerId>>,
    /// New number of workers.
    pub replicas: Option<u32>,
    /// Conflict with another writer of the number; `None` if there is none.
    pub foreign: Option<Foreign>,
}

/// Writes of the number of workers by another writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// One foreign write: scaling starts anew from the number that was written.
    Once {
        /// Number before the write.
        from: u32,
    },
    /// Repeated foreign write: the autoscaler stops writing.
    Again {
        /// Number before the write.
        from: u32,
    },
    /// The autoscaler currently writes nothing because of an earlier conflict.
    StandingBack,
}

/// State of an autoscaler from one look to the next. A new leader starts with an empty one.
#[derive(Clone, Debug)]
pub struct Autoscaler {
    config: AutoscaleConfig,
    writer: WriterConflict,
    /// Highest number of workers needed within `down_window`, which delays scale-down.
    wanted: Highest<u32>,
    /// Lowest number of workers within `up_every`, which limits scale-up.
    lowest: Highest<Reverse<u32>>,
    /// Highest number of workers within `down_every`, which limits scale-down.
    highest: Highest<u32>,
    /// Time since which each retired worker carries nothing.
    relieved: BTreeMap<WorkerId, Duration>,
}

impl Autoscaler {
    /// Creates an autoscaler that has observed nothing yet.
    #[must_use]
    pub const fn new(config: AutoscaleConfig) -> Self {
        Self {
            writer: WriterConflict::new(config.conflict_window, config.stand_back),
            wanted: Highest::new(config.down_window),
            lowest: Highest::new(config.up_every),
            highest: Highest::new(config.down_every),
            relieved: BTreeMap::new(),
            config,
        }
    }

    /// Evaluates an observation at `now`, a time of the caller's own clock, and returns the actions to take.
    pub fn step(&mut self, now: Duration, seen: &Observation<'_>) -> Decision {
        let replicas = seen.fleet.replicas;
        let foreign = match self.writer.read(now, replicas) {
            Reading::Ours => None,
            Reading::NewStart => {
                self.begin(now, replicas);
                None
            }
            Reading::Overruled { from } => {
                self.begin(now, replicas);
                Some(Foreign::Once { from })
            }
            Reading::Contested { from } => Some(Foreign::Again { from }),
            Reading::StandingBack => Some(Foreign::StandingBack),
        };
        let goal = self.goal(now, replicas, seen.workload);
        let goal = if matches!(foreign, Some(Foreign::Again { .. } | Foreign::StandingBack)) { replicas } else { goal };
        let decision = match (seen.workload, seen.retired) {
            (Some(workload), Some(retired)) => self.act(now, goal, seen.fleet, workload, retired),
            // Scale-up does not depend on individual workers, so it needs neither the workload nor the retired workers.
            _ => Decision { replicas: (goal > replicas).then_some(goal), ..Decision::default() },
        };
        if let Some(replicas) = decision.replicas {
            self.writer.writes(replicas);
        }
        Decision { foreign, ..decision }
    }

    /// Records that the fleet accepted `replicas` at `now`. If the result of a write is unknown, the next look shows it.
    pub fn wrote(&mut self, now: Duration, replicas: u32) {
        self.writer.wrote(replicas);
        self.lowest.observe(now, Reverse(replicas));
        self.highest.observe(now, replicas);
    }

    /// Starts anew, as if the current number had always been needed.
    fn begin(&mut self, now: Duration, replicas: u32) {
        self.wanted.restart();
        self.lowest.restart();
        self.highest.restart();
        self.wanted.observe(now, replicas);
    }

    /// Returns the next number of workers.
    fn goal(&mut self, now: Duration, replicas: u32, workload: Option<&Workload>) -> u32 {
        let Reverse(lowest) = self.lowest.observe(now, Reverse(replicas));
        let highest = self.highest.observe(now, replicas);
        let wanted = workload.map_or(replicas, |workload| self.config.wanted(workload.items)).max(self.config.min);
        let wanted_most = self.wanted.observe(now, wanted);
        if wanted > replicas {
            let ceiling = lowest.saturating_add(4).max(lowest.saturating_mul(2));
            // The minimum is reached at once: an even lower number is not the result of a scaling decision.
            return wanted.min(ceiling.max(self.config.min)).max(replicas);
        }
        let fewer = u64::from(replicas.saturating_sub(wanted_most));
        let within_band = fewer * 100 <= u64::from(replicas) * u64::from(self.config.band_percent);
        if within_band && replicas <= self.config.max {
            return replicas;
        }
        let floor = highest.saturating_sub((highest / 4).max(1));
        wanted_most.max(floor).min(replicas)
    }

    /// Raises the number, or lowers it once the workers to remove have been retired and marked and own nothing.
    fn act(
        &mut self,
        now: Duration,
        goal: u32,
        fleet: &FleetView,
        workload: &Workload,
        retired: &BTreeSet<WorkerId>,
    ) -> Decision {
        let victims = choose(fleet, workload, retired, fleet.replicas.saturating_sub(goal));
        let marked: BTreeSet<_> = fleet.workers.iter().filter(|(_, pod)| pod.marked).map(|(worker, _)| worker.clone()).collect();
        let told = victims == *retired && victims == marked;
        let empties = if goal == 0 && workload.items == 0 { Empties::All } else { Empties::Some };
        let may_go = self.may_go(now, &victims, fleet, workload, empties);
        let is_even = fleet.workers.len() <= usize::try_from(fleet.replicas).unwrap_or(usize::MAX);
        let lowers = goal < fleet.replicas && is_even && told && may_go;
        Decision {
            replicas: (goal > fleet.replicas || lowers).then_some(goal),
            mark: (victims != marked).then(|| victims.clone()),
            retire: (victims != *retired).then_some(victims),
            foreign: None,
        }
    }

    /// True if all workers to remove carry nothing, and the fleet terminates them before others, as they are no longer ready, or
    /// `unready_within` has passed.
    fn may_go(
        &mut self,
        now: Duration,
        victims: &BTreeSet<WorkerId>,
        fleet: &FleetView,
        workload: &Workload,
        empties: Empties,
    ) -> bool {
        let relieved = victims.iter().filter(|worker| is_relieved(worker, workload, empties));
        let since = |worker: &WorkerId| self.relieved.get(worker).copied().unwrap_or(now);
        self.relieved = relieved.map(|worker| (worker.clone(), since(worker))).collect();
        victims.iter().all(|worker| {
            let Some(since) = self.relieved.get(worker) else { return false };
            let is_ready = fleet.workers.get(worker).is_some_and(|pod| pod.ready);
            !is_ready || now.saturating_sub(*since) >= self.config.unready_within
        })
    }
}
