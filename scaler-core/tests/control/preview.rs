//! A preview is the plan that a leader makes when the change happens.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use scaler_core::control::Change;
use scaler_core::{MemberState, Plan, Reason, Slot, SlotCount, SlotLoad, Weight, WorkerId};

use crate::world::{World, key};

/// Time after which a leader has planned for every change: the debounce is over.
const PLANNED_WITHIN_S: u32 = 8;

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

fn name(number: usize) -> String {
    format!("worker-{number}")
}

/// Lets seconds go by, and returns the plans of the leader that move something.
fn planned(world: &mut World, alive: &[String]) -> Vec<Plan> {
    let alive: Vec<_> = alive.iter().map(|name| key(name, 1)).collect();
    let mut plans = Vec::new();
    for _ in 0..PLANNED_WITHIN_S {
        world.second(&alive);
        let decision = world.look();
        world.commit(&decision, usize::MAX);
        plans.push(decision.plan);
    }
    plans.into_iter().filter(|plan| !plan.is_empty()).collect()
}

/// A world in which these workers share the slots, and nothing is left to move.
fn settled(workers: usize, items: &[u32], weights: &BTreeMap<usize, u32>, pins: &BTreeMap<u32, usize>) -> World {
    let names: Vec<_> = (0..workers).map(name).collect();
    let mut world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let slots = SlotCount::new(256).unwrap();
    world.load = SlotLoad::of_items(slots, (0..).map(Slot::new).zip(items.iter().copied()));
    let weigh = |(number, weight): (&usize, &u32)| (worker(&name(*number)), Weight::new(*weight).unwrap());
    world.steering.pins = pins.iter().map(|(slot, number)| (Slot::new(*slot), worker(&name(*number)))).collect();
    world.steering.weights = weights.iter().map(weigh).collect();
    let alive: Vec<_> = names.iter().map(|name| key(name, 1)).collect();
    for _ in 0..40 {
        world.second(&alive);
        let decision = world.look();
        world.commit(&decision, usize::MAX);
    }
    world
}

fn changes(workers: usize) -> impl Strategy<Value = Change> {
    let join = 0..3_usize;
    let leave = prop::collection::btree_set(0..workers, 0..workers);
    let weights = prop::collection::btree_map(0..workers + 2, 1..5_u32, 0..3);
    (join, leave, weights).prop_map(move |(join, leave, weights)| Change {
        join: (workers..workers + join).map(|number| worker(&name(number))).collect(),
        leave: leave.into_iter().map(|number| worker(&name(number))).collect(),
        weights: weights.into_iter().map(|(number, n)| (worker(&name(number)), Weight::new(n).unwrap())).collect(),
    })
}

prop_compose! {
    fn cases()(workers in 1..6_usize)(
        workers in Just(workers),
        items in prop::collection::vec(0..9_u32, 256),
        weights in prop::collection::btree_map(0..workers, 1..4_u32, 0..3),
        is_paused in prop::bool::weighted(0.1),
        pins in prop::collection::btree_map(0..256_u32, 0..workers, 0..3),
        change in changes(workers),
    ) -> (usize, Vec<u32>, BTreeMap<usize, u32>, bool, BTreeMap<u32, usize>, Change) {
        (workers, items, weights, is_paused, pins, change)
    }
}

proptest! {
    #[test]
    fn a_preview_moves_what_the_leader_moves((workers, items, weights, is_paused, pins, change) in cases()) {
        let mut world = settled(workers, &items, &weights, &pins);
        world.steering.is_paused = is_paused;
        let preview = world.preview(&change);
        prop_assert_eq!(preview.pending, 0);

        world.steering.drained.extend(change.leave.iter().cloned());
        world.steering.weights.extend(change.weights.clone());
        let names: Vec<_> = (0..workers + change.join.len()).map(name).collect();
        for joining in &change.join {
            world.heard(&key(joining.as_str(), 1), MemberState::Active);
        }
        let mut plans = planned(&mut world, &names);
        let later = plans.split_off(plans.len().min(preview.plans.len()));
        prop_assert_eq!(&preview.plans, &plans);
        let is_for_load = |plan: &Plan| plan.moves().iter().all(|slot_move| slot_move.why == Reason::Uneven);
        prop_assert!(later.iter().all(is_for_load), "{:?}", later);

        let after: u64 = preview.shares.values().map(|(_, after)| after.slots).sum();
        prop_assert_eq!(after, 256);
        prop_assert!(preview.minimum.slots <= preview.cost().slots);
    }
}

#[test]
fn a_preview_changes_nothing_and_says_where_the_load_goes() {
    let world = settled(3, &[1; 256], &BTreeMap::new(), &BTreeMap::new());
    let leave = Change { leave: BTreeSet::from([worker("worker-1")]), ..Change::default() };
    let preview = world.preview(&leave);
    assert_eq!(preview, world.preview(&leave));
    let (before, after) = preview.shares[&worker("worker-1")];
    assert_eq!((before.slots, after.slots), (preview.cost().slots, 0));
    let others: Vec<_> = ["worker-0", "worker-2"].map(|name| preview.shares[&worker(name)].1.items).into();
    assert_eq!(others, [128, 128]);
    assert!(world.preview(&Change::default()).plans.is_empty());
}

#[test]
fn a_dead_worker_gives_its_slots_without_any_change() {
    let mut world = settled(3, &[1; 256], &BTreeMap::new(), &BTreeMap::new());
    let slots = world.loads()["worker-1"];
    let alive = ["worker-0", "worker-2"].map(|name| key(name, 1));
    for _ in 0..5 {
        world.second(&alive);
    }
    let preview = world.preview(&Change::default());
    assert_eq!((preview.pending, preview.silent), (slots, None));
    assert_eq!(preview.shares[&worker("worker-1")].1.slots, 0);
    assert_eq!(preview.plans, []);
}

#[test]
fn while_most_workers_are_silent_nothing_is_planned() {
    let mut world = settled(3, &[1; 256], &BTreeMap::new(), &BTreeMap::new());
    for _ in 0..5 {
        world.second(&[key("worker-0", 1)]);
    }
    assert!(world.preview(&Change::default()).silent.is_some_and(|silent| silent > 128));
}

#[test]
fn without_a_list_of_members_nobody_joins() {
    let mut world = settled(2, &[1; 256], &BTreeMap::new(), &BTreeMap::new());
    world.members = None;
    let join = Change { join: BTreeSet::from([worker("new")]), ..Change::default() };
    assert!(world.preview(&join).plans.is_empty());
}
