//! Sticky slot ring: a planner that starts from the present owners and moves as few slots as possible.

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
use crate::{ItemId, Plan, Roster, SlotLoad, SlotRange, WorkerId};

/// Ring that stores the owner of each slot, and moves only the slots that a change of the roster forces to move.
///
/// Slots are apportioned by Webster's rule (Balinski and Young, *Fair Representation*, 1982), the only method that stays even
/// while a leave moves only the leaver's slots and a join moves slots only to the joiner. With item loads, occupied slots are
/// apportioned by their items and empty slots by their number, so that future items are spread evenly too. A look-up is one
/// hash and two loads.
///
/// After [`set_load`](Ring::set_load), a plan under that load costs time in proportion to its moves, plus a little for every
/// worker, independent of the number of slots and items. Under any other load a plan reads every slot first.
///
/// # Rollouts
/// While the roster holds workers of two [generations](crate::Seat::generation), only workers of the newest generation with an
/// eligible worker receive slots. A joiner of that generation takes no slots from workers that stay: it gets the slots of
/// workers that leave. Each slot therefore moves once while a generation is replaced, at any pace. A joiner that still owns
/// nothing when the rollout ends gets its share then; [`rebalance_load`](Ring::rebalance_load) gives it one earlier, from
/// workers of older generations only.
#[derive(Clone)]
pub struct StickyRing {
    roster: Roster,
    shared_among: Roster,
    owners: Owners,
    pins: BTreeMap<Slot, WorkerId>,
    index: Option<Index>,
}

impl StickyRing {
    /// Returns a ring whose slots have no owner yet.
    #[must_use]
    pub fn new(slots: SlotCount) -> Self {
        Self::restore(slots, Roster::default(), [])
    }

    /// Restores a ring: `owners` holds the owner of each slot, in the order of the slots. Slots beyond its end have no owner;
    /// entries beyond the last slot are ignored.
    ///
    /// `shared_among` is the roster [among which the slots are shared](Plan::shared_among). An owner that is not in it has
    /// left, unless the roster of the next plan contains it; a worker that is not in it joins with the next plan whose roster
    /// contains it.
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

    /// Returns the roster among which the slots are shared now. It differs from [`roster`](Ring::roster) by the moves that
    /// [limited plans](Self::plan_within) have not made yet.
    #[must_use]
    pub const fn shared_among(&self) -> &Roster {
        &self.shared_among
    }

    /// Returns the plan that changes the roster to `to`, with at most `limit` moves.
    ///
    /// Slots without an owner move first, then those that a pin moves, then the shares of joiners and the changes of weights.
    ///
    /// A truncated plan is applied like any other. It sets the new roster, and joiners without their share remain joiners: the
    /// next plans for the same roster continue where the last one stopped, and together they move what the whole plan would
    /// have moved.
    #[must_use]
    pub fn plan_within(&self, to: &Roster, load: &SlotLoad, limit: usize) -> Plan {
        planner::plan(self.state(&self.indexed(load)), to, limit)
    }

    /// Pins a slot to a worker: from the next plan on the worker owns it, regardless of its share, as long as it is eligible.
    ///
    /// While the worker is not in the roster or is cordoned, the pin has no effect.
    ///
    /// A pinned slot counts towards its worker's load, so that the worker gets fewer other slots. A pin by itself moves only
    /// its slot. If the pinned slots of a worker exceed its share, the loads are not even.
    pub fn pin(&mut self, slot: Slot, worker: WorkerId) {
        self.pins.insert(slot, worker);
    }

    /// Pins the slot of an item to a worker, with all other items in the slot.
    pub fn pin_item(&mut self, item: &ItemId, worker: WorkerId) {
        self.pin(slot_of(item, self.slots()), worker);
    }

    /// Removes the pin of a slot and returns its worker, if it had one. The slot keeps its owner until a plan moves it.
    pub fn unpin(&mut self, slot: Slot) -> Option<WorkerId> {
        self.pins.remove(&slot)
    }

    /// Returns the pinned slots and their workers.
    #[must_use]
    pub const fn pins(&self) -> &BTreeMap<Slot, WorkerId> {
        &self.pins
    }

    /// Doubles the slot count: splits every slot in two with the same owner and the same pin, so that every item keeps its
    /// owner.
    ///
    /// The load of the new slots is unknown until the next [`set_load`](Ring::set_load).
    ///
    /// # Errors
    /// If the slot count is at its maximum; then nothing is changed.
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

    /// The first call sorts all slots by owner. Later calls compare the loads and cost time in proportion to the changes; a
    /// clone of the present load costs nothing. Applying a plan keeps the load.
    fn set_load(&mut self, load: &SlotLoad) {
        match &mut self.index {
            Some(index) => index.set_load(&self.owners, load),
            None => self.index = Some(Index::build(&self.owners, load)),
        }
    }

    fn set_pins(&mut self, pins: &BTreeMap<Slot, WorkerId>) {
        let slots = self.slots().len();
        let present = || pins.iter().filter(|(slot, _)| slot.index() < slots);
        if !present().eq(&self.pins) {
            self.pins = present().map(|(slot, worker)| (*slot, worker.clone())).collect();
        }
    }

    /// Another range than before sorts the slots anew.
    fn set_range(&mut self, range: SlotRange) {
        if self.owners.set_range(range) {
            self.index = None;
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
            index.hand_over(owners, &changes);
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
