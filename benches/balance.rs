//! Balance of the rings over a million items, and what a change of the roster moves: a table, without times.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "ratios of counts below 2^53")]

use std::collections::BTreeMap;

use scaler_benches::{ITEMS, Table, changes, is_long, measured, roster, shared, slots_for, workers};
use scaler_core::{HashRing, Rendezvous, Ring, StickyRing, WorkerId};

/// Maximum number of workers for the rendezvous ring, without and with `LONG`: its plan costs slots times workers hashes.
const MOST_RENDEZVOUS: [usize; 2] = [100, 1000];

fn main() {
    println!("max/mean and moved/least are in items; the least is what the same loads would cost at the least");
    println!("| workers | ring | max/mean | change | max/mean after it | moved | moved/least |\n|--:|---|--:|---|--:|--:|--:|");
    for &workers in measured(workers()) {
        let table = Table::new(ITEMS, slots_for(workers));
        tell("sticky", StickyRing::new(table.slots), workers, &table);
        tell("hash ring", HashRing::new(table.slots), workers, &table);
        tell("hash ring, bounded by 5 %", HashRing::new(table.slots).bounded(5), workers, &table);
        if workers <= MOST_RENDEZVOUS[usize::from(is_long())] {
            tell("rendezvous", Rendezvous::new(table.slots), workers, &table);
        }
    }
}

fn tell<R: Ring + Clone>(name: &str, ring: R, workers: usize, table: &Table) {
    let ring = shared(ring, &roster(workers), &table.load);
    let before = max_over_mean(&ring, table);
    for (change, to) in changes(workers) {
        let plan = ring.plan(&to, &table.load);
        let after = max_over_mean(&shared(ring.clone(), &to, &table.load), table);
        let (moved, least) = (plan.cost().items, plan.lower_bound().items);
        let ratio = moved as f64 / least as f64;
        println!("| {workers} | {name} | {before:.4} | {change} | {after:.4} | {moved} | {ratio:.4} |");
    }
}

/// Returns the heaviest load relative to its weight, over the mean.
fn max_over_mean(ring: &impl Ring, table: &Table) -> f64 {
    let mut loads: BTreeMap<&WorkerId, u64> = BTreeMap::new();
    for slot in table.slots.iter() {
        if let Some(owner) = ring.owner(slot) {
            *loads.entry(owner).or_default() += u64::from(table.load.of(slot));
        }
    }
    let weight: u32 = ring.roster().iter().map(|(_, seat)| seat.weight.get()).sum();
    let share = |id: &WorkerId, load: u64| load as f64 / f64::from(ring.roster().get(id).map_or(1, |seat| seat.weight.get()));
    let most = loads.into_iter().map(|(id, load)| share(id, load)).fold(0.0, f64::max);
    most * f64::from(weight) / table.ids.len() as f64
}
