//! Tests of pins: a pinned slot stays with its worker.

use proptest::prelude::*;

use super::*;

fn shared(names: &[&str]) -> (StickyRing, SlotLoad) {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(names), &load);
    (ring, load)
}

#[test]
fn a_pinned_slot_moves_to_its_worker_and_nothing_else_moves() {
    let (mut ring, load) = shared(&["a", "b"]);
    let slot = ring.slots().iter().find(|slot| ring.owner(*slot) == Some(&worker("a"))).unwrap();
    ring.pin(slot, worker("b"));
    let plan = change(&mut ring, &roster(&["a", "b"]), &load);
    assert_eq!(plan.moves(), [crate::Move { slot, from: Some(worker("a")), to: worker("b"), why: Reason::Pinned }]);
    assert_eq!(owned(&ring, &load), [(31, 31), (33, 33)]);
    assert!(ring.plan(&roster(&["a", "b"]), &load).is_empty());
}

#[test]
fn a_pin_waits_for_its_worker() {
    let (mut ring, load) = shared(&["a", "b"]);
    ring.pin(Slot::new(5), worker("c"));
    assert!(ring.plan(&roster(&["a", "b"]), &load).is_empty());
    let mut cordoned = roster(&["a", "b"]);
    cordoned.seat(worker("c"), Seat { eligibility: Eligibility::Cordoned, ..Seat::PLAIN });
    assert!(ring.plan(&cordoned, &load).is_empty());
    let plan = change(&mut ring, &roster(&["a", "b", "c"]), &load);
    assert_eq!(ring.owner(Slot::new(5)), Some(&worker("c")));
    assert_eq!(plan.cost().slots, 21);
    change(&mut ring, &roster(&["a", "b"]), &load);
    assert_ne!(ring.owner(Slot::new(5)), Some(&worker("c")));
    change(&mut ring, &roster(&["a", "b", "c"]), &load);
    assert_eq!(ring.owner(Slot::new(5)), Some(&worker("c")));
}

#[test]
fn an_item_is_pinned_by_its_slot_and_released() {
    let (mut ring, load) = shared(&["a", "b"]);
    let item = ItemId::Uuid("0b0e5b54-7a3c-4a3f-9b35-0a6b8f0f3d11".parse().unwrap());
    let other = if ring.owner_of(&item) == Some(&worker("a")) { worker("b") } else { worker("a") };
    ring.pin_item(&item, other.clone());
    change(&mut ring, &roster(&["a", "b"]), &load);
    assert_eq!(ring.owner_of(&item), Some(&other));
    let slot = slot_of(&item, ring.slots());
    assert_eq!(ring.unpin(slot), Some(other));
    assert!(ring.plan(&roster(&["a", "b"]), &load).is_empty());
}

#[test]
fn a_worker_with_pinned_slots_gets_fewer_others() {
    let (mut ring, load) = shared(&["a"]);
    for number in 0..10 {
        ring.pin(Slot::new(number), worker("b"));
    }
    change(&mut ring, &roster(&["a", "b", "c"]), &load);
    assert_eq!(owned(&ring, &load), [(22, 22), (21, 21), (21, 21)]);
}

proptest! {
    #[test]
    fn a_slot_is_where_its_pin_says_after_every_plan(
        pins in prop::collection::btree_map(0..64_u32, 0..6_u32, 0..20),
        rosters in prop::collection::vec(prop::collection::btree_set(0..6_u32, 1..6), 1..8),
        items in prop::collection::vec(0..9_u32, 64),
    ) {
        let load = SlotLoad::of_items(slots(64), slots(64).iter().zip(items));
        let mut ring = StickyRing::new(slots(64));
        for (slot, name) in &pins {
            ring.pin(Slot::new(*slot), worker(&format!("w{name}")));
        }
        for names in rosters {
            let to = Roster::of(names.iter().map(|name| worker(&format!("w{name}"))));
            change(&mut ring, &to, &load);
            for settled in [false, true] {
                if settled {
                    let plan = ring.rebalance_load(&load, 0.0);
                    ring.apply(&plan).unwrap();
                }
                for (slot, name) in pins.iter().filter(|(_, name)| names.contains(name)) {
                    prop_assert_eq!(ring.owner(Slot::new(*slot)), Some(&worker(&format!("w{name}"))));
                }
            }
            prop_assert!(ring.plan(&to, &load).is_empty());
        }
    }
}
