//! Joins and drains that come a moment apart.

use std::collections::{BTreeMap, BTreeSet};

use scaler_core::MemberState;

use crate::world::{SECOND, World, key};

#[test]
fn workers_that_join_a_moment_apart_cost_the_least_of_all_joins_together() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let mut moved = 0;
    for name in ["d", "e", "", "", ""] {
        if !name.is_empty() {
            world.heard(&key(name, 1), MemberState::Active);
        }
        world.second(&["a", "b", "c", "d", "e"].map(|name| key(name, 1)));
        world.now -= SECOND / 2; // Half a second from look to look.
        let decision = world.look();
        moved += decision.transfers.len();
        world.commit(&decision, usize::MAX);
    }
    assert_eq!(moved, 256 * 2 / 5);
    assert_eq!(world.loads().into_values().collect::<BTreeSet<_>>(), BTreeSet::from([51, 52]));
}

#[test]
fn workers_that_drain_a_moment_apart_move_only_what_they_own() {
    let mut world = World::new(&["a", "b", "c", "d", "e"]);
    world.rebalance_load();
    let leavers: usize = ["c", "d", "e"].iter().map(|name| world.loads()[*name]).sum();
    let mut moved = 0;
    for name in ["c", "d", "e", "", "", ""] {
        if !name.is_empty() {
            world.heard(&key(name, 1), MemberState::Draining);
        }
        world.second(&["a", "b", "c", "d", "e"].map(|name| key(name, 1)));
        world.now -= SECOND * 4 / 5;
        let decision = world.look();
        moved += decision.transfers.len();
        world.commit(&decision, usize::MAX);
        world.now += SECOND * 3 / 10;
    }
    assert_eq!(moved, leavers);
    assert_eq!(world.loads(), BTreeMap::from([("a".to_owned(), 128), ("b".to_owned(), 128)]));
}

#[test]
fn slots_of_dead_workers_do_not_wait_for_the_debounce() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..3 {
        world.second(&[key("a", 1), key("b", 1)]);
    }
    world.heard(&key("d", 1), MemberState::Active);
    world.second(&[key("a", 1), key("b", 1), key("d", 1)]);
    let decision = world.look();
    assert_eq!(decision.transfers.len(), 85);
    assert!(decision.transfers.iter().all(|transfer| ["a", "b"].contains(&transfer.to.worker.as_str())));
}
