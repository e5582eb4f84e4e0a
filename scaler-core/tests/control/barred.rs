//! Workers whose writes the store refuses.

use std::collections::BTreeMap;

use scaler_core::{MemberState, Timing};

use crate::world::{World, key};

#[test]
fn only_the_slots_of_a_barred_worker_move() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let alive = ["a", "b", "c"].map(|name| key(name, 1));
    world.second(&alive);
    world.heard(&key("b", 1), MemberState::Barred);
    for _ in 0..5 {
        world.second(&alive);
        let decision = world.look();
        assert!(decision.transfers.iter().all(|transfer| {
            let owner = world.slots[transfer.slot.index()].owner.as_ref();
            owner.is_some_and(|owner| owner.worker.as_str() == "b") && transfer.timing == Timing::Now
        }));
        world.commit(&decision, usize::MAX);
    }
    assert_eq!(world.loads(), BTreeMap::from([("a".to_owned(), 128), ("c".to_owned(), 128)]));
    world.heard(&key("b", 1), MemberState::Active);
    let mut waited = 0;
    while world.loads().len() < 3 {
        world.second(&alive);
        world.rebalance_load();
        waited += 1;
        assert!(waited < 60);
    }
    assert!(waited >= 2, "who was barred waits like who was gone: {waited} s");
}

#[test]
fn where_all_are_barred_nothing_moves() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let alive = ["a", "b", "c"].map(|name| key(name, 1));
    world.second(&alive);
    alive.iter().for_each(|key| world.heard(key, MemberState::Barred));
    for _ in 0..20 {
        world.second(&alive);
        assert!(world.look().transfers.is_empty());
    }
}

#[test]
fn the_first_to_be_barred_keeps_its_slots_while_the_others_cannot_write_either() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let alive = ["a", "b", "c"].map(|name| key(name, 1));
    let states = |world: &mut World, states: [MemberState; 3]| {
        alive.iter().zip(states).for_each(|(key, state)| world.heard(key, state));
        world.second(&alive);
        world.look().transfers.len()
    };
    let [active, suspect, barred] = [MemberState::Active, MemberState::Suspect, MemberState::Barred];
    assert_eq!(states(&mut world, [suspect; 3]), 0);
    assert_eq!(states(&mut world, [barred, suspect, suspect]), 0);
    assert_eq!(states(&mut world, [barred; 3]), 0);
    // The reason is over: each has the hold time to find out.
    for _ in 0..4 {
        assert_eq!(states(&mut world, [active, active, barred]), 0);
    }
    let moved = (0..5).map(|_| states(&mut world, [active, active, barred])).max();
    assert!(moved > Some(0), "one that still may not write is barred for a reason of its own");
}

#[test]
fn a_worker_refused_only_its_own_items_takes_over_from_a_barred_one() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    let alive = ["a", "b"].map(|name| key(name, 1));
    world.second(&alive);
    // Its trial writes are accepted, so that it stays active.
    world.heard(&alive[0], MemberState::Active);
    world.members.as_mut().unwrap().iter_mut().for_each(|record| (record.member.items, record.member.refused) = (5, 5));
    world.heard(&alive[1], MemberState::Barred);
    world.second(&alive);
    assert!(!world.look().transfers.is_empty());
}
