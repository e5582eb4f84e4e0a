//! Which items are watched, read anew only when a tick shows that they changed.

use std::sync::Arc;

use super::pass::Freshness;
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
    /// What the passes of the present tick have seen so far, if that is the whole.
    seen: Option<Signature>,
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
        self.listed.is_some() && self.listed == self.seen
    }

    /// Takes in what a pass has reported; whether it was the first that tells of this tick.
    pub(super) fn observe(&mut self, report: &TickReport, freshness: Freshness) -> bool {
        let first = self.tick.is_none_or(|tick| report.tick > tick);
        self.tick = self.tick.max(Some(report.tick));
        self.seen = match freshness {
            Freshness::Fresh => Some(Signature { items: report.items, digest: report.digest, fence: report.fence }),
            Freshness::Repeated => self.seen.map(|seen| Signature {
                items: seen.items + report.items,
                digest: seen.digest ^ report.digest,
                fence: report.fence,
            }),
            Freshness::Mixed => None,
        };
        first
    }

    /// Takes in the list as read after the last report.
    pub(super) fn list(&mut self, items: Vec<ItemId>) {
        let (count, digest) = (items.len() as u64, digest_of(&items));
        self.listed = self.seen.map(|seen| Signature { items: count, digest, fence: seen.fence });
        self.items = items.into();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::SlotCount;

    fn report(tick: u64, items: &[ItemId], fence: u64) -> TickReport {
        TickReport {
            tick: Tick(tick),
            into_tick: Duration::ZERO,
            tick_length: Duration::from_secs(1),
            slots: SlotCount::DEFAULT,
            owned: 1,
            fence,
            ticked: u32::from(!items.is_empty()),
            left: 0,
            items: items.len() as u64,
            digest: digest_of(items),
            locked: 0,
        }
    }

    #[test]
    fn an_unchanged_set_is_read_once() {
        let items = [1, 2, 3].map(|n| ItemId::new(uuid::Uuid::from_u128(n)));
        let mut watch = Watch::default();
        assert!(watch.observe(&report(7, &items, 5), Freshness::Fresh));
        assert!(!watch.is_current());
        watch.list(items.to_vec());
        assert!(!watch.observe(&report(7, &[], 5), Freshness::Repeated), "a second try in the tick finds nothing due");
        assert!(watch.is_current());
        assert!(watch.observe(&report(8, &items, 5), Freshness::Fresh));
        assert!(watch.is_current());
        assert!(watch.observe(&report(11, &items[..2], 5), Freshness::Fresh));
        assert!(!watch.is_current(), "an item went");
    }

    #[test]
    fn a_slot_that_comes_within_a_tick_makes_the_list_stale() {
        let items = [1, 2].map(|n| ItemId::new(uuid::Uuid::from_u128(n)));
        let mut watch = Watch::default();
        watch.observe(&report(7, &items[..1], 5), Freshness::Fresh);
        watch.list(items[..1].to_vec());
        watch.observe(&report(7, &items[1..], 6), Freshness::Repeated);
        assert!(!watch.is_current());
        watch.observe(&report(8, &items, 6), Freshness::Fresh);
        watch.list(items.to_vec());
        assert!(watch.is_current());
    }

    #[test]
    fn what_two_ticks_tell_together_is_not_the_whole() {
        let items = [1, 2].map(|n| ItemId::new(uuid::Uuid::from_u128(n)));
        let mut watch = Watch::default();
        watch.observe(&report(7, &items, 5), Freshness::Fresh);
        watch.list(items.to_vec());
        watch.observe(&report(8, &items[..1], 5), Freshness::Mixed);
        assert!(!watch.is_current());
        watch.list(items.to_vec());
        assert!(!watch.is_current(), "the next whole report decides");
        watch.observe(&report(9, &items, 5), Freshness::Fresh);
        watch.list(items.to_vec());
        assert!(watch.is_current());
    }
}
