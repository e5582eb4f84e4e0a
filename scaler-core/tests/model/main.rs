//! An exhaustive model of the protocol: two control planes, three workers, two slots, and every interleaving of their atomic steps
//! within bounds. Each mutant must be found, with a shortest trace. `scripts/model` prints how many states there are, and the traces.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and the model counts to three"
)]

mod invariants;
mod reference;
mod search;
mod state;
mod step;
mod telling;

use reference::Walk;
use search::search;
use step::{Bounds, Fault};

/// Enough for a hand-over and a return, a restart, and two leaders who believe that they lead.
const BOUNDS: Bounds = Bounds { ticks: 3, terms: 2, moves: 2, restarts: 1 };

#[test]
fn every_invariant_holds_in_every_interleaving() {
    let found = search(&BOUNDS, None, "");
    println!("{found}, within {BOUNDS:?}");
    assert!(found.violation.is_none(), "{found}");
    assert!(found.states > 100_000, "{} states are too few to say anything", found.states);
}

#[test]
fn every_broken_protocol_is_found() {
    for (fault, rule) in [
        (Fault::NoFence, "I1"),
        (Fault::NoTickNumber, "I1"),
        (Fault::EpochStays, "I4"),
        (Fault::AnyEpoch, "I9"),
        (Fault::AnyTerm, "I5"),
        (Fault::HeartbeatAlone, "I9"),
        (Fault::AnyTime, "I7"),
        (Fault::ClaimsBesideALeader, "I5"),
    ] {
        let found = search(&BOUNDS, Some(fault), rule);
        let violation = found.violation.unwrap_or_else(|| panic!("{fault:?} breaks nothing in {} states", found.states));
        println!("{fault:?} breaks {violation}");
    }
}

#[tokio::test]
async fn the_reference_store_takes_the_steps_of_the_model() {
    let mut changes = 0;
    for seed in 0..300 {
        let mut walk = Walk::begin(seed).await;
        for _ in 0..300 {
            walk.step().await;
        }
        changes += walk.changes;
    }
    println!("the reference store did as the model in 90,000 calls, of which {changes} changed something");
    assert!(changes > 10_000, "{changes}");
}
