//! Who owns what, by worker: so that a plan looks only at the slots that it moves.

use std::collections::BTreeSet;

use super::owners::Owners;
use super::pile::LoadedSlot;
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
    /// By the owner's number, nobody's first.
    stocks: Vec<[Stock; 2]>,
    totals: [i64; 2],
}

/// What one owner has of one measure: its slots in order, and their sum.
#[derive(Clone, Debug, Default)]
pub(super) struct Stock {
    slots: BTreeSet<Slot>,
    load: i64,
}

impl Stock {
    pub(super) const fn load(&self) -> i64 {
        self.load
    }

    pub(super) const fn slots(&self) -> &BTreeSet<Slot> {
        &self.slots
    }
}

impl Index {
    /// Looks at every slot.
    pub(super) fn build(owners: &Owners, load: &SlotLoad) -> Self {
        let mut slots: Vec<[Vec<Slot>; 2]> = vec![[Vec::new(), Vec::new()]; owners.number_count()];
        let mut loads = vec![[0; 2]; owners.number_count()];
        let mut totals = [0; 2];
        for (number, slot) in owners.numbers().iter().zip(owners.slots().iter()) {
            let (measure, counts) = Measure::of(load, slot);
            slots[*number as usize][measure as usize].push(slot);
            loads[*number as usize][measure as usize] += i64::from(counts);
            totals[measure as usize] += i64::from(counts);
        }
        let stock = |(slots, load): (Vec<Slot>, i64)| Stock { slots: slots.into_iter().collect(), load };
        let stocks = slots
            .into_iter()
            .zip(loads)
            .map(|([items, slots], [of_items, of_slots])| [stock((items, of_items)), stock((slots, of_slots))]);
        Self { load: load.clone(), stocks: stocks.collect(), totals }
    }

    /// Looks at every slot's load, and touches the stocks of those that have changed.
    pub(super) fn reweigh(&mut self, owners: &Owners, load: &SlotLoad) {
        if self.load.is_clone_of(load) {
            return;
        }
        let before = std::mem::replace(&mut self.load, load.clone());
        let is_same_kind = before.is_uniform() == load.is_uniform();
        for (number, slot) in owners.numbers().iter().zip(owners.slots().iter()) {
            if !is_same_kind || before.of(slot) != load.of(slot) {
                self.take(slot, *number, Measure::of(&before, slot));
                self.put(slot, *number, Measure::of(load, slot));
            }
        }
    }

    /// Follows a slot's change of owner.
    pub(super) fn hand_over(&mut self, slot: Slot, from: u32, to: u32) {
        let counted = Measure::of(&self.load, slot);
        self.take(slot, from, counted);
        self.put(slot, to, counted);
    }

    fn take(&mut self, slot: Slot, owner: u32, (measure, counts): (Measure, u32)) {
        self.totals[measure as usize] -= i64::from(counts);
        if let Some(stocks) = self.stocks.get_mut(owner as usize) {
            let stock = &mut stocks[measure as usize];
            stock.load -= i64::from(counts);
            stock.slots.remove(&slot);
        }
    }

    fn put(&mut self, slot: Slot, owner: u32, (measure, counts): (Measure, u32)) {
        self.totals[measure as usize] += i64::from(counts);
        if self.stocks.len() <= owner as usize {
            self.stocks.resize_with(owner as usize + 1, Default::default);
        }
        let stock = &mut self.stocks[owner as usize][measure as usize];
        stock.load += i64::from(counts);
        stock.slots.insert(slot);
    }

    pub(super) const fn load(&self) -> &SlotLoad {
        &self.load
    }

    /// What the owner of this number has.
    pub(super) fn stock(&self, owner: u32, measure: Measure) -> &Stock {
        &self.stocks[owner as usize][measure as usize]
    }

    /// What all slots of the measure count together.
    pub(super) const fn total(&self, measure: Measure) -> i64 {
        self.totals[measure as usize]
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

#[cfg(test)]
thread_local! {
    /// How many slots plans have looked at.
    pub(super) static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
