//! Sliding-window maximum.

use std::collections::VecDeque;
use std::time::Duration;

/// Highest of the values that were in effect within the last `length`. A value is in effect until the next is observed.
#[derive(Clone, Debug)]
pub(super) struct Highest<T> {
    length: Duration,
    /// Values in decreasing order, each with the last time at which it is known to have been in effect.
    values: VecDeque<(Duration, T)>,
}

impl<T: Ord + Copy> Highest<T> {
    pub(super) const fn new(length: Duration) -> Self {
        Self { length, values: VecDeque::new() }
    }

    /// Removes all values.
    pub(super) fn restart(&mut self) {
        self.values.clear();
    }

    /// Records a value and returns the highest one in the window, including it.
    pub(super) fn observe(&mut self, now: Duration, value: T) -> T {
        if let Some(last) = self.values.back_mut() {
            last.0 = now;
        }
        while self.values.back().is_some_and(|(_, lower)| *lower <= value) {
            self.values.pop_back();
        }
        self.values.push_back((now, value));
        while self.values.len() > 1 && self.values.front().is_some_and(|(until, _)| *until + self.length <= now) {
            self.values.pop_front();
        }
        self.values.front().map_or(value, |(_, highest)| *highest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_value_counts_until_it_was_out_of_effect_for_the_length() {
        let mut highest = Highest::new(SECOND * 10);
        assert_eq!(highest.observe(SECOND, 7), 7);
        assert_eq!(highest.observe(SECOND * 5, 3), 7, "7 was in effect until now");
        assert_eq!(highest.observe(SECOND * 14, 2), 7);
        assert_eq!(highest.observe(SECOND * 15, 2), 3, "3 was in effect until 14");
        assert_eq!(highest.observe(SECOND * 90, 1), 2, "in a gap, what was observed last is in effect");
        highest.restart();
        assert_eq!(highest.observe(SECOND * 91, 0), 0);
    }

    proptest! {
        #[test]
        fn it_is_the_maximum_over_the_window(steps in prop::collection::vec((1_u64..5, 0_u32..20), 1..100), length in 1_u64..30) {
            let mut highest = Highest::new(SECOND * u32::try_from(length).unwrap());
            let (mut now, mut seen): (u64, Vec<(u64, u32)>) = (0, Vec::new());
            for (wait, value) in steps {
                now += wait;
                if let Some(last) = seen.last_mut() {
                    last.0 = now;
                }
                seen.push((now, value));
                let expected = seen.iter().filter(|(until, _)| until + length > now).map(|(_, value)| *value).max();
                prop_assert_eq!(Some(highest.observe(Duration::from_secs(now), value)), expected);
            }
        }
    }
}
