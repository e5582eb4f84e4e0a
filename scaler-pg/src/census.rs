//! Counts the items of a large table, one range of slots at a time.
//!
//! A statement over all slots would take CPU time from ticks, and would keep them from pruning dead row versions for as long as it runs.

use std::time::Duration;

use scaler_core::{Slot, SlotCount, SlotLoad, SlotRange};

/// Number of items that are always counted in one statement.
const FEW: u64 = 20_000;
/// Target duration of one statement.
const WANTED: Duration = Duration::from_millis(50);
/// Number of parts into which an unknown table is divided for the first statement, whose duration cannot be predicted.
const FIRST: u32 = 1024;
/// Maximum factor by which the next part has more slots than the last one, if that took at most `WANTED`.
const GROWTH: u32 = 4;

/// State of the count.
#[derive(Debug)]
pub(crate) struct Counting {
    /// Number of items in each slot when it was last counted.
    load: SlotLoad,
    /// First slot of the next part.
    next: u32,
    /// Target number of items in a part.
    wanted: u64,
    /// Maximum number of slots in a part.
    widest: u32,
    /// True if each slot was counted at least once.
    is_whole: bool,
}

impl Counting {
    pub(crate) fn new(slots: SlotCount) -> Self {
        let widest = (slots.get() / FIRST).max(1);
        Self { load: SlotLoad::of_items(slots, []), next: 0, wanted: FEW, widest, is_whole: false }
    }

    pub(crate) const fn slots(&self) -> SlotCount {
        self.load.slots()
    }

    /// Returns the load; `None` until each slot was counted once.
    pub(crate) fn load(&self) -> Option<&SlotLoad> {
        self.is_whole.then_some(&self.load)
    }

    /// Returns the slots to count next.
    pub(crate) fn part(&self) -> SlotRange {
        let slots = self.load.slots().get();
        let width = match self.items() {
            Some(items) if items > self.wanted => u32::try_from(u64::from(slots) * self.wanted / items).unwrap_or(slots),
            None | Some(_) => slots,
        };
        SlotRange::new(self.next..self.next.saturating_add(width.min(self.widest).max(1)).min(slots))
    }

    /// Estimates the number of items from the slots counted so far; `None` if no slot was counted yet.
    fn items(&self) -> Option<u64> {
        let slots = u64::from(self.load.slots().get());
        let known = if self.is_whole { slots } else { self.next.into() };
        (self.load.total() * slots).checked_div(known)
    }

    /// Halves the maximum width of parts after Postgres did not count this one in time; false if it was a single slot.
    pub(crate) fn too_much(&mut self, part: SlotRange) -> bool {
        let slots = part.end() - part.first();
        self.widest = (slots / 2).max(1);
        slots > 1
    }

    /// Records the items of these slots, and the time that Postgres took to count them. Slots that are not named hold none.
    pub(crate) fn learn(&mut self, part: SlotRange, items: impl IntoIterator<Item = (Slot, u32)>, took: Duration) {
        let nothing = (part.first()..part.end()).map(|slot| (Slot::new(slot), 0));
        let load = self.load.with(nothing.chain(items));
        let counted: u64 = (part.first()..part.end()).map(|slot| u64::from(load.of(Slot::new(slot)))).sum();
        if counted >= FEW / 2 {
            let in_time = u128::from(counted) * WANTED.as_micros() / took.as_micros().max(1);
            self.wanted = u64::try_from(in_time).unwrap_or(u64::MAX).max(FEW);
        }
        if took <= WANTED {
            let slots = part.end() - part.first();
            self.widest = self.widest.max(slots.saturating_mul(GROWTH)).min(self.load.slots().get());
        }
        if load != self.load {
            self.load = load;
        }
        self.next = part.end();
        if self.next >= self.load.slots().get() {
            self.next = 0;
            self.is_whole = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: u32 = 4096;

    fn counting() -> Counting {
        Counting::new(SlotCount::DEFAULT)
    }

    /// Counts the next part of a table with `items` items in each slot, and returns the number of slots in the part.
    fn count(counting: &mut Counting, items: u32, ns_each: u64) -> u32 {
        let part = counting.part();
        let slots = part.end() - part.first();
        let took = Duration::from_nanos(ns_each * u64::from(items) * u64::from(slots));
        counting.learn(part, (part.first()..part.end()).map(|slot| (Slot::new(slot), items)), took);
        slots
    }

    #[test]
    fn nothing_is_said_before_every_slot_was_counted() {
        let mut counting = counting();
        let mut slots = 0;
        while counting.load().is_none() {
            slots += count(&mut counting, 3, 1000);
        }
        assert_eq!(slots, SLOTS, "each once");
        assert_eq!(counting.load().map(SlotLoad::total), Some(3 * u64::from(SLOTS)));
    }

    #[test]
    fn a_small_table_is_counted_at_once() {
        let mut counting = counting();
        for _ in 0..20 {
            count(&mut counting, 4, 1_000);
        }
        assert_eq!(count(&mut counting, 4, 1_000), SLOTS);
    }

    #[test]
    fn the_first_count_begins_with_few_slots_and_takes_more_while_that_is_quick() {
        let mut counting = counting();
        let mut parts = Vec::new();
        while counting.load().is_none() {
            parts.push(count(&mut counting, 0, 0));
        }
        assert_eq!(parts, [4, 16, 64, 256, 1024, 2732]);
    }

    #[test]
    fn parts_that_take_too_long_are_cut_until_they_do_not() {
        let mut counting = counting();
        while counting.load().is_none() {
            count(&mut counting, 1, 1);
        }
        let mut cuts = 0;
        while counting.too_much(counting.part()) {
            cuts += 1;
        }
        assert_eq!(cuts, 12, "down to a single slot, which is not cut");
        assert_eq!(count(&mut counting, 1, 1_000_000_000), 1);
        assert_eq!(count(&mut counting, 1, 1), 1, "slow");
        assert_eq!(count(&mut counting, 1, 1), 4, "quick again");
    }

    #[test]
    fn a_part_of_a_large_table_takes_as_long_as_it_should() {
        let mut counting = counting();
        // A million items, of which 100,000 are counted in 50 ms.
        for _ in 0..50 {
            count(&mut counting, 244, 500);
        }
        assert!(count(&mut counting, 244, 500).abs_diff(100_000 / 244) <= 1);
        // Half as fast.
        count(&mut counting, 244, 1000);
        assert!(count(&mut counting, 244, 1000).abs_diff(50_000 / 244) <= 1);
        let passes: u32 = (0..200).map(|_| count(&mut counting, 244, 1000)).sum();
        assert!(passes > 2 * SLOTS, "it goes round and round");
    }

    #[test]
    fn an_unchanged_count_keeps_the_shared_load_and_a_change_replaces_it() {
        let mut counting = counting();
        while counting.load().is_none() {
            count(&mut counting, 1, 1);
        }
        let before = counting.load().cloned();
        count(&mut counting, 1, 1);
        assert!(before.zip(counting.load()).is_some_and(|(before, now)| before.is_clone_of(now)));
        counting.learn(counting.part(), [(Slot::new(7), 2)], Duration::ZERO);
        assert_eq!(counting.load().map(SlotLoad::total), Some(2));
    }
}
