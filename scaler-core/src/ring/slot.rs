//! Slots, and the frozen hash function that maps an item to its slot.

use std::fmt;
use std::ops::Range;

use uuid::Uuid;

use super::hash::{LANES, leading_half, leading_halves};
use crate::ItemId;

/// Hash bucket of items: the unit of ownership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Returns the slot with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number of the slot.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Returns the two slots that hold its items after the slot count has doubled.
    #[must_use]
    pub const fn children(self) -> [Self; 2] {
        [Self(2 * self.0), Self(2 * self.0 + 1)]
    }

    /// Returns the number of the slot as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of slots: a power of two from 2 to 2^20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotCount(u32);

/// Error of [`SlotCount::new`]: the number is not a power of two from 2 to 2^20.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} slots: must be a power of two from {min} to {max}", min = SlotCount::MIN, max = SlotCount::MAX)]
pub struct InvalidSlotCount(pub u64);

impl SlotCount {
    /// Minimum slot count.
    pub const MIN: u32 = 2;
    /// Maximum slot count.
    pub const MAX: u32 = 1 << 20;
    /// Default slot count, sufficient for 64 workers.
    pub const DEFAULT: Self = Self(4096);

    /// Returns the slot count `count` if it is valid.
    ///
    /// # Errors
    /// If `count` is not a power of two from 2 to 2^20.
    pub const fn new(count: u32) -> Result<Self, InvalidSlotCount> {
        if count.is_power_of_two() && count >= Self::MIN && count <= Self::MAX {
            Ok(Self(count))
        } else {
            Err(InvalidSlotCount(count as u64))
        }
    }

    /// Returns twice this count.
    ///
    /// # Errors
    /// If the count is [`MAX`](Self::MAX).
    pub const fn doubled(self) -> Result<Self, InvalidSlotCount> {
        Self::new(2 * self.0)
    }

    /// Returns the count.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the count as a length.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a count of slots is never 0")]
    pub const fn len(self) -> usize {
        self.0 as usize
    }

    /// Returns the number of leading bits of the hash that select the slot.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// Returns all slots in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Slot> {
        (0..self.0).map(Slot)
    }
}

impl fmt::Display for SlotCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Contiguous range of slots, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotRange {
    first: u32,
    end: u32,
}

impl SlotRange {
    /// Range of all slots, for any slot count.
    pub const ALL: Self = Self { first: 0, end: SlotCount::MAX };

    /// Returns the slots from `range.start` up to, but without, `range.end`.
    #[must_use]
    pub const fn new(range: Range<u32>) -> Self {
        Self { first: range.start, end: range.end }
    }

    /// Returns the number of the first slot.
    #[must_use]
    pub const fn first(self) -> u32 {
        self.first
    }

    /// Returns the number after that of the last slot.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.end
    }

    /// Returns the slots of the range among this many, as indexes.
    #[must_use]
    pub fn indexes(self, slots: SlotCount) -> Range<usize> {
        let end = self.end.min(slots.get()) as usize;
        end.min(self.first as usize)..end
    }

    /// Returns true if the range contains the slot.
    #[must_use]
    pub const fn contains(self, slot: Slot) -> bool {
        self.first <= slot.0 && slot.0 < self.end
    }
}

/// Returns the slot of an item: the leading bits of [`item_hash`](crate::item_hash). Frozen: it will never change.
///
/// When the count doubles, the items of slot `s` are in slots `2 s` and `2 s + 1`.
#[must_use]
#[inline]
pub fn slot_of(item: &ItemId, slots: SlotCount) -> Slot {
    of_half(leading_half(item), slots)
}

/// Returns the slots of many items, in the order of the items: the same as [`slot_of`] for each, but faster for UUIDs, since
/// several are hashed at once.
pub fn slots_of(items: &[ItemId], slots: SlotCount) -> impl Iterator<Item = Slot> {
    let (chunks, rest) = items.as_chunks::<LANES>();
    let of_chunk = move |chunk: &[ItemId; LANES]| {
        let ids = chunk.each_ref().map(|item| item.as_uuid().unwrap_or_default());
        let mut halves = leading_halves(&ids);
        for (half, item) in halves.iter_mut().zip(chunk).filter(|(_, item)| item.as_uuid().is_none()) {
            *half = leading_half(item);
        }
        halves.map(|half| of_half(half, slots))
    };
    chunks.iter().flat_map(of_chunk).chain(rest.iter().map(move |item| slot_of(item, slots)))
}

/// Returns the slots of many items with UUIDs as keys, in the order of the ids: the same as [`slots_of`], but faster.
pub fn slots_of_uuids(ids: &[Uuid], slots: SlotCount) -> impl Iterator<Item = Slot> {
    let (chunks, rest) = ids.as_chunks::<LANES>();
    let of_chunk = move |chunk: &[Uuid; LANES]| leading_halves(chunk).map(|half| of_half(half, slots));
    chunks.iter().flat_map(of_chunk).chain(rest.iter().map(move |id| slot_of(&ItemId::Uuid(*id), slots)))
}

#[inline]
const fn of_half(leading_half: u32, slots: SlotCount) -> Slot {
    Slot(leading_half >> (u32::BITS - slots.bits()))
}

/// Returns the slot that a hash of the caller selects by its leading bits: for items in tables that Postgres does not
/// partition.
#[must_use]
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a slot count has at most 20 bits")]
pub const fn slot_of_hash(hash: u64, slots: SlotCount) -> Slot {
    Slot((hash >> (u64::BITS - slots.bits())) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_slots_are_those_of_each_item() {
        let item = |n: u8| match n % 5 {
            0 => ItemId::Integer(i64::from(n) - 50),
            1 => ItemId::from("x".repeat(n.into())),
            _ => ItemId::Uuid(Uuid::from_u128(u128::from(n) * 0x9e37_79b9_7f4a_7c15_9e37)),
        };
        let items: Vec<_> = (0..100).map(item).collect();
        for count in [0, 1, 15, 16, 17, 100] {
            for slots in [SlotCount::MIN, 4096, SlotCount::MAX].map(|slots| SlotCount::new(slots).unwrap()) {
                let each: Vec<_> = items[..count].iter().map(|item| slot_of(item, slots)).collect();
                assert_eq!(slots_of(&items[..count], slots).collect::<Vec<_>>(), each, "{count} items in {slots} slots");
                let uuids: Vec<_> = items[..count].iter().filter_map(ItemId::as_uuid).collect();
                let uuid_slots: Vec<_> =
                    items[..count].iter().filter(|item| item.as_uuid().is_some()).map(|item| slot_of(item, slots)).collect();
                assert_eq!(slots_of_uuids(&uuids, slots).collect::<Vec<_>>(), uuid_slots);
            }
        }
    }

    #[test]
    fn a_hash_of_the_callers_own_selects_as_ours_does() {
        for n in 0..1000_u128 {
            let item = ItemId::Uuid(Uuid::from_u128(n));
            for slots in [SlotCount::MIN, 4096, SlotCount::MAX].map(|slots| SlotCount::new(slots).unwrap()) {
                assert_eq!(slot_of_hash(crate::item_hash(&item, 0), slots), slot_of(&item, slots));
            }
        }
    }

    #[test]
    fn slots_are_frozen() {
        let slots = SlotCount::DEFAULT;
        let golden = [
            ("00000000-0000-0000-0000-000000000000", 2572),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", 65),
            ("0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11", 2410),
        ];
        for (id, slot) in golden {
            assert_eq!(slot_of(&ItemId::Uuid(id.parse().unwrap()), slots), Slot::new(slot), "{id}");
        }
    }

    #[test]
    fn doubling_moves_no_item_to_a_strange_slot() {
        for n in 0..1000_u128 {
            let item = ItemId::Uuid(Uuid::from_u128(n * 0x9e37_79b9_7f4a_7c15));
            let few = slot_of(&item, SlotCount::new(256).unwrap());
            let many = slot_of(&item, SlotCount::new(512).unwrap());
            assert!(few.children().contains(&many), "{few} and {many}");
        }
    }

    #[test]
    fn a_count_is_a_power_of_two_within_limits() {
        for good in [2, 256, 4096, 1 << 20] {
            assert_eq!(SlotCount::new(good).map(SlotCount::get), Ok(good));
        }
        for bad in [0, 1, 3, 4095, 1 << 21] {
            assert_eq!(SlotCount::new(bad), Err(InvalidSlotCount(u64::from(bad))));
        }
    }
}
