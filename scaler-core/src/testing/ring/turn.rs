//! One change of the roster, as the laws see it.

use std::collections::BTreeSet;

use super::history::History;
use crate::testing::Violation;
use crate::{Eligibility, Plan, Ring, Roster, Seat, Slot, SlotCount, SlotLoad, StalePlan, WorkerId};

/// Whether a law had anything to say of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Yes,
    No,
}

/// What a law finds.
pub(super) type Finding = Result<Tried, Violation>;

/// A plan that was made and applied.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// The ring after it.
    pub(super) ring: &'a dyn Ring,
    pub(super) from: &'a Roster,
    pub(super) to: &'a Roster,
    pub(super) load: &'a SlotLoad,
    pub(super) plan: &'a Plan,
    /// The same plan, asked for again, and from another ring with the same history.
    pub(super) repeated: [Plan; 2],
    /// For each slot, in how many turns on end it has moved, with this one.
    pub(super) streaks: &'a [usize],
    pub(super) before: Vec<Option<WorkerId>>,
    pub(super) after: Vec<Option<WorkerId>>,
    /// What came of applying the plan to the other ring once more, and its owners then.
    pub(super) again: (Result<(), StalePlan>, Vec<Option<WorkerId>>),
}

/// Lives through a history with two rings and shows every turn; in how many the law was tried.
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
    /// Workers that had no seat before.
    pub(super) fn joiners(&self) -> BTreeSet<&WorkerId> {
        self.to.iter().map(|(id, _)| id).filter(|id| !self.from.contains(id)).collect()
    }

    /// Slots whose owner has no seat now, or that had none.
    pub(super) fn orphans(&self) -> BTreeSet<Slot> {
        let is_orphan = |slot: &Slot| self.before[slot.index()].as_ref().is_none_or(|owner| !self.to.contains(owner));
        self.ring.slots().iter().filter(is_orphan).collect()
    }

    /// Workers that stay, with another seat than before: the old one and the new one.
    pub(super) fn reseated(&self) -> Vec<(&WorkerId, Seat, Seat)> {
        let seats = self.to.iter().filter_map(|(id, now)| self.from.get(id).map(|before| (id, before, now)));
        seats.filter(|(_, before, now)| before != now).collect()
    }

    pub(super) fn may_anybody_receive(&self) -> bool {
        self.to.iter().any(|(_, seat)| seat.eligibility == Eligibility::Eligible)
    }

    /// Each worker of the roster with its weight and the load that it has by the owners given.
    pub(super) fn loads(&self, owners: &[Option<WorkerId>], load: &SlotLoad) -> Vec<Carried<'_>> {
        let sum = |id: &WorkerId| {
            let own = self.ring.slots().iter().filter(|slot| owners[slot.index()].as_ref() == Some(id));
            own.map(|slot| u128::from(load.of(slot))).sum()
        };
        self.to.iter().map(|(id, seat)| Carried { id, seat, weight: u128::from(seat.weight.get()), load: sum(id) }).collect()
    }
}

/// What a worker carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'a> {
    pub(super) id: &'a WorkerId,
    pub(super) seat: Seat,
    pub(super) weight: u128,
    pub(super) load: u128,
}
