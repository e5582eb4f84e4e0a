//! Classic consistent hashing: workers are points on a circle, and a slot belongs to the next point.

use std::fmt;
use std::num::NonZeroU32;

use super::computed::Computed;
use super::mix::{nth, position_of, seed_of};
use super::{Evenness, Guarantees, Minimality, Ring, Slot, SlotCount, StalePlan};
use crate::{Eligibility, Plan, Roster, SlotLoad, WorkerId};

/// The most points that one worker has: enough for any evenness, and a limit on what a weight can ask for.
const MOST_POINTS: u64 = 1 << 20;

/// A ring without a memory that matters: a slot's owner follows from the names and weights of the roster alone.
///
/// Consistent hashing (Karger et al., *Consistent Hashing and Random Trees*, 1997). Every worker stands at many points of a
/// circle, `points` for each unit of its weight, found by hashing its name. An item stands where its hash is, and belongs to
/// the first point after it; slots are the buckets in which this is looked up, each belonging whole to the owner of its
/// beginning. A joiner only receives, and a leaver's slots alone change hands. With k points a worker, loads differ by about
/// `1 / sqrt(k)` of the mean.
///
/// [`bounded`](Self::bounded) keeps every worker below a limit (Mirrokni, Thorup and Zadimoghaddam, *Consistent Hashing with
/// Bounded Loads*, 2018): a slot whose worker is full goes on to the next point whose worker has room. A change of the roster
/// then moves some slots between workers that stay.
///
/// A cordoned worker keeps the slots that it owns until a joiner comes between; other slots pass its points by. Where a cordon
/// leaves too little room, the bound gives way. A plan costs a sort of all points; a look-up is a hash and two loads. Doubling
/// S moves the few items that stand on the other side of a point than the beginning of their slot.
#[derive(Clone)]
pub struct HashRing {
    computed: Computed,
    points: NonZeroU32,
    bound_percent: Option<u32>,
}

impl HashRing {
    /// Points for each unit of weight, unless another number is asked for: loads differ by about 6 %.
    // That it is not zero is proven when this is compiled.
    pub const POINTS: NonZeroU32 = NonZeroU32::new(256).unwrap();

    /// A ring whose slots nobody owns yet.
    #[must_use]
    pub fn new(slots: SlotCount) -> Self {
        Self::restore(slots, Roster::default(), [])
    }

    /// The ring in a known state: `owners` tells the owner of each slot, in the order of the slots. Slots that it does not
    /// reach have no owner; what it tells beyond the last slot is ignored.
    ///
    /// Owners who are not those of the rule are corrected by the next plan.
    #[must_use]
    pub fn restore(slots: SlotCount, roster: Roster, owners: impl IntoIterator<Item = Option<WorkerId>>) -> Self {
        Self { computed: Computed::restore(slots, roster, owners), points: Self::POINTS, bound_percent: None }
    }

    /// The same ring with this many points for each unit of weight. No worker has more than 2^20.
    #[must_use]
    pub fn with_points(self, points: NonZeroU32) -> Self {
        Self { points, ..self }
    }

    /// The same ring, on which no worker owns more than this many percent above its fair share of the slots, rounded up:
    /// `100 e`, where e is the epsilon of the paper.
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

/// A worker's point: its position, and the worker's place in the roster. Of two at one position the first name comes first.
type Point = (u64, usize);

/// The points of a roster in their order.
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

    /// The first point at or after a position, sought from the point `from`, which is not behind it.
    fn at_or_after(&self, position: u64, from: usize) -> usize {
        from + self.0[from..].iter().take_while(|(point, _)| *point < position).count()
    }

    /// Whose points follow, once around.
    fn places_from(&self, first: usize) -> impl Iterator<Item = usize> {
        let (before, after) = self.0.split_at(first);
        after.iter().chain(before).map(|(_, place)| *place)
    }
}

/// How many slots each worker may still take.
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

    /// Whether a worker may have a slot, as an open one or as its present owner, while it has room or nobody has.
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
