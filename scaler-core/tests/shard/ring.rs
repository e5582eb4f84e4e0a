//! A ring of a shard shares the slots of its range, and no others.

use std::collections::BTreeMap;

use proptest::prelude::*;
use scaler_core::{Move, Plan, Reason, Ring, RingKind, Roster, Slot, SlotCount, SlotLoad, SlotRange, StickyRing, WorkerId};

use crate::desk::slots;

fn roster(names: &[u8]) -> Roster {
    Roster::of(names.iter().map(|name| WorkerId::new(format!("w{name}")).unwrap()))
}

proptest! {
    #[test]
    fn a_sticky_ring_shares_its_range_evenly_with_the_fewest_moves(
        first in 0_u32..200,
        width in 1_u32..57,
        rosters in prop::collection::vec(prop::collection::btree_set(0_u8..9, 1..9), 1..6),
    ) {
        let range = SlotRange::new(first..first + width);
        let mut ring = StickyRing::new(slots());
        ring.set_range(range);
        let load = SlotLoad::uniform(slots());
        for names in rosters {
            let plan = ring.plan(&roster(&names.iter().copied().collect::<Vec<_>>()), &load);
            prop_assert!(plan.moves().iter().all(|slot_move| range.contains(slot_move.slot)));
            prop_assert_eq!(plan.cost().slots, plan.lower_bound().slots);
            ring.apply(&plan).unwrap();
            let mut shares: BTreeMap<_, u32> = BTreeMap::new();
            for slot in slots().iter().filter(|slot| range.contains(*slot)) {
                *shares.entry(ring.owner(slot).cloned()).or_default() += 1;
            }
            let workers = u32::try_from(names.len()).unwrap();
            prop_assert!(shares.values().all(|share| (width / workers..=width.div_ceil(workers)).contains(share)));
            prop_assert!(!shares.contains_key(&None));
            prop_assert!(slots().iter().filter(|slot| !range.contains(*slot)).all(|slot| ring.owner(slot).is_none()));
        }
    }
}

#[test]
fn a_kept_index_follows_another_range() {
    let load = SlotLoad::of_items(slots(), slots().iter().map(|slot| (slot, slot.number() % 3)));
    let mut ring = StickyRing::new(slots());
    ring.set_load(&load);
    ring.set_range(SlotRange::new(10..20));
    let plan = ring.plan(&roster(&[1]), &load);
    assert_eq!(
        plan.moves().iter().map(|slot_move| slot_move.slot).collect::<Vec<_>>(),
        (10..20).map(Slot::new).collect::<Vec<_>>()
    );
    ring.apply(&plan).unwrap();
    ring.set_range(SlotRange::ALL);
    assert_eq!(ring.plan(&roster(&[1]), &load).cost().slots, 246);
}

#[test]
fn moves_outside_a_range_are_left_out_of_any_plan() {
    let load = SlotLoad::uniform(slots());
    for kind in RingKind::ALL {
        let ring = kind.restore(slots(), Roster::default(), []);
        let plan = ring.plan(&roster(&[1, 2]), &load).within(SlotRange::new(3..7), &load);
        assert_eq!(plan.moves().iter().map(|slot_move| slot_move.slot.number()).collect::<Vec<_>>(), [3, 4, 5, 6], "{kind}");
        assert_eq!((plan.cost().slots, plan.lower_bound().slots), (4, 4), "{kind}");
        assert_eq!(plan.shared_among(), &roster(&[1, 2]), "{kind}");
    }
}

#[test]
fn a_slot_outside_the_range_that_has_an_owner_or_a_pin_stays_as_it_is() {
    let load = SlotLoad::uniform(slots());
    let [one, two] = [1, 2].map(|name| WorkerId::new(format!("w{name}")).unwrap());
    let mut ring = StickyRing::new(slots());
    ring.set_range(SlotRange::new(0..10));
    ring.set_load(&load);
    let outside = Move { slot: Slot::new(99), from: None, to: one, why: Reason::Rule };
    ring.apply(&Plan::new(Roster::default(), vec![outside], &load)).unwrap();
    ring.pin(Slot::new(50), two.clone());
    let plan = ring.plan(&roster(&[1, 2]), &load);
    assert_eq!(
        plan.moves().iter().map(|slot_move| slot_move.slot).collect::<Vec<_>>(),
        (0..10).map(Slot::new).collect::<Vec<_>>()
    );
    assert_eq!(plan.moves().iter().filter(|slot_move| slot_move.to == two).count(), 5);
}

#[test]
fn a_range_follows_when_slots_are_doubled_to_the_last() {
    let mut ring = StickyRing::new(SlotCount::new(2).unwrap());
    ring.set_range(SlotRange::new(1..2));
    let mut whole = StickyRing::new(SlotCount::new(2).unwrap());
    while ring.double().is_ok() {
        whole.double().unwrap();
    }
    let all = u64::from(SlotCount::MAX);
    for (ring, moved) in [(ring, all / 2), (whole, all)] {
        assert_eq!(ring.plan(&roster(&[1]), &SlotLoad::uniform(ring.slots())).cost().slots, moved);
    }
}
