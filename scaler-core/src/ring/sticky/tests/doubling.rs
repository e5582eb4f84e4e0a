//! Tests of doubling the slot count: no item changes its owner.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_item_keeps_its_owner(workers in 1..9_u32, bits in 1..10_u32, ids in prop::collection::vec(any::<u128>(), 50)) {
        let mut ring = StickyRing::new(slots(1 << bits));
        let load = SlotLoad::uniform(ring.slots());
        ring.set_load(&load);
        change(&mut ring, &Roster::of((0..workers).map(|n| worker(&format!("w{n}")))), &load);
        let items: Vec<_> = ids.into_iter().map(|id| ItemId::Uuid(uuid::Uuid::from_u128(id))).collect();
        let before: Vec<_> = items.iter().map(|item| ring.owner_of(item).cloned()).collect();
        ring.double().unwrap();
        let after: Vec<_> = items.iter().map(|item| ring.owner_of(item).cloned()).collect();
        prop_assert_eq!(ring.slots(), slots(2 << bits));
        prop_assert_eq!(before, after);
        let plan = ring.plan(&ring.roster().clone(), &SlotLoad::uniform(ring.slots()));
        prop_assert!(plan.is_empty());
    }
}

#[test]
fn a_doubled_ring_lives_on() {
    let mut ring = StickyRing::new(slots(8));
    change(&mut ring, &roster(&["a", "b"]), &SlotLoad::uniform(slots(8)));
    ring.pin(Slot::new(3), worker("b"));
    ring.double().unwrap();
    assert_eq!(ring.pins().keys().map(|slot| slot.number()).collect::<Vec<_>>(), [6, 7]);
    let load = SlotLoad::uniform(slots(16));
    change(&mut ring, &roster(&["b"]), &load);
    assert_eq!(owned(&ring, &load), [(16, 16)]);
}

#[test]
fn there_is_a_most() {
    let mut ring = StickyRing::new(slots(SlotCount::MAX));
    assert_eq!(ring.double(), Err(InvalidSlotCount(2 * u64::from(SlotCount::MAX))));
    assert_eq!(ring.slots(), slots(SlotCount::MAX));
}
