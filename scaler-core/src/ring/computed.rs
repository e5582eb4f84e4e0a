//! State shared by the rings that compute their owners from the roster: hash ring and rendezvous.

use super::{Slot, SlotCount, StalePlan};
use crate::{Eligibility, Move, Plan, Reason, Roster, SlotLoad, WorkerId};

/// Owners of a ring that are computed from the roster. They are stored so that a look-up is one load, and so that a plan can
/// tell what moves; the computation does not depend on past owners, except for cordoned workers.
#[derive(Clone)]
pub(super) struct Computed {
    slots: SlotCount,
    roster: Roster,
    owners: Vec<Option<WorkerId>>,
}

impl Computed {
    /// Restores the owners, given in the order of the slots. Slots beyond those given have no owner.
    pub(super) fn restore(slots: SlotCount, roster: Roster, owners: impl IntoIterator<Item = Option<WorkerId>>) -> Self {
        let mut owners: Vec<_> = owners.into_iter().take(slots.len()).collect();
        owners.resize(slots.len(), None);
        Self { slots, roster, owners }
    }

    pub(super) const fn slots(&self) -> SlotCount {
        self.slots
    }

    pub(super) const fn roster(&self) -> &Roster {
        &self.roster
    }

    pub(super) fn owner(&self, slot: Slot) -> Option<&WorkerId> {
        self.owners.get(slot.index())?.as_ref()
    }

    /// Returns the moves from the present owners to those that `choose` selects. `choose` is called for each slot, in order,
    /// with the index of its present owner in the roster `to`, and returns the index of its new owner.
    ///
    /// If no worker of `to` may receive slots, nothing moves and `choose` is not called.
    pub(super) fn plan(
        &self,
        to: &Roster,
        load: &SlotLoad,
        mut choose: impl FnMut(Slot, Option<usize>) -> Option<usize>,
    ) -> Plan {
        let mut moves = Vec::new();
        if to.iter().any(|(_, seat)| seat.eligibility == Eligibility::Eligible) {
            let workers: Vec<&WorkerId> = to.iter().map(|(id, _)| id).collect();
            for (slot, owner) in self.slots.iter().zip(&self.owners) {
                let present = owner.as_ref().and_then(|owner| workers.binary_search(&owner).ok());
                let chosen = choose(slot, present).filter(|place| present != Some(*place));
                if let Some(receiver) = chosen.map(|place| workers[place]) {
                    let why = self.reason(owner.as_ref(), receiver, to);
                    moves.push(Move { slot, from: owner.clone(), to: receiver.clone(), why });
                }
            }
        }
        Plan::new(to.clone(), moves, load)
    }

    pub(super) fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        for slot_move in plan.moves() {
            let found = self.owner(slot_move.slot);
            if slot_move.slot.index() >= self.slots.len() || found != slot_move.from.as_ref() {
                return Err(StalePlan { slot: slot_move.slot, planned: slot_move.from.clone(), found: found.cloned() });
            }
        }
        for slot_move in plan.moves() {
            self.owners[slot_move.slot.index()] = Some(slot_move.to.clone());
        }
        self.roster = plan.roster().clone();
        Ok(())
    }

    fn reason(&self, from: Option<&WorkerId>, receiver: &WorkerId, to: &Roster) -> Reason {
        let weight = |roster: &Roster, worker| roster.get(worker).map(|seat| seat.weight);
        let is_reweighed = |worker| weight(&self.roster, worker) != weight(to, worker);
        match from {
            None => Reason::Unowned,
            Some(from) if !to.contains(from) => Reason::OwnerLeft,
            Some(_) if !self.roster.contains(receiver) => Reason::WorkerJoined,
            Some(from) if is_reweighed(from) || is_reweighed(receiver) => Reason::WeightChanged,
            Some(_) => Reason::Rule,
        }
    }
}
