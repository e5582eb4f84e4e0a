//! Invariants of every step.

use crate::state::{Lease, MemberPhase, State};
use crate::step::{Next, Step, Timing};

/// A violation: the name of the invariant, then the details.
pub(crate) fn broken(before: &State, next: &Next) -> Option<&'static str> {
    let rules: [(bool, &str); 8] = [
        (once_a_tick(before, next), "I1: an item is incremented at most once a tick"),
        (values_follow_ticks(next), "I2: an item gains as much as its slot was ticked"),
        (no_more_than_time(next), "I3: an item has at most as many increments as there were ticks"),
        (epochs_rise(before, next), "I4: an owner changes exactly with epoch + 1, and nothing falls"),
        (only_the_leader_moves(before, next), "I5: only the latest term moves slots, and workers only while nobody leads"),
        (owners_write(before, next), "I6: who increments an item owns its slot"),
        (planned_moves_follow_the_tick(before, next), "I7: a planned move comes just after the tick"),
        (evidence_is_heeded(before, next), "I9: nothing is taken from who ticks"),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
}

fn once_a_tick(before: &State, next: &Next) -> bool {
    next.increment.is_none_or(|increment| increment.tick > before.slots[increment.slot].incremented_in)
}

fn values_follow_ticks(next: &Next) -> bool {
    next.state.slots.iter().all(|slot| slot.value == slot.ticks)
}

fn no_more_than_time(next: &Next) -> bool {
    next.state.slots.iter().all(|slot| slot.value <= next.state.tick)
}

fn epochs_rise(before: &State, next: &Next) -> bool {
    let slots = before.slots.iter().zip(&next.state.slots);
    let is_lawful = |rose: u8, moved: bool| if moved { rose == 1 } else { rose <= 1 };
    next.state.term >= before.term
        && slots.into_iter().all(|(before, after)| {
            after.last_tick >= before.last_tick
                && after.epoch.checked_sub(before.epoch).is_some_and(|rose| is_lawful(rose, before.owner != after.owner))
        })
}

fn only_the_leader_moves(before: &State, next: &Next) -> bool {
    match next.step {
        Step::Campaigns { .. } => next.state.term == before.term + 1,
        Step::Commits { leader, .. } => before.leaders[leader].term == before.term,
        Step::Claims { .. } => before.lease == Lease::LongOver,
        _ => true,
    }
}

fn owners_write(before: &State, next: &Next) -> bool {
    next.increment.is_none_or(|increment| before.slots[increment.slot].owner == Some(increment.by))
}

fn planned_moves_follow_the_tick(before: &State, next: &Next) -> bool {
    match next.step {
        Step::Commits { slot, timing: Timing::AfterTick, .. } => {
            before.slots[slot].owner.is_none() || before.slots[slot].last_tick == before.tick
        }
        _ => true,
    }
}

fn evidence_is_heeded(before: &State, next: &Next) -> bool {
    match next.step {
        Step::Commits { leader, slot, timing: Timing::Now, .. } => before.leaders[leader]
            .seen
            .is_some_and(|seen| seen[slot].phase == MemberPhase::Lost && seen[slot].epoch == before.slots[slot].epoch),
        _ => true,
    }
}
