//! Who may own slots now.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::WorkerId;

/// A worker's share against the others': one of weight 2 owns twice as much as one of weight 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(NonZeroU32);

impl Weight {
    /// The weight of a worker that is like all others.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// A weight; `None` for 0, since a worker that shall own nothing does not stand in the roster.
    #[must_use]
    pub const fn new(weight: u32) -> Option<Self> {
        match NonZeroU32::new(weight) {
            Some(weight) => Some(Self(weight)),
            None => None,
        }
    }

    /// The weight as a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// Whether a worker may be given slots that it does not own yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intake {
    /// It may.
    Open,
    /// It keeps what it owns and receives nothing.
    Cordoned,
}

/// A worker's place in the roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seat {
    /// Its share against the others'.
    pub weight: Weight,
    /// Whether it may be given more.
    pub intake: Intake,
    /// Which rollout it comes from; a later one has a greater number. While two are present, only the later receives.
    pub generation: u64,
}

impl Seat {
    /// The seat of a worker like all others: weight 1, open, of generation 0.
    pub const PLAIN: Self = Self { weight: Weight::ONE, intake: Intake::Open, generation: 0 };
}

/// The workers that may own slots now, in the order of their names. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster(Arc<BTreeMap<WorkerId, Seat>>);

impl Roster {
    /// A roster of workers of equal weight.
    pub fn of(workers: impl IntoIterator<Item = WorkerId>) -> Self {
        workers.into_iter().map(|worker| (worker, Seat::PLAIN)).collect()
    }

    /// Seats a worker, or changes its seat.
    pub fn seat(&mut self, worker: WorkerId, seat: Seat) {
        Arc::make_mut(&mut self.0).insert(worker, seat);
    }

    /// Removes a worker; its seat, if it had one.
    pub fn remove(&mut self, worker: &WorkerId) -> Option<Seat> {
        Arc::make_mut(&mut self.0).remove(worker)
    }

    /// The seat of a worker.
    #[must_use]
    pub fn get(&self, worker: &WorkerId) -> Option<Seat> {
        self.0.get(worker).copied()
    }

    /// Whether the worker has a seat.
    #[must_use]
    pub fn contains(&self, worker: &WorkerId) -> bool {
        self.0.contains_key(worker)
    }

    /// Workers and seats, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&WorkerId, Seat)> {
        self.0.iter().map(|(worker, seat)| (worker, *seat))
    }

    /// How many workers have a seat.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody has a seat.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(WorkerId, Seat)> for Roster {
    fn from_iter<I: IntoIterator<Item = (WorkerId, Seat)>>(seats: I) -> Self {
        Self(Arc::new(seats.into_iter().collect()))
    }
}
