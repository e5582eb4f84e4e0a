//! The slots that a worker may give away, and which it gives.

use crate::Slot;

/// A slot and what it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadedSlot {
    pub(super) slot: Slot,
    counts: u32,
}

impl LoadedSlot {
    pub(super) const fn new(slot: Slot, counts: u32) -> Self {
        Self { slot, counts }
    }

    pub(super) fn load(self) -> i64 {
        i64::from(self.counts)
    }
}

/// A worker's slots of one class. It gives them as they lie, from a place that has nothing to do with their loads, so that
/// a receiver gets typical ones; otherwise it would collect the light slots, and the heavy ones' future with the others.
#[derive(Debug, Default)]
pub(super) struct Pile {
    slots: Vec<LoadedSlot>,
    given: usize,
}

impl Pile {
    pub(super) fn push(&mut self, slot: LoadedSlot) {
        self.slots.push(slot);
    }

    /// Makes the slot at this place, counted around the pile, the first to give, unless giving has begun.
    #[expect(clippy::cast_possible_truncation, reason = "less than the number of slots")]
    pub(super) fn begin_at(&mut self, place: u64) {
        if self.given == 0 && !self.slots.is_empty() {
            let first = place % self.slots.len() as u64;
            self.slots.rotate_left(first as usize);
        }
    }

    /// Takes a slot that `permits` allows: the next one while that leaves at least half of its like to give, and
    /// otherwise the one nearest to what is `wanted`. `None` when no slot is allowed.
    pub(super) fn take(&mut self, wanted: i64, permits: impl Fn(i64) -> bool) -> Option<LoadedSlot> {
        let next = self.slots.get(self.given)?.load();
        let ahead = if 2 * wanted >= 3 * next && permits(next) { 0 } else { self.nearest(wanted, permits)? };
        self.slots.swap(self.given, self.given + ahead);
        self.given += 1;
        self.slots.get(self.given - 1).copied()
    }

    fn nearest(&self, wanted: i64, permits: impl Fn(i64) -> bool) -> Option<usize> {
        let mut best = None;
        for (ahead, slot) in self.slots[self.given..].iter().enumerate() {
            let miss = (slot.load() - wanted).abs();
            if best.is_none_or(|(least, _)| miss < least) && permits(slot.load()) {
                best = Some((miss, ahead));
                if miss == 0 {
                    break;
                }
            }
        }
        best.map(|(_, ahead)| ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pile(loads: &[u32]) -> Pile {
        let mut pile = Pile::default();
        for (number, load) in (0..).zip(loads) {
            pile.push(LoadedSlot::new(Slot::new(number), *load));
        }
        pile
    }

    #[test]
    fn typical_slots_go_first_and_the_best_fit_last() {
        let mut pile = pile(&[5, 4, 6, 9, 2]);
        pile.begin_at(6);
        let taken = [20, 16, 10].map(|wanted| pile.take(wanted, |_| true).unwrap().load());
        assert_eq!(taken, [4, 6, 9]);
    }

    #[test]
    fn what_is_not_permitted_is_not_taken() {
        let mut pile = pile(&[5, 4]);
        assert_eq!(pile.take(1, |load| load > 4).unwrap().load(), 5);
        assert!(pile.take(1, |load| load > 4).is_none());
    }
}
