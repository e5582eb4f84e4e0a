//! Two looks find just the items that were doubled or left out, whatever the slots did in between.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use scaler_core::audit::{Audit, MOST_NAMED, Moment, Report, SlotTicks, Snapshot};
use scaler_core::{ItemId, Slot, SlotCount, Tick, WorkerId, slot_of};
use uuid::Uuid;

const FIRST_TICK: u64 = 1_000;

/// A table and its slots, as a store would keep them.
#[derive(Clone, Debug)]
struct World {
    tick: u64,
    slots: Vec<SlotTicks>,
    /// The ticks that were done for each slot, to compare with.
    done: Vec<BTreeSet<u64>>,
    values: BTreeMap<ItemId, i32>,
}

impl World {
    fn new(slots: SlotCount, items: u32) -> Self {
        let slot = SlotTicks { owner: None, ticks: 7, last_tick: Tick(FIRST_TICK) };
        let values = (0..items).map(|n| (ItemId::Uuid(Uuid::from_u128(u128::from(n) << 64)), 5)).collect();
        let done = vec![BTreeSet::from([FIRST_TICK]); slots.len()];
        Self { tick: FIRST_TICK, slots: vec![slot; slots.len()], done, values }
    }

    fn slot(&self, item: &ItemId) -> Slot {
        slot_of(item, SlotCount::new(self.slots.len() as u32).unwrap())
    }

    /// The present tick is done for a slot, except for its locked items.
    fn work(&mut self, slot: usize, owner: &str, held: &BTreeSet<ItemId>) {
        let state = &mut self.slots[slot];
        if state.last_tick >= Tick(self.tick) {
            return;
        }
        self.done[slot].insert(self.tick);
        *state = SlotTicks { owner: WorkerId::new(owner).ok(), ticks: state.ticks + 1, last_tick: Tick(self.tick) };
        let items: Vec<_> =
            self.values.keys().filter(|item| self.slot(item).index() == slot && !held.contains(item)).cloned().collect();
        for item in items {
            *self.values.get_mut(&item).unwrap() += 1;
        }
    }

    fn moment(&self) -> Moment {
        Moment { tick: Tick(self.tick), slots: (0..).map(Slot::new).zip(self.slots.iter().cloned()).collect() }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new(self.moment());
        self.values.iter().for_each(|(item, value)| snapshot.push(item.clone(), *value));
        snapshot
    }

    fn since(&self, first: &Self) -> Report {
        let mut audit = Audit::new(first.snapshot(), self.moment());
        self.values.iter().for_each(|(item, value)| audit.see(item.clone(), self.slot(item), *value));
        audit.finish()
    }
}

/// The events of one tick: the slots that are ticked, and their workers.
fn turns(slots: usize) -> impl Strategy<Value = Vec<Vec<(usize, bool)>>> {
    prop::collection::vec(prop::collection::vec((0..slots, any::<bool>()), 0..2 * slots), 1..12)
}

fn play(world: &mut World, turns: &[Vec<(usize, bool)>], held: &BTreeSet<ItemId>) {
    for turn in turns {
        world.tick += 1;
        for (slot, other) in turn {
            world.work(*slot, if *other { "b" } else { "a" }, held);
        }
    }
}

proptest! {
    #[test]
    fn a_system_that_keeps_its_promise_is_proved(before in turns(8), between in turns(8)) {
        let mut world = World::new(SlotCount::new(8).unwrap(), 40);
        play(&mut world, &before, &BTreeSet::new());
        let first = world.clone();
        play(&mut world, &between, &BTreeSet::new());
        let report = world.since(&first);
        prop_assert!(report.proves(), "{report:?}");
        prop_assert_eq!((report.items, report.came, report.gone, report.ticks), (40, 0, 0, between.len() as u64));
        let missed = |item: &ItemId| {
            let done = &world.done[world.slot(item).index()];
            (first.tick..world.tick).filter(|tick| !done.contains(tick)).count() as u64
        };
        prop_assert_eq!(report.gaps, world.values.keys().map(missed).sum::<u64>());
        prop_assert_eq!(report.longest_gap, world.values.keys().map(missed).max().unwrap());
    }

    #[test]
    fn just_the_doubled_and_the_held_are_found(
        between in turns(4), doubled in prop::collection::btree_set(0..30_u32, 0..5), held in prop::collection::btree_set(30..40_u32, 0..5),
    ) {
        let id = |n: u32| ItemId::Uuid(Uuid::from_u128(u128::from(n) << 64));
        let mut world = World::new(SlotCount::new(4).unwrap(), 40);
        let first = world.clone();
        let held: BTreeSet<_> = held.into_iter().map(id).collect();
        play(&mut world, &between, &held);
        let doubled: BTreeSet<_> = doubled.into_iter().map(id).collect();
        for item in &doubled {
            *world.values.get_mut(item).unwrap() += 1;
        }
        let report = world.since(&first);
        let left_out = held.iter().filter(|item| world.slots[world.slot(item).index()].ticks > 7).count();
        prop_assert_eq!((report.doubled, report.doubles, report.short), (doubled.len() as u64, doubled.len() as u64, left_out as u64));
        let named: Vec<_> = report.named.iter().map(|deviation| deviation.item.clone()).collect();
        prop_assert!(named.iter().take(doubled.len()).all(|item| doubled.contains(item)));
        prop_assert!(named.iter().skip(doubled.len()).all(|item| held.contains(item)));
        prop_assert_eq!(named.len(), doubled.len() + left_out);
    }

    #[test]
    fn added_and_removed_items_are_counted_and_are_no_deviation(between in turns(4), gone in 0..20_u32, came in 100..120_u32) {
        let mut world = World::new(SlotCount::new(4).unwrap(), 20);
        let first = world.clone();
        play(&mut world, &between, &BTreeSet::new());
        for n in 0..gone {
            world.values.remove(&ItemId::Uuid(Uuid::from_u128(u128::from(n) << 64)));
        }
        for n in 100..came {
            world.values.insert(ItemId::Uuid(Uuid::from_u128(u128::from(n) << 32)), 9);
        }
        let report = world.since(&first);
        prop_assert!(report.proves());
        prop_assert_eq!((report.items, report.gone, report.came), (u64::from(20 - gone), u64::from(gone), u64::from(came - 100)));
    }
}

#[test]
fn an_unticked_slot_is_a_gap_and_no_double() {
    let first = World::new(SlotCount::new(2).unwrap(), 10);
    let later = World { tick: FIRST_TICK + 31, ..first.clone() };
    let report = later.since(&first);
    // The last tick is not over yet.
    assert_eq!((report.proves(), report.late, report.longest_gap, report.gaps), (true, 10, 30, 300));
}

/// A standby that was promoted has lost the same ticks of a slot and of its items.
#[test]
fn ticks_lost_by_a_failover_are_no_deviation() {
    let mut seen = World::new(SlotCount::new(2).unwrap(), 10);
    let survivor = seen.clone();
    play(&mut seen, &vec![vec![(0, false), (1, false)]; 5], &BTreeSet::new());
    for ticks_since in [0, 2, 5, 9] {
        let mut later = World { tick: seen.tick, ..survivor.clone() };
        play(&mut later, &vec![vec![(0, true), (1, true)]; ticks_since], &BTreeSet::new());
        let report = later.since(&seen);
        assert!(report.proves() && report.items == 10, "{report:?}");
    }
}

#[test]
fn many_are_counted_and_few_are_named() {
    let first = World::new(SlotCount::new(2).unwrap(), 100);
    let mut later = first.clone();
    later.values.values_mut().for_each(|value| *value += 3);
    let report = later.since(&first);
    assert_eq!((report.doubled, report.doubles, report.named.len()), (100, 300, MOST_NAMED));
    let one = &report.named[0];
    assert_eq!((one.gained, one.ticked, one.due, one.owner.clone()), (3, 0, 0, None));
}

#[test]
fn a_value_that_was_set_back_is_a_gap() {
    let first = World::new(SlotCount::new(2).unwrap(), 1);
    let mut later = first.clone();
    play(&mut later, &[vec![(0, false), (1, false)]], &BTreeSet::new());
    *later.values.values_mut().next().unwrap() = 0;
    let report = later.since(&first);
    assert_eq!((report.short, report.late, report.gaps, report.named[0].gained), (1, 1, 6, -5));
}

#[test]
fn items_at_the_largest_integer_are_reported_apart() {
    let mut first = World::new(SlotCount::new(256).unwrap(), 3);
    let items: Vec<_> = first.values.keys().cloned().collect();
    *first.values.get_mut(&items[0]).unwrap() = i32::MAX;
    *first.values.get_mut(&items[1]).unwrap() = i32::MAX - 2;
    let mut later = first.clone();
    for slot in 0..256 {
        let state = &mut later.slots[slot];
        (state.ticks, state.last_tick) = (state.ticks + 5, Tick(FIRST_TICK + 5));
    }
    later.tick = FIRST_TICK + 5;
    *later.values.get_mut(&items[1]).unwrap() = i32::MAX;
    *later.values.get_mut(&items[2]).unwrap() += 5;
    let report = later.since(&first);
    assert_eq!((report.proves(), report.ended, report.short, report.late), (true, 2, 0, 0));
    assert_eq!(report.named_ended, items[..2]);
}
