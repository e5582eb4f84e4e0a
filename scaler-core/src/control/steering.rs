//! Wishes of operators, as the control plane applies them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Eligibility, Move, Plan, RecordedWish, Roster, Seat, Slot, SlotLoad, Weight, Wish, WorkerId};

/// Wishes by subject. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// True if rebalancing is paused.
    pub is_paused: bool,
    /// Workers that receive no slots.
    pub cordoned: BTreeSet<WorkerId>,
    /// Workers that hand over all slots.
    pub drained: BTreeSet<WorkerId>,
    /// Weights; that of all other workers is 1.
    pub weights: BTreeMap<WorkerId, Weight>,
    /// Pinned slots and their workers.
    pub pins: BTreeMap<Slot, WorkerId>,
}

impl Steering {
    /// Returns these wishes by subject.
    pub fn of<'a>(wishes: impl IntoIterator<Item = &'a RecordedWish>) -> Self {
        let mut steering = Self::default();
        for recorded in wishes {
            match &recorded.wish {
                Wish::Pause => steering.is_paused = true,
                Wish::Cordon(worker) => _ = steering.cordoned.insert(worker.clone()),
                Wish::Drain(worker) => _ = steering.drained.insert(worker.clone()),
                Wish::Weigh(worker, weight) => _ = steering.weights.insert(worker.clone(), *weight),
                Wish::Pin(slot, worker) => _ = steering.pins.insert(*slot, worker.clone()),
            }
        }
        steering
    }

    /// Returns the weight of a worker.
    pub(super) fn weight(&self, worker: &WorkerId) -> Weight {
        self.weights.get(worker).copied().unwrap_or(Weight::ONE)
    }
}

/// Returns the workers that share the slots while rebalancing is paused: those that shared them before and are still in the roster, with
/// their former weights; or the whole roster if none of them may receive slots.
pub(super) fn paused(before: &Roster, roster: &Roster) -> Roster {
    let stays = before.iter().filter_map(|(worker, seat)| {
        let eligibility = roster.get(worker)?.eligibility;
        Some((worker.clone(), Seat { eligibility, ..seat }))
    });
    let staying: Roster = stays.collect();
    if staying.iter().any(|(_, seat)| seat.eligibility == Eligibility::Eligible) { staying } else { roster.clone() }
}

/// Returns the moves of this plan that a pause allows: of slots without an owner, and away from workers that are not among `sharing`.
pub(super) fn without_voluntary_moves(plan: &Plan, sharing: &Roster, load: &SlotLoad) -> Plan {
    let is_needed = |slot_move: &&Move| slot_move.from.as_ref().is_none_or(|from| !sharing.contains(from));
    let moves = plan.moves().iter().filter(is_needed).cloned().collect();
    Plan::new(plan.roster().clone(), moves, load).with_shares_of(plan.shared_among().clone())
}
