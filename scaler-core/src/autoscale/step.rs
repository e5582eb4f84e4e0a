//! The autoscaler as a state machine: shown what is, it says what to do.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::scale_down::{Empties, choose, is_relieved};
use super::window::Highest;
use super::writer_conflict::{Reading, WriterConflict};
use super::{AutoscaleConfig, FleetView, Workload};
use crate::WorkerId;

/// Everything the autoscaler looks at.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The workers, and how many there shall be.
    pub fleet: &'a FleetView,
    /// The work; `None` when it cannot be read.
    pub workload: Option<&'a Workload>,
    /// Who is retired; `None` when that cannot be read.
    pub retired: Option<&'a BTreeSet<WorkerId>>,
}

/// What to do, in this order; `None` is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Retire these, and no others.
    pub retire: Option<BTreeSet<WorkerId>>,
    /// Mark these, and no others, to be ended before others.
    pub mark: Option<BTreeSet<WorkerId>>,
    /// Set the number of workers.
    pub replicas: Option<u32>,
    /// Somebody else has written the number, or writes it.
    pub foreign: Option<Foreign>,
}

/// Somebody else has written the number of workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Once: all begins anew with it.
    Once {
        /// What it was before.
        from: u32,
    },
    /// Again: nothing is written from now on.
    Again {
        /// What it was before.
        from: u32,
    },
    /// Nothing is written just now.
    StandingBack,
}

/// The state of an autoscaler from one look to the next. A new leader starts with an empty one.
#[derive(Clone, Debug)]
pub struct Autoscaler {
    config: AutoscaleConfig,
    writer: WriterConflict,
    /// What was wanted.
    wanted: Highest<u32>,
    /// The number of workers, within the time in which it may rise, and within that in which it may fall.
    lowest: Highest<Reverse<u32>>,
    highest: Highest<u32>,
    /// Since when each of those who were retired carries nothing.
    relieved: BTreeMap<WorkerId, Duration>,
}

impl Autoscaler {
    /// An autoscaler that has seen nothing yet.
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

    /// Looks at everything at `now`, a time of its own clock, and says what to do.
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
            // To raise the number nobody needs to be known.
            _ => Decision { replicas: (goal > replicas).then_some(goal), ..Decision::default() },
        };
        if let Some(replicas) = decision.replicas {
            self.writer.writes(replicas);
        }
        Decision { foreign, ..decision }
    }

    /// The number that it said was taken at `now`. Where that is not known, the next look will tell.
    pub fn wrote(&mut self, now: Duration, replicas: u32) {
        self.writer.wrote(replicas);
        self.lowest.observe(now, Reverse(replicas));
        self.highest.observe(now, replicas);
    }

    /// Takes the number as it is for what was always wanted.
    fn begin(&mut self, now: Duration, replicas: u32) {
        self.wanted.restart();
        self.lowest.restart();
        self.highest.restart();
        self.wanted.observe(now, replicas);
    }

    /// How many workers there shall be next.
    fn goal(&mut self, now: Duration, replicas: u32, workload: Option<&Workload>) -> u32 {
        let Reverse(lowest) = self.lowest.observe(now, Reverse(replicas));
        let highest = self.highest.observe(now, replicas);
        let wanted = workload.map_or(replicas, |workload| self.config.wanted(workload.items)).max(self.config.min);
        let wanted_most = self.wanted.observe(now, wanted);
        if wanted > replicas {
            let ceiling = lowest.saturating_add(4).max(lowest.saturating_mul(2));
            // The minimum is reached at once: fewer workers than that are nobody's decision.
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

    /// Raises the number, or brings it down by way of the workers.
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

    /// Whether all of them carry nothing any more, and whoever ends workers can tell them from the others.
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
