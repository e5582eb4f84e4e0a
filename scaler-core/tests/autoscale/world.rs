//! Workers that come and go as an orchestrator and a control plane would have them, a second at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::time::Duration;

use scaler_core::WorkerId;
use scaler_core::autoscale::{AutoscaleConfig, Autoscaler, Carried, Decision, FleetView, Observation, Pod, Workload};
use scaler_core::control::MemberPhase;

/// The slots there are.
const SLOTS: usize = 64;
/// A worker needs so many seconds to start.
const STARTS_AFTER: u32 = 2;

pub(crate) struct World {
    pub(crate) config: AutoscaleConfig,
    pub(crate) scaler: Autoscaler,
    pub(crate) now: Duration,
    pub(crate) items: u64,
    /// True if the number of items can be read.
    pub(crate) readable: bool,
    pub(crate) replicas: u32,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    pub(crate) retired: BTreeSet<WorkerId>,
    /// Owner of each slot.
    pub(crate) slots: Vec<Option<WorkerId>>,
    /// Number of slots of draining workers that move each second.
    pub(crate) moved_per_second: usize,
    pub(crate) writes: Vec<(Duration, u32, u32)>,
    /// Workers removed by a lower replica count, with their slots at that time.
    pub(crate) ended: Vec<(WorkerId, usize)>,
    born: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Worker {
    age: u32,
    pub(crate) outdated: bool,
    pub(crate) marked: bool,
    /// It never becomes ready.
    pub(crate) broken: bool,
}

impl World {
    /// Returns a world of this many workers, with the items shared evenly.
    pub(crate) fn new(config: AutoscaleConfig, replicas: u32, items: u64) -> Self {
        let scaler = Autoscaler::new(config.clone());
        let mut world = Self {
            config,
            scaler,
            now: Duration::ZERO,
            items,
            readable: true,
            replicas,
            workers: BTreeMap::new(),
            retired: BTreeSet::new(),
            slots: vec![None; SLOTS],
            moved_per_second: 16,
            writes: Vec::new(),
            ended: Vec::new(),
            born: 0,
        };
        for _ in 0..5 {
            world.world_goes_on();
        }
        world
    }

    /// Seconds go by; the autoscaler looks once a second.
    pub(crate) fn run(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.second();
        }
    }

    /// A second goes by, and the autoscaler looks.
    pub(crate) fn second(&mut self) -> Decision {
        self.now += Duration::from_secs(1);
        self.world_goes_on();
        let decision = self.look();
        self.obey(&decision);
        decision
    }

    pub(crate) fn look(&mut self) -> Decision {
        let (fleet, workload) = (self.fleet(), self.workload());
        let workload = self.readable.then_some(&workload);
        self.scaler.step(self.now, &Observation { fleet: &fleet, workload, retired: Some(&self.retired) })
    }

    pub(crate) fn fleet(&self) -> FleetView {
        let pod = |(name, worker): (&WorkerId, &Worker)| {
            let ready = self.phase(name) == MemberPhase::Healthy && !worker.broken;
            (name.clone(), Pod { ready, outdated: worker.outdated, marked: worker.marked })
        };
        let workers = self.workers.iter().map(pod).collect();
        FleetView { replicas: self.replicas, version: String::new(), writer: None, workers }
    }

    pub(crate) fn workload(&self) -> Workload {
        let mut workers: BTreeMap<WorkerId, Carried> = BTreeMap::new();
        for (slot, owner) in self.slots.iter().enumerate() {
            let Some(owner) = owner else { continue };
            let carried = workers.entry(owner.clone()).or_default();
            carried.slots += 1;
            carried.items += self.items / SLOTS as u64 + u64::from((slot as u64) < self.items % SLOTS as u64);
        }
        for name in self.workers.keys() {
            workers.entry(name.clone()).or_default().phase = Some(self.phase(name));
        }
        Workload { items: self.items, workers }
    }

    pub(crate) fn obey(&mut self, decision: &Decision) {
        if let Some(retired) = &decision.retire {
            self.retired.clone_from(retired);
        }
        if let Some(marked) = &decision.mark {
            for (name, worker) in &mut self.workers {
                worker.marked = marked.contains(name);
            }
        }
        if let Some(replicas) = decision.replicas {
            self.writes.push((self.now, self.replicas, replicas));
            self.replicas = replicas;
            self.scaler.wrote(self.now, replicas);
            self.end_surplus();
        }
    }

    /// Writes the replica count as another field manager.
    pub(crate) fn foreign(&mut self, replicas: u32) {
        self.replicas = replicas;
        self.end_surplus();
        self.ended.clear();
    }

    /// Removes a worker without warning.
    pub(crate) fn kill(&mut self, nth: usize) {
        if let Some(name) = self.workers.keys().nth(nth % self.workers.len().max(1)).cloned() {
            self.workers.remove(&name);
        }
    }

    pub(crate) fn slots_of(&self, worker: &WorkerId) -> usize {
        self.slots.iter().flatten().filter(|owner| *owner == worker).count()
    }

    fn phase(&self, name: &WorkerId) -> MemberPhase {
        match self.workers.get(name) {
            None => MemberPhase::Dead,
            Some(worker) if worker.broken || worker.age < STARTS_AFTER => MemberPhase::Starting,
            Some(_) if self.retired.contains(name) => MemberPhase::Draining,
            Some(_) => MemberPhase::Healthy,
        }
    }

    fn world_goes_on(&mut self) {
        self.workers.values_mut().for_each(|worker| worker.age += 1);
        while self.workers.len() < usize::try_from(self.replicas).unwrap() {
            self.born += 1;
            self.workers.insert(WorkerId::new(format!("worker-{}", self.born)).unwrap(), Worker::default());
        }
        self.end_surplus();
        self.move_slots();
    }

    /// As a Kubernetes of today does: first those not ready, then those marked, then the youngest.
    fn end_surplus(&mut self) {
        let surplus = self.workers.len().saturating_sub(usize::try_from(self.replicas).unwrap());
        if surplus == 0 {
            return;
        }
        let fleet = self.fleet();
        let mut names: Vec<_> = self.workers.keys().cloned().collect();
        names.sort_by_key(|name| (fleet.workers[name].ready, !fleet.workers[name].marked, self.workers[name].age));
        for name in names.into_iter().take(surplus) {
            self.ended.push((name.clone(), self.slots_of(&name)));
            self.workers.remove(&name);
        }
    }

    fn move_slots(&mut self) {
        let mut loads: BTreeMap<WorkerId, usize> =
            self.workers.keys().filter(|name| self.phase(name) == MemberPhase::Healthy).map(|name| (name.clone(), 0)).collect();
        let mut settled = true;
        for owner in &self.slots {
            match owner.as_ref().and_then(|owner| loads.get_mut(owner)) {
                Some(slots) => *slots += 1,
                None => settled = false,
            }
        }
        let (fewest, most) = (loads.values().min(), loads.values().max());
        if settled && fewest.zip(most).is_none_or(|(fewest, most)| most - fewest <= 1) {
            return;
        }
        let mut budget = self.moved_per_second;
        for slot in 0..SLOTS {
            let Some(least) = loads.iter().min_by_key(|(_, slots)| **slots).map(|(name, _)| name.clone()) else { return };
            let moves = match &self.slots[slot] {
                Some(owner) => match loads.get(owner) {
                    Some(slots) => *slots > loads[&least] + 1,
                    None if !self.workers.contains_key(owner) => true,
                    None => {
                        budget > 0 && {
                            budget -= 1;
                            true
                        }
                    }
                },
                None => true,
            };
            if moves {
                if let Some(slots) = self.slots[slot].as_ref().and_then(|owner| loads.get_mut(owner)) {
                    *slots -= 1;
                }
                *loads.get_mut(&least).unwrap() += 1;
                self.slots[slot] = Some(least);
            }
        }
    }
}

/// The defaults, with other limits.
pub(crate) fn limits(min: u32, max: u32) -> AutoscaleConfig {
    AutoscaleConfig { min, max, items_per_worker: NonZeroU64::new(50).unwrap(), ..AutoscaleConfig::default() }
}
