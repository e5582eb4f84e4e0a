//! How much each slot weighs.

use crate::{Slot, SlotCount};

/// How many items each slot holds, or that all slots count alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLoad {
    slots: SlotCount,
    items: Option<Vec<u32>>,
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
        Self { slots, items: Some(counts) }
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
    pub fn of(&self, slot: Slot) -> u32 {
        match &self.items {
            Some(items) => items.get(slot.index()).copied().unwrap_or(0),
            None => u32::from(slot.index() < self.slots.len()),
        }
    }

    /// The sum over all slots.
    #[must_use]
    pub fn total(&self) -> u64 {
        match &self.items {
            Some(items) => items.iter().map(|&n| u64::from(n)).sum(),
            None => self.slots.len() as u64,
        }
    }

    /// What the heaviest slot counts.
    #[must_use]
    pub fn heaviest(&self) -> u32 {
        match &self.items {
            Some(items) => items.iter().copied().max().unwrap_or(0),
            None => 1,
        }
    }
}
