//! Owner of each slot, stored as a small number.

use crate::{Slot, SlotCount, SlotRange, WorkerId};

/// Number that stands for no owner.
pub(super) const NO_OWNER: u32 = 0;

/// Owner of each slot: one number per slot, and the names that the numbers stand for.
///
/// A worker has a number while it owns a slot; afterwards the number is free for another worker.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    slots: SlotCount,
    /// Slots that plans may move.
    range: SlotRange,
    numbers: Vec<u32>,
    /// Names by number, and the number of slots of each. The entry of [`NO_OWNER`] and those of free numbers are
    /// [`WorkerId::NONE`]: an `Option` would be read at each look-up.
    names: Vec<WorkerId>,
    owned: Vec<u32>,
    /// Numbers of the workers that own slots, in the order of their names.
    by_name: Vec<u32>,
    free: Vec<u32>,
    /// Number of the last receiver: most plans have one receiver, or a few in turn.
    last: u32,
}

/// Change of the owner of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnerChange {
    pub(super) slot: Slot,
    /// Numbers of the former and the new owner.
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Owners {
    /// Returns a table in which no slot has an owner.
    pub(super) fn nobody(slots: SlotCount) -> Self {
        let numbers = vec![NO_OWNER; slots.len()];
        Self {
            slots,
            range: SlotRange::ALL,
            numbers,
            names: vec![WorkerId::NONE],
            owned: vec![slots.get()],
            by_name: Vec::new(),
            free: Vec::new(),
            last: NO_OWNER,
        }
    }

    /// Returns a table in which every slot is split in two, both with its owner.
    pub(super) fn doubled(&self, slots: SlotCount) -> Self {
        let numbers = self.numbers.iter().flat_map(|number| [*number; 2]).collect();
        let owned = self.owned.iter().map(|slots| 2 * slots).collect();
        let bound = |slot: u32| slot.saturating_mul(2).min(SlotCount::MAX);
        let range = SlotRange::new(bound(self.range.first())..bound(self.range.end()));
        Self { slots, range, numbers, owned, ..self.clone() }
    }

    pub(super) const fn slots(&self) -> SlotCount {
        self.slots
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Option<&WorkerId> {
        self.name(*self.numbers.get(slot.index())?)
    }

    /// Sets the slots that plans may move. Returns false if they are those of before.
    pub(super) fn set_range(&mut self, range: SlotRange) -> bool {
        std::mem::replace(&mut self.range, range) != range
    }

    /// Returns the number of the owner of each slot that plans may move, in the order of the slots.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (u32, Slot)> {
        let range = self.range.indexes(self.slots);
        self.numbers[range.clone()].iter().copied().zip(self.slots.iter().skip(range.start))
    }

    /// True if plans may move the slot.
    pub(super) const fn may_move(&self, slot: Slot) -> bool {
        self.range.contains(slot)
    }

    /// Returns the count of all numbers, including [`NO_OWNER`] and free numbers.
    pub(super) fn number_count(&self) -> usize {
        self.names.len()
    }

    #[inline]
    pub(super) fn name(&self, number: u32) -> Option<&WorkerId> {
        if number == NO_OWNER { None } else { self.names.get(number as usize) }
    }

    /// Returns the workers that own slots, with their numbers, in the order of their names.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&WorkerId, u32)> {
        self.by_name.iter().filter_map(|number| Some((self.name(*number)?, *number)))
    }

    /// Changes the owner of a slot and returns the numbers of the old and the new one; `None` for a slot outside the count.
    pub(super) fn hand_over(&mut self, slot: Slot, to: &WorkerId) -> Option<OwnerChange> {
        let from = *self.numbers.get(slot.index())?;
        let to = if self.name(self.last) == Some(to) { self.last } else { self.intern(to) };
        self.last = to;
        self.owned[from as usize] -= 1;
        self.owned[to as usize] += 1;
        self.numbers[slot.index()] = to;
        if self.owned[from as usize] == 0 {
            self.release(from);
        }
        Some(OwnerChange { slot, from, to })
    }

    fn release(&mut self, number: u32) {
        if number != NO_OWNER
            && let Ok(place) = self.place(&self.names[number as usize])
        {
            self.by_name.remove(place);
            self.names[number as usize] = WorkerId::NONE;
            self.free.push(number);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "there are no more names than slots, nobody and one new owner")]
    fn intern(&mut self, owner: &WorkerId) -> u32 {
        let place = match self.place(owner) {
            Ok(place) => return self.by_name[place],
            Err(place) => place,
        };
        let number = self.free.pop().unwrap_or_else(|| {
            grow(&mut self.names);
            grow(&mut self.owned);
            self.names.push(WorkerId::NONE);
            self.owned.push(0);
            self.names.len() as u32 - 1
        });
        self.names[number as usize] = owner.clone();
        grow(&mut self.by_name);
        self.by_name.insert(place, number);
        number
    }

    /// Returns the index of the name in `by_name`, or the index at which to insert it.
    fn place(&self, name: &WorkerId) -> Result<usize, usize> {
        self.by_name.binary_search_by(|number| self.names[*number as usize].cmp(name))
    }
}

/// Reserves capacity for one more element and an eighth of the length: doubling would leave half of it unused.
fn grow<T>(sequence: &mut Vec<T>) {
    if sequence.len() == sequence.capacity() {
        sequence.reserve_exact(sequence.len() / 8 + 1);
    }
}
