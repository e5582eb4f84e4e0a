//! One operation in a function of its own, so that its instructions can be counted: `instructions <look-up|join> <slots> <workers> <items>`.
//! `scripts/bench instructions` runs it under callgrind.

use std::hint::black_box;
use std::process::ExitCode;

use scaler_benches::{Table, roster, sticky};
use scaler_core::{ItemId, Plan, Ring, RingExt, Roster, SlotCount, StickyRing};

/// Number of look-ups that are counted together.
const LOOK_UPS: usize = 10_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [what, numbers @ ..] = &words[..] else { return ExitCode::from(64) };
    let numbers: Vec<u32> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
    let [slots, workers, items] = numbers[..] else { return ExitCode::from(64) };
    let Ok(slots) = SlotCount::new(slots) else { return ExitCode::from(64) };
    let (workers, items) = (workers as usize, items as usize);

    let table = Table::new(items, slots);
    let mut ring = sticky(workers, &table);
    match what.as_str() {
        "look-up" => _ = black_box(counted_look_ups(&ring, &table)),
        "join" => _ = black_box(counted_join(&mut ring, &roster(workers + 1), &table)),
        _ => return ExitCode::from(64),
    }
    ExitCode::SUCCESS
}

#[inline(never)]
fn counted_look_ups(ring: &StickyRing, table: &Table) -> usize {
    table.ids.iter().cycle().take(LOOK_UPS).filter(|id| black_box(ring.owner_of(&ItemId::Uuid(**id))).is_some()).count()
}

/// Plans and applies a join; the list of moved items is not counted.
#[inline(never)]
fn counted_join(ring: &mut StickyRing, to: &Roster, table: &Table) -> Plan {
    let plan = ring.plan(to, &table.load);
    _ = black_box(ring.apply(&plan));
    plan
}
