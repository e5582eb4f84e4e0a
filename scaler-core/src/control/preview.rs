//! Preview: the plan that the leader would make if workers joined, were drained, or had other weights.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use uuid::Uuid;

use super::{ControlConfig, ControlPlane, Decision, Observation, Steering, Waiting};
use crate::{Cost, Incarnation, Member, MemberKey, MemberRecord, MemberState, Move, Plan, Roster, Slot, Weight, WorkerId};

/// Time of the look, by a clock that has run for long enough for any silence.
const NOW: Duration = Duration::from_secs(365 * 24 * 3600);

/// Time after which the debounce has ended for certain, as a multiple of the debounce.
const MOST_DEBOUNCES: u32 = 5;

/// Change of the workers whose plan is previewed. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Change {
    /// Workers that join, of the newest revision. They can join only if the members are known.
    pub join: BTreeSet<WorkerId>,
    /// Workers that an operator [drains](crate::Wish::Drain).
    pub leave: BTreeSet<WorkerId>,
    /// Workers that an operator [weighs](crate::Wish::Weigh).
    pub weights: BTreeMap<WorkerId, Weight>,
}

/// Plans of the leader for a [`Change`], and what they lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Number of silent slots while the mass-failure guard pauses rebalancing: then nothing is planned. `None` otherwise.
    pub silent: Option<usize>,
    /// Roster without the change.
    pub before: Roster,
    /// Number of moves that are under way without the change.
    pub pending: usize,
    /// Plans for the change, on top of the moves that are under way, in their order: one, or two if some of the change waits for the
    /// debounce and some does not; none if nothing moves.
    pub plans: Vec<Plan>,
    /// Minimum that any plans that lead to the same loads would move.
    pub minimum: Cost,
    /// Share of each worker now, and once all moves are committed.
    pub shares: BTreeMap<WorkerId, (Share, Share)>,
    /// Workers without their share of the slots after the change, each with the reason.
    pub waiting: BTreeMap<WorkerId, Waiting>,
}

/// Slots and items of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Number of slots.
    pub slots: u64,
    /// Number of items.
    pub items: u64,
}

/// Returns the plans that a leader with this configuration makes when it sees the change.
///
/// They are those of a [`ControlPlane`] that takes over: one that has led for long plans the same, except that flap damping may let a
/// worker wait, and that it may rebalance for load later. Choices between equals follow from the names of the joining workers.
#[must_use]
pub fn preview(config: &ControlConfig, seen: &Observation<'_>, change: &Change) -> Preview {
    let debounced = config.debounce * MOST_DEBOUNCES;
    let mut plane = ControlPlane::new(config.clone());
    let seen = Observation { asked_at: NOW, answered_at: NOW, ..*seen };
    plane.assume_silences(&seen);
    let first = plane.step(NOW, &seen);
    if first.silent.is_some() {
        return Preview { silent: first.silent, shares: shares(&seen, &[], &first), ..Preview::default() };
    }
    let present = [first.plan, plane.step(NOW + debounced, &seen).plan];
    let members = seen.members.map(|members| joined(&plane, &seen, members, change));
    let steering = steered(seen.steering, change);
    let changed = Observation { members: members.as_deref(), steering: &steering, ..seen };
    let at_once = plane.step(NOW + debounced, &changed);
    let last = plane.step(NOW + 2 * debounced, &changed);
    let plans: Vec<_> = [at_once.plan, last.plan.clone()].into_iter().filter(|plan| !plan.is_empty()).collect();
    let all: Vec<_> = present.iter().chain(&plans).collect();
    let roster = last.plan.roster().clone();
    Preview {
        silent: last.silent,
        before: present[1].roster().clone(),
        pending: present.iter().map(|plan| plan.moves().len()).sum(),
        minimum: Plan::new(roster, overall(&plans), seen.load).lower_bound(),
        shares: shares(&seen, &all, &last),
        plans,
        waiting: last.waiting,
    }
}

impl Preview {
    /// Returns what the plans move.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let costs = self.plans.iter().map(Plan::cost);
        costs.fold(Cost::default(), |sum, cost| Cost { slots: sum.slots + cost.slots, items: sum.items + cost.items })
    }
}

/// Returns one move for each slot whose owner differs after all plans.
fn overall(plans: &[Plan]) -> Vec<Move> {
    let mut overall: BTreeMap<Slot, Move> = BTreeMap::new();
    for slot_move in plans.iter().flat_map(Plan::moves) {
        overall.entry(slot_move.slot).or_insert_with(|| slot_move.clone()).to = slot_move.to.clone();
    }
    overall.into_values().filter(|slot_move| slot_move.from.as_ref() != Some(&slot_move.to)).collect()
}

/// Returns the members with those that join.
fn joined(plane: &ControlPlane, seen: &Observation<'_>, members: &[MemberRecord], change: &Change) -> Vec<MemberRecord> {
    let joining = (1..).zip(&change.join).map(|(number, worker)| {
        let incarnation = Incarnation::new(Uuid::from_u128(number));
        let key = MemberKey { worker: worker.clone(), incarnation };
        let member = Member {
            state: MemberState::Active,
            last_tick: Some(seen.assignment.tick),
            revision: plane.newest_revision().map(str::to_owned),
            ..Member::joining(key, seen.assignment.installation)
        };
        MemberRecord { member, age: Duration::ZERO }
    });
    let is_replaced = |record: &&MemberRecord| change.join.contains(&record.member.key.worker);
    members.iter().filter(|record| !is_replaced(record)).cloned().chain(joining).collect()
}

/// Returns the wishes with those of the change.
fn steered(steering: &Steering, change: &Change) -> Steering {
    let mut steering = steering.clone();
    steering.drained.extend(change.leave.iter().cloned());
    steering.weights.extend(change.weights.iter().map(|(worker, weight)| (worker.clone(), *weight)));
    steering
}

fn shares(seen: &Observation<'_>, plans: &[&Plan], last: &Decision) -> BTreeMap<WorkerId, (Share, Share)> {
    let moves = plans.iter().flat_map(|plan| plan.moves());
    let targets: BTreeMap<Slot, &WorkerId> = moves.map(|Move { slot, to, .. }| (*slot, to)).collect();
    let mut shares: BTreeMap<WorkerId, (Share, Share)> =
        last.phases.keys().map(|worker| (worker.clone(), Default::default())).collect();
    let add = |share: &mut Share, slot| {
        share.slots += 1;
        share.items += u64::from(seen.load.of(slot));
    };
    for (slot, state) in (0..).map(Slot::new).zip(&seen.assignment.slots) {
        let owner = state.owner.as_ref().map(|owner| &owner.worker);
        if let Some(owner) = owner {
            add(&mut shares.entry(owner.clone()).or_default().0, slot);
        }
        if let Some(owner) = targets.get(&slot).copied().or(owner) {
            add(&mut shares.entry(owner.clone()).or_default().1, slot);
        }
    }
    shares
}
