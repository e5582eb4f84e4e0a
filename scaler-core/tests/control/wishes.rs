//! Wishes of operators: what the control plane does, and what it leaves.

use std::collections::BTreeSet;

use scaler_core::control::{Decision, Waiting};
use scaler_core::{Cause, MemberState, Slot, Weight, WorkerId};

use crate::world::{World, key};

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

/// Lets this many seconds go by, and returns the last decision, and the causes of all moves.
fn seconds(world: &mut World, seconds: u32, alive: &[&str]) -> (Decision, BTreeSet<Cause>) {
    let alive: Vec<_> = alive.iter().map(|name| key(name, 1)).collect();
    let (mut last, mut causes) = (Decision::default(), BTreeSet::new());
    for _ in 0..seconds {
        world.second(&alive);
        last = world.look();
        world.commit(&last, usize::MAX);
        causes.extend(last.transfers.iter().map(|transfer| transfer.cause));
    }
    (last, causes)
}

/// A world in which all slots have owners, and have been ticked.
fn settled(names: &[&str]) -> World {
    let mut world = World::new(names);
    seconds(&mut world, 5, names);
    world
}

fn loads(world: &World) -> Vec<(String, usize)> {
    world.loads().into_iter().collect()
}

#[test]
fn a_pause_holds_joins_weights_pins_and_rebalances() {
    let mut world = settled(&["a", "b"]);
    let before = loads(&world);
    world.steering.is_paused = true;
    world.steering.weights.insert(worker("a"), Weight::new(3).unwrap());
    let slot = (0..256).map(Slot::new).find(|slot| world.slots[slot.index()].owner == Some(key("a", 1))).unwrap();
    world.steering.pins.insert(slot, worker("b"));
    world.heard(&key("c", 1), MemberState::Active);
    let (decision, causes) = seconds(&mut world, 30, &["a", "b", "c"]);
    assert_eq!((loads(&world), causes), (before, BTreeSet::new()));
    assert_eq!(decision.waiting.get(&worker("c")), Some(&Waiting::Paused));

    world.steering.is_paused = false;
    let (decision, _) = seconds(&mut world, 10, &["a", "b", "c"]);
    let shares: Vec<_> = world.loads().into_values().collect();
    assert!(matches!(shares[..], [153..=154, 51..=52, 51..=52]), "3 : 1 : 1, but {shares:?}");
    assert_eq!(world.slots[slot.index()].owner, Some(key("b", 1)));
    assert!(decision.waiting.is_empty(), "{:?}", decision.waiting);
}

#[test]
fn a_pause_drops_planned_moves_that_are_not_committed() {
    let mut world = settled(&["a", "b"]);
    world.heard(&key("c", 1), MemberState::Active);
    let alive = ["a", "b", "c"].map(|name| key(name, 1));
    let mut decision = Decision::default();
    for _ in 0..10 {
        world.second(&alive);
        decision = world.look();
        if !decision.transfers.is_empty() {
            break;
        }
    }
    assert!(!decision.transfers.is_empty() && world.plane.pending() > 0);
    world.steering.is_paused = true;
    let decision = world.look();
    assert_eq!((decision.transfers, world.plane.pending()), (vec![], 0));
}

#[test]
fn in_a_pause_the_slots_of_lost_and_draining_workers_still_get_an_owner() {
    for how in [Cause::Dead, Cause::Drained] {
        let mut world = settled(&["a", "b", "c"]);
        world.steering.is_paused = true;
        world.heard(&key("d", 1), MemberState::Active);
        let alive: &[&str] = if how == Cause::Dead { &["a", "b", "d"] } else { &["a", "b", "c", "d"] };
        if how == Cause::Drained {
            world.heard(&key("c", 1), MemberState::Draining);
        }
        let (_, causes) = seconds(&mut world, 20, alive);
        assert_eq!(causes, BTreeSet::from([how]));
        assert_eq!(loads(&world), [("a", 128), ("b", 128)].map(|(name, slots)| (name.to_owned(), slots)));
    }
}

#[test]
fn in_a_pause_new_workers_take_over_if_no_other_is_left() {
    let mut world = settled(&["a"]);
    world.steering.is_paused = true;
    world.heard(&key("b", 1), MemberState::Active);
    world.heard(&key("a", 1), MemberState::Draining);
    seconds(&mut world, 20, &["a", "b"]);
    assert_eq!(loads(&world), [("b".to_owned(), 256)]);
}

#[test]
fn a_cordoned_worker_keeps_its_slots_and_receives_none() {
    let mut world = settled(&["a", "b", "c"]);
    let before = world.loads()["a"];
    world.steering.cordoned.insert(worker("a"));
    let (decision, _) = seconds(&mut world, 20, &["a", "b"]);
    assert_eq!(loads(&world), [("a", before), ("b", 256 - before)].map(|(name, slots)| (name.to_owned(), slots)));
    assert_eq!(decision.waiting.get(&worker("a")), Some(&Waiting::Cordoned));
}

#[test]
fn a_drained_worker_hands_over_everything_and_gets_it_back_when_the_wish_ends() {
    let mut world = settled(&["a", "b", "c"]);
    world.steering.drained.insert(worker("b"));
    let (decision, causes) = seconds(&mut world, 10, &["a", "b", "c"]);
    assert_eq!(causes, BTreeSet::from([Cause::Drained]));
    assert_eq!(loads(&world), [("a", 128), ("c", 128)].map(|(name, slots)| (name.to_owned(), slots)));
    assert_eq!(decision.waiting.get(&worker("b")), Some(&Waiting::Drained));

    world.steering.drained.clear();
    seconds(&mut world, 10, &["a", "b", "c"]);
    let shares: Vec<_> = world.loads().into_values().collect();
    assert!(shares.len() == 3 && shares.iter().all(|slots| (85..=86).contains(slots)), "{shares:?}");
}

#[test]
fn a_drain_of_all_workers_moves_nothing() {
    let mut world = settled(&["a", "b"]);
    let before = loads(&world);
    world.steering.drained.extend([worker("a"), worker("b")]);
    let (_, causes) = seconds(&mut world, 20, &["a", "b"]);
    assert_eq!((loads(&world), causes), (before, BTreeSet::new()));
}

#[test]
fn a_pinned_slot_moves_to_its_worker_and_returns_to_nobody_by_itself() {
    let mut world = settled(&["a", "b"]);
    let slot = (0..256).map(Slot::new).find(|slot| world.slots[slot.index()].owner == Some(key("a", 1))).unwrap();
    world.steering.pins.insert(slot, worker("b"));
    let (_, causes) = seconds(&mut world, 5, &["a", "b"]);
    assert_eq!(world.slots[slot.index()].owner, Some(key("b", 1)));
    assert!(causes.contains(&Cause::Pinned), "{causes:?}");
    world.steering.pins.insert(slot, worker("nobody-of-that-name"));
    seconds(&mut world, 5, &["a", "b"]);
    assert!(world.slots[slot.index()].owner.is_some(), "a pin to a worker that is not there has no effect");
}
