//! Load per weight, compared exactly, and the rules by which a slot may move from one worker to another.

use std::cmp::Ordering;

/// Load and weight of a worker, ordered by load per weight, exactly. Two shares are equal if their loads per weight are.
#[derive(Clone, Copy, Debug)]
pub(super) struct FairShare {
    pub(super) load: i64,
    pub(super) weight: u64,
}

impl FairShare {
    pub(super) const fn more(self, load: i64) -> Self {
        Self { load: self.load + load, ..self }
    }

    pub(super) const fn less(self, load: i64) -> Self {
        self.more(-load)
    }

    /// Returns the load of a worker of this weight at the same load per weight, rounded down.
    pub(super) fn part(self, weight: u64) -> i64 {
        self.quotient(weight, 0)
    }

    /// Returns the load of a worker of this weight at the same load per weight, rounded to the nearest.
    pub(super) fn nearest_part(self, weight: u64) -> i64 {
        self.quotient(weight, self.weight / 2)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a part of the load, which is an i64")]
    fn quotient(self, weight: u64, more: u64) -> i64 {
        let divisor = self.weight.max(1);
        // 128-bit division is slow, and loads that need it are rare.
        let short = || {
            i64::try_from(weight)
                .ok()?
                .checked_mul(self.load)?
                .checked_add(i64::try_from(more).ok()?)?
                .checked_div(i64::try_from(divisor).ok()?)
        };
        short().unwrap_or_else(|| ((i128::from(self.load) * i128::from(weight) + i128::from(more)) / i128::from(divisor)) as i64)
    }
}

impl Ord for FairShare {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.weight == other.weight {
            return self.load.cmp(&other.load);
        }
        (i128::from(self.load) * i128::from(other.weight)).cmp(&(i128::from(other.load) * i128::from(self.weight)))
    }
}

impl PartialOrd for FairShare {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FairShare {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FairShare {}

/// Rule by which slots move from a donor to a receiver: a move is allowed while the donor's key is greater than the receiver's.
///
/// Each rule keeps its invariant because no move makes a donor the lowest or a receiver the highest. Let every donor's key be
/// at most every receiver's key among the workers that may not trade. The move from the highest donor to the lowest receiver
/// leaves the donor, as a receiver, no lower than its key was, and the receiver, as a donor, no higher than its key was.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Rule for slots of equal load. The key of a worker of weight c with a slots is (2a - 1)/c as a donor and (2a + 1)/c as a
    /// receiver: Webster's signposts.
    Webster,
    /// Rule for slots of unequal loads, with the heaviest load: a donor stays ahead even if it gives the heaviest slot.
    Heaviest(i64),
    /// Rule for the remaining moves after [`Heaviest`](Self::Heaviest), checked slot by slot: no worker falls below `lowest`,
    /// no worker rises further above it than the heaviest slot, and every move lowers the higher of the two.
    Polish { heaviest: i64, lowest: FairShare },
}

impl Rule {
    /// Returns the key of a donor; the highest gives first.
    pub(super) const fn donor_key(self, share: FairShare) -> FairShare {
        match self {
            Self::Webster => share.more(share.load - 1),
            Self::Heaviest(heaviest) => share.less(heaviest),
            Self::Polish { .. } => share,
        }
    }

    /// Returns the key of a receiver; the lowest receives first.
    pub(super) const fn receiver_key(self, share: FairShare) -> FairShare {
        match self {
            Self::Webster => share.more(share.load + 1),
            Self::Heaviest(_) | Self::Polish { .. } => share,
        }
    }

    /// Returns true if this worker may receive more: for items, only if it is below its fair share.
    pub(super) fn wants(self, receiver: FairShare, fair: FairShare) -> bool {
        match self {
            Self::Webster => true,
            Self::Heaviest(_) | Self::Polish { .. } => receiver < fair,
        }
    }

    /// Returns true if a slot of this load may move between two workers whose keys allow a move.
    pub(super) fn permits(self, donor: FairShare, receiver: FairShare, load: i64) -> bool {
        match self {
            Self::Webster | Self::Heaviest(_) => true,
            Self::Polish { heaviest, lowest } => {
                let risen = receiver.more(load);
                risen < donor && donor.less(load) >= lowest && risen.less(heaviest) <= lowest
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_compared_by_load_per_weight() {
        let share = |load, weight| FairShare { load, weight };
        assert_eq!(share(2, 3), share(4, 6));
        assert!(share(1, 3) < share(1, 2));
        assert!(share(1 << 52, u64::from(u32::MAX)) < share((1 << 52) + 1, u64::from(u32::MAX)));
        assert_eq!((share(11, 4).part(1), share(11, 4).nearest_part(1)), (2, 3));
    }
}
