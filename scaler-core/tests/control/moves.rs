//! Moves: which slots move, when a move counts as made, and what is remembered.

use std::time::Duration;

use scaler_core::control::MemberPhase;
use scaler_core::{MemberState, SlotState, Timing};

use crate::world::{SECOND, World, key};

#[test]
fn movements_that_have_not_happened_are_remembered_and_still_cost_the_least() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    world.heard(&key("d", 1), MemberState::Active);
    assert!(world.look().plan.is_empty(), "more may join in a moment");
    let mut moved = 0;
    for round in 0..10 {
        world.second(&["a", "b", "c", "d"].map(|name| key(name, 1)));
        let decision = world.look();
        assert_eq!(decision.plan.is_empty(), round > 0, "planned once");
        assert!(decision.transfers.iter().all(|transfer| transfer.to.worker.as_str() == "d"));
        assert!(decision.transfers.iter().all(|transfer| transfer.timing == Timing::AfterTick));
        moved += decision.transfers.len().min(10);
        world.commit(&decision, 10);
    }
    assert_eq!(moved, 256 / 4);
    assert_eq!(world.loads().into_values().collect::<Vec<_>>(), [64, 64, 64, 64]);
}

#[test]
fn a_move_is_made_when_its_commit_was_answered_and_may_be_undone_before_the_next_look() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    world.heard(&key("c", 1), MemberState::Active);
    world.look();
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let decision = world.look();
    assert_eq!(decision.transfers.len(), 85, "a third");
    let before = world.slots.clone();
    world.commit_and_tell(&decision, 85);
    // The last owner of a slot takes it back. A debug build checks each plan against one that is made from the slots as they are.
    let slot = decision.transfers[0].slot.index();
    world.slots[slot] = SlotState { epoch: before[slot].epoch.next().next(), ..before[slot].clone() };
    assert!(world.look().plan.is_empty(), "84, 86 and 86 slots are even enough");
    world.heard(&key("c", 1), MemberState::Draining);
    world.look();
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let moves = world.look().plan.moves().to_vec();
    assert!(moves.len() == 84 && moves.iter().all(|slot_move| slot_move.slot.index() != slot), "its slots move, and no others");
}

#[test]
fn slots_under_a_silent_earlier_life_follow_the_worker() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    world.second(&[key("a", 1), key("b", 1)]);
    world.heard(&key("a", 2), MemberState::Active);
    world.second(&[key("a", 2), key("b", 1)]);
    assert!(world.look().transfers.is_empty(), "it may still adopt them, and its earlier life may still tick");
    world.second(&[key("a", 2), key("b", 1)]);
    let decision = world.look();
    assert!(decision.plan.is_empty() && decision.transfers.iter().all(|transfer| transfer.to == key("a", 2)));
    assert_eq!(decision.transfers.len(), 128);
}

#[test]
fn the_receiver_of_a_movement_that_has_not_happened_may_die() {
    let mut world = World::new(&["a", "b"]);
    world.rebalance_load();
    world.heard(&key("c", 1), MemberState::Active);
    world.look();
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    assert!(!world.look().transfers.is_empty());
    for _ in 0..5 {
        world.second(&[key("a", 1), key("b", 1)]);
    }
    assert!(world.look().transfers.is_empty(), "nothing has moved, so nothing must");
}

#[test]
fn a_draining_worker_keeps_its_slots_while_no_other_is_eligible() {
    let mut world = World::new(&["a"]);
    world.rebalance_load();
    world.heard(&key("a", 1), MemberState::Draining);
    world.second(&[key("a", 1)]);
    let decision = world.look();
    assert_eq!(decision.phases[&key("a", 1).worker], MemberPhase::Draining);
    assert!(decision.transfers.is_empty());
}

#[test]
fn a_delayed_answer_makes_no_worker_dead() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    world.members = None;
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    world.look();
    world.delay = 20 * SECOND;
    let decision = world.look();
    assert!(decision.silent.is_none() && decision.phases.values().all(|phase| *phase == MemberPhase::Healthy), "{decision:?}");
    world.delay = Duration::ZERO;
    assert!(world.look().silent.is_some(), "nothing new in an answer that comes at once is another matter");
}
