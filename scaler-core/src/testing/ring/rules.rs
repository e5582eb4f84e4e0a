//! Checks of each law on one turn.

use std::collections::{BTreeMap, BTreeSet};

use super::history::ROUND_TRIPS;
use super::turn::{Carried, Finding, Tried, Turn};
use crate::testing::{CaseResult, Violation};
use crate::{Eligibility, Evenness, Minimality, Move, Slot, SlotLoad, WorkerId};

/// Returns a violation unless the condition holds. Unlike [`ensure`](crate::testing::ensure) it builds the message only on
/// failure.
fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> CaseResult {
    if holds { Ok(()) } else { Err(Violation::new(otherwise())) }
}

/// Checks a condition on every move of the plan.
fn each(turn: &Turn<'_>, holds: impl Fn(&Move) -> bool, otherwise: &str) -> Finding {
    match turn.plan.moves().iter().find(|slot_move| !holds(slot_move)) {
        Some(slot_move) => Err(Violation::new(format!("{otherwise}: {slot_move:?}"))),
        None => Ok(Tried::Yes),
    }
}

/// Checks a condition on every pair of workers.
fn pairs(workers: &[Carried<'_>], holds: impl Fn(&Carried<'_>, &Carried<'_>) -> bool) -> CaseResult {
    for high in workers {
        for low in workers {
            demand(holds(high, low), || format!("uneven: {high:?} against {low:?}"))?;
        }
    }
    Ok(())
}

pub(super) fn total_and_deterministic(turn: &Turn<'_>) -> Finding {
    for plan in &turn.repeated {
        demand(plan == turn.plan, || format!("one question, two plans: {:?} and {plan:?}", turn.plan))?;
    }
    demand(turn.ring.owner(Slot::new(turn.ring.slots().get())).is_none(), || "a slot beyond the last has an owner".into())?;
    if !turn.may_anybody_receive() {
        return Ok(Tried::No);
    }
    for (number, owner) in turn.after.iter().enumerate() {
        let is_seated = owner.as_ref().is_some_and(|owner| turn.to.contains(owner));
        demand(is_seated, || format!("slot {number} has the owner {owner:?}"))?;
    }
    Ok(Tried::Yes)
}

pub(super) fn join_moves_only_to_the_joiner(turn: &Turn<'_>) -> Finding {
    let joiners = turn.joiners();
    if joiners.is_empty() || !turn.orphans().is_empty() || !turn.reseated().is_empty() {
        return Ok(Tried::No);
    }
    each(turn, |slot_move| joiners.contains(&slot_move.to), "moved to one who was there before")
}

pub(super) fn leave_moves_only_the_leavers(turn: &Turn<'_>) -> Finding {
    let orphans = turn.orphans();
    if orphans.is_empty() || !turn.joiners().is_empty() || !turn.reseated().is_empty() {
        return Ok(Tried::No);
    }
    let moved: BTreeSet<Slot> = turn.plan.moves().iter().map(|slot_move| slot_move.slot).collect();
    demand(moved == orphans, || format!("moved {moved:?} when {orphans:?} had lost their owner"))?;
    Ok(Tried::Yes)
}

pub(super) fn batch_is_minimal(turn: &Turn<'_>) -> Finding {
    let joiners = turn.joiners();
    if !turn.reseated().is_empty() {
        return Ok(Tried::No);
    }
    let of_joiners = turn.after.iter().flatten().filter(|owner| joiners.contains(owner)).count();
    let least = turn.orphans().len().max(of_joiners) as u64;
    let cost = turn.plan.cost();
    demand(cost.slots == least, || format!("moved {} slots where {least} suffice", cost.slots))?;
    demand(cost == turn.plan.lower_bound(), || format!("cost {cost:?}, at least {:?}", turn.plan.lower_bound()))?;
    Ok(if least > 0 { Tried::Yes } else { Tried::No })
}

pub(super) fn survivors_exchange_nothing(turn: &Turn<'_>) -> Finding {
    if turn.plan.is_empty() || !turn.reseated().is_empty() {
        return Ok(Tried::No);
    }
    let (joiners, orphans) = (turn.joiners(), turn.orphans());
    let (cost, least) = (turn.plan.cost().items, turn.plan.lower_bound().items);
    let is_exact = turn.ring.guarantees().minimal == Minimality::Exact;
    demand(cost == least || !is_exact, || format!("moved {cost} items where {least} suffice"))?;
    let must = |slot_move: &Move| orphans.contains(&slot_move.slot) || joiners.contains(&slot_move.to);
    each(turn, must, "moved between workers that stay")
}

pub(super) fn equal_weights_within_one(turn: &Turn<'_>) -> Finding {
    let workers = turn.loads(&turn.after, turn.load);
    pairs(&workers, |high, low| high.load <= low.load + 1)?;
    if turn.joiners().len() == 1 && turn.orphans().is_empty() {
        let share = turn.ring.slots().len() / turn.to.len();
        let moved = turn.plan.cost().slots;
        demand(moved == share as u64, || format!("a join moved {moved} slots, not {share}"))?;
    }
    Ok(Tried::Yes)
}

pub(super) fn webster(turn: &Turn<'_>) -> Finding {
    let workers = turn.loads(&turn.after, turn.load);
    pairs(&workers, |high, low| high.load == 0 || (2 * high.load - 1) * low.weight <= (2 * low.load + 1) * high.weight)?;
    Ok(Tried::Yes)
}

pub(super) fn weight_change_moves_only_its_worker(turn: &Turn<'_>) -> Finding {
    match turn.reseated()[..] {
        [(worker, before, now)] if turn.joiners().is_empty() && turn.orphans().is_empty() => {
            if before.weight < now.weight {
                each(turn, |slot_move| slot_move.to == *worker, "a raised weight moved a slot to another")
            } else {
                each(turn, |slot_move| slot_move.from.as_ref() == Some(worker), "a lowered weight moved another's slot")
            }
        }
        _ => Ok(Tried::No),
    }
}

pub(super) fn item_weights_within_the_heaviest(turn: &Turn<'_>) -> Finding {
    let heaviest = u128::from(turn.load.heaviest());
    let workers = turn.loads(&turn.after, turn.load);
    pairs(&workers, |high, low| high.load.saturating_sub(heaviest) * low.weight <= low.load * high.weight)?;
    let all = u128::from(turn.load.total());
    let weight: u128 = workers.iter().map(|worker| worker.weight).sum();
    let joiners = turn.joiners();
    if turn.orphans().is_empty() && heaviest > 0 {
        for joiner in workers.iter().filter(|worker| joiners.contains(worker.id)) {
            let within = joiner.load * weight < all * joiner.weight + heaviest * weight;
            demand(within, || format!("{joiner:?} took more than its share and the heaviest slot"))?;
        }
    }
    Ok(Tried::Yes)
}

pub(super) fn within_the_bound(turn: &Turn<'_>) -> Finding {
    let Evenness::Bounded { percent } = turn.ring.guarantees().even else { return Ok(Tried::No) };
    let workers = turn.loads(&turn.after, &SlotLoad::uniform(turn.ring.slots()));
    let weight: u128 = workers.iter().map(|worker| worker.weight).sum();
    for worker in &workers {
        let share = turn.ring.slots().len() as u128 * worker.weight * u128::from(100 + percent);
        let most = share.div_ceil(100 * weight);
        demand(worker.load <= most, || format!("{worker:?} owns more than {most} slots"))?;
    }
    Ok(Tried::Yes)
}

pub(super) fn delta_is_the_difference(turn: &Turn<'_>) -> Finding {
    let mut planned: BTreeMap<Slot, (Option<&WorkerId>, Option<&WorkerId>)> = BTreeMap::new();
    for slot_move in turn.plan.moves() {
        let twice = planned.insert(slot_move.slot, (slot_move.from.as_ref(), Some(&slot_move.to)));
        demand(twice.is_none(), || format!("slot {} moves twice", slot_move.slot))?;
    }
    let changes = turn.before.iter().map(Option::as_ref).zip(turn.after.iter().map(Option::as_ref));
    let seen: BTreeMap<_, _> = turn.ring.slots().iter().zip(changes).filter(|(_, (before, after))| before != after).collect();
    demand(planned == seen, || format!("planned {planned:?}, seen {seen:?}"))?;
    Ok(if seen.is_empty() { Tried::No } else { Tried::Yes })
}

pub(super) fn same_roster_moves_nothing(turn: &Turn<'_>) -> Finding {
    for load in [turn.load, &SlotLoad::uniform(turn.ring.slots()), &drifted(turn)] {
        let plan = turn.ring.plan(turn.to, load);
        demand(plan.is_empty(), || format!("the same roster moves {:?}", plan.moves()))?;
    }
    Ok(Tried::Yes)
}

pub(super) fn new_item_moves_no_other(turn: &Turn<'_>) -> Finding {
    let slots = turn.ring.slots();
    for arrival in slots.iter() {
        let items = slots.iter().map(|slot| (slot, turn.load.of(slot))).chain([(arrival, 1)]);
        let plan = turn.ring.plan(turn.to, &SlotLoad::of_items(slots, items));
        demand(plan.is_empty(), || format!("an item in slot {arrival} moves {:?}", plan.moves()))?;
    }
    Ok(Tried::Yes)
}

pub(super) fn settle_ends_even(turn: &Turn<'_>) -> Finding {
    for (load, percent) in [(turn.load, 0), (&drifted(turn), 0), (&drifted(turn), 20)] {
        let plan = turn.ring.rebalance_load(load, f64::from(percent) / 100.0);
        let mut owners = turn.after.clone();
        for slot_move in plan.moves() {
            owners[slot_move.slot.index()] = Some(slot_move.to.clone());
        }
        let workers = turn.loads(&owners, load);
        let all: u128 = workers.iter().map(|worker| worker.load).sum();
        let weight: u128 = workers.iter().map(|worker| worker.weight).sum();
        let is_within = |high: &Carried<'_>| 100 * high.load * weight <= u128::from(100_u32 + percent) * all * high.weight;
        let highest = workers.iter().filter(|high| workers.iter().all(|low| high.load * low.weight >= low.load * high.weight));
        // With several highest workers, any one that is within the tolerance or cannot be relieved ends the rebalance.
        let mut stuck = highest.filter(|high| is_within(high) || !has_helpful_move(turn, high, &workers, &owners, load));
        demand(workers.is_empty() || stuck.next().is_some(), || {
            format!("rebalanced for load with a move left to make: {workers:?}")
        })?;
    }
    Ok(Tried::Yes)
}

/// Returns true if the worker has a slot whose move would leave both it and the receiver lower than it is now.
fn has_helpful_move(
    turn: &Turn<'_>,
    high: &Carried<'_>,
    workers: &[Carried<'_>],
    owners: &[Option<WorkerId>],
    load: &SlotLoad,
) -> bool {
    let own = turn.ring.slots().iter().filter(|slot| owners[slot.index()].as_ref() == Some(high.id));
    let Some(lightest) = own.map(|slot| u128::from(load.of(slot))).filter(|load| *load > 0).min() else { return false };
    let receivers = workers.iter().filter(|low| low.id != high.id && low.seat.eligibility == Eligibility::Eligible);
    receivers.into_iter().any(|low| (low.load + lightest) * high.weight < high.load * low.weight)
}

/// Returns a load that differs from that of the turn.
fn drifted(turn: &Turn<'_>) -> SlotLoad {
    let slots = turn.ring.slots();
    let mirrored = |slot: Slot| turn.load.of(Slot::new(slots.get() - 1 - slot.number())) * (1 + slot.number() % 3);
    SlotLoad::of_items(slots, slots.iter().map(|slot| (slot, mirrored(slot))))
}

pub(super) fn cordoned_receive_nothing(turn: &Turn<'_>) -> Finding {
    let is_open = |id: &WorkerId| turn.to.get(id).is_some_and(|seat| seat.eligibility == Eligibility::Eligible);
    let settling = turn.ring.rebalance_load(&drifted(turn), 0.0);
    let closed = settling.moves().iter().find(|slot_move| !is_open(&slot_move.to));
    demand(closed.is_none(), || format!("rebalanced for load on a cordoned worker: {closed:?}"))?;
    let cordoned = turn.to.iter().any(|(_, seat)| seat.eligibility == Eligibility::Cordoned);
    if !cordoned || (turn.plan.is_empty() && settling.is_empty()) {
        return Ok(Tried::No);
    }
    each(turn, |slot_move| is_open(&slot_move.to), "given to a cordoned worker")
}

pub(super) fn stale_plan_is_refused(turn: &Turn<'_>) -> Finding {
    if turn.plan.is_empty() {
        return Ok(Tried::No);
    }
    let (outcome, owners) = &turn.again;
    demand(outcome.is_err(), || "a plan was applied twice".into())?;
    demand(*owners == turn.after, || "a refused plan changed the owners".into())?;
    Ok(Tried::Yes)
}

/// Minimum number of moved slots for a meaningful average load.
const ENOUGH_SLOTS: u64 = 40;

pub(super) fn joiners_get_typical_slots(turn: &Turn<'_>) -> Finding {
    let cost = turn.plan.cost();
    if turn.joiners().len() != 1 || !turn.orphans().is_empty() || cost.slots < ENOUGH_SLOTS {
        return Ok(Tried::No);
    }
    let (all, slots) = (turn.load.total(), u64::from(turn.ring.slots().get()));
    let is_typical = 3 * cost.items * slots >= all * cost.slots && cost.items * slots <= 3 * all * cost.slots;
    demand(is_typical, || format!("{} items in {} slots went to a joiner, of {all} in {slots}", cost.items, cost.slots))?;
    Ok(Tried::Yes)
}

pub(super) fn slots_take_turns(turn: &Turn<'_>) -> Finding {
    if turn.plan.is_empty() {
        return Ok(Tried::No);
    }
    let restless = turn.streaks.iter().position(|streak| *streak >= 2 * ROUND_TRIPS);
    demand(restless.is_none(), || format!("slot {restless:?} moved whenever a worker came or went"))?;
    Ok(Tried::Yes)
}
