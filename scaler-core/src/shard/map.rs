//! Division of the slots into shards.

use crate::{ItemId, Slot, SlotCount, SlotRange, slot_of};

/// Division of the slots into shards: ranges in slot order that cover each slot once. Shards are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardMap {
    slots: SlotCount,
    ranges: Vec<SlotRange>,
}

/// Error of [`ShardMap::new`]: the ranges do not cover each slot once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidShards {
    /// There is no range.
    #[error("no shards: at least one is needed")]
    None,
    /// A range has no slot.
    #[error("the shard {first}..{end} is empty: a range is `first..end`, without its end")]
    Empty {
        /// Number of its first slot.
        first: u32,
        /// Number after its last slot.
        end: u32,
    },
    /// Slots between two ranges, before the first, or after the last are in no shard.
    #[error("the slots {first}..{end} are in no shard: extend a range")]
    Gap {
        /// Number of the first of these slots.
        first: u32,
        /// Number after the last of these slots.
        end: u32,
    },
    /// Slots are in two shards.
    #[error("the slots {first}..{end} are in two shards: shorten one of the ranges")]
    Overlap {
        /// Number of the first of these slots.
        first: u32,
        /// Number after the last of these slots.
        end: u32,
    },
    /// A range ends after the last slot.
    #[error("the shard {first}..{end} ends after the last slot: there are {slots} slots, counted from 0")]
    TooLong {
        /// Number of its first slot.
        first: u32,
        /// Number after its last slot.
        end: u32,
        /// Number of slots.
        slots: SlotCount,
    },
}

impl ShardMap {
    /// Returns the division into these ranges, in any order.
    ///
    /// # Errors
    /// If there is no range, if one is empty or too long, or if they leave a gap or overlap.
    pub fn new(slots: SlotCount, ranges: impl IntoIterator<Item = SlotRange>) -> Result<Self, InvalidShards> {
        let mut ranges: Vec<SlotRange> = ranges.into_iter().collect();
        ranges.sort_unstable_by_key(|range| (range.first(), range.end()));
        let mut covered = 0;
        for range in &ranges {
            let (first, end) = (range.first(), range.end());
            if first >= end {
                return Err(InvalidShards::Empty { first, end });
            }
            if end > slots.get() {
                return Err(InvalidShards::TooLong { first, end, slots });
            }
            if first > covered {
                return Err(InvalidShards::Gap { first: covered, end: first });
            }
            if first < covered {
                return Err(InvalidShards::Overlap { first, end: covered.min(end) });
            }
            covered = end;
        }
        match covered {
            0 => Err(InvalidShards::None),
            covered if covered < slots.get() => Err(InvalidShards::Gap { first: covered, end: slots.get() }),
            _ => Ok(Self { slots, ranges }),
        }
    }

    /// Returns the number of slots of all shards.
    #[must_use]
    pub const fn slots(&self) -> SlotCount {
        self.slots
    }

    /// Returns the ranges, in slot order.
    #[must_use]
    pub fn ranges(&self) -> &[SlotRange] {
        &self.ranges
    }

    /// Returns the number of the shard that has the slot. A slot outside the count counts to the last shard.
    #[must_use]
    pub fn shard_of_slot(&self, slot: Slot) -> usize {
        self.ranges.partition_point(|range| range.end() <= slot.number()).min(self.ranges.len() - 1)
    }

    /// Returns the number of the shard that has the item.
    #[must_use]
    pub fn shard_of(&self, item: &ItemId) -> usize {
        self.shard_of_slot(slot_of(item, self.slots))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::*;

    fn map(ranges: &[Range<u32>]) -> Result<ShardMap, InvalidShards> {
        ShardMap::new(SlotCount::new(256).unwrap(), ranges.iter().cloned().map(SlotRange::new))
    }

    #[test]
    fn ranges_that_do_not_cover_each_slot_once_are_refused() {
        assert_eq!(map(&[]), Err(InvalidShards::None));
        assert_eq!(map(&[0..9, 9..9, 9..256]), Err(InvalidShards::Empty { first: 9, end: 9 }));
        assert_eq!(map(&[1..9, 9..256]), Err(InvalidShards::Gap { first: 0, end: 1 }));
        assert_eq!(map(&[128..256, 0..100]), Err(InvalidShards::Gap { first: 100, end: 128 }));
        assert_eq!(map(&[0..9, 9..255]), Err(InvalidShards::Gap { first: 255, end: 256 }));
        assert_eq!(map(&[0..129, 128..256]), Err(InvalidShards::Overlap { first: 128, end: 129 }));
        assert_eq!(map(&[0..256, 100..150]), Err(InvalidShards::Overlap { first: 100, end: 150 }));
        let slots = SlotCount::new(256).unwrap();
        assert_eq!(map(&[0..100, 100..257]), Err(InvalidShards::TooLong { first: 100, end: 257, slots }));
    }

    proptest! {
        #[test]
        fn each_slot_is_in_the_shard_whose_range_has_it(cuts in prop::collection::btree_set(1_u32..256, 0..8)) {
            let bounds: Vec<u32> = [0].into_iter().chain(cuts).chain([256]).collect();
            let ranges: Vec<Range<u32>> = bounds.array_windows().map(|[first, end]| *first..*end).rev().collect();
            let map = map(&ranges).unwrap();
            for slot in map.slots().iter() {
                prop_assert!(map.ranges()[map.shard_of_slot(slot)].contains(slot));
            }
        }
    }
}
