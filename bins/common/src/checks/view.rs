//! Checks that need nothing but the view: of a demo, which has no database.

use super::Check;
use crate::view::{Server, View};

/// Age of a view from which on it is old, in milliseconds.
const OLD_MS: u64 = 10_000;

/// Returns the checks of this view.
#[must_use]
pub fn of_view(view: &View) -> Vec<Check> {
    let servers = view.stores.iter().zip(["server", "members"]).map(|(server, name)| answers(name, server));
    [leader(view)].into_iter().chain(servers).chain([slots(view), doubles(view)]).collect()
}

fn leader(view: &View) -> Check {
    let name = "leader";
    match &view.leader {
        None => Check::failed(name, "no control plane leads: no slot moves until one is elected"),
        Some(_) if view.age_ms > OLD_MS => {
            Check::failed(name, format!("the last sign of the leader is {} s old", view.age_ms / 1000))
        }
        Some(leader) => Check::ok(name, format!("{} leads, term {}, since {}", leader.candidate, leader.term, leader.since)),
    }
}

fn answers(name: &'static str, server: &Server) -> Check {
    match &server.error {
        None => Check::ok(name, format!("{} answers", server.name)),
        Some(error) => Check::failed(name, format!("{}: {error}", server.name)),
    }
}

fn slots(view: &View) -> Check {
    let name = "slots";
    match view.totals.late_slots {
        0 => Check::ok(name, "each slot that holds items is ticked"),
        late => Check::warning(name, format!("{late} slots have missed at least one whole tick")),
    }
}

fn doubles(view: &View) -> Check {
    let name = "doubles";
    match &view.audit {
        None => Check::unknown(name, "no audit has ended yet"),
        Some(audit) if audit.doubles > 0 => Check::failed(name, format!("the last audit found {} doubles", audit.doubles)),
        Some(audit) => Check::ok(name, format!("no double in the {} items of the last audit", audit.items)),
    }
}
