//! Which items are watched, read anew only when a tick shows that they changed.

use std::sync::Arc;

use crate::{ItemId, Tick, TickReport, digest_of};

/// What a tick says of the set of items, without naming them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signature {
    items: u64,
    digest: u64,
    fence: u64,
}

/// The list to print, and whether it still holds.
#[derive(Debug, Default)]
pub(super) struct Watch {
    tick: Option<Tick>,
    /// What the calls of the present tick have seen so far.
    seen: Signature,
    listed: Option<Signature>,
    items: Arc<[ItemId]>,
}

impl Watch {
    /// The last tick that the store answered.
    pub(super) const fn tick(&self) -> Option<Tick> {
        self.tick
    }

    /// The items as last read.
    pub(super) const fn items(&self) -> &Arc<[ItemId]> {
        &self.items
    }

    /// Whether the list still shows what the present tick saw.
    pub(super) fn is_current(&self) -> bool {
        self.listed == Some(self.seen)
    }

    /// Takes in a report. `Some(missed)` when it is the first of its tick, with how many ticks went by unanswered.
    pub(super) fn observe(&mut self, report: &TickReport) -> Option<u64> {
        let first = self.tick.is_none_or(|tick| report.tick > tick);
        let missed = self.tick.map_or(0, |tick| report.tick.since(tick).saturating_sub(1));
        if first {
            self.tick = Some(report.tick);
            self.seen = Signature::default();
        } else if report.ticked > 0 || report.fence != self.seen.fence {
            // Slots came within the tick: what its calls saw together is no longer the set of items.
            self.listed = None;
        }
        self.seen.items += report.items;
        self.seen.digest ^= report.digest;
        self.seen.fence = report.fence;
        first.then_some(missed)
    }

    /// Takes in the list as read after the last report.
    pub(super) fn list(&mut self, items: Vec<ItemId>) {
        self.listed = Some(Signature { items: items.len() as u64, digest: digest_of(&items), fence: self.seen.fence });
        self.items = items.into();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(tick: u64, items: &[ItemId], fence: u64) -> TickReport {
        TickReport {
            tick: Tick(tick),
            into_tick: Duration::ZERO,
            tick_length: Duration::from_secs(1),
            owned: 1,
            fence,
            ticked: u32::from(!items.is_empty()),
            items: items.len() as u64,
            digest: digest_of(items),
            locked: 0,
        }
    }

    #[test]
    fn an_unchanged_set_is_read_once() {
        let items = [1, 2, 3].map(|n| ItemId::new(uuid::Uuid::from_u128(n)));
        let mut watch = Watch::default();
        assert_eq!(watch.observe(&report(7, &items, 5)), Some(0));
        assert!(!watch.is_current());
        watch.list(items.to_vec());
        assert_eq!(watch.observe(&report(7, &[], 5)), None, "a second try in the tick finds nothing due");
        assert!(watch.is_current());
        assert_eq!(watch.observe(&report(8, &items, 5)), Some(0));
        assert!(watch.is_current());
        assert_eq!(watch.observe(&report(11, &items[..2], 5)), Some(2));
        assert!(!watch.is_current(), "an item went");
    }

    #[test]
    fn a_slot_that_comes_within_a_tick_makes_the_list_stale() {
        let items = [1, 2].map(|n| ItemId::new(uuid::Uuid::from_u128(n)));
        let mut watch = Watch::default();
        watch.observe(&report(7, &items[..1], 5));
        watch.list(items[..1].to_vec());
        watch.observe(&report(7, &items[1..], 6));
        assert!(!watch.is_current());
        watch.observe(&report(8, &items, 6));
        watch.list(items.to_vec());
        assert!(watch.is_current());
    }
}
