//! Mass-failure guard: pauses rebalancing while most members fail, or are late, at once. The cause is then the store or this
//! process, and moves would not help.

use std::collections::BTreeMap;
use std::time::Duration;

use super::failure_detector::MemberPhase;
use crate::WorkerId;

/// Time within which a worker that became late twice counts as slow. A slow store makes its workers late repeatedly.
const RECENTLY: Duration = Duration::from_secs(15);

/// Number of slots and phase of one owner.
#[derive(Clone, Debug)]
pub(super) struct OwnerStatus {
    pub(super) worker: WorkerId,
    pub(super) slots: usize,
    pub(super) phase: MemberPhase,
    /// True if it is lost, its tick is overdue, or the store refused its last trial write.
    pub(super) late: bool,
    /// True if the membership has a fresh heartbeat of it.
    pub(super) heard: bool,
}

/// Decision of the guard in one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    None,
    /// Nothing moves: this many slots are silent.
    Paused(usize),
    /// Nothing moves yet: some owners are back and this many slots are still silent. Their silence is measured again from now.
    Resuming(usize),
}

/// State of the guard: time since which most owners are silent, and whether they were given up.
#[derive(Debug, Default)]
pub(super) struct MassFailureGuard {
    since: Option<Duration>,
    has_let_go: bool,
    /// Last time at which no owner could write and at least one was barred.
    all_barred_at: Option<Duration>,
    /// Time since which a worker is lost while most are slow.
    slow_since: Option<Duration>,
    lateness: BTreeMap<WorkerId, Lateness>,
}

/// Times at which one owner became late.
#[derive(Clone, Copy, Debug, Default)]
struct Lateness {
    is_late: bool,
    /// Times at which it became late: the last one, then the one before.
    began_at: [Option<Duration>; 2],
}

impl Lateness {
    fn note(&mut self, now: Duration, is_late: bool) {
        if is_late && !self.is_late {
            self.began_at = [Some(now), self.began_at[0]];
        }
        self.is_late = is_late;
    }

    fn is_repeated(&self, now: Duration) -> bool {
        self.began_at[1].is_some_and(|began_at| now.saturating_sub(began_at) < RECENTLY)
    }
}

impl MassFailureGuard {
    /// Decides at `now`, from the status of all owners, whether rebalancing is paused.
    ///
    /// - *Most slots are lost*: at least two owners, with more than half of the slots, are lost. Nothing moves until this has
    ///   lasted for `hold_for` and each of these owners is dead by all signals, including the membership, which must be readable
    ///   (`can_ask`). A store that refuses work loses sessions, too, so an owner without a session that has a fresh heartbeat is
    ///   not dead.
    /// - *The store is slow*: a worker is lost while most owners are late, or most of the others are late repeatedly. An outage
    ///   silences one owner after the other, within a tick, and a slow store makes all of them late in turn. Nothing moves until
    ///   this has lasted for `hold_for` and the lost workers are dead by all signals.
    /// - *No owner can write, and some are barred*: the cause is common to all, such as a revoked privilege. Nothing moves then,
    ///   nor for `hold_for` afterwards, in which each owner finds out that it may write again.
    ///
    /// Once dead owners have been given up, those of them whose slots have not moved yet are not waited for again: many slots
    /// move in several steps, and at some point the rest is less than half.
    pub(super) fn look(&mut self, now: Duration, owners: &[OwnerStatus], can_ask: bool, hold_for: Duration) -> Pause {
        let before = std::mem::take(&mut self.lateness);
        self.lateness = owners
            .iter()
            .map(|owner| {
                let mut late = before.get(&owner.worker).copied().unwrap_or_default();
                late.note(now, owner.late);
                (owner.worker.clone(), late)
            })
            .collect();
        if let Some(silent) = self.barred(now, owners, hold_for) {
            self.since.get_or_insert(now);
            return Pause::Paused(silent);
        }
        let lost: Vec<_> = owners.iter().filter(|owner| owner.phase.is_lost()).collect();
        let all_agree = can_ask && lost.iter().all(|owner| owner.phase == MemberPhase::Dead && !owner.heard);
        let all: Vec<_> = owners.iter().collect();
        let Some(silent) = most(&lost, &all) else {
            let has_let_go = std::mem::take(&mut self.has_let_go) && all_agree;
            let was_held = self.since.take().is_some() && !has_let_go;
            let Some(silent) = self.slow(now, &all).filter(|_| !lost.is_empty()) else {
                self.slow_since = None;
                return if was_held && !lost.is_empty() { Pause::Resuming(slots(&lost)) } else { Pause::None };
            };
            let slow_since = *self.slow_since.get_or_insert(now);
            return if was_held {
                Pause::Resuming(slots(&lost))
            } else if all_agree && now.saturating_sub(slow_since) >= hold_for {
                Pause::None
            } else {
                Pause::Paused(silent)
            };
        };
        self.slow_since = None;
        let since = *self.since.get_or_insert(now);
        self.has_let_go = all_agree && now.saturating_sub(since) >= hold_for;
        if self.has_let_go { Pause::None } else { Pause::Paused(silent) }
    }

    /// Returns the number of slots of owners that cannot write, if a cause common to all owners is present, or was within `hold_for`.
    fn barred(&mut self, now: Duration, owners: &[OwnerStatus], hold_for: Duration) -> Option<usize> {
        let is_barred = |owner: &OwnerStatus| owner.phase == MemberPhase::Barred;
        if !owners.iter().any(is_barred) {
            return None;
        }
        let silent: Vec<_> = owners.iter().filter(|owner| owner.late || is_barred(owner)).collect();
        if silent.len() == owners.len() {
            self.all_barred_at = Some(now);
        }
        self.all_barred_at.filter(|at| now.saturating_sub(*at) < hold_for).map(|_| slots(&silent))
    }

    /// Returns the number of slots of slow owners, if most are slow: of those that are late now, if they have most of all slots;
    /// else of those that became late twice within [`RECENTLY`], if they have most of the slots of owners that are not lost.
    fn slow(&self, now: Duration, all: &[&OwnerStatus]) -> Option<usize> {
        let late: Vec<_> = all.iter().copied().filter(|owner| owner.late).collect();
        let others: Vec<_> = all.iter().copied().filter(|owner| !owner.phase.is_lost()).collect();
        let slow: Vec<_> = others
            .iter()
            .copied()
            .filter(|owner| self.lateness.get(&owner.worker).is_some_and(|lateness| lateness.is_repeated(now)))
            .collect();
        most(&late, all).or_else(|| most(&slow, &others))
    }
}

/// Returns the number of slots of `some` owners, if they are at least two and have more than half of the slots of `all`.
fn most(some: &[&OwnerStatus], all: &[&OwnerStatus]) -> Option<usize> {
    (some.len() >= 2 && slots(some) * 2 > slots(all)).then(|| slots(some))
}

fn slots(owners: &[&OwnerStatus]) -> usize {
    owners.iter().map(|owner| owner.slots).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR: Duration = Duration::from_secs(5);

    /// Returns owners of ten slots each: `w` works, `l` is late, `b` is barred, `c` is cut off, `d` is dead, and `s` has lost its
    /// session and has a fresh heartbeat.
    fn owners(letters: &str) -> Vec<OwnerStatus> {
        let owner = |(number, letter)| OwnerStatus {
            worker: WorkerId::new(format!("worker-{number}")).unwrap(),
            slots: 10,
            phase: match letter {
                'b' => MemberPhase::Barred,
                'c' => MemberPhase::CutOff,
                'd' | 's' => MemberPhase::Dead,
                _ => MemberPhase::Healthy,
            },
            late: !matches!(letter, 'w' | 'b'),
            heard: letter != 'd',
        };
        letters.chars().enumerate().map(owner).collect()
    }

    /// Returns the decisions about these looks, one second apart.
    fn looks<const N: usize>(each: [&str; N]) -> [Pause; N] {
        let mut guard = MassFailureGuard::default();
        let mut seconds = 0..;
        each.map(|letters| guard.look(Duration::from_secs(seconds.next().unwrap()), &owners(letters), true, FOR))
    }

    #[test]
    fn one_that_is_lost_while_others_work_is_not_held() {
        assert_eq!(looks(["www", "dww", "dlwww", "ddwww", "d", "ll"]), [Pause::None; 6]);
    }

    #[test]
    fn the_first_of_an_outage_waits_for_those_that_follow() {
        let found = looks(["wll", "cll", "ccl", "ccc", "cww"]);
        assert_eq!(found, [Pause::None, Pause::Paused(30), Pause::Paused(20), Pause::Paused(30), Pause::Resuming(10)]);
    }

    #[test]
    fn a_worker_that_was_late_and_ticked_does_not_pause_rebalancing() {
        assert_eq!(looks(["cll", "cww"]), [Pause::Paused(30), Pause::None]);
    }

    #[test]
    fn one_is_not_given_up_while_the_others_are_late_again_and_again() {
        let found = looks([
            "wlw", "wwl", "wlw", "wwl", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww",
        ]);
        assert_eq!(found[..4], [Pause::None; 4]);
        assert_eq!(found[4..15], [Pause::Paused(20); 11], "they became late twice a moment ago");
        assert_eq!(found[15], Pause::None, "one of them did not within the last fifteen seconds");
        assert_eq!(looks(["wlw", "wwl", "wlw", "cww"])[3], Pause::None, "one of two others is not most of them");
        let found = looks(["wll", "www", "wll", "dww", "dww", "dww", "dww", "dww", "dww"]);
        assert_eq!(found[3..], [[Pause::Paused(20); 5].as_slice(), &[Pause::None]].concat()[..], "the dead are given up");
    }

    #[test]
    fn while_all_are_late_only_the_dead_are_given_up_and_not_at_once() {
        assert_eq!(looks(["cll"; 20]), [Pause::Paused(30); 20], "who lives is not given up while all are slow");
        assert_eq!(looks(["dll"; 7]), [[Pause::Paused(30); 5].as_slice(), &[Pause::None; 2]].concat()[..]);
        // Slow workers are late in turn.
        assert_eq!(
            looks(["cll", "lcl", "lwc", "llw", "clw", "wwl"]),
            [Pause::Paused(30), Pause::Paused(30), Pause::Paused(20), Pause::None, Pause::Paused(20), Pause::None]
        );
    }

    #[test]
    fn a_barred_worker_loses_its_slots_if_others_can_write() {
        assert_eq!(looks(["bww", "bbw", "bww"]), [Pause::None; 3]);
    }

    #[test]
    fn where_nobody_may_write_nothing_moves_until_each_had_time_to_find_out_that_it_may_again() {
        let [all, two, one] = [30, 20, 10].map(Pause::Paused);
        assert_eq!(looks(["bll", "bbb", "bcc", "bbw", "bww", "www"]), [all, all, all, two, one, Pause::None]);
        let found = looks(["bbb", "bww", "bww", "bww", "bww", "bww"]);
        assert_eq!(found, [all, one, one, one, one, Pause::None], "one that still may not is barred for a reason of its own");
    }

    #[test]
    fn after_a_while_the_dead_are_dead_and_the_cut_off_are_not() {
        assert_eq!(looks(["dd"; 7]), [[Pause::Paused(20); 5].as_slice(), &[Pause::None; 2]].concat()[..]);
        assert_eq!(looks(["dc"; 7]), [Pause::Paused(20); 7]);
        assert_eq!(looks(["ds"; 7]), [Pause::Paused(20); 7]);
        let found = looks(["ccc", "ccc", "ccc", "ccc", "ccc", "ccc", "wss", "wws", "www"]);
        assert_eq!(found[5..], [Pause::Paused(30), Pause::Paused(20), Pause::Resuming(10), Pause::None]);
        let mut guard = MassFailureGuard { since: Some(Duration::ZERO), ..MassFailureGuard::default() };
        assert_eq!(guard.look(FOR, &owners("dd"), false, FOR), Pause::Paused(20));
    }

    #[test]
    fn the_rest_of_the_dead_is_given_no_time_anew() {
        let mut guard = MassFailureGuard { since: Some(Duration::ZERO), ..MassFailureGuard::default() };
        let mut look = |letters| guard.look(FOR, &owners(letters), true, FOR);
        assert_eq!(["ddw", "dww", "dww"].map(&mut look), [Pause::None; 3]);
        // A worker that was paused and not given up, or that is heard again, is waited for.
        assert_eq!(["ddw", "dww"].map(&mut look), [Pause::Paused(20), Pause::Resuming(10)]);
        let mut guard = MassFailureGuard { since: Some(Duration::ZERO), ..MassFailureGuard::default() };
        let mut look = |letters| guard.look(FOR, &owners(letters), true, FOR);
        assert_eq!(["ddw", "cww"].map(&mut look), [Pause::None, Pause::Resuming(10)]);
    }
}
