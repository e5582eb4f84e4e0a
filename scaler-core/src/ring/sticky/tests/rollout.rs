//! Tests of rollouts: while one generation of workers replaces another, no slot moves twice.

use proptest::prelude::*;

use super::*;

fn of_generation(generation: u64) -> Seat {
    Seat { generation, ..Seat::PLAIN }
}

fn items_of(counts: Vec<u32>) -> SlotLoad {
    let count = slots(u32::try_from(counts.len()).unwrap());
    SlotLoad::of_items(count, count.iter().zip(counts))
}

/// Rolls out `workers` workers: up to `surge` new ones join before as many old ones leave. Returns the ring and the moves of
/// each slot.
fn roll_out(load: &SlotLoad, workers: usize, surge: usize) -> (StickyRing, Vec<u32>) {
    let mut ring = StickyRing::new(load.slots());
    let mut seats: Roster = (0..workers).map(|n| (worker(&format!("old{n}")), of_generation(3))).collect();
    change(&mut ring, &seats, load);
    let mut moves = vec![0; load.slots().len()];
    let mut step = |ring: &mut StickyRing, seats: &Roster| {
        for slot_move in change(ring, seats, load).moves() {
            moves[slot_move.slot.index()] += 1;
        }
    };
    for batch in (0..workers).collect::<Vec<_>>().chunks(surge) {
        for n in batch {
            seats.seat(worker(&format!("new{n}")), of_generation(4));
            step(&mut ring, &seats);
        }
        for n in batch {
            seats.remove(&worker(&format!("old{n}")));
            step(&mut ring, &seats);
        }
    }
    (ring, moves)
}

proptest! {
    #[test]
    fn every_slot_moves_exactly_once(
        counts in prop::collection::vec(prop_oneof![Just(0_u32), 0..9_u32, 0..400_u32], 128),
        workers in 1..12_usize,
        surge in 1..4_usize,
    ) {
        let load = items_of(counts);
        let (ring, moves) = roll_out(&load, workers, surge);
        prop_assert!(moves.iter().all(|moves| *moves == 1), "{moves:?}");
        prop_assert!(ring.plan(&ring.roster().clone(), &load).is_empty());
    }

    #[test]
    fn slots_that_count_alike_are_as_even_as_before(workers in 1..20_usize) {
        let load = SlotLoad::uniform(slots(128));
        let (ring, _) = roll_out(&load, workers, 1);
        let counts: Vec<u32> = owned(&ring, &load).into_iter().map(|(_, slots)| slots).collect();
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
    }
}

#[test]
fn slots_of_a_leaving_old_revision_go_to_new_revisions_only() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b", "c"]), &load);
    let mut seats = roster(&["a", "b", "c"]);
    seats.seat(worker("n"), of_generation(1));
    assert!(change(&mut ring, &seats, &load).is_empty());
    seats.remove(&worker("a"));
    assert!(change(&mut ring, &seats, &load).moves().iter().all(|slot_move| slot_move.to == worker("n")));
    assert_eq!(owned(&ring, &load), [(21, 21), (21, 21), (22, 22)]);
}

#[test]
fn when_the_new_are_cordoned_the_old_receive() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b"]), &load);
    let mut seats = roster(&["a"]);
    seats.seat(worker("n"), Seat { eligibility: Eligibility::Cordoned, ..of_generation(1) });
    change(&mut ring, &seats, &load);
    assert_eq!(owned(&ring, &load), [(64, 64), (0, 0)]);
}

#[test]
fn a_worker_without_slots_in_a_rollout_gets_its_share_after_it() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a"]), &load);
    let mut seats = roster(&["a"]);
    for name in ["m", "n"] {
        seats.seat(worker(name), of_generation(1));
        change(&mut ring, &seats, &load);
    }
    seats.remove(&worker("a"));
    change(&mut ring, &seats, &load);
    assert_eq!(owned(&ring, &load), [(32, 32), (32, 32)]);
    seats.seat(worker("late"), of_generation(2));
    change(&mut ring, &seats, &load);
    seats.remove(&worker("m"));
    change(&mut ring, &seats, &load);
    seats.seat(worker("idle"), of_generation(2));
    assert!(change(&mut ring, &seats, &load).is_empty());
    seats.seat(worker("n"), of_generation(2));
    change(&mut ring, &seats, &load);
    assert_eq!(owned(&ring, &load), [(21, 21), (21, 21), (22, 22)]);
}

#[test]
fn settling_a_rollout_moves_slots_from_old_to_new_only() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b", "c"]), &load);
    let mut seats = roster(&["a", "b", "c"]);
    seats.seat(worker("n"), of_generation(1));
    change(&mut ring, &seats, &load);
    let plan = ring.rebalance_load(&load, 0.0);
    ring.apply(&plan).unwrap();
    assert_eq!(owned(&ring, &load), [(16, 16); 4]);
    assert!(plan.moves().iter().all(|slot_move| slot_move.to == worker("n")));
    seats.remove(&worker("a"));
    change(&mut ring, &seats, &load);
    assert!(ring.rebalance_load(&load, 0.0).is_empty());
}
