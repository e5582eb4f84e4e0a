//! The sticky slot ring: an owner for every slot, and a planner that starts from what is and changes as little as can be.

mod exchange;
mod market;
mod owners;
mod pile;
mod planner;
mod settle;
mod share;

use std::fmt;

use owners::Owners;

use super::{Evenness, Guarantees, Minimality, Ring, Slot, SlotCount, StalePlan};
use crate::{Plan, Roster, SlotLoad, WorkerId};

/// A ring that remembers who owns each slot and moves only what a change of the roster forces to move.
///
/// Slots are shared by Webster's rule (Balinski and Young, *Fair Representation*, 1982), which is the one method that
/// stays even while a leave moves only the leaver's slots and a join moves slots only to the joiner. With item loads the
/// occupied slots are shared by their items and the empty ones by their number, so that items yet to come are shared too.
/// A look-up is one hash and two loads.
#[derive(Clone)]
pub struct StickyRing {
    roster: Roster,
    owners: Owners,
}

impl StickyRing {
    /// A ring whose slots nobody owns yet.
    #[must_use]
    pub fn new(slots: SlotCount) -> Self {
        Self { roster: Roster::default(), owners: Owners::nobody(slots) }
    }

    /// The ring in a known state: `owners` tells the owner of each slot, in the order of the slots. Slots that it does not
    /// reach have no owner; what it tells beyond the last slot is ignored.
    ///
    /// `roster` holds those among whom the slots were shared. An owner who is not in it has left, and the next plan
    /// replaces it; a worker who is not in it and owns nothing is a joiner when a plan seats it.
    #[must_use]
    pub fn restore(slots: SlotCount, roster: Roster, owners: impl IntoIterator<Item = Option<WorkerId>>) -> Self {
        let mut table = Owners::nobody(slots);
        for (slot, owner) in slots.iter().zip(owners) {
            if let Some(owner) = owner {
                table.set(slot, &owner);
            }
        }
        Self { roster, owners: table }
    }
}

impl Ring for StickyRing {
    fn guarantees(&self) -> Guarantees {
        Guarantees { minimal: Minimality::Exact, even: Evenness::Exact }
    }

    fn slots(&self) -> SlotCount {
        self.owners.slots()
    }

    fn roster(&self) -> &Roster {
        &self.roster
    }

    fn owner(&self, slot: Slot) -> Option<&WorkerId> {
        self.owners.get(slot)
    }

    fn plan(&self, to: &Roster, load: &SlotLoad) -> Plan {
        planner::plan(&self.roster, &self.owners, to, load)
    }

    fn settle(&self, load: &SlotLoad, tolerance: f64) -> Plan {
        settle::settle(&self.roster, &self.owners, load, tolerance)
    }

    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        for movement in plan.movements() {
            let found = self.owner(movement.slot);
            if movement.slot.index() >= self.slots().len() || found != movement.from.as_ref() {
                return Err(StalePlan { slot: movement.slot, planned: movement.from.clone(), found: found.cloned() });
            }
        }
        for movement in plan.movements() {
            self.owners.set(movement.slot, &movement.to);
        }
        self.owners.forget_idle_names();
        self.roster = plan.roster().clone();
        Ok(())
    }
}

impl fmt::Debug for StickyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StickyRing").field("slots", &self.slots()).field("roster", &self.roster).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
