//! Digest cache: what the last tick of a slot range found, so that Postgres need not read all ids for the digest in each tick, and does not
//! take many slots of unknown size at once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scaler_core::{MemberKey, SlotRange, uuid_hash};

/// Up to so many items, if that is all, their digest is read in every tick: it costs nothing that can be measured.
const FEW: i64 = 8000;
/// What will take so long at most, by what a part of it took, is taken at once.
const AT_ONCE: Duration = Duration::from_millis(100);
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
    /// How many there were, changed or not.
    pub(crate) present: i64,
    pub(crate) digest: i64,
}

/// What ticks have found so far.
#[derive(Debug, Default)]
pub(crate) struct DigestCache(Mutex<BTreeMap<Range, Known>>);

/// The slots of one incarnation from the first to before the last.
type Range = (scaler_core::Incarnation, u32, u32);

#[derive(Clone, Copy, Debug)]
struct Known {
    fence: i64,
    /// Of many items.
    found: Option<Found>,
    /// For how many ticks that is good.
    ticks: u32,
}

/// What is expected of a range of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// These slots, and no more is said: the digest is to be read.
    Fence(i64),
    /// All as it was found.
    All(Found),
}

impl Expectation {
    /// As the statement takes it.
    pub(crate) fn parameter(&self) -> Vec<i64> {
        match self {
            Self::Fence(fence) => vec![*fence],
            Self::All(found) => vec![found.fence, found.ticked, found.items],
        }
    }

    /// How many items there were before, changed or not.
    pub(crate) const fn present(&self) -> Option<i64> {
        match self {
            Self::Fence(_) => None,
            Self::All(found) => Some(found.present),
        }
    }

    /// The digest of before.
    pub(crate) const fn digest(&self) -> Option<i64> {
        match self {
            Self::Fence(_) => None,
            Self::All(found) => Some(found.digest),
        }
    }
}

impl DigestCache {
    /// What a tick of these slots should find; `None` if they were never ticked through.
    pub(crate) fn get(&self, owner: &MemberKey, slots: SlotRange) -> Option<Expectation> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get_mut(&range(owner, slots))?;
        let Some((found, ticks)) = known.found.zip(known.ticks.checked_sub(1)) else {
            return Some(Expectation::Fence(known.fence));
        };
        known.ticks = ticks;
        Some(Expectation::All(found))
    }

    /// Takes in what was found with a digest that was read, by a tick that took so long and left so many slots for the next call.
    pub(crate) fn learn(&self, owner: &MemberKey, slots: SlotRange, found: Found, took: Duration, left: i64) {
        let (ticked, still) = (u32::try_from(found.ticked).unwrap_or(u32::MAX), u32::try_from(left).unwrap_or(u32::MAX));
        if ticked == 0 || took.saturating_mul(still) / ticked > AT_ONCE {
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
        // A part of the slots is called for on its own where all of them hold many.
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
    fn what_is_kept_is_bounded() {
        let expected = DigestCache::default();
        (0..10_000).for_each(|first| expected.learn(&owner(1), SlotRange::new(first..first + 1), found(FEW), Duration::ZERO, 0));
        assert!(expected.0.lock().is_ok_and(|all| all.len() <= RANGES));
    }
}
