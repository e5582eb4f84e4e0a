//! Average promises of the rings that compute owners, and golden values of their owners.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::cast_precision_loss, reason = "ratios of small numbers")]

use std::collections::BTreeMap;

use scaler_core::{
    Eligibility, HashRing, Reason, Rendezvous, Ring, RingKind, Roster, Seat, Slot, SlotCount, SlotLoad, StickyRing, Weight,
    WorkerId,
};

const SLOTS: SlotCount = match SlotCount::new(16_384) {
    Ok(slots) => slots,
    Err(_) => SlotCount::DEFAULT,
};

fn worker(number: usize) -> WorkerId {
    WorkerId::new(format!("worker-{number}")).unwrap()
}

fn roster(workers: usize) -> Roster {
    Roster::of((1..=workers).map(worker))
}

/// Plans for a roster and applies that; how many slots moved.
fn become_of(ring: &mut dyn Ring, to: &Roster) -> u64 {
    let plan = ring.plan(to, &SlotLoad::uniform(ring.slots()));
    ring.apply(&plan).unwrap();
    plan.cost().slots
}

fn shared<R: Ring>(mut ring: R, to: &Roster) -> R {
    become_of(&mut ring, to);
    ring
}

fn counts(ring: &dyn Ring) -> BTreeMap<WorkerId, usize> {
    let mut counts = BTreeMap::new();
    for slot in ring.slots().iter() {
        *counts.entry(ring.owner(slot).unwrap().clone()).or_default() += 1;
    }
    counts
}

fn max_over_mean(ring: &dyn Ring) -> f64 {
    let most = *counts(ring).values().max().unwrap();
    (most * ring.roster().len()) as f64 / ring.slots().len() as f64
}

/// Movement over its minimum, summed over 20 joins one after the other and the same leaves.
fn movement(ring: &mut dyn Ring, workers: usize) -> (f64, f64) {
    let (mut joined, mut least, mut left, mut owned) = (0, 0, 0, 0);
    for size in workers + 1..=workers + 20 {
        joined += become_of(ring, &roster(size));
        least += ring.slots().len() / size;
    }
    for size in (workers..workers + 20).rev() {
        owned += counts(ring)[&worker(size + 1)];
        left += become_of(ring, &roster(size));
    }
    (joined as f64 / least as f64, left as f64 / owned as f64)
}

fn names(ring: &dyn Ring) -> String {
    let number = |slot| ring.owner(slot).unwrap().as_str().rsplit('-').next().unwrap().to_owned();
    ring.slots().iter().map(number).collect()
}

#[test]
fn the_owners_are_frozen() {
    let slots = SlotCount::new(32).unwrap();
    let mut weighted = roster(4);
    weighted.seat(worker(2), Seat { weight: Weight::new(3).unwrap(), ..Seat::PLAIN });
    let owners = [
        names(&shared(Rendezvous::new(slots), &roster(4))),
        names(&shared(Rendezvous::new(slots), &weighted)),
        names(&shared(HashRing::new(slots), &roster(4))),
        names(&shared(HashRing::new(slots), &weighted)),
        names(&shared(HashRing::new(slots).bounded(10), &roster(4))),
    ];
    let frozen = [
        "44111332113242423134242133234412",
        "44121232223222223134222223232212",
        "21412111432343441323443344432123",
        "21412112422242421323442342432223",
        "21412111432343441323443344232123",
    ];
    assert_eq!(owners, frozen);
}

#[test]
fn rendezvous_is_as_even_as_chance_and_moves_little() {
    let mut ring = shared(Rendezvous::new(SLOTS), &roster(50));
    let ratio = max_over_mean(&ring);
    assert!(ratio < 1.18, "18 slots above 328 are one sigma, and three of them are seen: {ratio}");
    let (join, leave) = movement(&mut ring, 50);
    assert!((0.95..1.05).contains(&join), "{join}");
    assert!((leave - 1.0).abs() < f64::EPSILON, "{leave}");
}

#[test]
fn the_hash_ring_is_as_even_as_its_points_and_moves_little() {
    let mut ring = shared(HashRing::new(SLOTS), &roster(50));
    let ratio = max_over_mean(&ring);
    assert!(ratio < 1.2, "one sigma is 6 %, and three of them are seen: {ratio}");
    let (join, leave) = movement(&mut ring, 50);
    assert!((0.95..1.05).contains(&join), "{join}");
    assert!((leave - 1.0).abs() < f64::EPSILON, "{leave}");
}

#[test]
fn a_bound_costs_movement_and_gives_evenness() {
    for (percent, most_moved) in [(25, 1.1), (5, 2.5), (0, 20.0)] {
        let mut ring = shared(HashRing::new(SLOTS).bounded(percent), &roster(50));
        let ratio = max_over_mean(&ring);
        assert!(ratio <= 1.0 + f64::from(percent) / 100.0 + 1.0 / 328.0, "{percent} %: {ratio}");
        let (join, leave) = movement(&mut ring, 50);
        assert!(join < most_moved && leave < most_moved, "{percent} %: {join}, {leave}");
    }
}

#[test]
fn weights_are_followed() {
    let seat = |weight| Seat { weight: Weight::new(weight).unwrap(), ..Seat::PLAIN };
    let weights = [1, 2, 3, 10, 100];
    let to: Roster = (1..).map(worker).zip(weights.map(seat)).collect();
    for kind in RingKind::ALL {
        let mut ring = kind.restore(SLOTS, Roster::default(), []);
        become_of(&mut *ring, &to);
        let counts = counts(&*ring);
        for (number, weight) in (1..).zip(weights) {
            let (share, found) = (f64::from(weight) / 116.0 * SLOTS.len() as f64, counts[&worker(number)] as f64);
            assert!((found - share).abs() < 4.0 * share.sqrt().max(share * 0.06), "{kind}: {weight} has {found}, not {share}");
        }
    }
}

#[test]
fn a_cordoned_worker_keeps_its_slots_and_has_its_rank_again_when_it_is_open() {
    for mut ring in [Box::new(Rendezvous::new(SLOTS)) as Box<dyn Ring>, Box::new(HashRing::new(SLOTS).bounded(10))] {
        become_of(&mut *ring, &roster(5));
        let before = counts(&*ring);
        let mut cordoned = roster(5);
        cordoned.seat(worker(3), Seat { eligibility: Eligibility::Cordoned, ..Seat::PLAIN });
        assert_eq!(become_of(&mut *ring, &cordoned), 0);
        cordoned.remove(&worker(5));
        assert!(become_of(&mut *ring, &cordoned) > 0);
        assert_eq!(counts(&*ring)[&worker(3)], before[&worker(3)], "{ring:?}");
        let open = ring.plan(&roster(4), &SlotLoad::uniform(SLOTS));
        assert!(!open.is_empty() && open.moves().iter().any(|slot_move| slot_move.to == worker(3)), "{ring:?}");
    }
}

#[test]
fn another_ring_takes_over_from_the_owners_it_finds() {
    let sticky = shared(StickyRing::new(SLOTS), &roster(5));
    for kind in [RingKind::Rendezvous, RingKind::HashRing] {
        let mut ring = kind.restore(SLOTS, roster(5), SLOTS.iter().map(|slot| sticky.owner(slot).cloned()));
        let plan = ring.plan(&roster(5), &SlotLoad::uniform(SLOTS));
        assert!(plan.moves().iter().all(|slot_move| slot_move.why == Reason::Rule));
        ring.apply(&plan).unwrap();
        let mut fresh = kind.restore(SLOTS, Roster::default(), []);
        become_of(&mut *fresh, &roster(5));
        assert!(SLOTS.iter().all(|slot| ring.owner(slot) == fresh.owner(slot)), "{kind}");
        assert!(ring.owner(Slot::new(SLOTS.get())).is_none());
        assert!(ring.rebalance_load(&SlotLoad::uniform(SLOTS), 0.0).is_empty());
    }
}

#[test]
fn doubling_the_slots_moves_few_items_on_the_hash_ring() {
    let few = shared(HashRing::new(SLOTS), &roster(5));
    let many = shared(HashRing::new(SlotCount::new(2 * SLOTS.get()).unwrap()), &roster(5));
    let moved = many.slots().iter().filter(|slot| many.owner(*slot) != few.owner(Slot::new(slot.number() / 2))).count();
    assert!(moved * 20 < many.slots().len(), "{moved}");
}
