//! Consistent hashing: workers are points on a circle, and a slot belongs to the next point.

use std::fmt;
use std::num::NonZeroU32;

use super::computed::Computed;
use super::mix::{nth, position_of, seed_of};
use super::{Evenness, Guarantees, Minimality, Ring, Slot, SlotCount, StalePlan};
use crate::{Eligibility, Plan, Roster, SlotLoad, WorkerId};

/// Maximum number of points of one worker. It limits the cost of a large weight, and evenness needs no more.
const MOST_POINTS: u64 = 1 << 20;

/// Consistent-hashing ring: the owner of a slot follows from the names and weights of the roster.
///
/// See Karger et al., *Consistent Hashing and Random Trees*, 1997. Every worker has many points (virtual nodes) on a circle,
/// `points` for each unit of its weight, found by hashing its name. An item is at the position of its hash, and belongs to the
/// first point after it. Slots are the buckets of the look-up: a whole slot belongs to the owner of its beginning. A joiner
/// only receives slots, and only a leaver's slots change owners. With k points per worker, loads differ by about `1 / sqrt(k)`
/// of the mean.
///
/// [`bounded`](Self::bounded) keeps every worker below a limit (Mirrokni, Thorup and Zadimoghaddam, *Consistent Hashing with
/// Bounded Loads*, 2018): a slot whose worker is full goes to the next point whose worker has capacity. A change of the roster
/// then also moves some slots between workers that stay.
///
/// A cordoned worker keeps its slots until a joiner's point comes between; other slots skip its points. If cordons leave too
/// little capacity, the bound does not apply. A plan sorts all points; a look-up is a hash and two loads. Doubling the slot
/// count moves the few items that are on the other side of a point than the beginning of their slot.
#[derive(Clone)]
pub struct HashRing {
    computed: Computed,
    points: NonZeroU32,
    bound_percent: Option<u32>,
}

impl HashRing {
    /// Default number of points for each unit of weight: loads differ by about 6 %.
    // The compiler proves that it is not zero.
    pub const POINTS: NonZeroU32 = NonZeroU32::new(256).unwrap();

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
        Self { computed: Computed::restore(slots, roster, owners), points: Self::POINTS, bound_percent: None }
    }

    /// Sets the number of points for each unit of weight. A worker has at most 2^20 points.
    #[must_use]
    pub fn with_points(self, points: NonZeroU32) -> Self {
        Self { points, ..self }
    }

    /// Limits the slots of each worker to its fair share plus this percentage, rounded up: `100 e`, where e is the epsilon of
    /// the paper.
    #[must_use]
    pub fn bounded(self, percent: u32) -> Self {
        Self { bound_percent: Some(percent), ..self }
    }
}

impl Ring for HashRing {
    fn guarantees(&self) -> Guarantees {
        match self.bound_percent {
            None => Guarantees { minimal: Minimality::Consistent, even: Evenness::Expected },
            Some(percent) => Guarantees { minimal: Minimality::Expected, even: Evenness::Bounded { percent } },
        }
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
        let circle = Circle::of(to, self.points);
        let mut room = Room::of(to, self.slots(), self.bound_percent);
        let mut next = 0;
        self.computed.plan(to, load, |slot, present| {
            next = circle.at_or_after(position_of(slot, self.slots()), next);
            let place = circle.places_from(next).find(|place| room.lets_in(*place, present))?;
            room.take(place);
            Some(place)
        })
    }

    fn rebalance_load(&self, load: &SlotLoad, _tolerance: f64) -> Plan {
        Plan::new(self.roster().clone(), Vec::new(), load)
    }

    fn apply(&mut self, plan: &Plan) -> Result<(), StalePlan> {
        self.computed.apply(plan)
    }
}

impl fmt::Debug for HashRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ring = f.debug_struct("HashRing");
        ring.field("slots", &self.slots()).field("points", &self.points).field("bound_percent", &self.bound_percent);
        ring.field("roster", self.roster()).finish_non_exhaustive()
    }
}

/// Point of a worker: its position, and the worker's index in the roster. Points at the same position are ordered by name.
type Point = (u64, usize);

/// Points of a roster, sorted by position.
#[derive(Debug)]
struct Circle(Vec<Point>);

impl Circle {
    fn of(roster: &Roster, points: NonZeroU32) -> Self {
        let mut circle = Vec::new();
        for (place, (worker, seat)) in roster.iter().enumerate() {
            let seed = seed_of(worker);
            let count = (u64::from(points.get()) * u64::from(seat.weight.get())).min(MOST_POINTS);
            circle.extend((0..count).map(|number| (nth(seed, number), place)));
        }
        circle.sort_unstable();
        Self(circle)
    }

    /// Returns the index of the first point at or after a position. The search starts at the point `from`, which must not be
    /// after the result.
    fn at_or_after(&self, position: u64, from: usize) -> usize {
        from + self.0[from..].iter().take_while(|(point, _)| *point < position).count()
    }

    /// Returns the workers of the points from `first` on, once around the circle.
    fn places_from(&self, first: usize) -> impl Iterator<Item = usize> {
        let (before, after) = self.0.split_at(first);
        after.iter().chain(before).map(|(_, place)| *place)
    }
}

/// Remaining capacity of each worker, in slots.
#[derive(Debug)]
struct Room {
    left: Vec<u64>,
    eligibility: Vec<Eligibility>,
    left_of_open: u64,
}

impl Room {
    fn of(roster: &Roster, slots: SlotCount, bound_percent: Option<u32>) -> Self {
        let all_slots = u128::from(slots.get());
        let all_weight: u128 = roster.iter().map(|(_, seat)| u128::from(seat.weight.get())).sum();
        let most = |weight: u32| match bound_percent {
            None => u64::from(slots.get()),
            Some(percent) => {
                let share = all_slots * u128::from(weight) * (100 + u128::from(percent));
                u64::try_from(share.div_ceil(100 * all_weight)).unwrap_or(u64::MAX)
            }
        };
        let left: Vec<u64> = roster.iter().map(|(_, seat)| most(seat.weight.get()).min(u64::from(slots.get()))).collect();
        let eligibility: Vec<Eligibility> = roster.iter().map(|(_, seat)| seat.eligibility).collect();
        let left_of_open = left
            .iter()
            .zip(&eligibility)
            .filter(|(_, eligibility)| **eligibility == Eligibility::Eligible)
            .map(|(left, _)| left)
            .sum();
        Self { left, eligibility, left_of_open }
    }

    /// Returns true if a worker may own a slot: it is eligible or the present owner, and has capacity or no eligible worker has
    /// any.
    fn lets_in(&self, place: usize, present: Option<usize>) -> bool {
        let may = self.eligibility[place] == Eligibility::Eligible || present == Some(place);
        may && (self.left[place] > 0 || self.left_of_open == 0)
    }

    fn take(&mut self, place: usize) {
        let taken = self.left[place].min(1);
        self.left[place] -= taken;
        if self.eligibility[place] == Eligibility::Eligible {
            self.left_of_open -= taken;
        }
    }
}
