//! Ledger of slots and items of each worker, now and after a rebalance.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use scaler_core::control::MemberPhase;
use scaler_core::{Assignment, Cost, Epoch, Plan, Reason, RecordedWish, Refusal, RefusalReason, Slot, SlotLoad, WorkerId};

use crate::metrics::WORKER_RESTARTED;

/// Maximum number of workers named in one line.
const NAMED_WORKERS: usize = 20;

/// Load of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerLoad {
    /// Number of owned slots.
    pub slots: u64,
    /// Number of items in these slots.
    pub items: u64,
}

/// Returns the load of each owner of slots.
#[must_use]
pub fn loads_of(assignment: &Assignment, load: &SlotLoad) -> BTreeMap<WorkerId, WorkerLoad> {
    let mut loads: BTreeMap<WorkerId, WorkerLoad> = BTreeMap::new();
    for (slot, state) in (0..).map(Slot::new).zip(&assignment.slots) {
        if let Some(owner) = &state.owner {
            let carried = loads.entry(owner.worker.clone()).or_default();
            carried.slots += 1;
            carried.items += u64::from(load.of(slot));
        }
    }
    loads
}

/// Rebalance plan as text and numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redistribution {
    /// Reasons of the moves, with the workers that caused them.
    pub why: String,
    /// Slots and items that move.
    pub cost: Cost,
    /// Minimum that any plan to the same loads would move.
    pub lower_bound: Cost,
    /// Load of each worker after all moves.
    pub loads: BTreeMap<WorkerId, WorkerLoad>,
}

impl Redistribution {
    /// Returns the loads in one line: `worker-1 4 items in 1366 slots, ...`.
    #[must_use]
    pub fn loads_text(&self) -> String {
        let mut text = String::new();
        for (worker, load) in self.loads.iter().take(NAMED_WORKERS) {
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{comma}{worker} {} items in {} slots", load.items, load.slots);
        }
        match self.loads.len().checked_sub(NAMED_WORKERS) {
            None | Some(0) => text,
            Some(more) => format!("{text}, and {more} more"),
        }
    }
}

impl fmt::Display for Redistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, cost, lower_bound, .. } = self;
        write!(
            f,
            "{why}: {} slots move (minimum {}) and {} items (minimum {}); loads after it: {}",
            cost.slots,
            lower_bound.slots,
            cost.items,
            lower_bound.items,
            self.loads_text()
        )
    }
}

/// Slots, owners and items at the last scan of a control plane, and moves that are planned but not committed.
#[derive(Debug, Default)]
pub struct Ledger {
    owners: Vec<(Option<WorkerId>, Epoch)>,
    load: Option<SlotLoad>,
    planned: BTreeMap<Slot, Planned>,
    phases: BTreeMap<WorkerId, MemberPhase>,
    has_wishes: bool,
}

/// Planned move that is not known to be committed yet.
#[derive(Debug)]
struct Planned {
    to: WorkerId,
    why: Reason,
    epoch: Epoch,
}

impl Ledger {
    /// Records the slots and items of a scan.
    pub fn scanned(&mut self, assignment: &Assignment, load: &SlotLoad) {
        let owner = |owner: &Option<scaler_core::MemberKey>| owner.as_ref().map(|key| key.worker.clone());
        self.owners = assignment.slots.iter().map(|slot| (owner(&slot.owner), slot.epoch)).collect();
        self.load = Some(load.clone());
    }

    /// Records the phase of a worker; `None` if the worker is gone.
    pub fn phase_changed(&mut self, worker: &WorkerId, now: Option<MemberPhase>) {
        match now {
            Some(phase) => _ = self.phases.insert(worker.clone(), phase),
            None => _ = self.phases.remove(worker),
        }
    }

    /// Records the wishes of operators. Returns false if there are none and were none.
    pub(super) const fn wishes_changed(&mut self, wishes: &[RecordedWish]) -> bool {
        let had_some = std::mem::replace(&mut self.has_wishes, !wishes.is_empty());
        had_some || self.has_wishes
    }

    /// Records a plan, and returns it as text and numbers.
    pub fn planned(&mut self, plan: &Plan) -> Redistribution {
        self.planned.retain(|slot, planned| {
            plan.roster().contains(&planned.to) && self.owners.get(slot.index()).is_some_and(|(_, epoch)| *epoch == planned.epoch)
        });
        for slot_move in plan.moves() {
            let epoch = self.owners.get(slot_move.slot.index()).map(|(_, epoch)| *epoch).unwrap_or_default();
            self.planned.insert(slot_move.slot, Planned { to: slot_move.to.clone(), why: slot_move.why, epoch });
        }
        let loads = self.loads(|slot, owner| self.planned.get(&slot).map(|planned| &planned.to).or(owner));
        let keeps = |worker: &WorkerId, load: &WorkerLoad| load.slots > 0 || plan.roster().contains(worker);
        Redistribution {
            why: plan.why(),
            cost: plan.cost(),
            lower_bound: plan.lower_bound(),
            loads: loads.into_iter().filter(|(worker, load)| keeps(worker, load)).collect(),
        }
    }

    /// Records committed and refused moves, and returns the number of committed moves by reason.
    pub fn committed(&mut self, moved: &[Slot], refused: &[Refusal]) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for slot in moved {
            // A move without a plan goes to the next incarnation of the same worker.
            let reason = self.planned.remove(slot).map_or(WORKER_RESTARTED, |planned| planned.why.as_str());
            *counts.entry(reason).or_default() += 1;
        }
        for refusal in refused.iter().filter(|refusal| refusal.why == RefusalReason::EpochPassed) {
            self.planned.remove(&refusal.slot);
        }
        counts
    }

    /// Returns the number of workers by phase.
    #[must_use]
    pub fn workers_by_phase(&self) -> BTreeMap<MemberPhase, i64> {
        self.phases.values().fold(BTreeMap::new(), |mut counts, phase| {
            *counts.entry(*phase).or_default() += 1;
            counts
        })
    }

    /// Returns the number of items.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.load.as_ref().map_or(0, SlotLoad::total)
    }

    /// Returns the items of the most loaded worker divided by the mean of all that have or may have slots; 1 if there are no items.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people to look at")]
    pub fn most_over_mean(&self) -> f64 {
        let loads = self.loads(|_, owner| owner);
        let most = loads.values().map(|load| load.items).max().unwrap_or(0);
        let total: u64 = loads.values().map(|load| load.items).sum();
        if total == 0 { 1.0 } else { most as f64 * loads.len() as f64 / total as f64 }
    }

    /// Returns the load of each worker that owns slots or may be given some.
    fn loads<'a>(
        &'a self,
        owner_of: impl Fn(Slot, Option<&'a WorkerId>) -> Option<&'a WorkerId>,
    ) -> BTreeMap<WorkerId, WorkerLoad> {
        let able = |phase: &MemberPhase| !phase.is_lost() && *phase != MemberPhase::Starting;
        let standing = self.phases.iter().filter(|(_, phase)| able(phase));
        let mut loads: BTreeMap<&WorkerId, WorkerLoad> = standing.map(|(worker, _)| (worker, WorkerLoad::default())).collect();
        for (slot, (owner, _)) in (0..).map(Slot::new).zip(&self.owners) {
            if let Some(owner) = owner_of(slot, owner.as_ref()) {
                let load = loads.entry(owner).or_default();
                load.slots += 1;
                load.items += self.load.as_ref().map_or(0, |load| u64::from(load.of(slot)));
            }
        }
        loads.into_iter().map(|(worker, load)| (worker.clone(), load)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scaler_core::{Incarnation, MemberKey, Move, Roster, SlotCount, SlotRange, SlotState, Tick};
    use uuid::Uuid;

    use super::*;

    fn worker(name: &str) -> WorkerId {
        WorkerId::new(name).unwrap()
    }

    fn assignment(owners: &[&str]) -> Assignment {
        let key = |name: &str| MemberKey { worker: worker(name), incarnation: Incarnation::new(Uuid::nil()) };
        let slots = owners.iter().map(|name| SlotState { owner: Some(key(name)), ..SlotState::default() }).collect();
        let installation = scaler_core::InstallationId::new(Uuid::nil());
        Assignment {
            installation,
            tick: Tick(1),
            tick_length: Duration::from_secs(1),
            range: SlotRange::ALL,
            slots,
            sessions: None,
        }
    }

    #[test]
    fn the_text_of_a_rebalance_has_its_cost_and_the_loads_after_it() {
        let load = SlotLoad::of_items(SlotCount::new(4).unwrap(), [(Slot::new(0), 3), (Slot::new(1), 2), (Slot::new(3), 1)]);
        let mut ledger = Ledger::default();
        for name in ["a", "b"] {
            ledger.phase_changed(&worker(name), Some(MemberPhase::Healthy));
        }
        ledger.scanned(&assignment(&["a", "a", "a", "a"]), &load);
        assert!((ledger.most_over_mean() - 2.0).abs() < 1e-9);
        let slot_move =
            |slot| Move { slot: Slot::new(slot), from: Some(worker("a")), to: worker("b"), why: Reason::WorkerJoined };
        let plan = Plan::new(Roster::of(["a", "b"].map(worker)), vec![slot_move(1), slot_move(3)], &load);
        let told = ledger.planned(&plan).to_string();
        assert_eq!(
            told,
            "worker joined (b): 2 slots move (minimum 2) and 3 items (minimum 3); loads after it: a 3 items in 2 slots, b 3 items in 2 slots"
        );
        let refused = [Refusal { slot: Slot::new(3), why: RefusalReason::NotTickedYet }];
        let counts = ledger.committed(&[Slot::new(1), Slot::new(2)], &refused);
        assert_eq!(counts, BTreeMap::from([("worker joined", 1), ("worker restarted", 1)]));
        assert_eq!(ledger.committed(&[Slot::new(3)], &[]), BTreeMap::from([("worker joined", 1)]));
    }

    #[test]
    fn a_planned_move_to_a_removed_worker_is_dropped() {
        let load = SlotLoad::uniform(SlotCount::new(2).unwrap());
        let mut ledger = Ledger::default();
        ledger.scanned(&assignment(&["a", "a"]), &load);
        let slot_move = |to, why| Move { slot: Slot::new(1), from: Some(worker("a")), to: worker(to), why };
        ledger.planned(&Plan::new(Roster::of(["a", "b"].map(worker)), vec![slot_move("b", Reason::WorkerJoined)], &load));
        let after = ledger.planned(&Plan::new(Roster::of(["a", "c"].map(worker)), vec![], &load));
        assert_eq!(after.loads.get(&worker("a")), Some(&WorkerLoad { slots: 2, items: 2 }));
        assert_eq!(after.loads.get(&worker("b")), None);
    }
}
