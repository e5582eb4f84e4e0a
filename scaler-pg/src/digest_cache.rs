//! Digest cache: results of the last tick of each slot range.
//!
//! With them, Postgres need not read all ids for the digest in each tick. Slots that are not in the cache are of unknown size, and Postgres
//! ticks only a few of them per statement.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scaler_core::{MemberKey, SlotRange, uuid_hash};

/// Minimum number of items of all slots for which the digest is cached. For fewer, it is read in every tick, at no measurable cost.
const FEW: i64 = 8000;
/// Maximum time that the remaining slots of a range may take, as estimated from those that were ticked, to tick the whole range in one
/// statement.
const AT_ONCE: Duration = Duration::from_millis(100);
/// Number of ticks in which the digest of many items is read once. In the others, a loss of items goes unnoticed if as many new ones arrive.
const TICKS: u32 = 8;
/// Maximum number of ranges in the cache; a worker has far fewer.
const RANGES: usize = 4096;

/// Result of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) fence: i64,
    pub(crate) ticked: i64,
    pub(crate) items: i64,
    /// Number of items, changed or not.
    pub(crate) present: i64,
    pub(crate) digest: i64,
}

/// Results of ticks by slot range.
#[derive(Debug, Default)]
pub(crate) struct DigestCache(Mutex<BTreeMap<Range, Known>>);

/// Slots of one incarnation: the first one and the end (exclusive).
type Range = (scaler_core::Incarnation, u32, u32);

#[derive(Clone, Copy, Debug)]
struct Known {
    fence: i64,
    /// Result of the last tick; `None` if the digest is read in every tick.
    found: Option<Found>,
    /// Number of ticks for which the result may still be used.
    ticks: u32,
}

/// Expected result of a tick of a slot range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// Only the fence of the slots is known: the digest must be read.
    Fence(i64),
    /// The result is expected to be the same as this one.
    All(Found),
}

impl Expectation {
    /// Returns the parameter of the tick statement.
    pub(crate) fn parameter(&self) -> Vec<i64> {
        match self {
            Self::Fence(fence) => vec![*fence],
            Self::All(found) => vec![found.fence, found.ticked, found.items],
        }
    }

    /// Returns the number of items in the previous tick, changed or not; `None` if unknown.
    pub(crate) const fn present(&self) -> Option<i64> {
        match self {
            Self::Fence(_) => None,
            Self::All(found) => Some(found.present),
        }
    }

    /// Returns the digest of the previous tick; `None` if unknown.
    pub(crate) const fn digest(&self) -> Option<i64> {
        match self {
            Self::Fence(_) => None,
            Self::All(found) => Some(found.digest),
        }
    }
}

impl DigestCache {
    /// Returns the expected result of a tick of these slots; `None` if no tick of them was recorded. Each call uses up one tick.
    pub(crate) fn get(&self, owner: &MemberKey, slots: SlotRange) -> Option<Expectation> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get_mut(&range(owner, slots))?;
        let Some((found, ticks)) = known.found.zip(known.ticks.checked_sub(1)) else {
            return Some(Expectation::Fence(known.fence));
        };
        known.ticks = ticks;
        Some(Expectation::All(found))
    }

    /// Records the result of a tick that read the digest, took `took`, and left `left` slots for the next call.
    pub(crate) fn learn(&self, owner: &MemberKey, slots: SlotRange, found: Found, took: Duration, left: i64) {
        let (ticked, still) = (u32::try_from(found.ticked).unwrap_or(u32::MAX), u32::try_from(left).unwrap_or(u32::MAX));
        if ticked == 0 || took.saturating_mul(still) / ticked > AT_ONCE {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= RANGES {
            all.clear();
        }
        // Reads of different ranges are spread over the ticks, from the first one on.
        let key = range(owner, slots);
        let first = uuid_hash(owner.incarnation.uuid(), u64::from(key.1)) % u64::from(TICKS);
        let ticks = if all.contains_key(&key) { TICKS - 1 } else { u32::try_from(first).unwrap_or(0) };
        // A range of only some slots is used where all slots together hold many items.
        let many = ((found.items >= FEW || slots != SlotRange::ALL) && left == 0).then_some(found);
        all.insert(key, Known { fence: found.fence, found: many, ticks });
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
        Found { fence: 7, ticked: 3, items, present: items, digest: 5 }
    }

    #[test]
    fn one_in_eight_ticks_reads_the_digest_of_many() {
        let (expected, owner) = (DigestCache::default(), owner(1));
        let mut read = Vec::new();
        for tick in 0..80 {
            if !matches!(expected.get(&owner, SlotRange::ALL), Some(Expectation::All(_))) {
                read.push(tick);
                expected.learn(&owner, SlotRange::ALL, found(FEW), Duration::ZERO, 0);
            }
        }
        assert!(read[1] <= 8, "{read:?}");
        assert!(read[1..].windows(2).all(|pair| pair[1] - pair[0] == 8), "{read:?}");
    }

    #[test]
    fn few_are_read_in_every_tick_and_others_do_not_mix() {
        let expected = DigestCache::default();
        (0..20).for_each(|_| expected.learn(&owner(1), SlotRange::ALL, found(FEW - 1), Duration::ZERO, 0));
        assert_eq!(expected.get(&owner(1), SlotRange::ALL), Some(Expectation::Fence(7)));
        (0..2).for_each(|_| expected.learn(&owner(1), SlotRange::ALL, found(FEW), Duration::ZERO, 0));
        assert_eq!(expected.get(&owner(2), SlotRange::ALL), None);
        assert_eq!(expected.get(&owner(1), SlotRange::new(0..9)), None);
        assert_eq!(expected.get(&owner(1), SlotRange::ALL), Some(Expectation::All(found(FEW))));

        let part = SlotRange::new(0..9);
        (0..2).for_each(|_| expected.learn(&owner(1), part, found(1), Duration::ZERO, 0));
        assert_eq!(expected.get(&owner(1), part), Some(Expectation::All(found(1))), "a part is one of many");
    }

    #[test]
    fn slots_are_known_once_what_is_left_of_them_is_no_longer_much() {
        let (expected, owner) = (DigestCache::default(), owner(1));
        // Three slots in 30 ms.
        let learn = |left| expected.learn(&owner, SlotRange::ALL, found(FEW), Duration::from_millis(30), left);
        learn(11);
        assert_eq!(expected.get(&owner, SlotRange::ALL), None, "the rest would take 110 ms");
        learn(10);
        assert_eq!(expected.get(&owner, SlotRange::ALL), Some(Expectation::Fence(7)), "the rest will take 100 ms");
    }

    #[test]
    fn the_digest_cache_is_bounded() {
        let expected = DigestCache::default();
        (0..10_000).for_each(|first| expected.learn(&owner(1), SlotRange::new(first..first + 1), found(FEW), Duration::ZERO, 0));
        assert!(expected.0.lock().is_ok_and(|all| all.len() <= RANGES));
    }
}
