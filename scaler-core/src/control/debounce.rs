//! Debounce: waits for further joins and drains before rebalancing, so that several at a time cost one rebalance.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Eligibility, Roster, Seat, WorkerId};

/// Maximum total wait, as a multiple of the debounce time, however often workers come and go.
const LONGEST: u32 = 5;

/// Pending joins and drains, with the times at which the first and the last were seen.
///
/// Only joins and drains wait, since their items are ticked meanwhile. Slots of a lost worker are shared at once among the
/// members that were there before.
#[derive(Debug, Default)]
pub(super) struct Debounce {
    changes: BTreeSet<(WorkerId, Change)>,
    first: Duration,
    last: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Join,
    Drain,
}

impl Debounce {
    /// Returns the roster among which to share the slots at `now`: `before` without lost workers, until for the time `debounce`
    /// no worker has joined or begun to drain; then `wanted`. If no worker of `before` can receive slots, it does not wait.
    pub(super) fn share_among(
        &mut self,
        now: Duration,
        debounce: Duration,
        before: &Roster,
        wanted: &Roster,
        draining: &BTreeSet<WorkerId>,
    ) -> Roster {
        let changes = changes(before, wanted, draining);
        if self.changes.is_empty() {
            self.first = now;
        }
        if !changes.is_subset(&self.changes) {
            self.last = now;
        }
        self.changes = changes;
        let kept = kept(before, wanted, draining);
        let over = now.saturating_sub(self.last) >= debounce || now.saturating_sub(self.first) >= debounce * LONGEST;
        let nobody_takes = kept.iter().all(|(_, seat)| seat.eligibility == Eligibility::Cordoned);
        if !self.changes.is_empty() && !over && !nobody_takes { kept } else { wanted.clone() }
    }
}

fn changes(before: &Roster, wanted: &Roster, draining: &BTreeSet<WorkerId>) -> BTreeSet<(WorkerId, Change)> {
    let joining = wanted.iter().filter(|(worker, _)| !before.contains(worker)).map(|(worker, _)| (worker.clone(), Change::Join));
    let leaving = before.iter().filter(|(worker, _)| draining.contains(*worker));
    joining.chain(leaving.map(|(worker, _)| (worker.clone(), Change::Drain))).collect()
}

/// Returns the workers of `before` that are not lost. Draining workers keep their slots and receive none.
fn kept(before: &Roster, wanted: &Roster, draining: &BTreeSet<WorkerId>) -> Roster {
    before
        .iter()
        .filter_map(|(worker, seat)| {
            let cordoned = Seat { eligibility: Eligibility::Cordoned, ..seat };
            let seat = wanted.get(worker).or_else(|| draining.contains(worker).then_some(cordoned))?;
            Some((worker.clone(), seat))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATHER: Duration = Duration::from_secs(1);

    fn id(name: &str) -> WorkerId {
        WorkerId::new(name).unwrap()
    }

    fn roster(names: &str) -> Roster {
        Roster::of(names.split_whitespace().map(id))
    }

    /// Returns the names of the workers that may receive slots, after `millis`.
    fn takers(debounce: &mut Debounce, millis: u64, before: &str, wanted: &str, draining: &str) -> String {
        let draining = draining.split_whitespace().map(id).collect();
        let now = Duration::from_millis(millis);
        let shared = debounce.share_among(now, GATHER, &roster(before), &roster(wanted), &draining);
        let takers: Vec<_> = shared
            .iter()
            .filter(|(_, seat)| seat.eligibility == Eligibility::Eligible)
            .map(|(worker, _)| worker.as_str().to_owned())
            .collect();
        takers.join(" ")
    }

    #[test]
    fn each_join_restarts_the_debounce() {
        let mut debounce = Debounce::default();
        for (millis, wanted, takers_then) in [
            (0, "a b", "a b"),
            (500, "a b c", "a b"),
            (1400, "a b c d", "a b"),
            (2300, "a b c d", "a b"),
            (2400, "a b c d", "a b c d"),
        ] {
            assert_eq!(takers(&mut debounce, millis, "a b", wanted, ""), takers_then, "after {millis} ms");
        }
    }

    #[test]
    fn workers_that_come_and_go_without_end_are_not_waited_for_without_end() {
        let mut debounce = Debounce::default();
        let joining = |count: usize| (0..=count).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
        let waited = (0..).take_while(|count| takers(&mut debounce, *count as u64 * 900, "w0", &joining(1 + count), "") == "w0");
        assert_eq!(waited.count(), 6, "5 s, seen every 900 ms");
    }

    #[test]
    fn a_draining_worker_gets_no_slots_during_the_debounce() {
        let mut debounce = Debounce::default();
        assert_eq!(takers(&mut debounce, 0, "a b c", "a b", "c"), "a b");
        let mut keeping = Debounce::default();
        let shared = keeping.share_among(Duration::ZERO, GATHER, &roster("a b c"), &roster("a b"), &[id("c")].into());
        assert_eq!(shared.get(&id("c")).map(|seat| seat.eligibility), Some(Eligibility::Cordoned));
        assert_eq!(takers(&mut debounce, 999, "a b c", "a", "b c"), "a", "one more drains");
        assert_eq!(takers(&mut debounce, 1998, "a b c", "a", "b c"), "a");
    }

    #[test]
    fn the_lost_are_no_change_to_wait_for() {
        let mut debounce = Debounce::default();
        assert_eq!(takers(&mut debounce, 0, "a b c", "a b", ""), "a b");
        let shared = debounce.share_among(Duration::ZERO, GATHER, &roster("a b c"), &roster("a b d"), &BTreeSet::new());
        assert_eq!(shared, roster("a b"), "while another joins, those of before share what the lost one had");
    }

    #[test]
    fn without_an_earlier_receiver_there_is_no_debounce() {
        let mut debounce = Debounce::default();
        assert_eq!(takers(&mut debounce, 0, "", "a b", ""), "a b");
        assert_eq!(takers(&mut debounce, 100, "a b", "c", "a b"), "c");
        assert_eq!(takers(&mut debounce, 200, "a", "c", ""), "c", "all of before are lost");
    }
}
