//! The owner of each slot, as small numbers.

use crate::{Slot, SlotCount, WorkerId};

/// The number of no owner.
pub(super) const NOBODY: u32 = 0;

/// Who owns each slot: one number a slot, and the names that the numbers stand for. A worker has a number while it owns
/// something; when it owns nothing any more, the number is free for another.
#[derive(Clone, Debug)]
pub(super) struct Owners {
    slots: SlotCount,
    numbers: Vec<u32>,
    /// The names by number, and how many slots each owns. The first is nobody's; that one and a free number's are
    /// [`WorkerId::NONE`]: an option would be read at each look-up.
    names: Vec<WorkerId>,
    owned: Vec<u32>,
    /// The numbers of those who own something, in the order of their names.
    by_name: Vec<u32>,
    free: Vec<u32>,
    /// Who was given something last: most plans have one receiver, or a few in turn.
    last: u32,
}

/// A slot whose owner is another now.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnerChange {
    pub(super) slot: Slot,
    /// The numbers of the owners.
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Owners {
    /// No slot has an owner.
    pub(super) fn nobody(slots: SlotCount) -> Self {
        let numbers = vec![NOBODY; slots.len()];
        Self {
            slots,
            numbers,
            names: vec![WorkerId::NONE],
            owned: vec![slots.get()],
            by_name: Vec::new(),
            free: Vec::new(),
            last: NOBODY,
        }
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
        if number == NOBODY { None } else { self.names.get(number as usize) }
    }

    /// Everyone who owns a slot with its number, by name.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&WorkerId, u32)> {
        self.by_name.iter().filter_map(|number| Some((self.name(*number)?, *number)))
    }

    /// Changes the owner of a slot; tells the numbers of the old and the new one. `None` for a slot outside the count.
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
        if number != NOBODY
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

    /// Where the name stands among all, or would stand.
    fn place(&self, name: &WorkerId) -> Result<usize, usize> {
        self.by_name.binary_search_by(|number| self.names[*number as usize].cmp(name))
    }
}

/// Makes room for one more, and an eighth as many besides: doubling would leave half of it unused.
fn grow<T>(sequence: &mut Vec<T>) {
    if sequence.len() == sequence.capacity() {
        sequence.reserve_exact(sequence.len() / 8 + 1);
    }
}
