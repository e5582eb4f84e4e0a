//! What the benches work on: rosters, items, and rings with a history.

use scaler_core::{ItemId, Ring, Roster, SlotCount, SlotLoad, StickyRing, WorkerId, slot_of, uuid_hash};
use uuid::Uuid;

/// Workers `w0`, `w1`, ...
///
/// # Panics
/// Never: the names are short and printable.
#[must_use]
#[expect(clippy::expect_used, reason = "a letter and a number name a worker")]
pub fn roster(workers: usize) -> Roster {
    Roster::of((0..workers).map(|number| WorkerId::new(format!("w{number}")).expect("a letter and a number")))
}

/// The same items at every call.
#[must_use]
pub fn items(count: usize) -> Vec<ItemId> {
    let id = |number: usize| {
        Uuid::from_u64_pair(uuid_hash(Uuid::from_u128(number as u128), 1), uuid_hash(Uuid::from_u128(number as u128), 2))
    };
    (0..count).map(|number| ItemId::new(id(number))).collect()
}

/// How many of these items lie in each slot.
#[must_use]
pub fn load(slots: SlotCount, items: &[ItemId]) -> SlotLoad {
    SlotLoad::of_items(slots, items.iter().map(|item| (slot_of(*item, slots), 1)))
}

/// A sticky ring whose slots these workers share.
///
/// # Panics
/// Never: the plan is applied to the state that it was made from.
#[must_use]
#[expect(clippy::expect_used, reason = "nothing comes between plan and apply")]
pub fn shared(slots: SlotCount, roster: &Roster, load: &SlotLoad) -> StickyRing {
    let mut ring = StickyRing::new(slots);
    let plan = ring.plan(roster, load);
    ring.apply(&plan).expect("the plan was made from this state");
    ring
}
