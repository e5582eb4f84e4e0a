//! What moves when the roster changes.

use std::collections::BTreeSet;

use super::exchange::Exchange;
use super::index::Measure;
use super::passing::{Pass, Passed, plan_of};
use super::scene::{Scene, State};
use crate::{Plan, Roster};

/// What would move if the roster became `to`: at most `limit` slots, those without an owner first.
pub(super) fn plan(state: State<'_>, to: &Roster, limit: usize) -> Plan {
    let scene = Scene::new(state, to);
    let mut passed = Passed::default();
    for measure in Measure::ALL {
        passed.append(Exchange::run(&scene, measure));
    }
    let mut passes = passed.in_order_of_urgency();
    let shared_among = if passes.len() > limit {
        passes.truncate(limit);
        still_shared_among(state.shared_among, to)
    } else {
        shared_among(&scene, to, &passes)
    };
    plan_of(&passes, &scene, to, shared_among)
}

/// Those whose share is complete when all has moved: everyone but joiners that have to wait.
fn shared_among(scene: &Scene<'_>, to: &Roster, passes: &[Pass]) -> Roster {
    let mut receivers: Option<BTreeSet<u32>> = None;
    let mut roster = to.clone();
    for joiner in scene.joiners() {
        let receives = || receivers.get_or_insert_with(|| passes.iter().map(|pass| pass.to).collect()).contains(&joiner);
        if scene.awaits_its_share(joiner, receives) {
            roster.remove(scene.parties[joiner as usize].id);
        }
    }
    roster
}

/// Where a plan is cut short, joiners remain joiners and the old weights count: the next plan goes on where this one stops.
fn still_shared_among(shared_among: &Roster, to: &Roster) -> Roster {
    shared_among.iter().filter(|(id, _)| to.contains(id)).map(|(id, seat)| (id.clone(), seat)).collect()
}
