//! How much each slot weighs.

use std::sync::Arc;

use crate::{Slot, SlotCount};

/// How many items each slot holds, or that all slots count alike. Cheap to clone.
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
    /// Every slot counts as 1.
    #[must_use]
    pub const fn uniform(slots: SlotCount) -> Self {
        Self { slots, items: None }
    }

    /// Every slot counts as the items in it; slots not named hold none.
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

    /// The same load, save that these slots count as many items as is said here. Slots outside the count are ignored.
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

    /// How many slots there are.
    #[must_use]
    pub const fn slots(&self) -> SlotCount {
        self.slots
    }

    /// Whether every slot counts alike, whatever it holds.
    #[must_use]
    pub const fn is_uniform(&self) -> bool {
        self.items.is_none()
    }

    /// What this slot counts; 0 for a slot outside the count.
    #[must_use]
    #[inline]
    pub fn of(&self, slot: Slot) -> u32 {
        match &self.items {
            Some(items) => items.of_slot.get(slot.index()).copied().unwrap_or(0),
            None => u32::from(slot.index() < self.slots.len()),
        }
    }

    /// The sum over all slots.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.items.as_ref().map_or(self.slots.len() as u64, |items| items.total)
    }

    /// What the heaviest slot counts.
    #[must_use]
    pub fn heaviest(&self) -> u32 {
        self.items.as_ref().map_or(1, |items| items.heaviest)
    }

    /// Whether this is the other load or a clone of it. Two loads that were counted apart are not, even where they are equal.
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
