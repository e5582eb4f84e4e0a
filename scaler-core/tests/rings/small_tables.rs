//! Slots that are shared by their items give each worker its items, give or take one, at the sizes that people start with.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use scaler_core::{Plan, Ring, Roster, Seat, Slot, SlotCount, SlotLoad, StickyRing, WorkerId};

#[derive(Clone, Copy, Debug)]
enum Event {
    Join,
    Leave(prop::sample::Index),
    Arrive(u32),
    Vanish(u32),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let slot = 0..SlotCount::DEFAULT.get();
    vec(
        prop_oneof![
            Just(Event::Join),
            any::<prop::sample::Index>().prop_map(Event::Leave),
            slot.clone().prop_map(Event::Arrive),
            slot.prop_map(Event::Vanish),
        ],
        0..40,
    )
}

fn worker(number: usize) -> WorkerId {
    WorkerId::new(format!("w{number}")).unwrap()
}

/// The most and the fewest items that a worker owns.
fn extremes(ring: &StickyRing, load: &SlotLoad) -> (u32, u32) {
    let mut items: BTreeMap<&WorkerId, u32> = ring.roster().iter().map(|(id, _)| (id, 0)).collect();
    for slot in ring.slots().iter().filter(|slot| load.of(*slot) > 0) {
        *items.get_mut(ring.owner(slot).unwrap()).unwrap() += load.of(slot);
    }
    (*items.values().max().unwrap(), *items.values().min().unwrap())
}

fn apply(ring: &mut StickyRing, plan: &Plan) {
    ring.apply(plan).unwrap();
}

/// Lives through the events and shows the ring after each of them, as planned.
fn live(slots_of_items: Vec<u32>, workers: usize, events: Vec<Event>, mut look: impl FnMut(&mut StickyRing, &SlotLoad)) {
    let slots = SlotCount::DEFAULT;
    let mut load = SlotLoad::of_items(slots, slots_of_items.into_iter().map(|slot| (Slot::new(slot), 1)));
    let mut seats = Roster::of((0..workers).map(worker));
    let mut named = workers;
    let mut ring = StickyRing::new(slots);
    ring.set_load(&load);
    let first = ring.plan(&seats, &load);
    apply(&mut ring, &first);
    look(&mut ring, &load);
    for event in events {
        match event {
            Event::Join => {
                seats.seat(worker(named), Seat::PLAIN);
                named += 1;
            }
            Event::Leave(index) if seats.len() > 1 => {
                let ids: Vec<WorkerId> = seats.iter().map(|(id, _)| id.clone()).collect();
                seats.remove(index.get(&ids));
            }
            Event::Leave(_) => {}
            Event::Arrive(slot) => load = load.with([(Slot::new(slot), load.of(Slot::new(slot)) + 1)]),
            Event::Vanish(slot) => load = load.with([(Slot::new(slot), 0)]),
        }
        ring.set_load(&load);
        let plan = ring.plan(&seats, &load);
        apply(&mut ring, &plan);
        look(&mut ring, &load);
    }
}

/// The items of the table, by their slots.
fn table(items: usize) -> impl Strategy<Value = Vec<u32>> {
    vec(0..SlotCount::DEFAULT.get(), items)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Plans alone reach it if no two items share a slot and none comes or goes.
    #[test]
    fn ten_items(places in prop::collection::btree_set(0..4096_u32, 10), workers in 1..6_usize, events in events()) {
        let events = events.into_iter().filter(|event| matches!(event, Event::Join | Event::Leave(_))).collect();
        live(places.into_iter().collect(), workers, events, |ring, load| {
            let (most, fewest) = extremes(ring, load);
            assert!(most - fewest <= 1, "{most} against {fewest}");
        });
    }

    /// Plans reach it within the heaviest slot if items share slots, and the rebalance for load within one item.
    #[test]
    fn a_thousand_items(places in table(1000), events in events()) {
        live(places, 7, events, |ring, load| {
            let plan = ring.rebalance_load(load, 0.0);
            apply(ring, &plan);
            let (most, fewest) = extremes(ring, load);
            assert!(most - fewest <= 1, "{most} against {fewest}");
        });
    }

    #[test]
    fn a_thousand_items_without_settling(places in table(1000), events in events()) {
        let events = events.into_iter().filter(|event| matches!(event, Event::Join | Event::Leave(_))).collect();
        live(places, 7, events, |ring, load| {
            let (most, fewest) = extremes(ring, load);
            assert!(most - fewest <= load.heaviest(), "{most} against {fewest}, heaviest {}", load.heaviest());
        });
    }
}
