//! Rendezvous hashing: every worker draws a number for every slot, and the best draw wins.

use std::fmt;

use super::computed::Computed;
use super::mix::{mix, position_of, seed_of};
use super::{Evenness, Guarantees, Minimality, Ring, Slot, SlotCount, StalePlan};
use crate::{Eligibility, Plan, Roster, SlotLoad, WorkerId};

/// Rendezvous-hashing ring: the owner of a slot follows from the names and weights of the roster.
///
/// Highest random weight (Thaler and Ravishankar, *Using Name-Based Mappings to Increase Hit Rates*, 1998): every worker draws
/// a number for every slot, by hashing its name and the slot; the best draw owns the slot. With weights, a draw `u` in (0, 1)
/// has the waiting time `-log2(u) / weight`, and the shortest wins. Waiting times are exponentially distributed, so that a
/// worker of weight `w` wins with probability `w / total` (Schindelhauer and Schomaker, *Weighted Distributed Hash Tables*,
/// 2005). The logarithm is computed in integers and quotients are compared by their products, so that all machines agree to the
/// last bit.
///
/// A worker's draws do not depend on other workers: a joiner only receives slots, and only a leaver's slots change owners. The
/// number of slots of a worker is binomial: with S slots on W workers of weight 1, S/W plus or minus `sqrt(S/W)`.
///
/// A cordoned worker keeps its slots until a joiner outbids it, and its better draws for other slots do not count. A plan costs
/// S x W hashes; a look-up is a hash and two loads. Doubling S gives about half of the items another owner.
#[derive(Clone)]
pub struct Rendezvous {
    computed: Computed,
}

impl Rendezvous {
    /// Returns a ring whose slots have no owner yet.
    #[must_use]
    pub fn new(slots: SlotCount) -> Self {
        Self::restore(slots, Roster::default(), [])
    }

    /// Restores a ring: `owners` holds the owner of each slot, in the order of the slots. Slots beyond its end have no owner;
    /// entries beyond the last slot are ignored.
    ///
    /// Owners that differ from the computed ones are corrected by the next plan.
    #[must_use]
    pub fn restore(slots: SlotCount, roster: Roster, owners: impl IntoIterator<Item = Option<WorkerId>>) -> Self {
        Self { computed: Computed::restore(slots, roster, owners) }
    }
}

impl Ring for Rendezvous {
    fn guarantees(&self) -> Guarantees {
        Guarantees { minimal: Minimality::Consistent, even: Evenness::Expected }
    }

    fn slots(&self) -> SlotCount {
        self.computed.slots()
    }

    fn roster(&self) -> &Roster {
        self.computed.roster()
    }

    fn owner(&self, slot: Slot) -> Option<&WorkerId> {
        self.computed.owner(slot)
    }

    fn plan(&self, to: &Roster, load: &SlotLoad) -> Plan {
        let bidders: Vec<Bidder> = to
            .iter()
            .map(|(id, seat)| Bidder { seed: seed_of(id), weight: u128::from(seat.weight.get()), eligibility: seat.eligibility })
            .collect();
        self.computed.plan(to, load, |slot, present| winner(&bidders, mix(position_of(slot, self.slots())), present))
    }

    fn rebalance_load(&self, load: &SlotLoad, _tolerance: f64) -> Plan {
        Plan::new(self.roster().clone(), Vec::new(), load)
    }

    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        self.computed.apply(plan)
    }
}

impl fmt::Debug for Rendezvous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendezvous").field("slots", &self.slots()).field("roster", self.roster()).finish_non_exhaustive()
    }
}

/// Worker of the roster that bids for slots.
#[derive(Debug)]
struct Bidder {
    seed: u64,
    weight: u128,
    eligibility: Eligibility,
}

/// Returns the index of the best bidder for a slot, among the eligible ones and its present owner.
fn winner(bidders: &[Bidder], key: u64, present: Option<usize>) -> Option<usize> {
    let mut best: Option<(usize, Bid)> = None;
    for (place, bidder) in bidders.iter().enumerate() {
        if bidder.eligibility == Eligibility::Cordoned && present != Some(place) {
            continue;
        }
        let draw = mix(bidder.seed ^ key);
        if best.as_ref().is_some_and(|(_, best)| best.is_out_of_reach(draw, bidder.weight)) {
            continue;
        }
        let bid = Bid { wait: wait(draw), draw, weight: bidder.weight };
        if best.as_ref().is_none_or(|(_, best)| bid.beats(best)) {
            best = Some((place, bid));
        }
    }
    best.map(|(place, _)| place)
}

/// Bid of a worker for a slot: its waiting time is `wait / weight`. The shortest wins; of equal ones the higher draw, then the
/// first name.
#[derive(Debug)]
struct Bid {
    wait: u128,
    draw: u64,
    weight: u128,
}

impl Bid {
    fn beats(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.wait * other.weight, other.wait * self.weight);
        mine < theirs || (mine == theirs && self.draw > other.draw)
    }

    /// Returns true if a draw cannot beat this bid. It needs no logarithm.
    const fn is_out_of_reach(&self, draw: u64, weight: u128) -> bool {
        least_wait(draw) * self.weight > self.wait * weight
    }
}

/// Number of fractional bits of a waiting time.
const DIGITS: u32 = 40;

/// Returns `-log2((draw | 1) / 2^64)`, computed bit by bit by squaring (Majithia and Levan 1973). The result is rounded up, and
/// a higher draw never has a longer wait.
fn wait(draw: u64) -> u128 {
    let draw = draw | 1;
    // Mantissa of the draw: from 1 to 2, with 63 fractional bits.
    let mut rest = u128::from(draw << draw.leading_zeros());
    let mut log: u128 = 0;
    for _ in 0..DIGITS {
        rest = (rest * rest) >> 63;
        let digit = rest >> 64;
        rest >>= digit;
        log = log << 1 | digit;
    }
    (u128::from(draw.leading_zeros() + 1) << DIGITS) - log
}

/// Returns a cheap lower bound of [`wait`]: `-log2(1 - x)` is more than `x`.
const fn least_wait(draw: u64) -> u128 {
    (!draw >> (u64::BITS - DIGITS)) as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME_DRAWS: u64 = 10_000;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "compared to nine digits")]
    fn a_wait_is_the_logarithm() {
        for draw in (0..SOME_DRAWS).map(|place| super::super::mix::nth(7, place)) {
            let (found, expected) = (wait(draw) as f64 / 2_f64.powi(40), 64.0 - (draw as f64).log2());
            assert!((found - expected).abs() < 1e-9, "{draw}: {found} for {expected}");
        }
        assert_eq!((wait(0), wait(1), wait(1 << 63)), (64 << 40, 64 << 40, 1 << 40));
    }

    #[test]
    fn the_quick_bound_is_below_the_wait_and_a_higher_draw_waits_no_longer() {
        let mut draws: Vec<u64> = (0..SOME_DRAWS).map(|place| super::super::mix::nth(7, place)).collect();
        draws.extend((0..63).flat_map(|bit| [u64::MAX - (1 << bit), u64::MAX - (1 << bit) + 1, 1 << bit, (1 << bit) + 1]));
        draws.extend([0, u64::MAX]);
        draws.sort_unstable();
        assert!(draws.iter().all(|draw| least_wait(*draw) <= wait(*draw)));
        assert!(draws.windows(2).all(|pair| wait(pair[0]) >= wait(pair[1])));
    }
}
