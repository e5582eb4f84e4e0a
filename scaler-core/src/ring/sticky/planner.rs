//! Planner: the moves for a change of the roster.

use std::collections::BTreeSet;

use super::apportionment::Apportionment;
use super::index::Measure;
use super::moves::{SlotMove, SlotMoves, plan_of};
use super::roster_diff::{RosterDiff, State};
use crate::{Plan, Roster};

/// Returns the plan that changes the roster to `to`, with at most `limit` moves, slots without an owner first.
pub(super) fn plan(state: State<'_>, to: &Roster, limit: usize) -> Plan {
    let diff = RosterDiff::new(state, to);
    let mut passed = SlotMoves::default();
    for measure in Measure::ALL {
        passed.append(Apportionment::run(&diff, measure));
    }
    let mut passes = passed.in_order_of_urgency();
    let shared_among = if passes.len() > limit {
        passes.truncate(limit);
        still_shared_among(state.shared_among, to)
    } else {
        shared_among(&diff, to, &passes)
    };
    plan_of(&passes, &diff, to, shared_among)
}

/// Returns the workers whose share is complete after all moves: all but joiners that have to wait.
fn shared_among(diff: &RosterDiff<'_>, to: &Roster, passes: &[SlotMove]) -> Roster {
    let mut receivers: Option<BTreeSet<u32>> = None;
    let mut roster = to.clone();
    for joiner in diff.joiners() {
        let receives = || receivers.get_or_insert_with(|| passes.iter().map(|pass| pass.to).collect()).contains(&joiner);
        if diff.awaits_its_share(joiner, receives) {
            roster.remove(diff.parties[joiner as usize].id);
        }
    }
    roster
}

/// Returns the roster after a truncated plan: joiners remain joiners and the old weights count, so that the next plan
/// continues.
fn still_shared_among(shared_among: &Roster, to: &Roster) -> Roster {
    shared_among.iter().filter(|(id, _)| to.contains(id)).map(|(id, seat)| (id.clone(), seat)).collect()
}
