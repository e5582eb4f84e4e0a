//! Tests of limited plans: a plan is truncated, and later plans make the remaining moves.

use proptest::prelude::*;

use super::*;

/// Changes the roster in plans of at most `limit` moves; returns the number of plans and of moves.
fn in_steps(ring: &mut StickyRing, to: &Roster, load: &SlotLoad, limit: usize) -> (usize, usize) {
    let (mut plans, mut moved) = (0, 0);
    loop {
        let plan = ring.plan_within(to, load, limit);
        assert!(plan.moves().len() <= limit);
        ring.apply(&plan).unwrap();
        assert_eq!(ring.roster(), to);
        if plan.is_empty() {
            return (plans, moved);
        }
        plans += 1;
        moved += plan.moves().len();
    }
}

#[test]
fn orphans_go_first_and_a_joiner_is_filled_in_later_plans() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b", "c", "d"]), &load);
    let to = roster(&["a", "b", "c", "x", "y"]);
    let first = ring.plan_within(&to, &load, 18);
    assert_eq!(first.moves().iter().filter(|slot_move| slot_move.why == Reason::OwnerLeft).count(), 16);
    assert!(!first.shared_among().contains(&worker("x")));
    ring.apply(&first).unwrap();
    assert_eq!(ring.roster(), &to);
    assert_eq!(in_steps(&mut ring, &to, &load, 3), (3, 7));
    assert_eq!(ring.shared_among(), &to);
    let counts: Vec<u32> = owned(&ring, &load).into_iter().map(|(_, slots)| slots).collect();
    assert_eq!(counts, [13, 13, 13, 13, 12]);
}

#[test]
fn a_changed_weight_is_carried_out_in_later_plans_too() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b"]), &load);
    let mut to = roster(&["a", "b"]);
    to.seat(worker("b"), Seat { weight: Weight::new(3).unwrap(), ..Seat::PLAIN });
    assert_eq!(in_steps(&mut ring, &to, &load, 5), (4, 16));
    assert_eq!(owned(&ring, &load), [(16, 16), (48, 48)]);
}

#[test]
fn a_worker_that_returns_before_its_slots_moved_is_a_joiner() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b"]), &load);
    let plan = ring.plan_within(&roster(&["a"]), &load, 20);
    ring.apply(&plan).unwrap();
    change(&mut ring, &roster(&["a", "b"]), &load);
    assert_eq!(owned(&ring, &load), [(32, 32), (32, 32)]);
}

#[test]
fn a_restored_ring_goes_on_where_the_last_plan_stopped() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b", "c"]), &load);
    let to = roster(&["a", "b", "c", "x"]);
    let plan = ring.plan_within(&to, &load, 4);
    ring.apply(&plan).unwrap();
    let owners: Vec<_> = ring.slots().iter().map(|slot| ring.owner(slot).cloned()).collect();
    let restored = StickyRing::restore(slots(64), plan.shared_among().clone(), owners);
    assert_eq!(restored.plan(&to, &load), ring.plan(&to, &load));
    assert_eq!(restored.plan(&to, &load).cost().slots, 12);
}

proptest! {
    #[test]
    fn in_steps_or_at_once_moves_as_much_and_ends_as_even(
        before in prop::collection::btree_map(0..12_u32, 1..9_u32, 1..8),
        after in prop::collection::btree_map(0..12_u32, 1..9_u32, 1..8),
        limit in 1..40_usize,
    ) {
        let load = SlotLoad::uniform(slots(128));
        let seats = |workers: &std::collections::BTreeMap<u32, u32>| -> Roster {
            let seat = |weight| Seat { weight: Weight::new(weight).unwrap(), ..Seat::PLAIN };
            workers.iter().map(|(name, weight)| (worker(&format!("w{name}")), seat(*weight))).collect()
        };
        let mut at_once = StickyRing::new(slots(128));
        change(&mut at_once, &seats(&before), &load);
        let mut ring = at_once.clone();
        let whole = change(&mut at_once, &seats(&after), &load);
        let (plans, moved) = in_steps(&mut ring, &seats(&after), &load, limit);
        prop_assert_eq!(moved, whole.moves().len());
        prop_assert_eq!(plans, moved.div_ceil(limit));
        prop_assert_eq!(owned(&ring, &load), owned(&at_once, &load));
        prop_assert_eq!(ring.shared_among(), ring.roster());
    }

    #[test]
    fn items_are_as_even_in_steps(
        items in prop::collection::vec(prop_oneof![0..4_u32, 0..50_u32], 128),
        workers in 1..8_u32,
        leavers in 0..4_u32,
        joiners in 0..4_u32,
        limit in 1..40_usize,
    ) {
        let load = SlotLoad::of_items(slots(128), slots(128).iter().zip(items));
        let names = |range: std::ops::Range<u32>| Roster::of(range.map(|n| worker(&format!("w{n:02}"))));
        let mut ring = StickyRing::new(slots(128));
        change(&mut ring, &names(0..workers), &load);
        let to = names(leavers.min(workers - 1)..workers + joiners);
        in_steps(&mut ring, &to, &load, limit);
        let items: Vec<u32> = owned(&ring, &load).into_iter().map(|(items, _)| items).collect();
        let (low, high) = (items.iter().min().unwrap(), items.iter().max().unwrap());
        prop_assert!(high - low <= load.heaviest(), "{items:?}");
        prop_assert_eq!(ring.shared_among(), ring.roster());
    }
}
