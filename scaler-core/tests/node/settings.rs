//! Settings of a node.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaler_core::{Rendezvous, Ring, RingSource, Roster, SlotLoad, WorkStore, WorkerId, slot_of};

use crate::desk::{Desk, SECOND, Steady};

#[tokio::test(start_paused = true)]
async fn a_node_without_a_name_or_a_membership_is_refused_with_the_reason() {
    let slots = scaler_core::SlotCount::DEFAULT;
    let clock = Arc::new(scaler_core::TokioClock::start());
    let store = || scaler_core::memory::MemoryStore::new(clock.clone(), slots, SECOND);
    let unnamed = scaler_core::Node::builder(store()).build().unwrap_err().to_string();
    assert!(unnamed.contains("name") && unnamed.contains("NodeBuilder::name"), "{unnamed}");
}

#[tokio::test(start_paused = true)]
async fn slots_are_placed_by_a_ring_of_ones_own() {
    let mut desk = Desk::new(100);
    let rings = Arc::<Mutex<usize>>::default();
    for node in ["a", "b"] {
        let made = Arc::clone(&rings);
        let ring = RingSource::new("counted", move |slots, roster, owners| {
            *made.lock().unwrap() += 1;
            Box::new(Rendezvous::restore(slots, roster, owners))
        });
        let handler = Steady { node, journal: desk.journal.clone(), slack: Duration::ZERO };
        desk.cluster.join_with(node, handler, |builder| builder.ring(ring));
    }
    tokio::time::sleep(20 * SECOND).await;
    desk.all_at_work().await;
    assert!(*rings.lock().unwrap() > 0);
    let nodes = ["a", "b"].map(|name| WorkerId::new(name).unwrap());
    let slots = desk.cluster.store().slot_count().await.unwrap();
    let expected = Rendezvous::restore(slots, Roster::of(nodes), slots.iter().map(|_| None));
    let expected = expected.plan(&expected.roster().clone(), &SlotLoad::uniform(slots));
    for slot_move in expected.moves() {
        let of_slot = desk.items.iter().filter(|item| slot_of(item, slots) == slot_move.slot);
        of_slot.for_each(|item| assert_eq!(desk.journal.at_work(item), [slot_move.to.as_str()], "{item}"));
    }
}
