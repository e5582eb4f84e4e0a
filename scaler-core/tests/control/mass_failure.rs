//! Workers that fall silent: one, most at once, or all by a fault of the membership.

use std::collections::BTreeMap;
use std::time::Duration;

use scaler_core::control::MemberPhase;
use scaler_core::{Incarnation, MemberState, Timing};
use uuid::Uuid;

use crate::world::{World, key};

#[test]
fn the_mass_failure_guard_stops_moves_while_most_slots_are_silent() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..5 {
        world.second(&[key("a", 1)]);
    }
    let decision = world.look();
    assert!(decision.silent.is_some_and(|silent| silent > 128) && decision.transfers.is_empty());
    // They come back: all is as it was.
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let decision = world.look();
    assert!(decision.silent.is_none() && decision.transfers.is_empty() && decision.plan.is_empty());
}

#[test]
fn the_first_worker_back_after_a_guard_does_not_receive_slots_of_others() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..4 {
        world.second(&[]);
    }
    assert!(world.look().silent.is_some());
    world.second(&["a", "b"].map(|name| key(name, 1)));
    for _ in 0..3 {
        world.second(&["a", "b"].map(|name| key(name, 1)));
        assert!(world.look().transfers.is_empty(), "c is given time");
    }
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    assert!(world.look().transfers.is_empty());

    // Who does not come back is lost as ever.
    for _ in 0..4 {
        world.second(&["a", "b"].map(|name| key(name, 1)));
        world.look();
    }
    world.rebalance_load();
    assert_eq!(world.loads().into_values().collect::<Vec<_>>(), [128, 128]);
}

#[test]
fn the_first_to_fall_silent_in_an_outage_is_not_divided_among_those_that_follow() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let all = ["a", "b", "c"].map(|name| key(name, 1));
    world.second(&all);
    world.look();
    // The outage comes between the tick of a and those of b and c.
    world.second(&all[1..]);
    for _ in 0..5 {
        for record in world.members.iter_mut().flatten() {
            record.age = Duration::ZERO;
        }
        assert!(world.look().transfers.is_empty());
        world.second(&[]);
    }
    world.second(&all[1..]);
    assert!(world.look().transfers.is_empty(), "a is about to tick, too");
}

#[test]
fn a_hold_ends_when_all_witnesses_say_for_long_that_they_are_dead() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    for _ in 0..4 {
        world.second(&[key("a", 1)]);
    }
    assert!(world.look().silent.is_some());
    for _ in 0..4 {
        world.second(&[key("a", 1)]);
        assert!(world.look().silent.is_some());
    }
    world.second(&[key("a", 1)]);
    world.rebalance_load();
    assert_eq!(world.loads(), BTreeMap::from([("a".to_owned(), 256)]));
}

#[test]
fn one_dead_worker_is_no_reason_to_hold_however_much_it_owned() {
    let mut world = World::new(&["a"]);
    world.rebalance_load();
    world.heard(&key("b", 1), MemberState::Active);
    world.second(&[key("a", 1), key("b", 1)]);
    world.look();
    for _ in 0..4 {
        world.second(&[key("b", 1)]);
    }
    world.rebalance_load();
    assert_eq!(world.loads(), BTreeMap::from([("b".to_owned(), 256)]));
}

#[test]
fn a_closed_session_and_one_missed_tick_are_enough() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    let life = |number| Incarnation::new(Uuid::from_u128(number));
    world.sessions = Some([life(1), life(2)].into());
    world.heard(&key("c", 2), MemberState::Active);
    world.slots.iter_mut().filter_map(|slot| slot.owner.as_mut()).filter(|owner| owner.worker.as_str() == "c").for_each(
        |owner| {
            owner.incarnation = life(2);
        },
    );
    world.second(&[key("a", 1), key("b", 1), key("c", 2)]);
    assert_eq!(world.look().phases[&key("c", 2).worker], MemberPhase::Healthy);
    world.sessions = Some([life(1)].into());
    world.second(&[key("a", 1), key("b", 1)]);
    assert_eq!(world.look().phases[&key("c", 2).worker], MemberPhase::Healthy, "its tick may still come");
    world.second(&[key("a", 1), key("b", 1)]);
    let decision = world.look();
    assert_eq!(decision.phases[&key("c", 2).worker], MemberPhase::Dead);
    assert!(!decision.transfers.is_empty() && decision.transfers.iter().all(|transfer| transfer.timing == Timing::Now));
}

#[test]
fn a_missing_session_after_an_outage_makes_no_worker_dead() {
    for (outage, phase) in [(false, MemberPhase::Dead), (true, MemberPhase::Healthy)] {
        let mut world = World::new(&["a", "b", "c"]);
        world.rebalance_load();
        world
            .slots
            .iter_mut()
            .filter_map(|slot| slot.owner.as_mut())
            .filter(|owner| owner.worker.as_str() == "c")
            .for_each(|owner| owner.incarnation = Incarnation::new(Uuid::from_u128(2)));
        world.heard(&key("c", 2), MemberState::Active);
        world.sessions = Some([1, 2].map(|life| Incarnation::new(Uuid::from_u128(life))).into());
        world.second(&[key("a", 1), key("b", 1), key("c", 2)]);
        world.look();
        world.sessions = Some([Incarnation::new(Uuid::from_u128(1))].into());
        if outage {
            world.plane.blinded();
        }
        for _ in 0..3 {
            world.second(&[key("a", 1), key("b", 1)]);
            world.look();
        }
        assert_eq!(world.look().phases[&key("c", 2).worker], phase, "outage: {outage}");
    }
}

#[test]
fn a_flushed_membership_moves_nothing() {
    let mut world = World::new(&["a", "b", "c"]);
    world.rebalance_load();
    world.members = Some(Vec::new());
    world.second(&["a", "b", "c"].map(|name| key(name, 1)));
    let decision = world.look();
    assert!(decision.phases.values().all(|phase| *phase == MemberPhase::Unheard) && decision.transfers.is_empty());
    // The first to be heard again gets nothing for it.
    world.heard(&key("b", 1), MemberState::Active);
    assert!(world.look().transfers.is_empty());
}

#[test]
fn without_membership_ticking_workers_take_over_from_dead_ones() {
    for unreadable in [false, true] {
        let mut world = World::new(&["a", "b", "c"]);
        world.rebalance_load();
        world.members = (!unreadable).then(Vec::new);
        for _ in 0..5 {
            world.second(&[key("a", 1), key("b", 1)]);
        }
        world.rebalance_load();
        assert_eq!(world.loads().into_values().collect::<Vec<_>>(), [128, 128]);
    }
}
