//! Members that may own slots, with their weight and eligibility.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::WorkerId;

/// Share of a worker relative to the others: a worker of weight 2 owns twice as much as one of weight 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(NonZeroU32);

impl Weight {
    /// Default weight, that of a worker like all others.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// Returns a weight; `None` for 0, since a worker that should own nothing is not in the roster.
    #[must_use]
    pub const fn new(weight: u32) -> Option<Self> {
        match NonZeroU32::new(weight) {
            Some(weight) => Some(Self(weight)),
            None => None,
        }
    }

    /// Returns the weight as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// Eligibility of a worker for slots that it does not own yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Eligibility {
    /// It may be given slots.
    Eligible,
    /// It keeps what it owns and receives nothing.
    Cordoned,
}

/// Weight, eligibility and generation of a worker in the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seat {
    /// Share relative to the others.
    pub weight: Weight,
    /// Eligibility for more slots.
    pub eligibility: Eligibility,
    /// Number of the rollout it comes from; a later rollout has a greater number. While two are present, only workers of the
    /// later one receive slots.
    pub generation: u64,
}

impl Seat {
    /// Default seat: weight 1, eligible, generation 0.
    pub const PLAIN: Self = Self { weight: Weight::ONE, eligibility: Eligibility::Eligible, generation: 0 };
}

/// The workers that may own slots now, in the order of their names. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster(Arc<Vec<(WorkerId, Seat)>>);

impl Roster {
    /// Returns a roster of workers with the default seat.
    pub fn of(workers: impl IntoIterator<Item = WorkerId>) -> Self {
        workers.into_iter().map(|worker| (worker, Seat::PLAIN)).collect()
    }

    /// Adds a worker, or changes its seat.
    pub fn seat(&mut self, worker: WorkerId, seat: Seat) {
        let seats = Arc::make_mut(&mut self.0);
        match place(seats, &worker) {
            Ok(place) => seats[place].1 = seat,
            Err(place) => seats.insert(place, (worker, seat)),
        }
    }

    /// Removes a worker and returns its seat; `None` if it had none.
    pub fn remove(&mut self, worker: &WorkerId) -> Option<Seat> {
        let place = place(&self.0, worker).ok()?;
        Some(Arc::make_mut(&mut self.0).remove(place).1)
    }

    /// Returns the seat of a worker; `None` if it has none.
    #[must_use]
    pub fn get(&self, worker: &WorkerId) -> Option<Seat> {
        place(&self.0, worker).ok().map(|place| self.0[place].1)
    }

    /// True if the worker is in the roster.
    #[must_use]
    pub fn contains(&self, worker: &WorkerId) -> bool {
        place(&self.0, worker).is_ok()
    }

    /// Returns all workers and their seats, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&WorkerId, Seat)> {
        self.0.iter().map(|(worker, seat)| (worker, *seat))
    }

    /// Returns the number of workers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if the roster has no workers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the index of the worker, or the index at which it would be inserted.
fn place(seats: &[(WorkerId, Seat)], worker: &WorkerId) -> Result<usize, usize> {
    seats.binary_search_by(|(seated, _)| seated.cmp(worker))
}

impl FromIterator<(WorkerId, Seat)> for Roster {
    /// Collects workers and seats. If a name occurs more than once, its last seat counts.
    fn from_iter<I: IntoIterator<Item = (WorkerId, Seat)>>(seats: I) -> Self {
        let mut seats: Vec<_> = seats.into_iter().collect();
        seats.reverse();
        seats.sort_by(|(one, _), (other, _)| one.cmp(other));
        seats.dedup_by(|(one, _), (other, _)| one == other);
        Self(Arc::new(seats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_stand_by_name_and_the_later_of_two_counts() {
        let [a, b, c] = ["a", "b", "c"].map(|name| WorkerId::new(name).unwrap());
        let heavy = Seat { weight: Weight::new(3).unwrap(), ..Seat::PLAIN };
        let mut roster: Roster = [(c.clone(), Seat::PLAIN), (a.clone(), Seat::PLAIN), (a.clone(), heavy)].into_iter().collect();
        let before = roster.clone();
        roster.seat(b.clone(), heavy);
        roster.seat(c.clone(), heavy);
        assert!(roster.iter().eq([(&a, heavy), (&b, heavy), (&c, heavy)]));
        assert!(before.iter().eq([(&a, heavy), (&c, Seat::PLAIN)]));
        assert_eq!((roster.remove(&b), roster.remove(&b), roster.len()), (Some(heavy), None, 2));
    }
}
