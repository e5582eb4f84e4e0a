//! Batches of a tick: the items of the node, cut into calls of a [`TickHandler`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::owned::Owned;
use super::{Batch, TickHandler};
use crate::{ItemId, Slot, Tick, slot_of};

/// Maximum number of items in one call.
const MOST: usize = 1000;

/// Calls of one tick, one after the other.
pub(super) struct Batches {
    pub(super) handler: Arc<dyn TickHandler>,
    tick: Tick,
    items: Arc<[ItemId]>,
    /// Index of the first item of the next batch.
    next: usize,
}

impl Batches {
    pub(super) fn new(handler: Arc<dyn TickHandler>) -> Self {
        Self { handler, tick: Tick(0), items: Arc::default(), next: 0 }
    }

    /// Begins a tick with these items.
    pub(super) fn begin(&mut self, tick: Tick, items: Arc<[ItemId]>) {
        (self.tick, self.items, self.next) = (tick, items, 0);
    }

    /// Returns the next batch; `None` after the last one. `begin` tells for each slot whether work may begin
    /// on it, and is called once for each.
    pub(super) fn next(&mut self, owned: &Owned, mut begin: impl FnMut(Slot) -> bool) -> Option<Batch> {
        let mut slots: BTreeMap<Slot, bool> = BTreeMap::new();
        let mut items = Vec::new();
        while let Some(item) = self.items.get(self.next).filter(|_| items.len() < MOST) {
            self.next += 1;
            let slot = slot_of(item, owned.slots);
            let Some((lease, _)) = owned.leases.get(&slot) else { continue };
            if *slots.entry(slot).or_insert_with(|| begin(slot)) {
                items.push((item.clone(), lease.clone()));
            }
        }
        (!items.is_empty()).then_some(Batch { tick: self.tick, items })
    }
}
