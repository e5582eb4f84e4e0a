//! Load of the slots.

use std::sync::Arc;

use crate::{Slot, SlotCount};

/// Load of each slot: its number of items, or 1 for all slots. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLoad {
    slots: SlotCount,
    items: Option<Arc<Counts>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Counts {
    of_slot: Vec<u32>,
    total: u64,
    heaviest: u32,
}

impl SlotLoad {
    /// Returns a load in which every slot counts as 1.
    #[must_use]
    pub const fn uniform(slots: SlotCount) -> Self {
        Self { slots, items: None }
    }

    /// Returns a load in which every slot counts as its number of items; slots that are not listed hold none.
    ///
    /// Slots outside the count are ignored.
    pub fn of_items(slots: SlotCount, items: impl IntoIterator<Item = (Slot, u32)>) -> Self {
        let mut counts = vec![0_u32; slots.len()];
        for (slot, n) in items {
            if let Some(count) = counts.get_mut(slot.index()) {
                *count = count.saturating_add(n);
            }
        }
        Self::counted(slots, counts)
    }

    /// Returns the same load with other numbers of items for these slots. Slots outside the count are ignored.
    #[must_use]
    pub fn with(&self, changes: impl IntoIterator<Item = (Slot, u32)>) -> Self {
        let mut counts = match &self.items {
            Some(items) => items.of_slot.clone(),
            None => vec![1; self.slots.len()],
        };
        for (slot, n) in changes {
            if let Some(count) = counts.get_mut(slot.index()) {
                *count = n;
            }
        }
        Self::counted(self.slots, counts)
    }

    fn counted(slots: SlotCount, of_slot: Vec<u32>) -> Self {
        let total = of_slot.iter().map(|&n| u64::from(n)).sum();
        let heaviest = of_slot.iter().copied().max().unwrap_or(0);
        Self { slots, items: Some(Arc::new(Counts { of_slot, total, heaviest })) }
    }

    /// Returns the number of slots.
    #[must_use]
    pub const fn slots(&self) -> SlotCount {
        self.slots
    }

    /// True if every slot counts as 1, whatever it holds.
    #[must_use]
    pub const fn is_uniform(&self) -> bool {
        self.items.is_none()
    }

    /// Returns the load of this slot; 0 for a slot outside the count.
    #[must_use]
    #[inline]
    pub fn of(&self, slot: Slot) -> u32 {
        match &self.items {
            Some(items) => items.of_slot.get(slot.index()).copied().unwrap_or(0),
            None => u32::from(slot.index() < self.slots.len()),
        }
    }

    /// Returns the sum over all slots.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.items.as_ref().map_or(self.slots.len() as u64, |items| items.total)
    }

    /// Returns the load of the heaviest slot.
    #[must_use]
    pub fn heaviest(&self) -> u32 {
        self.items.as_ref().map_or(1, |items| items.heaviest)
    }

    /// True if this load and the other are clones of each other. Two loads that were counted separately are not, even if they are
    /// equal.
    #[must_use]
    pub fn is_clone_of(&self, other: &Self) -> bool {
        let is_same = match (&self.items, &other.items) {
            (Some(items), Some(others)) => Arc::ptr_eq(items, others),
            (items, others) => items.is_none() && others.is_none(),
        };
        is_same && self.slots == other.slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_load_counts_anew_and_leaves_the_old_one() {
        let slots = SlotCount::new(4).unwrap();
        let load = SlotLoad::of_items(slots, [(Slot::new(1), 5), (Slot::new(1), 2), (Slot::new(9), 1)]);
        let changed = load.with([(Slot::new(1), 1), (Slot::new(2), 3)]);
        assert_eq!((load.total(), load.heaviest()), (7, 7));
        assert_eq!((changed.total(), changed.heaviest()), (4, 3));
        assert_eq!(SlotLoad::uniform(slots).with([(Slot::new(0), 3)]).total(), 6);
    }

    #[test]
    fn a_load_is_recognised_by_what_it_shares() {
        let slots = SlotCount::new(4).unwrap();
        let load = SlotLoad::of_items(slots, []);
        assert!(load.is_clone_of(&load.clone()));
        assert!(!load.is_clone_of(&SlotLoad::of_items(slots, [])));
        assert!(!load.is_clone_of(&SlotLoad::uniform(slots)));
        assert!(SlotLoad::uniform(slots).is_clone_of(&SlotLoad::uniform(slots)));
    }
}
