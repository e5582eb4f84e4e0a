//! Most of the slots fall silent at once, or all owners are late: then it is the store or us, and moving would help nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use super::verdict::Verdict;
use crate::WorkerId;

/// A store that is slow makes its workers late again and again: one that became late twice within this time is slow.
const RECENTLY: Duration = Duration::from_secs(15);

/// What one owner has, and how it stands.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) worker: WorkerId,
    pub(super) slots: usize,
    pub(super) verdict: Verdict,
    /// It is lost, or its tick was due and has not come.
    pub(super) late: bool,
    /// The membership hears it.
    pub(super) heard: bool,
}

/// Whether anything may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    No,
    /// So many slots are silent.
    Yes(usize),
    /// Some are back, and so many slots are silent still: their owners are given time, as if all had just been seen.
    Over(usize),
}

/// Since when most are silent, and whether that has been taken for their end.
#[derive(Debug, Default)]
pub(super) struct Hold {
    since: Option<Duration>,
    has_let_go: bool,
    /// Since when a worker is lost while most are slow.
    slow_since: Option<Duration>,
    lateness: BTreeMap<WorkerId, Lateness>,
}

/// When an owner was late.
#[derive(Clone, Copy, Debug, Default)]
struct Lateness {
    is_late: bool,
    /// When it became late, the last time and the time before.
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

impl Hold {
    /// Looks at the `shares` of all owners at `now`. Where more than half of the slots, of several owners, are lost, nothing moves, until that
    /// has lasted for `hold_for` and each of these owners is dead by all witnesses, the membership among them, if it `can_ask` that. A store that
    /// refuses work loses sessions, too: an owner whose session is gone and that is heard is not dead.
    ///
    /// An outage silences one owner after the other, within a tick, and a store that is slow makes all of them late, by turns. So a worker that is lost
    /// while most owners are late, or most others are late again and again, is waited for; but one that is dead by all witnesses for no
    /// longer than `hold_for`. Once the dead have been let go, those of them whose slots have not moved yet are given no time
    /// anew: many slots move in several steps, and the rest is less than half at some point.
    pub(super) fn look(&mut self, now: Duration, shares: &[Share], can_ask: bool, hold_for: Duration) -> Held {
        let before = std::mem::take(&mut self.lateness);
        self.lateness = shares
            .iter()
            .map(|share| {
                let mut late = before.get(&share.worker).copied().unwrap_or_default();
                late.note(now, share.late);
                (share.worker.clone(), late)
            })
            .collect();
        // Who is barred while nobody works has a reason that all share.
        let is_barred = |share: &Share| share.verdict == Verdict::Barred;
        if shares.iter().any(is_barred) && shares.iter().all(|share| share.late || is_barred(share)) {
            self.since.get_or_insert(now);
            return Held::Yes(shares.iter().map(|share| share.slots).sum());
        }
        let lost: Vec<_> = shares.iter().filter(|share| share.verdict.is_lost()).collect();
        let all_agree = can_ask && lost.iter().all(|share| share.verdict == Verdict::Dead && !share.heard);
        let all: Vec<_> = shares.iter().collect();
        let Some(silent) = most(&lost, &all) else {
            let has_let_go = std::mem::take(&mut self.has_let_go) && all_agree;
            let was_held = self.since.take().is_some() && !has_let_go;
            let Some(silent) = self.slow(now, &all).filter(|_| !lost.is_empty()) else {
                self.slow_since = None;
                return if was_held && !lost.is_empty() { Held::Over(slots(&lost)) } else { Held::No };
            };
            let slow_since = *self.slow_since.get_or_insert(now);
            return if was_held {
                Held::Over(slots(&lost))
            } else if all_agree && now.saturating_sub(slow_since) >= hold_for {
                Held::No
            } else {
                Held::Yes(silent)
            };
        };
        self.slow_since = None;
        let since = *self.since.get_or_insert(now);
        self.has_let_go = all_agree && now.saturating_sub(since) >= hold_for;
        if self.has_let_go { Held::No } else { Held::Yes(silent) }
    }
}

impl Hold {
    /// How many slots the owners have that are late, if those are most; or else the ones that are late again and again, if those are most of the
    /// owners that are not lost.
    fn slow(&self, now: Duration, all: &[&Share]) -> Option<usize> {
        let late: Vec<_> = all.iter().copied().filter(|share| share.late).collect();
        let others: Vec<_> = all.iter().copied().filter(|share| !share.verdict.is_lost()).collect();
        let slow: Vec<_> = others
            .iter()
            .copied()
            .filter(|share| self.lateness.get(&share.worker).is_some_and(|lateness| lateness.is_repeated(now)))
            .collect();
        most(&late, all).or_else(|| most(&slow, &others))
    }
}

/// How many slots some owners have, when they are several and have more than half.
fn most(some: &[&Share], all: &[&Share]) -> Option<usize> {
    (some.len() >= 2 && slots(some) * 2 > slots(all)).then(|| slots(some))
}

fn slots(shares: &[&Share]) -> usize {
    shares.iter().map(|share| share.slots).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOR: Duration = Duration::from_secs(5);

    /// `w` works, `l` is late, `b` barred, `c` is cut off, `d` dead, and `s` has lost its session and is heard; each has ten slots.
    fn shares(standing: &str) -> Vec<Share> {
        let share = |(number, letter)| Share {
            worker: WorkerId::new(format!("worker-{number}")).unwrap(),
            slots: 10,
            verdict: match letter {
                'b' => Verdict::Barred,
                'c' => Verdict::CutOff,
                'd' | 's' => Verdict::Dead,
                _ => Verdict::Healthy,
            },
            late: !matches!(letter, 'w' | 'b'),
            heard: letter != 'd',
        };
        standing.chars().enumerate().map(share).collect()
    }

    /// What each of these looks says, a second after the other.
    fn looks<const N: usize>(standings: [&str; N]) -> [Held; N] {
        let mut hold = Hold::default();
        let mut seconds = 0..;
        standings.map(|standing| hold.look(Duration::from_secs(seconds.next().unwrap()), &shares(standing), true, FOR))
    }

    #[test]
    fn one_that_is_lost_while_others_work_is_not_held() {
        assert_eq!(looks(["www", "dww", "dlwww", "ddwww", "d", "ll"]), [Held::No; 6]);
    }

    #[test]
    fn the_first_of_an_outage_waits_for_those_that_follow() {
        let found = looks(["wll", "cll", "ccl", "ccc", "cww"]);
        assert_eq!(found, [Held::No, Held::Yes(30), Held::Yes(20), Held::Yes(30), Held::Over(10)]);
    }

    #[test]
    fn who_was_late_and_ticked_holds_nobody_up() {
        assert_eq!(looks(["cll", "cww"]), [Held::Yes(30), Held::No]);
    }

    #[test]
    fn one_is_not_given_up_while_the_others_are_late_again_and_again() {
        let found = looks([
            "wlw", "wwl", "wlw", "wwl", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww", "cww",
        ]);
        assert_eq!(found[..4], [Held::No; 4]);
        assert_eq!(found[4..15], [Held::Yes(20); 11], "they became late twice a moment ago");
        assert_eq!(found[15], Held::No, "one of them did not within the last fifteen seconds");
        assert_eq!(looks(["wlw", "wwl", "wlw", "cww"])[3], Held::No, "one of two others is not most of them");
        let found = looks(["wll", "www", "wll", "dww", "dww", "dww", "dww", "dww", "dww"]);
        assert_eq!(found[3..], [[Held::Yes(20); 5].as_slice(), &[Held::No]].concat()[..], "the dead are given up");
    }

    #[test]
    fn while_all_are_late_only_the_dead_are_given_up_and_not_at_once() {
        assert_eq!(looks(["cll"; 20]), [Held::Yes(30); 20], "who lives is not given up while all are slow");
        assert_eq!(looks(["dll"; 7]), [[Held::Yes(30); 5].as_slice(), &[Held::No; 2]].concat()[..]);
        // Slow ones are late by turns.
        assert_eq!(
            looks(["cll", "lcl", "lwc", "llw", "clw", "wwl"]),
            [Held::Yes(30), Held::Yes(30), Held::Yes(20), Held::No, Held::Yes(20), Held::No]
        );
    }

    #[test]
    fn who_is_barred_is_given_up_where_others_work() {
        assert_eq!(looks(["bww", "bbw", "bww"]), [Held::No; 3]);
        assert_eq!(looks(["bll", "bbb", "bcc", "blw"]), [Held::Yes(30), Held::Yes(30), Held::Yes(30), Held::No]);
    }

    #[test]
    fn after_a_while_the_dead_are_dead_and_the_cut_off_are_not() {
        assert_eq!(looks(["dd"; 7]), [[Held::Yes(20); 5].as_slice(), &[Held::No; 2]].concat()[..]);
        assert_eq!(looks(["dc"; 7]), [Held::Yes(20); 7]);
        assert_eq!(looks(["ds"; 7]), [Held::Yes(20); 7]);
        let found = looks(["ccc", "ccc", "ccc", "ccc", "ccc", "ccc", "wss", "wws", "www"]);
        assert_eq!(found[5..], [Held::Yes(30), Held::Yes(20), Held::Over(10), Held::No]);
        let mut hold = Hold { since: Some(Duration::ZERO), ..Hold::default() };
        assert_eq!(hold.look(FOR, &shares("dd"), false, FOR), Held::Yes(20));
    }

    #[test]
    fn the_rest_of_the_dead_is_given_no_time_anew() {
        let mut hold = Hold { since: Some(Duration::ZERO), ..Hold::default() };
        let mut look = |standing| hold.look(FOR, &shares(standing), true, FOR);
        assert_eq!(["ddw", "dww", "dww"].map(&mut look), [Held::No; 3]);
        // Who was held and not let go, or speaks again, is given time.
        assert_eq!(["ddw", "dww"].map(&mut look), [Held::Yes(20), Held::Over(10)]);
        let mut hold = Hold { since: Some(Duration::ZERO), ..Hold::default() };
        let mut look = |standing| hold.look(FOR, &shares(standing), true, FOR);
        assert_eq!(["ddw", "cww"].map(&mut look), [Held::No, Held::Over(10)]);
    }
}
