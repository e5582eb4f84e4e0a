//! A thousand random joins, leaves and weight changes at about a thousand workers, with items that come and go.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it has measured")]

use std::collections::BTreeMap;
use std::ops::Range;

use scaler_core::{
    ItemId, Plan, Ring, Roster, Seat, Slot, SlotCount, SlotLoad, StickyRing, Weight, WorkerId, slot_of, uuid_hash,
};
use uuid::Uuid;

const EVENTS: u64 = 1000;
const WORKERS: u64 = 1000;
const ITEMS: u64 = 1_000_000;

fn random(number: u64, seed: u64) -> u64 {
    uuid_hash(Uuid::from_u128(u128::from(number)), seed)
}

fn slots() -> SlotCount {
    SlotCount::new(65_536).unwrap()
}

fn slot_of_item(number: u64) -> Slot {
    slot_of(&ItemId::Uuid(Uuid::from_u64_pair(random(number, 1), random(number, 2))), slots())
}

fn worker(number: u64) -> WorkerId {
    WorkerId::new(format!("w{number}")).unwrap()
}

/// A ring in use, and what it owns by worker.
#[derive(Debug)]
struct Life {
    ring: StickyRing,
    load: SlotLoad,
    items: BTreeMap<WorkerId, i64>,
    worst: f64,
    moved: u64,
    bound: u64,
    settled: u64,
}

impl Life {
    fn begin(roster: &Roster) -> Self {
        let load = SlotLoad::of_items(slots(), (0..ITEMS).map(|number| (slot_of_item(number), 1)));
        let mut ring = StickyRing::new(slots());
        ring.set_load(&load);
        let mut life = Self { ring, load, items: BTreeMap::new(), worst: 0.0, moved: 0, bound: 0, settled: 0 };
        life.carry_out(&life.ring.plan(roster, &life.load));
        life
    }

    fn carry_out(&mut self, plan: &Plan) {
        for slot_move in plan.moves() {
            let items = i64::from(self.load.of(slot_move.slot));
            *self.items.entry(slot_move.to.clone()).or_default() += items;
            if let Some(from) = &slot_move.from {
                *self.items.get_mut(from).unwrap() -= items;
            }
        }
        self.ring.apply(plan).unwrap();
    }

    /// Lets items come and go.
    fn drift(&mut self, going: Range<u64>, coming: Range<u64>) {
        let mut counts: Vec<u32> = slots().iter().map(|slot| self.load.of(slot)).collect();
        for (number, more) in going.map(|number| (number, -1)).chain(coming.map(|number| (number, 1))) {
            let slot = slot_of_item(number);
            counts[slot.index()] = counts[slot.index()].checked_add_signed(more).unwrap();
            *self.items.get_mut(self.ring.owner(slot).unwrap()).unwrap() += i64::from(more);
        }
        self.load = SlotLoad::of_items(slots(), slots().iter().zip(counts));
    }

    fn change(&mut self, roster: &Roster, tolerance: Option<f64>) {
        self.ring.set_load(&self.load);
        let plan = self.ring.plan(roster, &self.load);
        self.moved += plan.cost().slots;
        self.bound += plan.lower_bound().slots;
        self.carry_out(&plan);
        if let Some(tolerance) = tolerance {
            let plan = self.ring.rebalance_load(&self.load, tolerance);
            self.settled += plan.cost().slots;
            self.carry_out(&plan);
        }
        self.worst = self.worst.max(self.unevenness());
    }

    /// The highest load per weight against the mean.
    #[expect(clippy::cast_precision_loss, reason = "a million items")]
    fn unevenness(&self) -> f64 {
        let weights: f64 = self.ring.roster().iter().map(|(_, seat)| f64::from(seat.weight.get())).sum();
        let per_weight = |(id, seat): (&WorkerId, Seat)| self.items[id] as f64 / f64::from(seat.weight.get());
        self.ring.roster().iter().map(per_weight).fold(0.0, f64::max) * weights / self.load.total() as f64
    }

    fn report(&self) -> String {
        let Self { worst, moved, bound, settled, .. } = self;
        format!("worst max/mean {worst:.4}, moved {moved} slots where {bound} had to, settled {settled}")
    }
}

/// A thousand joins and leaves, and in each that many items that go and as many that come.
fn live(tolerance: Option<f64>, turnover: u64) -> Life {
    let mut seats = Roster::of((0..WORKERS).map(worker));
    let mut life = Life::begin(&seats);
    for event in 0..EVENTS {
        if random(event, 3).is_multiple_of(2) {
            seats.seat(worker(WORKERS + event), Seat::PLAIN);
        } else {
            let place = usize::try_from(random(event, 4)).unwrap() % seats.len();
            let leaver = seats.iter().nth(place).unwrap().0.clone();
            seats.remove(&leaver);
        }
        if turnover > 0 {
            let gone = event * turnover..(event + 1) * turnover;
            life.drift(gone.clone(), ITEMS + gone.start..ITEMS + gone.end);
        }
        life.change(&seats, tolerance);
    }
    println!("{}", life.report());
    life
}

#[test]
fn without_drift_of_the_items_plans_alone_stay_even() {
    let life = live(None, 0);
    assert_eq!(life.moved, life.bound);
    assert!(life.worst <= 1.03, "{}", life.report());
}

#[test]
fn settling_holds_the_tolerance() {
    let life = live(Some(0.005), 0);
    assert!(life.worst <= 1.005, "{}", life.report());
}

#[test]
fn settling_holds_the_tolerance_while_items_come_and_go() {
    let life = live(Some(0.005), 100);
    assert!(life.worst <= 1.005, "{}", life.report());
}

#[test]
fn settling_holds_the_tolerance_among_weights_that_change() {
    let seat = |number: u64| Seat { weight: Weight::new(1 + u32::try_from(number % 3).unwrap()).unwrap(), ..Seat::PLAIN };
    let mut seats: Roster = (0..100).map(|number| (worker(number), seat(number))).collect();
    let mut life = Life::begin(&seats);
    for event in 0..EVENTS {
        seats.seat(worker(random(event, 5) % 120), seat(random(event, 6) / 7));
        life.change(&seats, Some(0.005));
    }
    println!("{}", life.report());
    assert!(life.worst <= 1.005, "{}", life.report());
}
