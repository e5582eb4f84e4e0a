//! Rebalance for load: moves slots when item counts have drifted apart.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use super::fair_share::FairShare;
use super::index::Measure;
use super::moves::{SlotMove, plan_of};
use super::roster_diff::{Giver, Party, RosterDiff, State};
use crate::{Plan, Reason, Roster, Slot};

/// Maximum number of steps per slot while loads are evened out. Nearly all slots move once; few slots on few workers, more
/// often.
const STEPS_PER_SLOT: usize = 16;

/// Returns the plan that moves slots from the most loaded worker until it carries at most `1 + tolerance` times its fair share,
/// or no move helps.
///
/// Every move lowers the highest share or the number of workers at it, so the loop terminates; the step limit is a safeguard.
pub(super) fn rebalance(state: State<'_>, roster: &Roster, tolerance: f64) -> Plan {
    let diff = RosterDiff::new(state, roster);
    let mut rebalance = LoadRebalance::new(&diff);
    let mut steps_left = STEPS_PER_SLOT * state.owners.slots().len();
    while steps_left > 0 && rebalance.step(tolerance) {
        steps_left -= 1;
    }
    plan_of(&rebalance.passes(), &diff, roster, state.shared_among.clone())
}

/// State of a rebalance for load. Slots whose owner is not in the roster do not count.
struct LoadRebalance<'a> {
    diff: &'a RosterDiff<'a>,
    measure: Measure,
    shares: Vec<FairShare>,
    fair: FairShare,
    /// Unpinned slots of each worker that has given or received, by load.
    by_load: Vec<Option<BTreeSet<(u32, Slot)>>>,
    moved: BTreeMap<Slot, u32>,
}

impl<'a> LoadRebalance<'a> {
    fn new(diff: &'a RosterDiff<'a>) -> Self {
        let index = diff.state.index;
        let measure = if index.load().is_uniform() { Measure::Slots } else { Measure::Items };
        let load = |number| index.load_of(number, measure);
        let share = |party: &Party<'_>| FairShare { load: party.number.map_or(0, load), weight: party.weight() };
        let shares: Vec<FairShare> = diff.parties.iter().map(share).collect();
        let fair = FairShare {
            load: shares.iter().map(|share| share.load).sum(),
            weight: shares.iter().map(|share| share.weight).sum(),
        };
        let by_load = shares.iter().map(|_| None).collect();
        Self { diff, measure, shares, fair, by_load, moved: BTreeMap::new() }
    }

    /// Moves one slot, or exchanges two if no single one helps; returns false if nothing was left to do.
    fn step(&mut self, tolerance: f64) -> bool {
        let Some(donor) = self.above(tolerance) else { return false };
        let Some(receiver) = self.receiver(donor) else { return false };
        if let Some(slot) = self.best_fit(donor, receiver) {
            self.pass(slot, donor, receiver);
        } else if let Some((slot, back)) = self.best_exchange(donor, receiver) {
            self.pass(slot, donor, receiver);
            self.pass(back, receiver, donor);
        } else {
            return false;
        }
        true
    }

    fn pass(&mut self, slot: (u32, Slot), donor: u32, receiver: u32) {
        self.slots_of(donor).remove(&slot);
        self.slots_of(receiver).insert(slot);
        let (load, slot) = slot;
        self.shares[donor as usize] = self.share(donor).less(i64::from(load));
        self.shares[receiver as usize] = self.share(receiver).more(i64::from(load));
        self.moved.insert(slot, receiver);
    }

    /// Returns the most loaded worker that may give, if it carries more than `1 + tolerance` times its fair share.
    #[expect(clippy::cast_precision_loss, reason = "a tolerance has fewer digits than a double")]
    fn above(&self, tolerance: f64) -> Option<u32> {
        let givers = self.workers().filter(|worker| self.diff.may_rebalance_load(*worker));
        let worker = givers.max_by_key(|worker| self.share(*worker))?;
        let highest = self.share(worker);
        let limit = (1.0 + tolerance.max(0.0)) * self.fair.load as f64 * highest.weight as f64;
        (highest.load as f64 * self.fair.weight as f64 > limit).then_some(worker)
    }

    /// Returns the worker with the lowest share after receiving the donor's lightest slot: if that move does not help, none
    /// does.
    fn receiver(&mut self, donor: u32) -> Option<u32> {
        let (lightest, _) = *self.slots_of(donor).first()?;
        let open = |worker: &u32| *worker != donor && self.diff.may_receive(*worker);
        self.workers().filter(open).min_by_key(|worker| self.share(*worker).more(i64::from(lightest)))
    }

    /// Returns the donor's slot that makes the two most even, if any lowers the higher of them.
    fn best_fit(&mut self, donor: u32, receiver: u32) -> Option<(u32, Slot)> {
        let gap = Gap::between(self.share(donor), self.share(receiver));
        nearest(self.slots_of(donor), gap.evening)
            .filter(|(load, _)| gap.narrows_by(i64::from(*load)))
            .min_by_key(|(load, _)| gap.higher_after(i64::from(*load)))
    }

    /// Returns a slot of the donor and a lighter one of the receiver whose exchange makes the two most even, if any lowers the
    /// higher of them. Both workers must be allowed to give and to receive.
    fn best_exchange(&mut self, donor: u32, receiver: u32) -> Option<((u32, Slot), (u32, Slot))> {
        if !self.diff.may_receive(donor) || !self.diff.may_rebalance_load(receiver) {
            return None;
        }
        let gap = Gap::between(self.share(donor), self.share(receiver));
        let gifts = one_of_each_load(self.slots_of(donor)).take(LOADS_TRIED).collect::<Vec<_>>();
        let returns = self.slots_of(receiver);
        let pairs =
            gifts.into_iter().flat_map(|gift| nearest(returns, i64::from(gift.0) - gap.evening).map(move |back| (gift, back)));
        let difference = |(gift, back): &((u32, Slot), (u32, Slot))| i64::from(gift.0) - i64::from(back.0);
        pairs.filter(|pair| gap.narrows_by(difference(pair))).min_by_key(|pair| gap.higher_after(difference(pair)))
    }

    fn share(&self, worker: u32) -> FairShare {
        self.shares[worker as usize]
    }

    fn workers(&self) -> impl Iterator<Item = u32> + use<> {
        (0..).take(self.shares.len())
    }

    fn slots_of(&mut self, worker: u32) -> &mut BTreeSet<(u32, Slot)> {
        let Self { diff, measure, by_load, .. } = self;
        by_load[worker as usize].get_or_insert_with(|| {
            let index = diff.state.index;
            let slots = diff.party(worker).number.map_or(&[][..], |number| index.slots_of(number, *measure));
            let slots = slots.iter().map(|slot| (Measure::of(index.load(), *slot).1, *slot));
            slots.filter(|(_, slot)| !diff.pinned.contains_key(slot)).collect()
        })
    }

    fn passes(self) -> Vec<SlotMove> {
        let state = self.diff.state;
        let pass = |(slot, to): (Slot, u32)| {
            let slot = state.index.loaded(slot);
            SlotMove { slot, from: self.diff.giver(state.owners.get(slot.slot)), to, why: Reason::Uneven }
        };
        self.moved.into_iter().map(pass).filter(|pass| pass.from != Giver::Party(pass.to)).collect()
    }
}

/// Number of distinct loads of the donor that are tried in an exchange.
const LOADS_TRIED: usize = 64;

/// Difference between the shares of two workers.
#[derive(Clone, Copy, Debug)]
struct Gap {
    above: FairShare,
    below: FairShare,
    /// Load to move to make them even.
    evening: i64,
}

impl Gap {
    fn between(above: FairShare, below: FairShare) -> Self {
        let both = FairShare { load: above.load + below.load, weight: above.weight + below.weight };
        Self { above, below, evening: both.part(below.weight) - below.load }
    }

    fn higher_after(&self, load: i64) -> FairShare {
        self.above.less(load).max(self.below.more(load))
    }

    fn narrows_by(&self, load: i64) -> bool {
        self.higher_after(load) < self.above
    }
}

/// Returns the slots whose loads are nearest to this one, from below and from above.
fn nearest(slots: &BTreeSet<(u32, Slot)>, load: i64) -> impl Iterator<Item = (u32, Slot)> {
    let pivot = (u32::try_from(load.max(0)).unwrap_or(u32::MAX), Slot::new(u32::MAX));
    let (below, above) = (slots.range(..=pivot).next_back(), slots.range((Excluded(pivot), Unbounded)).next());
    below.into_iter().chain(above).copied()
}

fn one_of_each_load(slots: &BTreeSet<(u32, Slot)>) -> impl Iterator<Item = (u32, Slot)> {
    let heavier = |slot: &(u32, Slot)| slots.range((Excluded((slot.0, Slot::new(u32::MAX))), Unbounded)).next().copied();
    std::iter::successors(slots.first().copied(), heavier)
}
