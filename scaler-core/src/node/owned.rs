//! Items that a node owns, as its users see them: look-ups, and a stream of changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_core::stream::BoxStream;
use futures_util::stream;
use tokio::sync::watch;

use super::Lease;
use crate::{Cause, ItemId, Slot, SlotCount, slot_of};

/// Items that a node owned at one moment, and the leases of their slots.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    /// Items of all slots of the node, in order, including slots that may not be worked on yet.
    pub(super) items: Arc<[ItemId]>,
    /// Number of slots of the store.
    pub(super) slots: SlotCount,
    /// Slots that may be worked on, each with the cause for which it was gained.
    pub(super) leases: BTreeMap<Slot, (Lease, Cause)>,
    /// Cause for which slots are lost at present.
    pub(super) loss: Cause,
}

impl Default for Owned {
    fn default() -> Self {
        Self { items: Arc::default(), slots: SlotCount::DEFAULT, leases: BTreeMap::new(), loss: Cause::Rebalance }
    }
}

impl Owned {
    /// Returns the lease of the item's slot; `None` if the node does not own the item or may not work on it.
    pub(super) fn lease(&self, item: &ItemId) -> Option<Lease> {
        let (lease, _) = self.leases.get(&slot_of(item, self.slots))?;
        self.items.binary_search(item).ok()?;
        lease.withdrawal().is_none().then(|| lease.clone())
    }

    fn gained_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (ItemId, Cause)> + 'a {
        self.workable().filter_map(|(item, slot)| {
            let (lease, cause) = &self.leases[&slot];
            let had_slot = before.leases.get(&slot).is_some_and(|(earlier, _)| earlier.token() == lease.token());
            let had = had_slot && before.items.binary_search(item).is_ok();
            (!had).then(|| (item.clone(), if had_slot { Cause::TableChanged } else { *cause }))
        })
    }

    fn lost_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (ItemId, Cause)> + 'a {
        before.workable().filter_map(|(item, slot)| {
            let token = before.leases[&slot].0.token();
            let has_slot = self.leases.get(&slot).is_some_and(|(lease, _)| lease.token() == token);
            let has = has_slot && self.items.binary_search(item).is_ok();
            (!has).then(|| (item.clone(), if has_slot { Cause::TableChanged } else { self.loss }))
        })
    }

    /// Returns the items that may be worked on, each with its slot.
    fn workable(&self) -> impl Iterator<Item = (&ItemId, Slot)> {
        let with_slot = self.items.iter().map(|item| (item, slot_of(item, self.slots)));
        with_slot.filter(|(_, slot)| self.leases.contains_key(slot))
    }
}

/// Items that a node has gained and lost. An item whose slot was lost and gained again is in both lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Items that the node owns now and did not before, in order, each with the cause.
    pub gained: Vec<(ItemId, Cause)>,
    /// Items that the node owned before and does not now, in order, each with the cause.
    pub lost: Vec<(ItemId, Cause)>,
}

/// Returns the stream of changes, beginning with all items that are owned now. A reader that is slow gets several changes as one: nothing
/// waits for it, and nothing piles up.
pub(super) fn changes(owned: watch::Receiver<Arc<Owned>>) -> BoxStream<'static, Change> {
    let state = (owned, Arc::new(Owned::default()), true);
    Box::pin(stream::unfold(state, |(mut owned, mut before, mut is_first)| async move {
        loop {
            if !std::mem::take(&mut is_first) {
                owned.changed().await.ok()?;
            }
            let now = Arc::clone(&owned.borrow_and_update());
            let change = Change { gained: now.gained_since(&before).collect(), lost: now.lost_since(&before).collect() };
            before = now;
            if change != Change::default() {
                return Some((change, (owned, before, false)));
            }
        }
    }))
}
