//! Causes of moves, as the control plane passes them to the store.

use std::collections::BTreeSet;

use scaler_core::{Cause, MemberState, Slot, SlotCount, SlotLoad};

use crate::world::{World, key};

/// Lets seconds go by until something moves, and returns the causes.
fn next_causes(world: &mut World, alive: &[&str]) -> BTreeSet<Cause> {
    let alive: Vec<_> = alive.iter().map(|name| key(name, 1)).collect();
    for _ in 0..60 {
        world.second(&alive);
        let decision = world.look();
        world.commit(&decision, usize::MAX);
        if !decision.transfers.is_empty() {
            return decision.transfers.iter().map(|transfer| transfer.cause).collect();
        }
    }
    BTreeSet::new()
}

/// A world in which all slots have owners, and have been ticked.
fn settled(names: &[&str]) -> World {
    let mut world = World::new(names);
    assert_eq!(next_causes(&mut world, names), BTreeSet::from([Cause::Unowned]));
    world.second(&names.iter().map(|name| key(name, 1)).collect::<Vec<_>>());
    world.look();
    world
}

#[test]
fn each_move_has_the_cause_that_the_former_owner_or_the_new_one_gave() {
    let all = ["a", "b", "c"];
    let mut world = settled(&all);
    world.heard(&key("d", 1), MemberState::Active);
    assert_eq!(next_causes(&mut world, &["a", "b", "c", "d"]), BTreeSet::from([Cause::Joined]));

    for (state, cause) in [(MemberState::Draining, Cause::Drained), (MemberState::Barred, Cause::Barred)] {
        let mut world = settled(&all);
        world.heard(&key("b", 1), state);
        assert_eq!(next_causes(&mut world, &all), BTreeSet::from([cause]), "{state}");
    }

    let mut world = settled(&all);
    assert_eq!(next_causes(&mut world, &["a", "c"]), BTreeSet::from([Cause::Dead]));

    let mut world = settled(&all);
    world.members.as_mut().unwrap().retain(|record| record.member.key != key("b", 1));
    assert_eq!(next_causes(&mut world, &["a", "c"]), BTreeSet::from([Cause::Left]));
}

#[test]
fn slots_of_an_earlier_process_are_adopted_and_uneven_loads_are_rebalanced() {
    let mut world = settled(&["a", "b"]);
    world.heard(&key("a", 2), MemberState::Active);
    let mut causes = BTreeSet::new();
    for _ in 0..5 {
        world.second(&[key("a", 2), key("b", 1)]);
        let decision = world.look();
        causes.extend(decision.transfers.iter().map(|transfer| transfer.cause));
        world.commit(&decision, usize::MAX);
    }
    assert_eq!(causes, BTreeSet::from([Cause::Adopted]));

    let mut world = settled(&["a", "b"]);
    let heavy = |slot: Slot| {
        let is_of_a = world.slots[slot.index()].owner.as_ref().is_some_and(|owner| owner.worker.as_str() == "a");
        (slot, if is_of_a { 10 } else { 1 })
    };
    let slots = SlotCount::new(256).unwrap();
    world.load = SlotLoad::of_items(slots, slots.iter().map(heavy));
    assert_eq!(next_causes(&mut world, &["a", "b"]), BTreeSet::from([Cause::Rebalance]));
}
