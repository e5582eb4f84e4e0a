//! What moves when loads have drifted.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use super::owners::Owners;
use super::share::Share;
use crate::{Intake, Movement, Plan, Reason, Roster, Slot, SlotLoad, WorkerId};

/// How often a slot may be passed on while loads are evened out. Nearly all move once; few slots on few workers, more often.
const STEPS_PER_SLOT: usize = 16;

/// Moves slots from the most loaded worker until it carries at most `1 + tolerance` times its fair share, or no move helps.
///
/// Every move lowers the highest share, or how many stand there, so that it ends by itself; the limit is for the unforeseen.
pub(super) fn settle(roster: &Roster, owners: &Owners, load: &SlotLoad, tolerance: f64) -> Plan {
    let drift = Drift::measure(roster, owners, load);
    let mut movements = Vec::new();
    if drift.above(tolerance).is_some() {
        let mut settlement = Settlement::new(drift);
        let mut steps_left = STEPS_PER_SLOT * owners.slots().len();
        while steps_left > 0 && settlement.step(tolerance) {
            steps_left -= 1;
        }
        movements = settlement.movements(owners);
    }
    Plan::new(roster.clone(), movements, load)
}

/// How the load lies on the workers of the roster. What others still own counts for nobody.
struct Drift<'a> {
    workers: Vec<(&'a WorkerId, Intake)>,
    shares: Vec<Share>,
    occupied: Vec<Vec<(u32, Slot)>>,
}

impl<'a> Drift<'a> {
    fn measure(roster: &'a Roster, owners: &Owners, load: &SlotLoad) -> Self {
        let workers: Vec<(&WorkerId, Intake)> = roster.iter().map(|(id, seat)| (id, seat.intake)).collect();
        let mut shares: Vec<Share> =
            roster.iter().map(|(_, seat)| Share { load: 0, weight: u64::from(seat.weight.get()) }).collect();
        let mut occupied = vec![Vec::new(); workers.len()];
        let place_of = |name| workers.binary_search_by_key(&name, |(id, _)| *id).ok();
        let places: Vec<Option<usize>> = owners.names().iter().map(place_of).collect();
        for slot in owners.slots().iter() {
            let items = load.of(slot);
            if items > 0
                && let Some(place) = owners.number(slot).and_then(|number| places[number])
            {
                shares[place] = shares[place].more(i64::from(items));
                occupied[place].push((items, slot));
            }
        }
        Self { workers, shares, occupied }
    }

    /// The most loaded worker, if it carries more than `1 + tolerance` times its fair share.
    #[expect(clippy::cast_precision_loss, reason = "a tolerance has fewer digits than a double")]
    fn above(&self, tolerance: f64) -> Option<usize> {
        let load: i64 = self.shares.iter().map(|share| share.load).sum();
        let weight: u64 = self.shares.iter().map(|share| share.weight).sum();
        let (worker, highest) = self.shares.iter().enumerate().max_by_key(|(_, share)| **share)?;
        let limit = (1.0 + tolerance.max(0.0)) * load as f64 * highest.weight as f64;
        (highest.load as f64 * weight as f64 > limit).then_some(worker)
    }
}

/// Loads being evened out.
struct Settlement<'a> {
    drift: Drift<'a>,
    /// The occupied slots of each worker by their load.
    by_load: Vec<BTreeSet<(u32, Slot)>>,
    moved: BTreeMap<Slot, usize>,
}

impl<'a> Settlement<'a> {
    fn new(mut drift: Drift<'a>) -> Self {
        let by_load = std::mem::take(&mut drift.occupied).into_iter().map(BTreeSet::from_iter).collect();
        Self { drift, by_load, moved: BTreeMap::new() }
    }

    /// Moves one slot; whether there was one to move.
    fn step(&mut self, tolerance: f64) -> bool {
        let Some(donor) = self.drift.above(tolerance) else { return false };
        let Some(receiver) = self.receiver(donor) else { return false };
        let Some((load, slot)) = self.best_fit(donor, receiver) else { return false };
        self.by_load[donor].remove(&(load, slot));
        self.by_load[receiver].insert((load, slot));
        let shares = &mut self.drift.shares;
        shares[donor] = shares[donor].less(i64::from(load));
        shares[receiver] = shares[receiver].more(i64::from(load));
        self.moved.insert(slot, receiver);
        true
    }

    /// Who stands lowest even with the donor's lightest slot: if that does not help, nothing does.
    fn receiver(&self, donor: usize) -> Option<usize> {
        let (lightest, _) = self.by_load[donor].first()?;
        let open = |worker: &usize| *worker != donor && self.drift.workers[*worker].1 == Intake::Open;
        (0..self.drift.workers.len()).filter(open).min_by_key(|worker| self.drift.shares[*worker].more(i64::from(*lightest)))
    }

    /// The donor's slot that comes nearest to evening the two, if any lowers the higher of them.
    fn best_fit(&self, donor: usize, receiver: usize) -> Option<(u32, Slot)> {
        let (above, below) = (self.drift.shares[donor], self.drift.shares[receiver]);
        let both = Share { load: above.load + below.load, weight: above.weight + below.weight };
        let evening = u32::try_from(both.part(below.weight) - below.load).unwrap_or(u32::MAX);
        let pivot = (evening, Slot::new(u32::MAX));
        let slots = &self.by_load[donor];
        let candidates = [slots.range(..=pivot).next_back(), slots.range((Excluded(pivot), Unbounded)).next()];
        let higher = |load: u32| above.less(i64::from(load)).max(below.more(i64::from(load)));
        candidates.into_iter().flatten().copied().filter(|(load, _)| higher(*load) < above).min_by_key(|(load, _)| higher(*load))
    }

    fn movements(self, owners: &Owners) -> Vec<Movement> {
        let workers = &self.drift.workers;
        let movement = |(slot, receiver): (Slot, usize)| Movement {
            slot,
            from: owners.get(slot).cloned(),
            to: workers[receiver].0.clone(),
            why: Reason::Uneven,
        };
        self.moved.into_iter().map(movement).filter(|movement| movement.from.as_ref() != Some(&movement.to)).collect()
    }
}
