//! What moves when the roster changes.

use std::collections::BTreeSet;

use super::exchange::{Exchange, Passed};
use super::index::Measure;
use super::scene::{Scene, State};
use crate::{Movement, Plan, Roster, WorkerId};

/// What would move if the roster became `to`: at most `limit` slots, those without an owner first.
pub(super) fn plan(state: State<'_>, to: &Roster, limit: usize) -> Plan {
    let scene = Scene::new(state, to);
    let mut passed = Passed::default();
    for measure in Measure::ALL {
        passed.append(Exchange::new(&scene, measure).run());
    }
    let mut movements = passed.in_order_of_urgency();
    let shared_among = if movements.len() > limit {
        movements.truncate(limit);
        still_shared_among(state.shared_among, to)
    } else {
        shared_among(&scene, to, &movements)
    };
    Plan::new(to.clone(), movements, state.index.load()).with_shares_of(shared_among)
}

/// Those whose share is complete when all has moved: everyone but joiners that have to wait.
fn shared_among(scene: &Scene<'_>, to: &Roster, movements: &[Movement]) -> Roster {
    let mut receivers: Option<BTreeSet<&WorkerId>> = None;
    let mut roster = to.clone();
    for (place, party) in scene.parties.iter().enumerate() {
        let receives =
            |id: &WorkerId| receivers.get_or_insert_with(|| movements.iter().map(|movement| &movement.to).collect()).contains(id);
        if scene.awaits_its_share(place, receives) {
            roster.remove(party.id);
        }
    }
    roster
}

/// Where a plan is cut short, joiners remain joiners and the old weights count: the next plan goes on where this one stops.
fn still_shared_among(shared_among: &Roster, to: &Roster) -> Roster {
    shared_among.iter().filter(|(id, _)| to.contains(id)).map(|(id, seat)| (id.clone(), seat)).collect()
}
