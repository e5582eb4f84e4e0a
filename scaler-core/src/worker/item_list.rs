//! List of the items that this worker owns: read again only for slots in which a tick shows a change.

use std::sync::Arc;

use crate::{ItemId, SlotCount, SlotRange, Tick, slot_of};

/// Items of the worker in order, and the last tick.
#[derive(Debug, Default)]
pub(super) struct ItemList {
    tick: Option<Tick>,
    items: Arc<[ItemId]>,
}

impl ItemList {
    /// Returns the last tick that the store answered; `None` before the first.
    pub(super) const fn tick(&self) -> Option<Tick> {
        self.tick
    }

    /// Returns the items as last read, in order.
    pub(super) const fn items(&self) -> &Arc<[ItemId]> {
        &self.items
    }

    /// Records the tick of a round. Returns true if this is its first round.
    pub(super) fn observe(&mut self, tick: Tick) -> bool {
        let first = self.tick.is_none_or(|last| tick > last);
        self.tick = self.tick.max(Some(tick));
        first
    }

    /// Replaces the items of these slots by `items`, which are in order.
    pub(super) fn list(&mut self, range: SlotRange, slots: SlotCount, items: Vec<ItemId>) {
        let elsewhere = |item: &&ItemId| !range.contains(slot_of(item, slots));
        let mut kept = self.items.iter().filter(elsewhere).cloned().peekable();
        let mut new = items.into_iter().peekable();
        let next = || match (kept.peek(), new.peek()) {
            (Some(one), Some(other)) if one <= other => kept.next(),
            (_, Some(_)) => new.next(),
            (_, None) => kept.next(),
        };
        self.items = std::iter::from_fn(next).collect::<Vec<_>>().into();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_tick_is_told_of_once() {
        let mut list = ItemList::default();
        assert!(list.observe(Tick(7)));
        assert!(!list.observe(Tick(7)), "a second try in the tick");
        assert!(list.observe(Tick(8)));
        assert!(!list.observe(Tick(7)), "a late answer");
        assert_eq!(list.tick(), Some(Tick(8)));
    }

    fn in_order(ids: impl IntoIterator<Item = u128>) -> Vec<ItemId> {
        let mut items: Vec<_> = ids.into_iter().map(|id| ItemId::Uuid(Uuid::from_u128(id))).collect();
        items.sort_unstable();
        items.dedup();
        items
    }

    proptest! {
        #[test]
        fn reading_some_slots_anew_is_reading_all(
            before in prop::collection::vec(any::<u128>(), 0..200), after in prop::collection::vec(any::<u128>(), 0..200),
            first in 0_u32..256, width in 0_u32..256,
        ) {
            let slots = SlotCount::new(256).unwrap();
            let range = SlotRange::new(first..first + width);
            let within = |item: &ItemId| range.contains(slot_of(item, slots));
            let (before, after) = (in_order(before), in_order(after));
            let mut list = ItemList::default();
            list.list(SlotRange::ALL, slots, before.clone());
            prop_assert_eq!(&**list.items(), &before[..]);
            list.list(range, slots, after.iter().filter(|item| within(item)).cloned().collect());
            let mut expected: Vec<_> = before.into_iter().filter(|item| !within(item)).chain(after.into_iter().filter(within)).collect();
            expected.sort_unstable();
            prop_assert_eq!(&**list.items(), &expected[..]);
        }
    }
}
