//! Random numbers from a seed, so that a run can be repeated.

use std::time::Duration;

/// Random number generator SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Returns a generator for this seed and name, so that concurrent faults do not affect each other's random numbers.
    #[must_use]
    pub fn of(seed: u64, name: &str) -> Self {
        let named = name.bytes().fold(seed, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Self(named)
    }

    /// Returns the next 64 random bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a random number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll().checked_rem(end).unwrap_or(0)
    }

    /// Returns a random one of these; `None` if there are none.
    pub fn pick<T: Clone>(&mut self, of: impl IntoIterator<Item = T>) -> Option<T> {
        let all: Vec<T> = of.into_iter().collect();
        let place = usize::try_from(self.below(all.len() as u64)).unwrap_or(0);
        all.get(place).cloned()
    }

    /// Returns a random duration below `span`, so that a fault does not always strike at the same point of a second.
    pub fn within(&mut self, span: Duration) -> Duration {
        Duration::from_millis(self.below(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}
