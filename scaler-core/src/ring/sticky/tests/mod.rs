//! Tests of the sticky ring: one for each guarantee.

mod budget;
mod cost;
mod doubling;
mod life;
mod pins;
mod rollout;

use super::*;
use crate::{Eligibility, Reason, RingExt, Seat, Weight};

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap()
}

fn roster(names: &[&str]) -> Roster {
    Roster::of(names.iter().map(|name| worker(name)))
}

fn slots(count: u32) -> SlotCount {
    SlotCount::new(count).unwrap()
}

fn change(ring: &mut StickyRing, to: &Roster, load: &SlotLoad) -> Plan {
    let plan = ring.plan(to, load);
    ring.apply(&plan).unwrap();
    plan
}

/// Returns the items and slots that each worker of the roster owns.
fn owned(ring: &StickyRing, load: &SlotLoad) -> Vec<(u32, u32)> {
    let of = |id| {
        let own = ring.slots().iter().filter(|slot| ring.owner(*slot) == Some(id));
        own.fold((0, 0), |(items, slots), slot| (items + load.of(slot), slots + 1))
    };
    ring.roster().iter().map(|(id, _)| of(id)).collect()
}

fn ten_items() -> SlotLoad {
    SlotLoad::of_items(slots(4096), (0..10).map(|n| (Slot::new(n * 397 + 11), 1)))
}

#[test]
fn ten_items_on_three_workers_are_4_3_3_and_the_slots_are_even_too() {
    let mut ring = StickyRing::new(slots(4096));
    change(&mut ring, &roster(&["a", "b", "c"]), &ten_items());
    assert_eq!(owned(&ring, &ten_items()), [(4, 1366), (3, 1365), (3, 1365)]);
}

#[test]
fn when_one_of_three_leaves_ten_items_are_5_5() {
    let mut ring = StickyRing::new(slots(4096));
    change(&mut ring, &roster(&["a", "b", "c"]), &ten_items());
    let plan = change(&mut ring, &roster(&["a", "c"]), &ten_items());
    assert_eq!(owned(&ring, &ten_items()), [(5, 2048), (5, 2048)]);
    assert!(plan.moves().iter().all(|slot_move| slot_move.from == Some(worker("b")) && slot_move.why == Reason::OwnerLeft));
    assert_eq!(plan.cost(), plan.lower_bound());
}

#[test]
fn a_new_third_worker_gets_three_of_ten_items_and_nothing_else_moves() {
    let mut ring = StickyRing::new(slots(4096));
    change(&mut ring, &roster(&["a", "b"]), &ten_items());
    let plan = change(&mut ring, &roster(&["a", "b", "c"]), &ten_items());
    assert_eq!(owned(&ring, &ten_items()).iter().map(|(items, _)| *items).collect::<Vec<_>>(), [3, 4, 3]);
    assert!(plan.moves().iter().all(|slot_move| slot_move.to == worker("c") && slot_move.why == Reason::WorkerJoined));
    assert_eq!((plan.cost().slots, plan.cost().items), (1365, 3));
}

#[test]
fn two_join_and_one_leaves_in_one_plan_of_the_least_cost() {
    let load = SlotLoad::uniform(slots(4096));
    let mut ring = StickyRing::new(slots(4096));
    change(&mut ring, &roster(&["a", "b", "c", "d"]), &load);
    let plan = change(&mut ring, &roster(&["a", "b", "c", "e", "f"]), &load);
    let of_joiners: u64 = owned(&ring, &load)[3..].iter().map(|(_, slots)| u64::from(*slots)).sum();
    assert_eq!(plan.cost().slots, of_joiners.max(1024));
    assert_eq!(plan.cost(), plan.lower_bound());
}

#[test]
fn a_raised_weight_moves_slots_to_its_worker_only() {
    let load = SlotLoad::uniform(slots(1024));
    let mut ring = StickyRing::new(slots(1024));
    let mut seats = roster(&["a", "b", "c"]);
    change(&mut ring, &seats, &load);
    seats.seat(worker("b"), Seat { weight: Weight::new(2).unwrap(), ..Seat::PLAIN });
    let plan = change(&mut ring, &seats, &load);
    assert_eq!(owned(&ring, &load), [(256, 256), (512, 512), (256, 256)]);
    assert!(plan.moves().iter().all(|slot_move| slot_move.to == worker("b") && slot_move.why == Reason::WeightChanged));
}

#[test]
fn the_cordoned_receive_nothing_until_they_are_opened() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b"]), &load);
    let mut seats = roster(&["a", "b"]);
    seats.seat(worker("c"), Seat { eligibility: Eligibility::Cordoned, ..Seat::PLAIN });
    assert!(change(&mut ring, &seats, &load).is_empty());
    change(&mut ring, &roster(&["a", "b", "c"]), &load);
    assert_eq!(owned(&ring, &load), [(21, 21), (22, 22), (21, 21)]);
}

#[test]
fn without_anyone_to_receive_the_slots_stay_and_move_when_somebody_comes() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a"]), &load);
    assert!(change(&mut ring, &Roster::default(), &load).is_empty());
    assert_eq!(ring.owner(Slot::new(0)), Some(&worker("a")));
    assert_eq!(change(&mut ring, &roster(&["b"]), &load).cost().slots, 64);
}

#[test]
fn a_restored_ring_replaces_owners_without_a_seat() {
    let owners = ["a", "gone", "a", "b"].map(|name| Some(worker(name)));
    let mut ring = StickyRing::restore(slots(8), roster(&["a", "b"]), owners);
    assert_eq!(ring.owner(Slot::new(1)), Some(&worker("gone")));
    assert_eq!(ring.owner(Slot::new(7)), None);
    let load = SlotLoad::uniform(slots(8));
    let reasons: Vec<Reason> = change(&mut ring, &roster(&["a", "b"]), &load).moves().iter().map(|m| m.why).collect();
    assert_eq!(reasons, [Reason::OwnerLeft, Reason::Unowned, Reason::Unowned, Reason::Unowned, Reason::Unowned]);
    assert_eq!(owned(&ring, &load), [(4, 4), (4, 4)]);
}

#[test]
fn how_a_ring_came_to_its_state_does_not_change_its_plans() {
    let load = SlotLoad::uniform(slots(256));
    let mut ring = StickyRing::new(slots(256));
    for names in [&["z", "y"][..], &["z", "y", "a"], &["y", "a", "m"]] {
        change(&mut ring, &roster(names), &load);
    }
    let owners: Vec<_> = ring.slots().iter().map(|slot| ring.owner(slot).cloned()).collect();
    let restored = StickyRing::restore(slots(256), ring.roster().clone(), owners);
    let to = roster(&["b", "m", "y", "x"]);
    assert_eq!(ring.plan(&to, &load), restored.plan(&to, &load));
}

#[test]
fn a_plan_of_another_state_is_refused_and_changes_nothing() {
    let load = SlotLoad::uniform(slots(64));
    let mut ring = StickyRing::new(slots(64));
    let plan = change(&mut ring, &roster(&["a"]), &load);
    let refused = ring.apply(&plan).unwrap_err();
    assert_eq!((refused.slot, refused.planned, refused.found), (Slot::new(0), None, Some(worker("a"))));
    let mut smaller = StickyRing::new(slots(32));
    assert_eq!(smaller.apply(&plan).unwrap_err().slot, Slot::new(32));
    assert_eq!(smaller.owner(Slot::new(0)), None);
}

#[test]
fn settling_evens_drifted_items_with_few_moves() {
    let mut ring = StickyRing::new(slots(64));
    change(&mut ring, &roster(&["a", "b"]), &SlotLoad::uniform(slots(64)));
    let of_a = ring.slots().iter().filter(|slot| ring.owner(*slot) == Some(&worker("a")));
    let drifted = SlotLoad::of_items(slots(64), of_a.map(|slot| (slot, 10)));
    let plan = ring.rebalance_load(&drifted, 0.05);
    ring.apply(&plan).unwrap();
    assert_eq!(owned(&ring, &drifted).iter().map(|(items, _)| *items).collect::<Vec<_>>(), [160, 160]);
    assert_eq!(plan.cost(), plan.lower_bound());
    assert!(plan.moves().iter().all(|slot_move| slot_move.why == Reason::Uneven));
    assert!(ring.rebalance_load(&drifted, 0.0).is_empty());
}

#[test]
fn settling_exchanges_slots_where_no_single_one_helps() {
    let owners = ["a", "b", "a", "b"].map(|name| Some(worker(name)));
    let ring = StickyRing::restore(slots(4), roster(&["a", "b"]), owners);
    let load = SlotLoad::of_items(slots(4), slots(4).iter().zip([10, 7, 10, 7]));
    let plan = ring.rebalance_load(&load, 0.0);
    assert_eq!((plan.cost().slots, plan.lower_bound().items), (2, 3));
}

/// With weights 12, 25, 20, 16 and 18, and 2, 3, 1, 1 and 1 of 8 slots, each worker has the floor or the ceiling of its exact
/// share. When a worker of weight 13 joins, its share is 1 slot, and both the first and the second worker must give one.
#[test]
fn the_quota_rule_cannot_be_promised_to_a_joiner_together_with_movement_to_it_only() {
    let weights = [12, 25, 20, 16, 18, 13];
    let names = ["a", "b", "c", "d", "e", "joiner"];
    let seat = |(name, weight)| (worker(name), Seat { weight: Weight::new(weight).unwrap(), ..Seat::PLAIN });
    let to: Roster = names.into_iter().zip(weights).map(seat).collect();
    let before: Roster = names.into_iter().zip(weights).take(5).map(seat).collect();
    let within_quota = |slots: u32, weight: u32| (8 * weight / 104..=(8 * weight).div_ceil(104)).contains(&slots);
    assert!(!within_quota(2, 12) && !within_quota(3, 25) && within_quota(1, 13) && !within_quota(2, 13));

    let owners = ["a", "a", "b", "b", "b", "c", "d", "e"].map(|name| Some(worker(name)));
    let mut ring = StickyRing::restore(slots(8), before, owners);
    let load = SlotLoad::uniform(slots(8));
    let plan = change(&mut ring, &to, &load);
    assert!(!plan.is_empty() && plan.moves().iter().all(|slot_move| slot_move.to == worker("joiner")));
}

#[test]
fn items_are_owned_by_the_owner_of_their_slot() {
    let mut ring = StickyRing::new(slots(4096));
    change(&mut ring, &roster(&["a", "b"]), &SlotLoad::uniform(slots(4096)));
    let item = ItemId::Uuid("ffffffff-ffff-ffff-ffff-ffffffffffff".parse().unwrap());
    assert_eq!(ring.owner_of(&item), ring.owner(Slot::new(65)));
}

/// Returns the next number of a fixed sequence: [Marsaglia's](https://www.jstatsoft.org/v08/i14) xorshift.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn a_long_life_of_joins_and_leaves_costs_the_least_there_can_be() {
    let load = SlotLoad::uniform(slots(4096));
    let mut ring = StickyRing::new(slots(4096));
    let mut seats: Roster = (0..50).map(|n| (worker(&format!("w{n}")), Seat::PLAIN)).collect();
    change(&mut ring, &seats, &load);
    let mut state = 7;
    for n in 50..250 {
        if random(&mut state).is_multiple_of(2) {
            seats.seat(worker(&format!("w{n}")), Seat::PLAIN);
        } else {
            let place = usize::try_from(random(&mut state)).unwrap() % seats.len();
            let leaver = seats.iter().nth(place).unwrap().0.clone();
            seats.remove(&leaver);
        }
        let plan = change(&mut ring, &seats, &load);
        assert_eq!(plan.cost(), plan.lower_bound());
        let counts = owned(&ring, &load);
        assert!(counts.iter().max().unwrap().1 - counts.iter().min().unwrap().1 <= 1);
    }
}

#[test]
fn a_joiner_of_a_dense_table_gets_its_items_and_typical_slots() {
    let count = slots(4096);
    let mut state = 11;
    let items = (0..61_440).map(|_| (Slot::new(u32::try_from(random(&mut state) >> 52).unwrap()), 1));
    let load = SlotLoad::of_items(count, items);
    let mut seats: Roster = (0..15).map(|n| (worker(&format!("w{n}")), Seat::PLAIN)).collect();
    let mut ring = StickyRing::new(count);
    change(&mut ring, &seats, &load);
    seats.seat(worker("x"), Seat::PLAIN);
    change(&mut ring, &seats, &load);
    let owned = owned(&ring, &load);
    let (fewest, most) = (owned.iter().min().unwrap().0, owned.iter().max().unwrap().0);
    assert!(most - fewest <= 8, "{owned:?}");
    let (_, slots_of_joiner) = owned[15];
    assert!((240..=272).contains(&slots_of_joiner), "{owned:?}");
}
