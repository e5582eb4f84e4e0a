//! The sticky slot ring: an owner for every slot, and a planner that starts from what is and changes as little as can be.

mod apportionment;
mod donor_queue;
mod donor_slots;
mod fair_share;
mod index;
mod load_rebalance;
mod moves;
mod owners;
mod planner;
mod roster_diff;
mod sorted_slots;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use index::Index;
use owners::Owners;
use roster_diff::State;

use super::{Evenness, Guarantees, InvalidSlotCount, Minimality, Ring, Slot, SlotCount, StalePlan, slot_of};
use crate::{ItemId, Plan, Roster, SlotLoad, WorkerId};

/// A ring that remembers who owns each slot and moves only what a change of the roster forces to move.
///
/// Slots are shared by Webster's rule (Balinski and Young, *Fair Representation*, 1982), which is the one method that
/// stays even while a leave moves only the leaver's slots and a join moves slots only to the joiner. With item loads the
/// occupied slots are shared by their items and the empty ones by their number, so that items yet to come are shared too.
/// A look-up is one hash and two loads.
///
/// A ring that [knows the load](Ring::set_load) plans at the cost of what moves, and a little for every worker, however many
/// slots and items there are. Under any other load a plan looks at every slot first.
///
/// # Rollouts
/// While workers of two [generations](crate::Seat::generation) have a seat, only those of the newest that has an open one
/// receive anything, and a joiner of it takes nothing from the living: it gets the slots of those who leave. So each slot
/// moves once while a generation is replaced, whatever the pace. A joiner that still owns nothing when the rollout is over
/// takes its share then, and [`rebalance_load`](Ring::rebalance_load) gives it one before, from the older workers only.
#[derive(Clone)]
pub struct StickyRing {
    roster: Roster,
    shared_among: Roster,
    owners: Owners,
    pins: BTreeMap<Slot, WorkerId>,
    index: Option<Index>,
}

impl StickyRing {
    /// A ring whose slots nobody owns yet.
    #[must_use]
    pub fn new(slots: SlotCount) -> Self {
        Self::restore(slots, Roster::default(), [])
    }

    /// The ring in a known state: `owners` tells the owner of each slot, in the order of the slots. Slots that it does not
    /// reach have no owner; what it tells beyond the last slot is ignored.
    ///
    /// `shared_among` holds [those among whom the slots are shared](Plan::shared_among). An owner who is not in it has left,
    /// unless a plan seats it; a worker who is not in it is a joiner when a plan seats it.
    #[must_use]
    pub fn restore(slots: SlotCount, shared_among: Roster, owners: impl IntoIterator<Item = Option<WorkerId>>) -> Self {
        let mut table = Owners::nobody(slots);
        for (slot, owner) in slots.iter().zip(owners) {
            if let Some(owner) = owner {
                table.hand_over(slot, &owner);
            }
        }
        Self { roster: shared_among.clone(), shared_among, owners: table, pins: BTreeMap::new(), index: None }
    }

    /// Those among whom the slots are shared now: the roster, save what [plans cut short](Self::plan_within) have left to do.
    #[must_use]
    pub const fn shared_among(&self) -> &Roster {
        &self.shared_among
    }

    /// What would move if the roster became `to`, but at most `limit` slots: first those without an owner, then those that a
    /// pin moves, then the joiners' shares and what weights change.
    ///
    /// A plan that is cut short is a plan like any other. It leaves the ring with the new roster and with joiners that remain
    /// joiners, so that the same roster moves the rest in the next plans: each goes on where the last one stopped, and all
    /// together move what the whole plan would have moved.
    #[must_use]
    pub fn plan_within(&self, to: &Roster, load: &SlotLoad, limit: usize) -> Plan {
        planner::plan(self.state(&self.indexed(load)), to, limit)
    }

    /// Binds a slot to a worker. From the next plan on the worker owns it, whatever its share, as long as it has an open seat;
    /// otherwise the pin waits, and the slot is like any other.
    ///
    /// A pinned slot counts as its worker's load, so that the worker is given less of the others; but a pin by itself moves
    /// its slot only, and where the pinned slots are more than a share, the loads are no longer even.
    pub fn pin(&mut self, slot: Slot, worker: WorkerId) {
        self.pins.insert(slot, worker);
    }

    /// Binds the slot of an item to a worker, with all other items in it.
    pub fn pin_item(&mut self, item: ItemId, worker: WorkerId) {
        self.pin(slot_of(item, self.slots()), worker);
    }

    /// Releases a slot; the worker it was bound to, if any. It stays where it is until something else moves it.
    pub fn unpin(&mut self, slot: Slot) -> Option<WorkerId> {
        self.pins.remove(&slot)
    }

    /// The slots that are bound to workers.
    #[must_use]
    pub const fn pins(&self) -> &BTreeMap<Slot, WorkerId> {
        &self.pins
    }

    /// Splits every slot in two with the same owner and the same pin, so that every item keeps its owner. The load of the new
    /// slots is not known until the next [`set_load`](Ring::set_load).
    ///
    /// # Errors
    /// When there are as many slots as can be; then nothing is changed.
    pub fn double(&mut self) -> Result<(), InvalidSlotCount> {
        self.owners = self.owners.doubled(self.slots().doubled()?);
        let children = |(slot, worker): (&Slot, &WorkerId)| slot.children().map(|child| (child, worker.clone()));
        self.pins = self.pins.iter().flat_map(children).collect();
        self.index = None;
        Ok(())
    }

    fn indexed(&self, load: &SlotLoad) -> Cow<'_, Index> {
        match &self.index {
            Some(index) if index.load().is_clone_of(load) => Cow::Borrowed(index),
            _ => Cow::Owned(Index::build(&self.owners, load)),
        }
    }

    const fn state<'a>(&'a self, index: &'a Index) -> State<'a> {
        State { shared_among: &self.shared_among, owners: &self.owners, pins: &self.pins, index }
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

    #[inline]
    fn owner(&self, slot: Slot) -> Option<&WorkerId> {
        self.owners.get(slot)
    }

    fn plan(&self, to: &Roster, load: &SlotLoad) -> Plan {
        self.plan_within(to, load, usize::MAX)
    }

    fn rebalance_load(&self, load: &SlotLoad, tolerance: f64) -> Plan {
        load_rebalance::rebalance(self.state(&self.indexed(load)), &self.roster, tolerance)
    }

    /// The first time it sorts all slots by their owners. Then it compares the loads and costs what has changed between them;
    /// a clone of the load that it knows costs nothing. Applying a plan does not unlearn it.
    fn set_load(&mut self, load: &SlotLoad) {
        match &mut self.index {
            Some(index) => index.set_load(&self.owners, load),
            None => self.index = Some(Index::build(&self.owners, load)),
        }
    }

    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        for slot_move in plan.moves() {
            let found = self.owner(slot_move.slot);
            if slot_move.slot.index() >= self.slots().len() || found != slot_move.from.as_ref() {
                return Err(StalePlan { slot: slot_move.slot, planned: slot_move.from.clone(), found: found.cloned() });
            }
        }
        let owners = &mut self.owners;
        let changes: Vec<_> =
            plan.moves().iter().filter_map(|slot_move| owners.hand_over(slot_move.slot, &slot_move.to)).collect();
        if let Some(index) = &mut self.index {
            index.hand_over(&changes);
        }
        self.roster = plan.roster().clone();
        self.shared_among = plan.shared_among().clone();
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
