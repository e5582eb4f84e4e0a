//! Time since the last tick of each worker, by the control plane's own clock.
//!
//! The tick number only identifies the second. The time at which a new number was first seen is more precise: a late tick counts
//! as missed soon after it was due, and not only when the whole next second is over.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Tick, WorkerId};

/// Last tick of each worker, and the time at which it was first seen.
#[derive(Debug, Default)]
pub(super) struct TickAges(BTreeMap<WorkerId, LastTick>);

#[derive(Debug)]
struct LastTick {
    tick: Tick,
    /// Later than the tick itself, so that silence is never overestimated.
    seen_at: Duration,
}

impl TickAges {
    /// Forgets all ages after a time in which nothing was read: workers that were silent meanwhile may be coming back.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Records the last ticks as read before `answered_at`, and forgets workers without any.
    pub(super) fn observe(&mut self, answered_at: Duration, ticks: &BTreeMap<WorkerId, Tick>) {
        self.0.retain(|worker, _| ticks.contains_key(worker));
        for (worker, tick) in ticks {
            let last = self.0.entry(worker.clone()).or_insert(LastTick { tick: *tick, seen_at: answered_at });
            if last.tick < *tick {
                *last = LastTick { tick: *tick, seen_at: answered_at };
            }
        }
    }

    /// Takes each last tick as seen `grace` before the next one counted as missed, for a caller that looks only once: at `now`, in the tick
    /// `present`, which may still come.
    pub(super) fn assume(
        &mut self,
        now: Duration,
        (present, tick_length): (Tick, Duration),
        grace: Duration,
        ticks: &BTreeMap<WorkerId, Tick>,
    ) {
        for (worker, tick) in ticks {
            let missed = u32::try_from(present.since(*tick).saturating_sub(1)).unwrap_or(u32::MAX);
            let silence = if missed == 0 { Duration::ZERO } else { tick_length.saturating_mul(missed) + grace };
            self.0.insert(worker.clone(), LastTick { tick: *tick, seen_at: now.saturating_sub(silence) });
        }
    }

    /// Returns the time for which a worker had not ticked at `asked_at`, when the slots were requested; `None` if it never did.
    pub(super) fn silence(&self, worker: &WorkerId, asked_at: Duration) -> Option<Duration> {
        self.0.get(worker).map(|last| asked_at.saturating_sub(last.seen_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn silence_begins_when_the_last_tick_was_first_seen() {
        let worker = WorkerId::new("a").unwrap();
        let mut pulses = TickAges::default();
        assert_eq!(pulses.silence(&worker, 9 * MS), None);
        for (answered_ms, tick, asked_ms, silence_ms) in
            [(100, 7, 90, 0), (350, 7, 340, 240), (600, 8, 590, 0), (850, 8, 840, 240), (1100, 8, 1090, 490)]
        {
            pulses.observe(MS * answered_ms, &BTreeMap::from([(worker.clone(), Tick(tick))]));
            assert_eq!(pulses.silence(&worker, MS * asked_ms), Some(MS * silence_ms), "at {asked_ms} ms");
        }
        pulses.forget();
        pulses.observe(MS * 9000, &BTreeMap::from([(worker.clone(), Tick(8))]));
        assert_eq!(pulses.silence(&worker, MS * 9500), Some(MS * 500), "who has not looked does not know");
        pulses.observe(MS * 9600, &BTreeMap::new());
        assert_eq!(pulses.silence(&worker, MS * 9700), None);
    }
}
