//! Tests that the cost of a plan is proportional to its moves: slots are counted, not timed.

use super::super::index::LOOKED_AT;
use super::*;

/// Returns a ring with this many workers and a known load, and that load: `items` items per slot, slightly uneven.
fn prepared(count: u32, workers: u32, items: u32) -> (StickyRing, SlotLoad) {
    let load = SlotLoad::of_items(slots(count), slots(count).iter().map(|slot| (slot, items + slot.number() % 7)));
    let mut ring = StickyRing::new(slots(count));
    ring.set_load(&load);
    change(&mut ring, &of_workers(workers), &load);
    (ring, load)
}

fn of_workers(workers: u32) -> Roster {
    Roster::of((0..workers).map(|n| worker(&format!("w{n}"))))
}

/// Returns the number of slots that the plan reads, and the number that it moves.
fn effort(ring: &StickyRing, to: &Roster, load: &SlotLoad) -> (usize, usize) {
    LOOKED_AT.set(0);
    let moved = ring.plan(to, load).moves().len();
    (LOOKED_AT.get(), moved)
}

#[test]
fn a_join_looks_at_as_many_slots_however_many_there_are() {
    let efforts = [(4096, 64), (16_384, 256), (65_536, 1024)].map(|(count, workers)| {
        let (ring, load) = prepared(count, workers, 20);
        effort(&ring, &of_workers(workers + 1), &load)
    });
    for (looked_at, moved) in efforts {
        assert!((55..=80).contains(&moved), "{efforts:?}");
        assert!(looked_at <= moved + 16 * 64, "what moves, and a few searches for the best fit: {efforts:?}");
    }
}

#[test]
fn a_join_looks_at_little_more_than_it_moves_where_each_donor_gives_many() {
    for count in [16_384, 65_536, 262_144] {
        let (ring, load) = prepared(count, 10, 20);
        let (looked_at, moved) = effort(&ring, &of_workers(11), &load);
        assert!(looked_at <= moved + 10 * 65, "{count} slots: {looked_at} looked at to move {moved}");
    }
}

#[test]
fn more_items_are_no_more_work() {
    let [few, many] = [20, 2000].map(|items| {
        let (ring, load) = prepared(16_384, 256, items);
        effort(&ring, &of_workers(257), &load).0
    });
    assert!(10 * many <= 13 * few, "{few} slots looked at with few items, {many} with many");
}

#[test]
fn a_leave_looks_at_the_leavers_slots_only() {
    let (ring, load) = prepared(65_536, 1024, 20);
    let mut left = of_workers(1024);
    left.remove(&worker("w7"));
    let (looked_at, moved) = effort(&ring, &left, &load);
    assert_eq!(looked_at, moved);
}

#[test]
fn the_same_roster_looks_at_nothing() {
    let (ring, load) = prepared(4096, 64, 20);
    assert_eq!(effort(&ring, &of_workers(64), &load), (0, 0));
}

#[test]
fn a_ring_that_knows_its_load_plans_like_one_that_does_not() {
    let (mut knowing, mut load) = prepared(256, 5, 3);
    for (n, workers) in (0..).zip([6, 4, 7, 7, 3]) {
        load = load.with((0..20).map(|k| (Slot::new((k * 31 + n * 7) % 256), k % 5)));
        knowing.set_load(&load);
        let owners: Vec<_> = knowing.slots().iter().map(|slot| knowing.owner(slot).cloned()).collect();
        let unknowing = StickyRing::restore(slots(256), knowing.roster().clone(), owners);
        assert_eq!(knowing.rebalance_load(&load, 0.01), unknowing.rebalance_load(&load, 0.01));
        let plan = change(&mut knowing, &of_workers(workers), &load);
        assert_eq!(plan, unknowing.plan(&of_workers(workers), &load));
        let uniform = SlotLoad::uniform(slots(256));
        knowing.set_load(&uniform);
        knowing.set_load(&load);
    }
}
