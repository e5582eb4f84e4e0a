//! Flap damping: a worker that keeps restarting is given slots only after an exponential back-off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{Eligibility, Incarnation, Roster, Seat, WorkerId};

/// Wait after the first loss of a worker.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// Number of losses that a process counts for if it ends soon after its start, because the next one may end the same way.
const DIED_YOUNG: u32 = 3;

/// One process of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// Incarnation of the process.
    pub(super) incarnation: Incarnation,
    /// Time it has run, as it reports it.
    pub(super) uptime: Duration,
}

/// Joins and losses of each worker within the damping window.
#[derive(Debug, Default)]
pub(super) struct FlapDamping {
    present: BTreeMap<WorkerId, Stay>,
    departures: BTreeMap<WorkerId, Vec<Departure>>,
}

#[derive(Debug)]
struct Stay {
    since: Duration,
    life: Life,
}

#[derive(Debug)]
struct Departure {
    at: Duration,
    life: Life,
}

impl FlapDamping {
    /// Returns the roster of the `present` workers that may be seated at `now`. A worker that was gone n times within the time
    /// `damping` waits 2^n s after each return, but at most that time. Until then it keeps the slots it is `owning` and receives
    /// none. A process that ended before it had run for that time, and did not come back itself, counts three times.
    ///
    /// If no other worker could receive slots, none waits: slots without an owner never wait.
    pub(super) fn admit(
        &mut self,
        now: Duration,
        damping: Duration,
        present: &Roster,
        lives: &BTreeMap<WorkerId, Life>,
        owning: &BTreeSet<WorkerId>,
    ) -> Roster {
        self.observe(now, damping, present, lives);
        let seats = present.iter().filter_map(|(worker, seat)| {
            let cordoned = Seat { eligibility: Eligibility::Cordoned, ..seat };
            let seat = if self.waits(now, damping, worker) { owning.contains(worker).then_some(cordoned)? } else { seat };
            Some((worker.clone(), seat))
        });
        let admitted: Roster = seats.collect();
        if admitted.iter().any(|(_, seat)| seat.eligibility == Eligibility::Eligible) { admitted } else { present.clone() }
    }

    fn observe(&mut self, now: Duration, damping: Duration, present: &Roster, lives: &BTreeMap<WorkerId, Life>) {
        for (gone, stay) in self.present.extract_if(.., |worker, _| !present.contains(worker)) {
            self.departures.entry(gone).or_default().push(Departure { at: now, life: stay.life });
        }
        for (worker, life) in lives.iter().filter(|(worker, _)| present.contains(worker)) {
            self.present.entry(worker.clone()).or_insert(Stay { since: now, life: *life }).life = *life;
        }
        self.departures.retain(|_, departures| {
            departures.retain(|departure| now.saturating_sub(departure.at) < damping);
            !departures.is_empty()
        });
    }

    fn waits(&self, now: Duration, damping: Duration, worker: &WorkerId) -> bool {
        let (Some(departures), Some(stay)) = (self.departures.get(worker), self.present.get(worker)) else { return false };
        let died_young =
            |departure: &Departure| departure.life.uptime < damping && departure.life.incarnation != stay.life.incarnation;
        let losses = departures.iter().map(|departure| if died_young(departure) { DIED_YOUNG } else { 1 }).sum();
        now.saturating_sub(stay.since) < wait_after(losses, damping)
    }
}

/// Returns the wait of a worker after this many losses.
fn wait_after(losses: u32, damping: Duration) -> Duration {
    let times = 2_u32.checked_pow(losses.saturating_sub(1));
    times.map_or(damping, |times| FIRST_WAIT.saturating_mul(times)).min(damping)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn roster(names: &str) -> Roster {
        Roster::of(names.split_whitespace().map(|name| WorkerId::new(name).unwrap()))
    }

    /// Returns the present workers, each with the process of this number and uptime.
    fn lives(present: &str, number: u128, uptime: Duration) -> BTreeMap<WorkerId, Life> {
        let life = Life { incarnation: Incarnation::new(Uuid::from_u128(number)), uptime };
        roster(present).iter().map(|(worker, _)| (worker.clone(), life)).collect()
    }

    /// Returns the names of the workers that may receive slots. Their processes have run for long.
    fn takers(damping: &mut FlapDamping, second: u32, present: &str, owning: &str) -> String {
        takers_of(damping, second, present, owning, &lives(present, second.into(), MINUTE))
    }

    fn takers_of(
        damping: &mut FlapDamping,
        second: u32,
        present: &str,
        owning: &str,
        lives: &BTreeMap<WorkerId, Life>,
    ) -> String {
        let owning = roster(owning).iter().map(|(worker, _)| worker.clone()).collect();
        let admitted = damping.admit(SECOND * second, MINUTE, &roster(present), lives, &owning);
        let open = admitted.iter().filter(|(_, seat)| seat.eligibility == Eligibility::Eligible);
        open.map(|(worker, _)| worker.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Returns the wait of a worker that was gone this many times, a second each.
    fn wait_s(departures: u32) -> u32 {
        let mut damping = FlapDamping::default();
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
    fn the_back_off_is_reset_after_a_minute_without_a_restart() {
        let mut damping = FlapDamping::default();
        for (second, present) in [(0, "a b"), (1, "a"), (2, "a b"), (10, "a b"), (62, "a"), (63, "a b")] {
            takers(&mut damping, second, present, "a");
        }
        assert_eq!(takers(&mut damping, 64, "a b", "a"), "a");
        assert_eq!(takers(&mut damping, 65, "a b", "a"), "a b", "as after a first time");
    }

    #[test]
    fn a_damped_worker_keeps_its_slots_and_gets_no_others() {
        let mut damping = FlapDamping::default();
        takers(&mut damping, 0, "a b", "a");
        takers(&mut damping, 1, "a", "a");
        let mut seat = |owning: &str| {
            let owning = roster(owning).iter().map(|(worker, _)| worker.clone()).collect();
            let lives = lives("a b", 2, MINUTE);
            damping.admit(2 * SECOND, MINUTE, &roster("a b"), &lives, &owning).get(&WorkerId::new("b").unwrap())
        };
        assert_eq!(seat("a b").map(|seat| seat.eligibility), Some(Eligibility::Cordoned));
        assert_eq!(seat("a"), None);
    }

    #[test]
    fn without_other_workers_there_is_no_damping() {
        let mut damping = FlapDamping::default();
        takers(&mut damping, 0, "a", "");
        takers(&mut damping, 1, "", "");
        assert_eq!(takers(&mut damping, 2, "a", ""), "a");
    }

    /// Returns the wait of a worker whose process ended after this many seconds, and that comes back as process number `next`.
    fn wait_s_after_a_life_of(uptime_s: u32, next: u128) -> u32 {
        let mut damping = FlapDamping::default();
        takers_of(&mut damping, 0, "a b", "a", &lives("a b", 1, SECOND * uptime_s));
        takers(&mut damping, 1, "a", "a");
        let back = lives("a b", next, Duration::ZERO);
        (2..).find(|second| takers_of(&mut damping, *second, "a b", "a", &back) == "a b").unwrap() - 2
    }

    #[test]
    fn only_a_worker_that_died_soon_after_its_start_is_damped_longer() {
        assert_eq!(wait_s_after_a_life_of(59, 2), 8);
        assert_eq!(wait_s_after_a_life_of(60, 2), 2, "a single death of one that has run for long");
        assert_eq!(wait_s_after_a_life_of(5, 1), 2, "the same process");
    }

    proptest! {
        #[test]
        fn a_process_that_dies_young_again_and_again_is_seated_twice_a_minute_at_most(
            spans in prop::collection::vec((1_u32..50, 1_u32..50), 1..20),
        ) {
            let (mut damping, mut second, mut seated) = (FlapDamping::default(), 0, Vec::new());
            for (life, (up, down)) in (1..).zip(spans) {
                let mut has = false;
                for age in 0..up {
                    let lives = lives("a b", life, SECOND * age);
                    let takes = takers_of(&mut damping, second, "a b", "a", &lives) == "a b";
                    if takes && !has {
                        seated.push(second);
                    }
                    has |= takes;
                    second += 1;
                }
                for _ in 0..down {
                    takers(&mut damping, second, "a", "a");
                    second += 1;
                }
            }
            prop_assert!(seated.windows(3).all(|three| three[2] - three[0] >= 60), "{:?}", seated);
        }

        #[test]
        fn to_be_lost_more_often_is_never_to_wait_less(losses in 0_u32..100, damping_s in 0_u64..1000) {
            let damping = Duration::from_secs(damping_s);
            prop_assert!(wait_after(losses, damping) <= wait_after(losses + 1, damping));
            prop_assert!(wait_after(losses, damping) <= damping);
        }
    }
}
