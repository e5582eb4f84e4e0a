//! Has a worker that comes and goes wait before it is given slots again: each return costs twice the wait of the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{Intake, Roster, Seat, WorkerId};

/// The wait after the first time that a worker was gone.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Who is there since when, and when who went.
#[derive(Debug, Default)]
pub(super) struct Damping {
    present: BTreeMap<WorkerId, Duration>,
    departures: BTreeMap<WorkerId, Vec<Duration>>,
}

impl Damping {
    /// Those of the `present` who may be seated at `now`: who went n times within the time `damping` waits for 2^n s after each
    /// return, but not longer than that time. Until then it keeps what it is `owning`, and gets nothing.
    ///
    /// Nobody waits when there is nobody else: what has no owner never waits.
    pub(super) fn admit(&mut self, now: Duration, damping: Duration, present: &Roster, owning: &BTreeSet<WorkerId>) -> Roster {
        self.observe(now, damping, present);
        let seats = present.iter().filter_map(|(worker, seat)| {
            let cordoned = Seat { intake: Intake::Cordoned, ..seat };
            let seat = if self.waits(now, damping, worker) { owning.contains(worker).then_some(cordoned)? } else { seat };
            Some((worker.clone(), seat))
        });
        let admitted: Roster = seats.collect();
        if admitted.iter().any(|(_, seat)| seat.intake == Intake::Open) { admitted } else { present.clone() }
    }

    fn observe(&mut self, now: Duration, damping: Duration, present: &Roster) {
        for (gone, _) in self.present.extract_if(.., |worker, _| !present.contains(worker)) {
            self.departures.entry(gone).or_default().push(now);
        }
        for (worker, _) in present.iter() {
            self.present.entry(worker.clone()).or_insert(now);
        }
        self.departures.retain(|_, times| {
            times.retain(|time| now.saturating_sub(*time) < damping);
            !times.is_empty()
        });
    }

    fn waits(&self, now: Duration, damping: Duration, worker: &WorkerId) -> bool {
        let Some(times) = self.departures.get(worker) else { return false };
        let doublings = u32::try_from(times.len() - 1).unwrap_or(u32::MAX);
        let wait = 2_u32.checked_pow(doublings).map_or(damping, |times| FIRST_WAIT.saturating_mul(times)).min(damping);
        self.present.get(worker).is_some_and(|since| now.saturating_sub(*since) < wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn roster(names: &str) -> Roster {
        Roster::of(names.split_whitespace().map(|name| WorkerId::new(name).unwrap()))
    }

    /// The names of those who may take something.
    fn takers(damping: &mut Damping, second: u32, present: &str, owning: &str) -> String {
        let owning = roster(owning).iter().map(|(worker, _)| worker.clone()).collect();
        let admitted = damping.admit(SECOND * second, MINUTE, &roster(present), &owning);
        let open = admitted.iter().filter(|(_, seat)| seat.intake == Intake::Open);
        open.map(|(worker, _)| worker.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// How long a worker waits after it was gone so many times, a second each.
    fn wait_s(departures: u32) -> u32 {
        let mut damping = Damping::default();
        for n in 0..departures {
            assert!(takers(&mut damping, 2 * n, "a b", "a").starts_with('a'));
            takers(&mut damping, 2 * n + 1, "a", "a");
        }
        let back = 2 * departures;
        (back..).find(|second| takers(&mut damping, *second, "a b", "a") == "a b").unwrap() - back
    }

    #[test]
    fn each_return_waits_twice_as_long_up_to_a_minute() {
        assert_eq!([0, 1, 2, 3, 4].map(wait_s), [0, 2, 4, 8, 16]);
        // The oldest departures are forgotten meanwhile.
        assert!((30..=60).contains(&wait_s(10)), "{}", wait_s(10));
    }

    #[test]
    fn who_stays_is_forgiven_after_a_minute() {
        let mut damping = Damping::default();
        for (second, present) in [(0, "a b"), (1, "a"), (2, "a b"), (10, "a b"), (62, "a"), (63, "a b")] {
            takers(&mut damping, second, present, "a");
        }
        assert_eq!(takers(&mut damping, 64, "a b", "a"), "a");
        assert_eq!(takers(&mut damping, 65, "a b", "a"), "a b", "as after a first time");
    }

    #[test]
    fn who_waits_keeps_what_it_owns_and_is_not_there_otherwise() {
        let mut damping = Damping::default();
        takers(&mut damping, 0, "a b", "a");
        takers(&mut damping, 1, "a", "a");
        let mut seat = |owning: &str| {
            let owning = roster(owning).iter().map(|(worker, _)| worker.clone()).collect();
            damping.admit(2 * SECOND, MINUTE, &roster("a b"), &owning).get(&WorkerId::new("b").unwrap())
        };
        assert_eq!(seat("a b").map(|seat| seat.intake), Some(Intake::Cordoned));
        assert_eq!(seat("a"), None);
    }

    #[test]
    fn where_there_is_nobody_else_nobody_waits() {
        let mut damping = Damping::default();
        takers(&mut damping, 0, "a", "");
        takers(&mut damping, 1, "", "");
        assert_eq!(takers(&mut damping, 2, "a", ""), "a");
    }
}
