//! Property test of random sequences of all operations on a ring.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Debug)]
enum Event {
    Seat {
        name: u32,
        weight: u32,
        generation: u64,
        eligibility: Eligibility,
    },
    Remove(u32),
    Pin {
        slot: Index,
        name: u32,
    },
    Unpin(Index),
    Items(Vec<(Index, u32)>),
    Uniform,
    Settle {
        percent: u32,
    },
    Double,
    /// A plan with at most this many moves.
    Plan(usize),
    /// The ring is restored, as by a new process.
    Restore,
}

fn events() -> impl Strategy<Value = Event> {
    let name = || 0..8_u32;
    let eligibility = prop_oneof![3 => Just(Eligibility::Eligible), 1 => Just(Eligibility::Cordoned)];
    prop_oneof![
        6 => (name(), 1..4_u32, 0..3_u64, eligibility)
            .prop_map(|(name, weight, generation, eligibility)| Event::Seat { name, weight, generation, eligibility }),
        4 => name().prop_map(Event::Remove),
        2 => (any::<Index>(), name()).prop_map(|(slot, name)| Event::Pin { slot, name }),
        1 => any::<Index>().prop_map(Event::Unpin),
        3 => prop::collection::vec((any::<Index>(), 0..30_u32), 1..20).prop_map(Event::Items),
        1 => Just(Event::Uniform),
        2 => (0..20_u32).prop_map(|percent| Event::Settle { percent }),
        1 => Just(Event::Double),
        6 => prop_oneof![1..20_usize, Just(usize::MAX)].prop_map(Event::Plan),
        1 => Just(Event::Restore),
    ]
}

/// Returns a restored copy of the ring, without its load.
fn restored(ring: &StickyRing) -> StickyRing {
    let owners: Vec<_> = ring.slots().iter().map(|slot| ring.owner(slot).cloned()).collect();
    let mut restored = StickyRing::restore(ring.slots(), ring.shared_among().clone(), owners);
    for (slot, worker) in ring.pins() {
        restored.pin(*slot, worker.clone());
    }
    restored
}

struct Life {
    ring: StickyRing,
    seats: Roster,
    load: SlotLoad,
}

impl Life {
    fn begin() -> Self {
        Self { ring: StickyRing::new(slots(16)), seats: Roster::default(), load: SlotLoad::uniform(slots(16)) }
    }

    fn slot(&self, index: Index) -> Slot {
        Slot::new(u32::try_from(index.index(self.ring.slots().len())).unwrap())
    }

    fn meet(&mut self, event: Event) {
        match event {
            Event::Seat { name, weight, generation, eligibility } => {
                let seat = Seat { weight: Weight::new(weight).unwrap(), eligibility, generation };
                self.seats.seat(worker(&format!("w{name}")), seat);
            }
            Event::Remove(name) => _ = self.seats.remove(&worker(&format!("w{name}"))),
            Event::Pin { slot, name } => self.ring.pin(self.slot(slot), worker(&format!("w{name}"))),
            Event::Unpin(slot) => _ = self.ring.unpin(self.slot(slot)),
            Event::Items(items) => self.load = self.load.with(items.into_iter().map(|(slot, items)| (self.slot(slot), items))),
            Event::Uniform => self.load = SlotLoad::uniform(self.ring.slots()),
            Event::Settle { percent } => {
                self.carry_out(&self.ring.rebalance_load(&self.load, f64::from(percent) / 100.0));
            }
            Event::Double if self.ring.slots().len() < 256 => {
                self.ring.double().unwrap();
                self.load = SlotLoad::uniform(self.ring.slots());
            }
            Event::Double => {}
            Event::Plan(limit) => self.plan(limit),
            Event::Restore => self.ring = restored(&self.ring),
        }
        self.ring.set_load(&self.load);
    }

    fn plan(&mut self, limit: usize) {
        let plan = self.ring.plan_within(&self.seats, &self.load, limit);
        assert!(plan.moves().len() <= limit);
        assert_eq!(plan, restored(&self.ring).plan_within(&self.seats, &self.load, limit));
        self.carry_out(&plan);
        assert_eq!(self.ring.roster(), &self.seats);
    }

    fn carry_out(&mut self, plan: &Plan) {
        for slot_move in plan.moves() {
            let seat = plan.roster().get(&slot_move.to).unwrap();
            assert_eq!(seat.eligibility, Eligibility::Eligible, "{slot_move:?}");
            assert_ne!(slot_move.from.as_ref(), Some(&slot_move.to));
        }
        self.ring.apply(plan).unwrap();
    }

    /// Plans until nothing moves: each slot needs a few moves at most.
    fn come_to_rest(&mut self, limit: usize) {
        let mut plans_left = 4 * self.ring.slots().len();
        while !self.ring.plan_within(&self.seats, &self.load, limit).is_empty() {
            self.plan(limit);
            assert_ne!(plans_left, 0, "it never comes to rest");
            plans_left -= 1;
        }
        self.plan(limit);
    }

    fn judge_at_rest(&self) {
        let open = |id: &WorkerId| self.seats.get(id).is_some_and(|seat| seat.eligibility == Eligibility::Eligible);
        if !self.seats.iter().any(|(id, _)| open(id)) {
            return;
        }
        for slot in self.ring.slots().iter() {
            let owner = self.ring.owner(slot).unwrap();
            assert!(self.seats.contains(owner), "slot {slot} is owned by {owner}");
            if let Some(pinned) = self.ring.pins().get(&slot).filter(|pinned| open(pinned)) {
                assert_eq!(owner, pinned);
            }
        }
        for (id, _) in self.seats.iter().filter(|(id, _)| !self.ring.shared_among().contains(id)) {
            let owns_nothing = self.ring.slots().iter().all(|slot| self.ring.owner(slot) != Some(id));
            assert!(!open(id) || owns_nothing, "{id} waits for its share for ever");
        }
    }
}

proptest! {
    #[test]
    fn a_ring_comes_to_rest_with_every_slot_where_it_may_be(
        events in prop::collection::vec(events(), 0..40),
        limit in prop_oneof![1..20_usize, Just(usize::MAX)],
    ) {
        let mut life = Life::begin();
        for event in events {
            life.meet(event);
        }
        life.come_to_rest(limit);
        life.judge_at_rest();
    }
}
