//! Chance, the same for the same seed.

use std::sync::Mutex;
use std::time::Duration;

use scaler_core::uuid_hash;
use uuid::Uuid;

/// A sequence of numbers that look random.
#[derive(Debug)]
pub(crate) struct Chance {
    seed: u64,
    drawn: Mutex<u128>,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: Mutex::new(0) }
    }

    /// A number below this one.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        let mut drawn = self.drawn.lock().unwrap();
        *drawn += 1;
        uuid_hash(Uuid::from_u128(*drawn), self.seed) % limit.max(1)
    }

    /// Returns true with this probability, in percent.
    pub(crate) fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time up to this one, in milliseconds.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(most.as_millis()).unwrap() + 1))
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap())
    }
}
