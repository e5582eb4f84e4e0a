//! Counts the bytes that a sticky ring takes, without and with its planner's index: `table-size <slots> <workers>`.

use std::alloc::System;
use std::process::ExitCode;

use scaler_core::{Ring, SlotCount, SlotLoad, StickyRing};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<u32>().ok());
    let (Some(Some(slots)), Some(Some(workers))) = (words.next(), words.next()) else { return ExitCode::from(64) };
    let Ok(slots) = SlotCount::new(slots) else { return ExitCode::from(64) };
    let (roster, load) = (scaler_benches::roster(workers as usize), SlotLoad::uniform(slots));

    let region = Region::new(ALLOCATOR);
    let mut ring = StickyRing::new(slots);
    let plan = ring.plan(&roster, &load);
    ring.apply(&plan).expect("the plan was made from this state");
    drop(plan);
    let taken = || {
        let counted = region.change();
        counted.bytes_allocated - counted.bytes_deallocated
    };
    let table = taken();
    ring.set_load(&load);
    println!("{table} {}", taken());
    drop(ring);
    ExitCode::SUCCESS
}
