//! The owner of each slot, as small numbers.

use std::collections::BTreeMap;

use crate::{Slot, SlotCount, WorkerId};

/// Stands for no owner: no table of names grows this long.
const NOBODY: u32 = u32::MAX;

/// Who owns each slot: one number a slot, and the names that the numbers stand for.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    slots: SlotCount,
    numbers: Vec<u32>,
    names: Vec<WorkerId>,
    number_of: BTreeMap<WorkerId, u32>,
}

impl Owners {
    /// No slot has an owner.
    pub(super) fn nobody(slots: SlotCount) -> Self {
        Self { slots, numbers: vec![NOBODY; slots.len()], names: Vec::new(), number_of: BTreeMap::new() }
    }

    pub(super) const fn slots(&self) -> SlotCount {
        self.slots
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&WorkerId> {
        self.names.get(self.number(slot)?)
    }

    /// The place of the slot's owner among [`names`](Self::names).
    pub(super) fn number(&self, slot: Slot) -> Option<usize> {
        self.numbers.get(slot.index()).filter(|number| **number != NOBODY).map(|number| *number as usize)
    }

    /// Everyone who owns a slot, in no order that means anything; after [`set`](Self::set) also those who own none any more,
    /// until their names are [forgotten](Self::forget_idle_names).
    pub(super) fn names(&self) -> &[WorkerId] {
        &self.names
    }

    /// Changes the owner of a slot; a slot outside the count is left alone.
    pub(super) fn set(&mut self, slot: Slot, owner: &WorkerId) {
        let number = self.intern(owner);
        if let Some(place) = self.numbers.get_mut(slot.index()) {
            *place = number;
        }
    }

    /// Drops the names of those who own nothing, so that the table does not grow with every worker that ever was.
    pub(super) fn forget_idle_names(&mut self) {
        let mut busy = vec![false; self.names.len()];
        for slot in self.slots.iter() {
            if let Some(number) = self.number(slot) {
                busy[number] = true;
            }
        }
        if busy.iter().all(|busy| *busy) {
            return;
        }
        let names = std::mem::take(&mut self.names);
        self.number_of.clear();
        let renumbered: Vec<u32> =
            names.iter().zip(busy).map(|(name, busy)| if busy { self.intern(name) } else { NOBODY }).collect();
        for number in &mut self.numbers {
            *number = renumbered.get(*number as usize).copied().unwrap_or(NOBODY);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are no more names than slots and new owners: below 2^32")]
    fn intern(&mut self, owner: &WorkerId) -> u32 {
        if let Some(number) = self.number_of.get(owner) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(owner.clone());
        self.number_of.insert(owner.clone(), number);
        number
    }
}
