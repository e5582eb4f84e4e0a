//! Who owns what, by worker: so that a plan looks only at the slots that it moves.

use super::donor_slots::LoadedSlot;
use super::owners::{OwnerChange, Owners};
use super::sorted_slots::SortedSlots;
use crate::{Slot, SlotLoad};

/// How a slot is counted. The slots of one measure are shared out apart from those of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Each as the items in it: the occupied ones.
    Items,
    /// Each as 1: the empty ones, or all when all count alike.
    Slots,
}

impl Measure {
    pub(super) const ALL: [Self; 2] = [Self::Items, Self::Slots];

    /// How the slot is counted under this load, and as what.
    pub(super) fn of(load: &SlotLoad, slot: Slot) -> (Self, u32) {
        match load.of(slot) {
            0 => (Self::Slots, 1),
            _ if load.is_uniform() => (Self::Slots, 1),
            items => (Self::Items, items),
        }
    }
}

/// The slots of every owner under one load.
#[derive(Clone, Debug)]
pub(super) struct Index {
    load: SlotLoad,
    holdings: [Holdings; 2],
}

/// What the owners have of one measure, by their numbers, nobody's first.
#[derive(Clone, Debug, Default)]
struct Holdings {
    stocks: Vec<SortedSlots>,
    loads: Vec<i64>,
    total: i64,
}

impl Index {
    /// Looks at every slot.
    pub(super) fn build(owners: &Owners, load: &SlotLoad) -> Self {
        let by_slot = || owners.numbers().iter().map(|number| *number as usize).zip(owners.slots().iter());
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

    /// Looks at every slot's load, and touches the stocks of those that have changed.
    pub(super) fn set_load(&mut self, owners: &Owners, load: &SlotLoad) {
        if self.load.is_clone_of(load) {
            return;
        }
        let before = std::mem::replace(&mut self.load, load.clone());
        let is_same_kind = before.is_uniform() == load.is_uniform();
        let mut batches = Batches::default();
        for (number, slot) in owners.numbers().iter().zip(owners.slots().iter()) {
            if !is_same_kind || before.of(slot) != load.of(slot) {
                let (was, is) = (Measure::of(&before, slot), Measure::of(load, slot));
                self.recount(*number, was, is, *number);
                if was.0 != is.0 {
                    batches.leaving[was.0 as usize].push((*number, slot));
                    batches.arriving[is.0 as usize].push((*number, slot));
                }
            }
        }
        self.restock(batches);
    }

    /// Follows slots to their new owners.
    pub(super) fn hand_over(&mut self, changes: &[OwnerChange]) {
        let mut batches = Batches::default();
        for OwnerChange { slot, from, to } in changes {
            let counted = Measure::of(&self.load, *slot);
            self.recount(*from, counted, counted, *to);
            batches.leaving[counted.0 as usize].push((*from, *slot));
            batches.arriving[counted.0 as usize].push((*to, *slot));
        }
        self.restock(batches);
    }

    fn recount(&mut self, from: u32, was: (Measure, u32), is: (Measure, u32), to: u32) {
        self.holdings.iter_mut().for_each(|holdings| holdings.make_room_for(to as usize));
        self.holdings[was.0 as usize].recount(from as usize, -i64::from(was.1));
        self.holdings[is.0 as usize].recount(to as usize, i64::from(is.1));
    }

    /// First all leave and then all arrive: a number may have passed from one worker to another in between.
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

    /// What the slots of the owner of this number count.
    pub(super) fn load_of(&self, owner: u32, measure: Measure) -> i64 {
        self.holdings[measure as usize].loads[owner as usize]
    }

    /// The slots of the owner of this number, in order.
    pub(super) fn slots_of(&self, owner: u32, measure: Measure) -> &[Slot] {
        self.holdings[measure as usize].stocks[owner as usize].slots()
    }

    /// What all slots of the measure count together.
    pub(super) const fn total(&self, measure: Measure) -> i64 {
        self.holdings[measure as usize].total
    }

    /// What the heaviest slot of the measure counts.
    pub(super) fn heaviest(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Items => i64::from(self.load.heaviest()),
            Measure::Slots => 1,
        }
    }

    /// The slot with what it counts.
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

    fn make_room_for(&mut self, owner: usize) {
        if self.loads.len() <= owner {
            self.loads.resize(owner + 1, 0);
            self.stocks.resize_with(owner + 1, SortedSlots::default);
        }
    }
}

/// Slots that leave stocks and arrive in others, by measure and in order, each with its owner's number.
#[derive(Debug, Default)]
struct Batches {
    leaving: [Vec<(u32, Slot)>; 2],
    arriving: [Vec<(u32, Slot)>; 2],
}

#[cfg(test)]
thread_local! {
    /// How many slots plans have looked at.
    pub(super) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
