//! The ring of a control plane, kept from look to look: it is told what changed, instead of being made anew from all slots.

use std::collections::BTreeSet;

use super::owners::Changes;
use crate::{Cost, Move, Plan, Reason, Ring, RingKind, Roster, Slot, SlotCount, SlotLoad, WorkerId};

/// A ring, and the slots whose owner there may no longer be the one that is wanted.
#[derive(Debug, Default)]
pub(super) struct KeptRing {
    ring: Option<Box<dyn Ring>>,
    stale: BTreeSet<Slot>,
}

impl KeptRing {
    /// Notes slots that changed hands.
    pub(super) fn changed(&mut self, changes: Changes) {
        match changes {
            Changes::Slots(slots) => self.stale.extend(slots),
            Changes::All => *self = Self::default(),
        }
    }

    /// Notes a slot for which no move is pending any more: its owner is what the store tells next.
    pub(super) fn check(&mut self, slot: Slot) {
        self.stale.insert(slot);
    }

    /// Notes that the moves of this plan are pending: from now on they count as made.
    pub(super) fn pending(&mut self, plan: &Plan) {
        if self.ring.as_mut().is_some_and(|ring| ring.apply(plan).is_err()) {
            *self = Self::default();
        }
    }

    /// Returns the ring with the owners that are `wanted`, which are shared among this roster, under this load.
    pub(super) fn brought_up_to_date<'a>(
        &mut self,
        kind: RingKind,
        slots: SlotCount,
        shared_among: &Roster,
        load: &SlotLoad,
        wanted: impl Fn(Slot) -> Option<&'a WorkerId>,
    ) -> &dyn Ring {
        let stale = std::mem::take(&mut self.stale);
        let kept = self.ring.take().filter(|ring| ring.slots() == slots).and_then(|mut ring| {
            let plan = difference(&*ring, &stale, shared_among, &wanted)?;
            ring.apply(&plan).is_ok().then_some(ring)
        });
        let ring =
            kept.unwrap_or_else(|| kind.restore(slots, shared_among.clone(), slots.iter().map(|slot| wanted(slot).cloned())));
        let ring = self.ring.insert(ring);
        ring.set_load(load);
        &**ring
    }
}

/// The plan that gives these slots the owners that are wanted; `None` where one has lost its owner, which no plan can express.
fn difference<'a>(
    ring: &dyn Ring,
    stale: &BTreeSet<Slot>,
    shared_among: &Roster,
    wanted: impl Fn(Slot) -> Option<&'a WorkerId>,
) -> Option<Plan> {
    let mut moves = Vec::new();
    for &slot in stale {
        let (from, to) = (ring.owner(slot), wanted(slot));
        if from != to {
            moves.push(Move { slot, from: from.cloned(), to: to?.clone(), why: Reason::Rule });
        }
    }
    Some(Plan::counted(shared_among.clone(), shared_among.clone(), moves, Cost::default(), Cost::default()))
}
