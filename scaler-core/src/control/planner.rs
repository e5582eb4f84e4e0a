//! Planner of the leader: keeps its ring and its last plan from look to look, so that a look costs only what has changed.

use std::collections::{BTreeMap, BTreeSet};

use super::owners::Changes;
use crate::{Cost, Move, Plan, Reason, Ring, RingSource, Roster, Slot, SlotCount, SlotLoad, SlotRange, WorkerId};

/// Ring and plan as of the last look.
#[derive(Debug, Default)]
pub(super) struct Planner {
    ring: Option<Box<dyn Ring>>,
    /// Slots whose owner in the ring may differ from the wanted one.
    stale: BTreeSet<Slot>,
    idle: Option<IdlePlan>,
}

/// Input of a plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) ring: &'a RingSource,
    pub(super) slots: SlotCount,
    /// Slots that may have owners.
    pub(super) range: SlotRange,
    /// Workers that share the slots now.
    pub(super) before: &'a Roster,
    /// Workers that are to share the slots.
    pub(super) to: &'a Roster,
    pub(super) load: &'a SlotLoad,
    /// Pinned slots and their workers.
    pub(super) pins: &'a BTreeMap<Slot, WorkerId>,
    /// Tolerated unevenness, as a share of the fair load; `None` if loads must not be evened out now.
    pub(super) tolerance: Option<f64>,
}

/// A plan.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// True if it was made to even out loads.
    pub(super) for_load: bool,
}

/// A plan without moves, and its input. The same input gives the same plan.
#[derive(Debug)]
struct IdlePlan {
    range: SlotRange,
    before: Roster,
    to: Roster,
    load: SlotLoad,
    pins: BTreeMap<Slot, WorkerId>,
    planned: Planned,
}

impl Planner {
    /// Returns the plan. `changes` are the slots that changed their owner since the last call, and `wanted` gives the owner of
    /// each slot once all pending moves are committed.
    ///
    /// Debug builds compare it with the plan of a ring that is built from all slots.
    pub(super) fn plan<'a>(
        &mut self,
        request: Request<'_>,
        changes: Changes,
        is_any_pending: bool,
        wanted: impl Fn(Slot) -> Option<&'a WorkerId>,
    ) -> Planned {
        let has_changed = is_any_pending || !changes.is_empty();
        self.note(changes);
        let planned = match self.idle.take().filter(|idle| !has_changed && idle.answers(&request)) {
            Some(idle) => idle.planned,
            None => request.plan_on(self.update(request, &wanted)),
        };
        debug_assert_eq!(planned.plan, request.plan_on(&*request.new_ring(&wanted)).plan, "a kept ring plans as a new one");
        if planned.plan.is_empty() && !is_any_pending {
            let Request { range, before, to, load, pins, .. } = request;
            let (before, to, load, pins) = (before.clone(), to.clone(), load.clone(), pins.clone());
            self.idle = Some(IdlePlan { range, before, to, load, pins, planned: planned.clone() });
        }
        planned
    }

    /// Applies the moves of this plan to the ring, as if they were committed.
    pub(super) fn pending(&mut self, plan: &Plan) {
        if self.ring.as_mut().is_some_and(|ring| ring.apply(plan).is_err()) {
            self.ring = None;
        }
    }

    /// Rereads the wanted owner of this slot in the next plan.
    pub(super) fn check(&mut self, slot: Slot) {
        self.stale.insert(slot);
    }

    fn note(&mut self, changes: Changes) {
        match changes {
            Changes::Slots(slots) => self.stale.extend(slots),
            Changes::All => self.ring = None,
        }
    }

    /// Returns the kept ring with the wanted owners, or a new one.
    fn update<'a>(&mut self, request: Request<'_>, wanted: &impl Fn(Slot) -> Option<&'a WorkerId>) -> &dyn Ring {
        let stale = std::mem::take(&mut self.stale);
        let kept = self.ring.take().filter(|ring| ring.slots() == request.slots).and_then(|mut ring| {
            let plan = difference(&*ring, &stale, request.before, wanted)?;
            ring.apply(&plan).is_ok().then_some(ring)
        });
        let ring = self.ring.insert(kept.unwrap_or_else(|| request.new_ring(wanted)));
        ring.set_range(request.range);
        ring.set_load(request.load);
        ring.set_pins(request.pins);
        &**ring
    }
}

impl Request<'_> {
    fn new_ring<'a>(&self, wanted: &impl Fn(Slot) -> Option<&'a WorkerId>) -> Box<dyn Ring> {
        let owners = self.slots.iter().map(|slot| wanted(slot).cloned()).collect();
        let mut ring = self.ring.restore(self.slots, self.before.clone(), owners);
        ring.set_range(self.range);
        ring.set_pins(self.pins);
        ring
    }

    fn plan_on(&self, ring: &dyn Ring) -> Planned {
        let plan = ring.plan(self.to, self.load).within(self.range, self.load);
        match self.tolerance {
            Some(tolerance) if plan.is_empty() && self.before == plan.shared_among() => {
                let plan = ring.rebalance_load(self.load, tolerance).within(self.range, self.load);
                Planned { plan, for_load: true }
            }
            _ => Planned { plan, for_load: false },
        }
    }
}

impl IdlePlan {
    fn answers(&self, request: &Request<'_>) -> bool {
        let is_as_thorough = self.planned.for_load || request.tolerance.is_none();
        is_as_thorough
            && self.range == request.range
            && (&self.before, &self.to, &self.load, &self.pins) == (request.before, request.to, request.load, request.pins)
    }
}

/// Returns the plan that gives these slots the wanted owners; `None` if one has lost its owner, which no plan can express.
fn difference<'a>(
    ring: &dyn Ring,
    stale: &BTreeSet<Slot>,
    before: &Roster,
    wanted: &impl Fn(Slot) -> Option<&'a WorkerId>,
) -> Option<Plan> {
    let mut moves = Vec::new();
    for &slot in stale {
        let (from, to) = (ring.owner(slot), wanted(slot));
        if from != to {
            moves.push(Move { slot, from: from.cloned(), to: to?.clone(), why: Reason::Rule });
        }
    }
    Some(Plan::counted(before.clone(), before.clone(), moves, Cost::default(), Cost::default()))
}
