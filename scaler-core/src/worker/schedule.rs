//! Schedule of tick rounds: on a grid within the store's tick, so that clock drift neither skips a tick nor hits one twice.

use std::time::Duration;

use crate::TickReport;

/// Part of a tick over which its calls are spread, in percent. The rest is for the last answers and for moves of slots, which happen once a
/// slot is ticked.
const SPREAD: u32 = 75;

/// Times of one worker's tries: `phase`, `phase + step`, `phase + 2 step`, ... within every tick of the store.
#[derive(Debug)]
pub(super) struct Schedule {
    tries_per_tick: u32,
    /// Position of this worker's tries within a step, as a fraction of 2^32: spreads workers over the step.
    share: u32,
    /// Send time for arrival exactly at the start of a tick, and the length of a tick; `None` before the first answer.
    origin: Option<(Duration, Duration)>,
}

impl Schedule {
    pub(super) const fn new(tries_per_tick: u32, share: u32) -> Self {
        Self { tries_per_tick, share, origin: None }
    }

    /// Synchronizes with the store's clock by the report of a call sent at `sent`.
    ///
    /// The store reads its clock when the call arrives, so a call sent one tick after `sent` arrives one tick later: the latency need not
    /// be known.
    pub(super) fn observe(&mut self, sent: Duration, report: &TickReport) {
        let tick = report.tick_length.max(Duration::from_millis(1));
        self.origin = Some(((sent + tick).saturating_sub(report.into_tick), tick));
    }

    /// Returns the time until which the calls of this tick are spread: `now` if that has passed, or before the first answer.
    pub(super) fn spread_until(&self, now: Duration) -> Duration {
        let Some((origin, tick)) = self.origin else { return now };
        // The origin may be later than `now`; one tick earlier cannot be.
        let first = origin.saturating_sub(tick);
        let into_tick = Duration::from_nanos(nanos(now.saturating_sub(first)) % nanos(tick).max(1));
        now + (tick * SPREAD / 100).saturating_sub(into_tick)
    }

    /// Returns the time of the next try, later than `now`.
    pub(super) fn next(&self, now: Duration) -> Duration {
        self.next_in_steps_of(self.tries_per_tick.max(1), now)
    }

    /// Returns the time of the first try in the next tick, for when the current one is done.
    pub(super) fn next_tick(&self, now: Duration) -> Duration {
        self.next_in_steps_of(1, now)
    }

    fn next_in_steps_of(&self, part: u32, now: Duration) -> Duration {
        let Some((origin, tick)) = self.origin else { return now };
        let phase = (u128::from(nanos(tick / self.tries_per_tick.max(1)).max(1)) * u128::from(self.share)) >> u32::BITS;
        let step = nanos(tick / part).max(1);
        // The origin may be later than `now`; one tick earlier cannot be, and has the same grid.
        let first = origin.saturating_sub(tick) + Duration::from_nanos(u64::try_from(phase).unwrap_or(0));
        match now.checked_sub(first) {
            Some(since) => first + Duration::from_nanos((nanos(since) / step + 1).saturating_mul(step)),
            None => first,
        }
    }
}

/// Returns the duration in nanoseconds, at most `u64::MAX`, which is over 500 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SlotCount, Tick};

    const TICK: Duration = Duration::from_secs(1);

    fn report(into_tick: Duration) -> TickReport {
        TickReport {
            installation: crate::InstallationId::new(uuid::Uuid::nil()),
            tick: Tick(1),
            into_tick,
            tick_length: TICK,
            slots: SlotCount::DEFAULT,
            owned: 0,
            fence: 0,
            ticked: 0,
            left: 0,
            items: 0,
            digest: 0,
            locked: 0,
            refused: 0,
            refusal: None,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn tries_keep_their_places_within_the_stores_tick() {
        let mut schedule = Schedule::new(4, u32::MAX / 2 + 1);
        assert_eq!(schedule.next(TICK), TICK, "before the first answer: at once");
        // Sent at 10.3 s and found 0.8 s into the tick: ticks begin at 9.5 s, 10.5 s, ...
        schedule.observe(Duration::from_millis(10_300), &report(Duration::from_millis(800)));
        let mut now = Duration::from_millis(10_310);
        for expected in [10_375, 10_625, 10_875, 11_125, 11_375] {
            now = schedule.next(now);
            assert_eq!(now, Duration::from_millis(expected));
        }
        assert_eq!(schedule.next_tick(now), Duration::from_millis(11_625));
    }

    proptest::proptest! {
        #[test]
        fn the_next_try_is_later_and_at_most_a_step_away(
            tries in 1_u32..9, share: u32, sent in 2_000_u64..1_000_000, into in 0_u64..1000, later in 0_u64..5000,
        ) {
            let mut schedule = Schedule::new(tries, share);
            schedule.observe(Duration::from_millis(sent), &report(Duration::from_millis(into)));
            let now = Duration::from_millis(sent + later);
            let next = schedule.next(now);
            proptest::prop_assert!(next > now && next <= now + TICK / tries);
            let first = schedule.next_tick(now);
            proptest::prop_assert!(first >= next && first <= now + TICK);
        }
    }

    #[test]
    fn calls_are_spread_over_what_is_left_of_most_of_the_tick() {
        let ms = Duration::from_millis;
        let mut schedule = Schedule::new(4, 0);
        assert_eq!(schedule.spread_until(ms(5)), ms(5), "nothing is known yet");
        // Sent at 10.3 s and found 0.3 s into the tick: ticks begin at whole seconds.
        schedule.observe(ms(10_300), &report(ms(300)));
        for (now, until) in [(10_300, 10_750), (11_000, 11_750), (11_749, 11_750), (11_900, 11_900), (13_100, 13_750)] {
            assert_eq!(schedule.spread_until(ms(now)), ms(until), "at {now} ms");
        }
    }
}
