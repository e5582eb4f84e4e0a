//! The owner of each slot, as small numbers.

use std::collections::BTreeMap;

use crate::{Slot, SlotCount, WorkerId};

/// The number of no owner.
pub(super) const NOBODY: u32 = 0;

/// Who owns each slot: one number a slot, and the names that the numbers stand for. A worker has a number while it owns
/// something; when it owns nothing any more, the number is free for another.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    slots: SlotCount,
    numbers: Vec<u32>,
    /// The names by number, and how many slots each owns. The first is nobody's.
    names: Vec<Option<WorkerId>>,
    owned: Vec<u32>,
    number_of: BTreeMap<WorkerId, u32>,
    free: Vec<u32>,
}

impl Owners {
    /// No slot has an owner.
    pub(super) fn nobody(slots: SlotCount) -> Self {
        let numbers = vec![NOBODY; slots.len()];
        Self { slots, numbers, names: vec![None], owned: vec![slots.get()], number_of: BTreeMap::new(), free: Vec::new() }
    }

    /// Every slot in two, both with its owner.
    pub(super) fn doubled(&self, slots: SlotCount) -> Self {
        let numbers = self.numbers.iter().flat_map(|number| [*number; 2]).collect();
        let owned = self.owned.iter().map(|slots| 2 * slots).collect();
        Self { slots, numbers, owned, ..self.clone() }
    }

    pub(super) const fn slots(&self) -> SlotCount {
        self.slots
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Option<&WorkerId> {
        self.name(*self.numbers.get(slot.index())?)
    }

    /// The number of each slot's owner, in the order of the slots.
    pub(super) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// How many numbers there are, with nobody's and the free ones.
    pub(super) fn number_count(&self) -> usize {
        self.names.len()
    }

    #[inline]
    pub(super) fn name(&self, number: u32) -> Option<&WorkerId> {
        self.names.get(number as usize)?.as_ref()
    }

    /// Everyone who owns a slot with its number, by name.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&WorkerId, u32)> {
        self.number_of.iter().map(|(name, number)| (name, *number))
    }

    /// Changes the owner of a slot: the numbers of the old and the new one. `None` for a slot outside the count.
    pub(super) fn hand_over(&mut self, slot: Slot, to: &WorkerId) -> Option<(u32, u32)> {
        let from = *self.numbers.get(slot.index())?;
        let to = self.intern(to);
        self.owned[from as usize] -= 1;
        self.owned[to as usize] += 1;
        self.numbers[slot.index()] = to;
        if self.owned[from as usize] == 0 {
            self.release(from);
        }
        Some((from, to))
    }

    fn release(&mut self, number: u32) {
        if let Some(name) = self.names[number as usize].take() {
            self.number_of.remove(&name);
            self.free.push(number);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are no more names than slots, nobody and one new owner")]
    fn intern(&mut self, owner: &WorkerId) -> u32 {
        if let Some(number) = self.number_of.get(owner) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.names.push(None);
            self.owned.push(0);
            self.names.len() as u32 - 1
        });
        self.names[number as usize] = Some(owner.clone());
        self.number_of.insert(owner.clone(), number);
        number
    }
}
