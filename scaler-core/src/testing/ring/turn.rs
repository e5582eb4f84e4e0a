//! Turn: one change of the roster, with what the laws check.

use std::collections::BTreeSet;

use super::history::History;
use crate::testing::Violation;
use crate::{Eligibility, Plan, Ring, Roster, Seat, Slot, SlotCount, SlotLoad, StalePlan, WorkerId};

/// Tells if a law applied to a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Yes,
    No,
}

/// Result of checking a law on a turn.
pub(super) type Finding = Result<Tried, Violation>;

/// Plan that was made and applied.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// Ring after the plan.
    pub(super) ring: &'a dyn Ring,
    pub(super) from: &'a Roster,
    pub(super) to: &'a Roster,
    pub(super) load: &'a SlotLoad,
    pub(super) plan: &'a Plan,
    /// The same plan, computed again by this ring and by another ring with the same history.
    pub(super) repeated: [Plan; 2],
    /// For each slot, the number of consecutive turns in which it has moved, including this one.
    pub(super) streaks: &'a [usize],
    pub(super) before: Vec<Option<WorkerId>>,
    pub(super) after: Vec<Option<WorkerId>>,
    /// Result of applying the plan to the other ring a second time, and its owners afterwards.
    pub(super) again: (Result<(), StalePlan>, Vec<Option<WorkerId>>),
}

/// Replays a history on two rings and checks every turn; returns the number of turns to which the law applied.
pub(super) fn replay<R: Ring>(
    build: &impl Fn(SlotCount) -> R,
    history: &History,
    mut judge: impl FnMut(&Turn<'_>) -> Finding,
) -> Result<usize, Violation> {
    let (mut ring, mut twin) = (build(history.slots), build(history.slots));
    let mut named = 0;
    let mut tried = 0;
    let mut streaks = vec![0; history.slots.len()];
    for (event, load) in &history.events {
        let from = ring.roster().clone();
        let to = event.happen(&from, &mut named);
        let before = owners(&ring);
        let plan = ring.plan(&to, load);
        let repeated = [ring.plan(&to, load), twin.plan(&to, load)];
        ring.apply(&plan)?;
        twin.apply(&plan)?;
        let again = (twin.apply(&plan), owners(&twin));
        let (from, to, plan, after) = (&from, &to, &plan, owners(&ring));
        for ((streak, before), after) in streaks.iter_mut().zip(&before).zip(&after) {
            *streak = if before == after { 0 } else { *streak + 1 };
        }
        let turn = Turn { ring: &ring, from, to, load, plan, repeated, streaks: &streaks, before, after, again };
        tried += usize::from(judge(&turn)? == Tried::Yes);
    }
    Ok(tried)
}

fn owners(ring: &dyn Ring) -> Vec<Option<WorkerId>> {
    ring.slots().iter().map(|slot| ring.owner(slot).cloned()).collect()
}

impl Turn<'_> {
    /// Returns the workers that were not in the roster before.
    pub(super) fn joiners(&self) -> BTreeSet<&WorkerId> {
        self.to.iter().map(|(id, _)| id).filter(|id| !self.from.contains(id)).collect()
    }

    /// Returns the slots that had no owner, or whose owner is not in the new roster.
    pub(super) fn orphans(&self) -> BTreeSet<Slot> {
        let is_orphan = |slot: &Slot| self.before[slot.index()].as_ref().is_none_or(|owner| !self.to.contains(owner));
        self.ring.slots().iter().filter(is_orphan).collect()
    }

    /// Returns the workers that stay and whose seat changed, with the old seat and the new one.
    pub(super) fn reseated(&self) -> Vec<(&WorkerId, Seat, Seat)> {
        let seats = self.to.iter().filter_map(|(id, now)| self.from.get(id).map(|before| (id, before, now)));
        seats.filter(|(_, before, now)| before != now).collect()
    }

    pub(super) fn may_anybody_receive(&self) -> bool {
        self.to.iter().any(|(_, seat)| seat.eligibility == Eligibility::Eligible)
    }

    /// Returns each worker of the roster with its weight and its load under these owners.
    pub(super) fn loads(&self, owners: &[Option<WorkerId>], load: &SlotLoad) -> Vec<Carried<'_>> {
        let sum = |id: &WorkerId| {
            let own = self.ring.slots().iter().filter(|slot| owners[slot.index()].as_ref() == Some(id));
            own.map(|slot| u128::from(load.of(slot))).sum()
        };
        self.to.iter().map(|(id, seat)| Carried { id, seat, weight: u128::from(seat.weight.get()), load: sum(id) }).collect()
    }
}

/// Weight and load of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'a> {
    pub(super) id: &'a WorkerId,
    pub(super) seat: Seat,
    pub(super) weight: u128,
    pub(super) load: u128,
}
