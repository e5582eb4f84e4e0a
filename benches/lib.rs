//! Data of the benches: rosters, a table of items, and rings with a history.

use std::collections::BTreeSet;

use scaler_core::{
    Plan, Ring, Roster, Seat, Slot, SlotCount, SlotLoad, StickyRing, Weight, WorkerId, slot_of, slots_of_uuids, uuid_hash,
};
use uuid::Uuid;

/// Number of items in the table, unless a bench sets another one.
pub const ITEMS: usize = 1_000_000;

/// Numbers of workers to measure. The last one is measured only if `LONG` is set.
const WORKERS: [usize; 4] = [10, 100, 1000, 10_000];

/// True if the environment variable `LONG` is set: benches then measure more sizes, and for longer.
#[must_use]
pub fn is_long() -> bool {
    std::env::var_os("LONG").is_some()
}

/// Returns the numbers of workers that this run measures.
#[must_use]
pub fn workers() -> &'static [usize] {
    if is_long() { &WORKERS } else { &WORKERS[..3] }
}

/// Returns the sizes to measure: all of them under `cargo bench`, the first one under `cargo test`, which only shows that the bench runs.
#[must_use]
pub fn measured<T>(sizes: &[T]) -> &[T] {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    if is_bench { sizes } else { &sizes[..sizes.len().min(1)] }
}

/// Returns a roster of workers `w0`, `w1`, ...
#[must_use]
pub fn roster(workers: usize) -> Roster {
    Roster::of((0..workers).map(worker))
}

/// Returns the worker of this number.
///
/// # Panics
/// Never: the name is short and printable.
#[must_use]
#[expect(clippy::expect_used, reason = "a letter and a number name a worker")]
pub fn worker(number: usize) -> WorkerId {
    WorkerId::new(format!("w{number}")).expect("a letter and a number")
}

/// Returns a slot count of at least 64 slots per worker, and at least 65,536.
///
/// # Panics
/// Never: a power of two within limits is a count.
#[must_use]
#[expect(clippy::expect_used, reason = "a power of two within limits is a count")]
pub fn slots_for(workers: usize) -> SlotCount {
    let wanted = u32::try_from(64 * workers).unwrap_or(SlotCount::MAX).min(SlotCount::MAX);
    SlotCount::new(wanted.next_power_of_two().max(65_536)).expect("a power of two within limits")
}

/// Table of items, the same at every call, and the slots that hold them.
#[derive(Debug)]
pub struct Table {
    /// Ids of the items.
    pub ids: Vec<Uuid>,
    /// Number of slots.
    pub slots: SlotCount,
    /// Number of items in each slot.
    pub load: SlotLoad,
    by_slot: Vec<u32>,
    begins: Vec<usize>,
}

impl Table {
    /// Returns a table of `count` items in `slots` slots.
    #[must_use]
    pub fn new(count: usize, slots: SlotCount) -> Self {
        let hash = |number: usize, seed| uuid_hash(Uuid::from_u128(number as u128), seed);
        let ids: Vec<_> = (0..count).map(|number| Uuid::from_u64_pair(hash(number, 1), hash(number, 2))).collect();
        let load = SlotLoad::of_items(slots, slots_of_uuids(&ids, slots).map(|slot| (slot, 1)));
        let mut by_slot: Vec<u32> = (0..).take(count).collect();
        by_slot.sort_by_cached_key(|number| slot_of(&ids[*number as usize].into(), slots));
        let ends = slots.iter().scan(0, |end, slot| {
            *end += load.of(slot) as usize;
            Some(*end)
        });
        Self { begins: std::iter::once(0).chain(ends).collect(), ids, slots, load, by_slot }
    }

    /// Returns the indexes of the items in a slot.
    #[must_use]
    pub fn items_in(&self, slot: Slot) -> &[u32] {
        &self.by_slot[self.begins[slot.index()]..self.begins[slot.index() + 1]]
    }

    /// Returns the items that a plan moves, each with the index of its slot's move.
    #[must_use]
    pub fn moved_by(&self, plan: &Plan) -> Vec<(u32, u32)> {
        let mut moved = Vec::with_capacity(usize::try_from(plan.cost().items).unwrap_or_default());
        for (number, slot_move) in (0..).zip(plan.moves()) {
            moved.extend(self.items_in(slot_move.slot).iter().map(|item| (*item, number)));
        }
        moved
    }
}

/// Returns a sticky ring of this many workers that knows the load.
#[must_use]
pub fn sticky(workers: usize, table: &Table) -> StickyRing {
    let mut ring = shared(StickyRing::new(table.slots), &roster(workers), &table.load);
    ring.set_load(&table.load);
    ring
}

/// Returns the ring after these workers have been assigned its slots.
///
/// # Panics
/// Never: the plan is applied to the state that it was made from.
#[must_use]
#[expect(clippy::expect_used, reason = "nothing comes between plan and apply")]
pub fn shared<R: Ring>(mut ring: R, roster: &Roster, load: &SlotLoad) -> R {
    let plan = ring.plan(roster, load);
    ring.apply(&plan).expect("the plan was made from this state");
    ring
}

/// Returns the changes of a roster to measure, by name.
#[must_use]
pub fn changes(workers: usize) -> [(&'static str, Roster); 4] {
    let tenth = (workers / 10).max(1);
    let mut left = roster(workers);
    left.remove(&worker(workers / 2));
    let gone: BTreeSet<WorkerId> = (0..tenth).map(worker).collect();
    let stayed =
        roster(workers + tenth).iter().filter(|(id, _)| !gone.contains(id)).map(|(id, seat)| (id.clone(), seat)).collect();
    let mut doubled = roster(workers);
    if let Some(weight) = Weight::new(2) {
        doubled.seat(worker(workers / 2), Seat { weight, ..Seat::PLAIN });
    }
    [("join", roster(workers + 1)), ("leave", left), ("a tenth leaves, a tenth joins", stayed), ("a weight doubles", doubled)]
}
