//! Rate of increments, from the progress of the slots' last ticks.

use std::collections::VecDeque;
use std::time::Duration;

use scaler_core::{Assignment, Slot, SlotLoad, Tick};

/// Number of ticks over which the rate is the mean.
const WINDOW: usize = 5;

/// Counts the increments of all items from one look at the slots to the next.
///
/// The rate is taken from the last look of each tick, when the slots have been ticked, so that it is steady while the work is.
#[derive(Debug, Default)]
pub(super) struct IncrementRate {
    /// Present tick and last tick of each slot at the last look.
    looked: Option<(Tick, Vec<Tick>)>,
    /// Increments since the beginning.
    total: u64,
    /// Increments up to the last look of each of the last ticks.
    at_ends: VecDeque<(Tick, u64)>,
}

impl IncrementRate {
    /// Takes a look at the slots.
    pub(super) fn look(&mut self, seen: &Assignment, load: &SlotLoad) {
        if let Some((tick, last)) = &mut self.looked
            && last.len() == seen.slots.len()
            && seen.tick >= *tick
        {
            let most = seen.tick.since(*tick) + 1;
            if seen.tick > *tick {
                self.at_ends.push_back((*tick, self.total));
                if self.at_ends.len() > WINDOW + 1 {
                    self.at_ends.pop_front();
                }
            }
            for (slot, (last, now)) in (0..).map(Slot::new).zip(last.iter_mut().zip(&seen.slots)) {
                if now.last_tick > *last {
                    // A slot that was never ticked before has no earlier tick to count from.
                    self.total += now.last_tick.since(*last).min(most) * u64::from(load.of(slot));
                }
                *last = now.last_tick;
            }
            *tick = seen.tick;
        } else {
            *self = Self { looked: Some((seen.tick, seen.slots.iter().map(|slot| slot.last_tick).collect())), ..Self::default() };
        }
    }

    /// Returns the increments per second over the last ticks; 0 before two ticks have passed.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to look at")]
    pub(super) fn per_second(&self, tick_length: Duration) -> f64 {
        let (Some((first, before)), Some((last, now))) = (self.at_ends.front(), self.at_ends.back()) else { return 0.0 };
        let seconds = last.since(*first) as f64 * tick_length.as_secs_f64();
        let rate = if seconds > 0.0 { (now - before) as f64 / seconds } else { 0.0 };
        (rate * 10.0).round() / 10.0
    }
}
