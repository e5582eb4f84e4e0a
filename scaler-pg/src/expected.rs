//! What the next tick of a range of slots should find, so that Postgres need not read the digest of many ids each time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use scaler_core::{MemberKey, SlotRange, uuid_hash};

/// Up to so many items, their digest is read in every tick: it costs nothing that can be measured.
const FEW: i64 = 8000;
/// In how many ticks the digest of more is read once. In the others, as many new items as lost ones would not show.
const TICKS: u32 = 8;
/// How many ranges are kept; a worker has far fewer.
const RANGES: usize = 4096;

/// What a tick has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) fence: i64,
    pub(crate) ticked: i64,
    pub(crate) items: i64,
    pub(crate) digest: i64,
}

/// What ticks have found so far.
#[derive(Debug, Default)]
pub(crate) struct Expected(Mutex<BTreeMap<Range, Known>>);

/// The slots of one incarnation from the first to before the last.
type Range = (scaler_core::Incarnation, u32, u32);

#[derive(Clone, Copy, Debug)]
struct Known {
    found: Found,
    /// For how many ticks it is good.
    ticks: u32,
}

impl Found {
    /// As the statement takes it.
    pub(crate) fn parameter(&self) -> Vec<i64> {
        vec![self.fence, self.ticked, self.items]
    }
}

impl Expected {
    /// What a tick of these slots should find, if that is known and its digest need not be read again.
    pub(crate) fn get(&self, owner: &MemberKey, slots: SlotRange) -> Option<Found> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get_mut(&range(owner, slots))?;
        known.ticks = known.ticks.checked_sub(1)?;
        Some(known.found)
    }

    /// Takes in what was found with a digest that was read.
    pub(crate) fn learn(&self, owner: &MemberKey, slots: SlotRange, found: Found) {
        if found.items < FEW {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= RANGES {
            all.clear();
        }
        // The ranges of all workers take turns, from their first tick on.
        let key = range(owner, slots);
        let first = uuid_hash(owner.incarnation.uuid(), u64::from(key.1)) % u64::from(TICKS);
        let ticks = if all.contains_key(&key) { TICKS - 1 } else { u32::try_from(first).unwrap_or(0) };
        all.insert(key, Known { found, ticks });
    }
}

fn range(owner: &MemberKey, slots: SlotRange) -> Range {
    (owner.incarnation, slots.first(), slots.end())
}

#[cfg(test)]
mod tests {
    use scaler_core::{Incarnation, WorkerId};
    use uuid::Uuid;

    use super::*;

    fn owner(incarnation: u128) -> MemberKey {
        let worker = WorkerId::new("a").unwrap_or_else(|error| panic!("{error}"));
        MemberKey { worker, incarnation: Incarnation::new(Uuid::from_u128(incarnation)) }
    }

    const fn found(items: i64) -> Found {
        Found { fence: 7, ticked: 3, items, digest: 5 }
    }

    #[test]
    fn one_in_eight_ticks_reads_the_digest_of_many() {
        let (expected, owner) = (Expected::default(), owner(1));
        let mut read = Vec::new();
        for tick in 0..80 {
            if expected.get(&owner, SlotRange::ALL).is_none() {
                read.push(tick);
                expected.learn(&owner, SlotRange::ALL, found(FEW));
            }
        }
        assert!(read[1] <= 8, "{read:?}");
        assert!(read[1..].windows(2).all(|pair| pair[1] - pair[0] == 8), "{read:?}");
    }

    #[test]
    fn few_are_read_in_every_tick_and_others_do_not_mix() {
        let expected = Expected::default();
        (0..20).for_each(|_| expected.learn(&owner(1), SlotRange::ALL, found(FEW - 1)));
        assert_eq!(expected.get(&owner(1), SlotRange::ALL), None);
        (0..2).for_each(|_| expected.learn(&owner(1), SlotRange::ALL, found(FEW)));
        assert_eq!(expected.get(&owner(2), SlotRange::ALL), None);
        assert_eq!(expected.get(&owner(1), SlotRange::new(0..9)), None);
        assert_eq!(expected.get(&owner(1), SlotRange::ALL), Some(found(FEW)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let expected = Expected::default();
        (0..10_000).for_each(|first| expected.learn(&owner(1), SlotRange::new(first..first + 1), found(FEW)));
        assert!(expected.0.lock().is_ok_and(|all| all.len() <= RANGES));
    }
}
