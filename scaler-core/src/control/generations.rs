//! Generations: the order of the revisions in a rollout.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Incarnation, MemberRecord, Tick};

/// Generation of each revision that is present. The greatest number belongs to the revision that started a worker last.
///
/// The last start counts, not the first, so that a roll-back, which starts workers of an old revision again, is a rollout too. A
/// worker that dies and restarts during a rollout can reverse the order until the next worker starts; that costs moves and
/// nothing else.
#[derive(Debug, Default)]
pub(super) struct Generations {
    numbers: BTreeMap<String, u64>,
    /// Start of each process, as first seen. Later readings differ a little, and two revisions could change places.
    started: BTreeMap<Incarnation, u64>,
    last: u64,
    /// Time at which the rollout last made progress: another revision became the newest, or the number of workers of older ones
    /// reached a new minimum.
    progress_at: Duration,
    /// The newest generation, and the minimum number of workers of older ones that was seen beside it.
    progress: (u64, usize),
    is_stalled: bool,
}

/// A rollout that makes no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StalledRollout {
    /// Number of workers that are not of the newest revision.
    pub older: usize,
    /// Time since their number last fell.
    pub since: Duration,
}

impl Generations {
    /// Reads the members at this tick of the store, which is `now` by the control plane's own clock. If the rollout has made no
    /// progress for `limit`, all revisions count as one generation until it does, and the stalled rollout is returned. Workers
    /// that crash and come back are no progress.
    pub(super) fn observe<'a>(
        &mut self,
        now: Duration,
        limit: Duration,
        tick: Tick,
        records: impl Iterator<Item = &'a MemberRecord> + Clone,
    ) -> Option<StalledRollout> {
        self.learn(tick, records.clone());
        let newest = self.numbers.values().copied().max().unwrap_or_default();
        let older = records.filter(|record| self.number_of(record.member.revision.as_deref()) < newest).count();
        if newest != self.progress.0 || older < self.progress.1 {
            self.progress = (newest, older);
            self.progress_at = now;
        }
        let since = now.saturating_sub(self.progress_at);
        self.is_stalled = older > 0 && since >= limit;
        self.is_stalled.then_some(StalledRollout { older, since })
    }

    fn learn<'a>(&mut self, tick: Tick, records: impl Iterator<Item = &'a MemberRecord>) {
        let mut started = BTreeMap::new();
        let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
        for MemberRecord { member, age } in records {
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

    /// Returns the newest revision; `None` if no worker reports one.
    pub(super) fn newest(&self) -> Option<&str> {
        self.numbers.iter().max_by_key(|(_, number)| **number).map(|(revision, _)| revision.as_str())
    }

    /// Returns the generation of a revision; workers that report none are of the oldest.
    pub(super) fn of(&self, revision: Option<&str>) -> u64 {
        if self.is_stalled { 0 } else { self.number_of(revision) }
    }

    fn number_of(&self, revision: Option<&str>) -> u64 {
        revision.and_then(|revision| self.numbers.get(revision)).copied().unwrap_or_default()
    }

    /// Numbers new revisions by their starts, and gives a new number to a revision that has overtaken all others.
    fn number(&mut self, latest: BTreeMap<&str, u64>) {
        self.numbers.retain(|revision, _| latest.contains_key(revision.as_str()));
        let mut by_start: Vec<(u64, &str)> = latest.into_iter().map(|(revision, start)| (start, revision)).collect();
        by_start.sort_unstable();
        let newest = by_start.last().map(|(_, revision)| *revision);
        for (_, revision) in by_start {
            let greatest = self.numbers.values().copied().max().unwrap_or_default();
            let has_overtaken = Some(revision) == newest && self.number_of(newest) < greatest;
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
    use crate::{InstallationId, Member, MemberKey, MemberState, WorkerId};

    const LIMIT: Duration = Duration::from_secs(600);

    /// Returns a worker with this number and revision that started at this tick and was heard at tick 1,000.
    fn worker(number: u128, revision: Option<&str>, start: u64) -> MemberRecord {
        let key = MemberKey {
            worker: WorkerId::new(format!("w{number}")).unwrap(),
            incarnation: Incarnation::new(Uuid::from_u128(number)),
        };
        let member = Member {
            revision: revision.map(str::to_owned),
            uptime: Duration::from_secs(1000 - start),
            ..Member::joining(key, InstallationId::new(Uuid::nil()))
        };
        MemberRecord { member: Member { state: MemberState::Active, ..member }, age: Duration::ZERO }
    }

    fn observe(generations: &mut Generations, records: &[MemberRecord]) {
        generations.observe(Duration::ZERO, LIMIT, Tick(1000), records.iter());
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
        for records in [[blue.clone(), green.clone()], [green, blue]] {
            let mut generations = Generations::default();
            observe(&mut generations, &records);
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
    fn a_rollout_without_progress_ends_after_the_limit() {
        let mut generations = Generations::default();
        let mut at = |second: u64, records: &[MemberRecord]| {
            let stalled = generations.observe(Duration::from_secs(second), LIMIT, Tick(1000), records.iter());
            assert_eq!(stalled.is_some(), generations.of(Some("green")) == generations.of(Some("blue")), "at {second} s");
            stalled.map(|stalled| stalled.older)
        };
        let blue = [worker(1, Some("blue"), 100), worker(2, Some("blue"), 100), worker(3, Some("blue"), 100)];
        let green = worker(9, Some("green"), 900);
        let with_green = |count: usize| [&blue[..count], std::slice::from_ref(&green)].concat();
        assert_eq!(at(0, &with_green(3)), None);
        assert_eq!(at(500, &with_green(2)), None, "progress");
        for crash in 0..10 {
            assert_eq!(
                at(600 + 50 * crash, &[with_green(2), vec![worker(10 + u128::from(crash), Some("green"), 950)]].concat()),
                None
            );
        }
        assert_eq!(at(1099, &with_green(2)), None);
        assert_eq!(at(1100, &with_green(2)), Some(2), "crashes of the newest are no progress");
        assert_eq!(at(1101, &with_green(1)), None, "it goes on");
        assert_eq!(at(1200, &[with_green(1), vec![worker(4, Some("red"), 990)]].concat()), None, "another one begins");
    }

    #[test]
    fn workers_without_a_revision_beside_a_newer_one_are_a_rollout_that_may_stall() {
        let mut generations = Generations::default();
        let records = [worker(1, None, 100), worker(2, Some("green"), 900)];
        assert_eq!(generations.observe(Duration::ZERO, LIMIT, Tick(1000), records.iter()), None);
        let stalled = generations.observe(LIMIT, LIMIT, Tick(1000), records.iter());
        assert_eq!(stalled, Some(StalledRollout { older: 1, since: LIMIT }));
        assert_eq!(generations.of(None), generations.of(Some("green")));
    }

    #[test]
    fn a_worker_without_a_revision_is_of_the_oldest() {
        let mut generations = Generations::default();
        observe(&mut generations, &[worker(1, None, 100), worker(2, Some("green"), 50)]);
        assert!(generations.of(Some("green")) > generations.of(None));
    }
}
