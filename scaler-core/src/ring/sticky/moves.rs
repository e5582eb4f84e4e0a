//! Moves of a plan, with workers by index instead of by name.

use super::donor_slots::LoadedSlot;
use super::roster_diff::{Giver, RosterDiff};
use crate::{Cost, Move, Plan, Reason, Roster, SlotLoad};

/// Move of one slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotMove {
    pub(super) slot: LoadedSlot,
    pub(super) from: Giver,
    /// Index of its receiver among the parties.
    pub(super) to: u32,
    pub(super) why: Reason,
}

/// Moves by priority.
#[derive(Debug, Default)]
pub(super) struct SlotMoves {
    pub(super) orphans: Vec<SlotMove>,
    pub(super) pinned: Vec<SlotMove>,
    pub(super) traded: Vec<SlotMove>,
}

impl SlotMoves {
    pub(super) fn append(&mut self, mut more: Self) {
        self.orphans.append(&mut more.orphans);
        self.pinned.append(&mut more.pinned);
        self.traded.append(&mut more.traded);
    }

    pub(super) fn in_order_of_urgency(mut self) -> Vec<SlotMove> {
        self.orphans.append(&mut self.pinned);
        self.orphans.append(&mut self.traded);
        self.orphans
    }
}

/// Returns the plan with these moves.
pub(super) fn plan_of(passes: &[SlotMove], diff: &RosterDiff<'_>, to: &Roster, shared_among: Roster) -> Plan {
    let (cost, lower_bound) = bill(passes, diff);
    let slot_move = |pass: &SlotMove| Move {
        slot: pass.slot.slot,
        from: diff.name_of(pass.from).cloned(),
        to: diff.parties[pass.to as usize].id.clone(),
        why: pass.why,
    };
    // Integer keys sort faster than moves.
    let mut order: Vec<u64> = (0..).zip(passes).map(|(place, pass)| (u64::from(pass.slot.slot.number()) << 32) | place).collect();
    order.sort_unstable();
    let moves = order.into_iter().map(|key| slot_move(&passes[place_of(key)]));
    Plan::counted(to.clone(), shared_among, moves.collect(), cost, lower_bound)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half of the key")]
const fn place_of(key: u64) -> usize {
    key as u32 as usize
}

/// Returns the cost of the moves and its lower bound: the sum of the gains of all parties.
fn bill(passes: &[SlotMove], diff: &RosterDiff<'_>) -> (Cost, Cost) {
    let load: &SlotLoad = diff.state.index.load();
    let mut cost = Cost::default();
    let mut gains = vec![(0_i64, 0_i64); if passes.is_empty() { 0 } else { diff.parties.len() }];
    let mut change = |place: u32, slots: i64, items: i64| {
        let gain = &mut gains[place as usize];
        *gain = (gain.0 + slots, gain.1 + items);
    };
    for pass in passes {
        let items = load.of(pass.slot.slot);
        cost.slots += 1;
        cost.items += u64::from(items);
        change(pass.to, 1, i64::from(items));
        if let Giver::Party(place) = pass.from {
            change(place, -1, -i64::from(items));
        }
    }
    let gained = |pick: fn(&(i64, i64)) -> i64| gains.iter().map(pick).filter(|n| *n > 0).sum::<i64>().unsigned_abs();
    (cost, Cost { slots: gained(|gain| gain.0), items: gained(|gain| gain.1) })
}
