//! Index of the slots of each owner, so that a plan reads only the slots that it moves.

use super::donor_slots::LoadedSlot;
use super::owners::{OwnerChange, Owners};
use super::sorted_slots::SortedSlots;
use crate::{Slot, SlotLoad};

/// Unit in which a slot is counted. Slots of different measures are apportioned separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Each slot counts as its number of items: the occupied slots.
    Items,
    /// Each slot counts as 1: the empty slots, or all slots of a uniform load.
    Slots,
}

impl Measure {
    pub(super) const ALL: [Self; 2] = [Self::Items, Self::Slots];

    /// Returns the measure of a slot under this load, and its count.
    pub(super) fn of(load: &SlotLoad, slot: Slot) -> (Self, u32) {
        match load.of(slot) {
            0 => (Self::Slots, 1),
            _ if load.is_uniform() => (Self::Slots, 1),
            items => (Self::Items, items),
        }
    }
}

/// Slots of every owner under one load.
#[derive(Clone, Debug)]
pub(super) struct Index {
    load: SlotLoad,
    holdings: [Holdings; 2],
}

/// Slots and loads of all owners under one measure, by owner number; the first entry holds the slots without an owner.
#[derive(Clone, Debug, Default)]
struct Holdings {
    stocks: Vec<SortedSlots>,
    loads: Vec<i64>,
    total: i64,
}

impl Index {
    /// Builds the index; reads every slot.
    pub(super) fn build(owners: &Owners, load: &SlotLoad) -> Self {
        let by_slot = || owners.numbers().map(|(number, slot)| (number as usize, slot));
        let mut counts = vec![[0; 2]; owners.number_count()];
        by_slot().for_each(|(number, slot)| counts[number][Measure::of(load, slot).0 as usize] += 1);
        let mut slots = Measure::ALL
            .map(|measure| counts.iter().map(|counts| Vec::with_capacity(counts[measure as usize])).collect::<Vec<_>>());
        let mut holdings = Measure::ALL.map(|_| Holdings { loads: vec![0; owners.number_count()], ..Holdings::default() });
        for (number, slot) in by_slot() {
            let (measure, counts) = Measure::of(load, slot);
            slots[measure as usize][number].push(slot);
            holdings[measure as usize].recount(number, i64::from(counts));
        }
        for (holdings, slots) in holdings.iter_mut().zip(slots) {
            holdings.stocks = slots.into_iter().map(SortedSlots::of).collect();
        }
        Self { load: load.clone(), holdings }
    }

    /// Updates the load. It reads every slot's load, and changes the sorted slots of those that differ.
    pub(super) fn set_load(&mut self, owners: &Owners, load: &SlotLoad) {
        if self.load.is_clone_of(load) {
            return;
        }
        let before = std::mem::replace(&mut self.load, load.clone());
        let is_same_kind = before.is_uniform() == load.is_uniform();
        let mut batches = Batches::default();
        for (number, slot) in owners.numbers() {
            if !is_same_kind || before.of(slot) != load.of(slot) {
                let (was, is) = (Measure::of(&before, slot), Measure::of(load, slot));
                self.recount(number, was, is, number);
                if was.0 != is.0 {
                    batches.leaving[was.0 as usize].push((number, slot));
                    batches.arriving[is.0 as usize].push((number, slot));
                }
            }
        }
        self.restock(batches);
    }

    /// Moves slots to their new owners, except those that plans may not move.
    pub(super) fn hand_over(&mut self, owners: &Owners, changes: &[OwnerChange]) {
        self.holdings.iter_mut().for_each(|holdings| holdings.make_room_for(owners.number_count()));
        let mut batches = Batches::default();
        for OwnerChange { slot, from, to } in changes.iter().filter(|change| owners.may_move(change.slot)) {
            let counted = Measure::of(&self.load, *slot);
            self.recount(*from, counted, counted, *to);
            batches.leaving[counted.0 as usize].push((*from, *slot));
            batches.arriving[counted.0 as usize].push((*to, *slot));
        }
        self.restock(batches);
    }

    fn recount(&mut self, from: u32, was: (Measure, u32), is: (Measure, u32), to: u32) {
        self.holdings[was.0 as usize].recount(from as usize, -i64::from(was.1));
        self.holdings[is.0 as usize].recount(to as usize, i64::from(is.1));
    }

    /// Applies the batches: all removals before all insertions, since a number may have passed from one worker to another in
    /// between.
    fn restock(&mut self, mut batches: Batches) {
        for (holdings, leaving) in self.holdings.iter_mut().zip(&mut batches.leaving) {
            leaving.sort_by_key(|(owner, _)| *owner);
            for batch in leaving.chunk_by(|(one, _), (other, _)| one == other) {
                holdings.stocks[batch[0].0 as usize].take(batch.iter().map(|(_, slot)| *slot));
            }
        }
        for (holdings, arriving) in self.holdings.iter_mut().zip(&mut batches.arriving) {
            arriving.sort_by_key(|(owner, _)| *owner);
            for batch in arriving.chunk_by(|(one, _), (other, _)| one == other) {
                holdings.stocks[batch[0].0 as usize].put(batch.iter().map(|(_, slot)| *slot));
            }
        }
    }

    pub(super) const fn load(&self) -> &SlotLoad {
        &self.load
    }

    /// Returns the load of the owner with this number.
    pub(super) fn load_of(&self, owner: u32, measure: Measure) -> i64 {
        self.holdings[measure as usize].loads[owner as usize]
    }

    /// Returns the slots of the owner with this number, in order.
    pub(super) fn slots_of(&self, owner: u32, measure: Measure) -> &[Slot] {
        self.holdings[measure as usize].stocks[owner as usize].slots()
    }

    /// Returns the load of all slots of the measure.
    pub(super) const fn total(&self, measure: Measure) -> i64 {
        self.holdings[measure as usize].total
    }

    /// Returns the load of the heaviest slot of the measure.
    pub(super) fn heaviest(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Items => i64::from(self.load.heaviest()),
            Measure::Slots => 1,
        }
    }

    /// Returns the slot with its load.
    pub(super) fn loaded(&self, slot: Slot) -> LoadedSlot {
        #[cfg(test)]
        LOOKED_AT.set(LOOKED_AT.get() + 1);
        LoadedSlot::new(slot, Measure::of(&self.load, slot).1)
    }
}

impl Holdings {
    fn recount(&mut self, owner: usize, by: i64) {
        self.loads[owner] += by;
        self.total += by;
    }

    fn make_room_for(&mut self, owners: usize) {
        if self.loads.len() < owners {
            self.loads.resize(owners, 0);
            self.stocks.resize_with(owners, SortedSlots::default);
        }
    }
}

/// Slots to remove from and to insert into sorted slots, by measure and in order, each with its owner's number.
#[derive(Debug, Default)]
struct Batches {
    leaving: [Vec<(u32, Slot)>; 2],
    arriving: [Vec<(u32, Slot)>; 2],
}

#[cfg(test)]
thread_local! {
    /// Number of slots that plans have read.
    pub(super) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
