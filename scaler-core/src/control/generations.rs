//! Which workers come from the newest rollout.

use std::collections::BTreeMap;

use crate::{Incarnation, Sighting, Tick};

/// The generation of each revision that is present: the greatest number belongs to the revision that started a worker last.
///
/// By the last start and not by the first, so that a roll-back, which starts workers of an old revision anew, is a rollout too.
/// A worker that dies and starts again in the midst of a rollout can turn the order round until the next one starts; that costs
/// movements and no more.
#[derive(Debug, Default)]
pub(super) struct Generations {
    numbers: BTreeMap<String, u64>,
    /// When each process started, as first seen: seen again, it is a little off, and two revisions could change places.
    started: BTreeMap<Incarnation, u64>,
    last: u64,
}

impl Generations {
    /// Learns who is there at this tick of the store.
    pub(super) fn observe<'a>(&mut self, tick: Tick, sightings: impl Iterator<Item = &'a Sighting>) {
        let mut started = BTreeMap::new();
        let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
        for Sighting { member, age } in sightings {
            let Some(revision) = &member.revision else { continue };
            let incarnation = member.key.incarnation;
            let begun = || tick.0.saturating_sub((*age + member.uptime).as_secs());
            let start = self.started.get(&incarnation).copied().unwrap_or_else(begun);
            started.insert(incarnation, start);
            let latest = latest.entry(revision).or_default();
            *latest = start.max(*latest);
        }
        self.started = started;
        self.number(latest);
    }

    /// The generation of a revision; workers that tell none are of the oldest.
    pub(super) fn of(&self, revision: Option<&str>) -> u64 {
        revision.and_then(|revision| self.numbers.get(revision)).copied().unwrap_or_default()
    }

    /// Numbers those who are new by their starts, and anew the one who has overtaken all others.
    fn number(&mut self, latest: BTreeMap<&str, u64>) {
        self.numbers.retain(|revision, _| latest.contains_key(revision.as_str()));
        let mut by_start: Vec<(u64, &str)> = latest.into_iter().map(|(revision, start)| (start, revision)).collect();
        by_start.sort_unstable();
        let newest = by_start.last().map(|(_, revision)| *revision);
        for (_, revision) in by_start {
            let greatest = self.numbers.values().copied().max().unwrap_or_default();
            let has_overtaken = Some(revision) == newest && self.of(newest) < greatest;
            if has_overtaken || !self.numbers.contains_key(revision) {
                self.last += 1;
                self.numbers.insert(revision.to_owned(), self.last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::{Member, MemberKey, MemberState, WorkerId};

    /// A worker of this number and revision that started at this tick, heard at tick 1,000.
    fn worker(number: u128, revision: Option<&str>, start: u64) -> Sighting {
        let key = MemberKey {
            worker: WorkerId::new(format!("w{number}")).unwrap(),
            incarnation: Incarnation::new(Uuid::from_u128(number)),
        };
        let member =
            Member { revision: revision.map(str::to_owned), uptime: Duration::from_secs(1000 - start), ..Member::joining(key) };
        Sighting { member: Member { state: MemberState::Active, ..member }, age: Duration::ZERO }
    }

    fn observe(generations: &mut Generations, sightings: &[Sighting]) {
        generations.observe(Tick(1000), sightings.iter());
    }

    #[test]
    fn the_revision_that_started_last_is_the_newest_and_stays_so() {
        let mut generations = Generations::default();
        let old = worker(1, Some("blue"), 100);
        observe(&mut generations, std::slice::from_ref(&old));
        let alone = generations.of(Some("blue"));
        observe(&mut generations, &[old.clone(), worker(2, Some("green"), 900)]);
        assert!(generations.of(Some("green")) > generations.of(Some("blue")));
        assert_eq!(generations.of(Some("blue")), alone);
        let before = generations.of(Some("green"));
        observe(&mut generations, &[old, worker(2, Some("green"), 899), worker(3, Some("green"), 950)]);
        assert_eq!(generations.of(Some("green")), before, "more workers of the newest change nothing");
    }

    #[test]
    fn a_new_leader_finds_the_same_order() {
        let (blue, green) = (worker(1, Some("blue"), 100), worker(2, Some("green"), 900));
        for sightings in [[blue.clone(), green.clone()], [green, blue]] {
            let mut generations = Generations::default();
            observe(&mut generations, &sightings);
            assert!(generations.of(Some("green")) > generations.of(Some("blue")));
        }
    }

    #[test]
    fn a_roll_back_is_a_rollout() {
        let mut generations = Generations::default();
        let (blue, green) = (worker(1, Some("blue"), 100), worker(2, Some("green"), 900));
        observe(&mut generations, &[blue.clone(), green.clone()]);
        observe(&mut generations, &[blue, green, worker(3, Some("blue"), 990)]);
        assert!(generations.of(Some("blue")) > generations.of(Some("green")));
    }

    #[test]
    fn a_start_that_is_told_a_little_off_turns_no_order_round() {
        let mut generations = Generations::default();
        observe(&mut generations, &[worker(1, Some("blue"), 899), worker(2, Some("green"), 900)]);
        let before = generations.of(Some("green"));
        observe(&mut generations, &[worker(1, Some("blue"), 901), worker(2, Some("green"), 900)]);
        assert_eq!(generations.of(Some("green")), before);
        assert!(before > generations.of(Some("blue")));
    }

    #[test]
    fn who_tells_no_revision_is_of_the_oldest() {
        let mut generations = Generations::default();
        observe(&mut generations, &[worker(1, None, 100), worker(2, Some("green"), 50)]);
        assert!(generations.of(Some("green")) > generations.of(None));
    }
}
