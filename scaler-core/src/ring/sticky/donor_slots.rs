//! Slots that a donor may give away, and the selection among them.

use std::collections::VecDeque;

use crate::Slot;

/// Number of slots that are searched for the best fit: a larger window would cost more than it gains.
const WINDOW: usize = 32;

/// Slot with its load under the measure.
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

/// Loads that the next moved slot should match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Load that the receiver lacks to its fair share.
    pub(super) missing: i64,
    /// Load that the donor has above its fair share.
    pub(super) excess: i64,
}

/// Slots of a donor under one measure.
///
/// They are given in order, so that a receiver gets slots of typical load. Otherwise it would collect the light slots, and with
/// them too large a part of all future items.
#[derive(Debug)]
pub(super) struct DonorSlots<Slots> {
    slots: Slots,
    ahead: VecDeque<LoadedSlot>,
    has_given: bool,
}

impl<Slots: Iterator<Item = LoadedSlot>> DonorSlots<Slots> {
    /// Returns the donor slots in this order, which must be independent of their loads.
    pub(super) const fn new(slots: Slots) -> Self {
        Self { slots, ahead: VecDeque::new(), has_given: false }
    }

    /// Takes a slot whose load `permits` allows; `None` if there is none.
    ///
    /// It is the next slot while that leaves at least half of a like slot to give, and otherwise the slot whose load is nearest
    /// to the wish. The first slot need not match the donor's excess: among many workers with few slots each, where no worker
    /// has much excess, all moved slots would be light ones.
    pub(super) fn take(&mut self, wish: Wish, permits: impl Fn(i64) -> bool) -> Option<LoadedSlot> {
        if self.ahead.is_empty() {
            self.ahead.extend(self.slots.next());
        }
        let next = self.ahead.front()?.load();
        let is_far_above = |load: i64| 2 * load >= 3 * next;
        let is_typical = is_far_above(wish.missing) && (!self.has_given || is_far_above(wish.excess));
        if !(is_typical && permits(next)) {
            let lacking = WINDOW - self.ahead.len();
            self.ahead.reserve(lacking);
            self.ahead.extend(self.slots.by_ref().take(lacking));
            let fit = self.nearest(wish.missing.min(wish.excess).max(1), permits)?;
            self.ahead.swap(0, fit);
        }
        self.has_given = true;
        self.ahead.pop_front()
    }

    fn nearest(&self, wanted: i64, permits: impl Fn(i64) -> bool) -> Option<usize> {
        let mut best = None;
        for (place, slot) in self.ahead.iter().enumerate() {
            let miss = (slot.load() - wanted).abs();
            if best.is_none_or(|(least, _)| miss < least) && permits(slot.load()) {
                best = Some((miss, place));
                if miss == 0 {
                    break;
                }
            }
        }
        best.map(|(_, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn donor_slots(loads: &[u32]) -> DonorSlots<impl Iterator<Item = LoadedSlot>> {
        DonorSlots::new((0..).zip(loads).map(|(number, load)| LoadedSlot::new(Slot::new(number), *load)))
    }

    #[test]
    fn typical_slots_go_first_and_the_best_fit_last() {
        let mut donor_slots = donor_slots(&[4, 6, 5, 9, 2]);
        let wishes = [(20, 30), (16, 30), (20, 10)];
        let taken = wishes.map(|(missing, excess)| donor_slots.take(Wish { missing, excess }, |_| true).unwrap().load());
        assert_eq!(taken, [4, 6, 5]);
        assert_eq!(donor_slots.take(Wish { missing: 10, excess: 30 }, |_| true).unwrap().load(), 9);
    }

    #[test]
    fn the_first_gift_is_typical_even_of_one_who_has_little_to_spare() {
        let mut donor_slots = donor_slots(&[4, 1, 4, 3]);
        let taken = [20, 20].map(|missing| donor_slots.take(Wish { missing, excess: 1 }, |_| true).unwrap().load());
        assert_eq!(taken, [4, 1]);
    }

    #[test]
    fn slots_that_may_not_move_are_not_taken() {
        let mut donor_slots = donor_slots(&[5, 4]);
        let wish = Wish { missing: 1, excess: 1 };
        assert_eq!(donor_slots.take(wish, |load| load > 4).unwrap().load(), 5);
        assert!(donor_slots.take(wish, |load| load > 4).is_none());
    }
}
