//! What a rebalance costs: the plan, its application, and the list of items that move, for joins, leaves, both at once and another weight.
//!
//! Ends with a table. Criterion writes its report, with plots of time against workers and slots, to `target/criterion/report/index.html`.
#![expect(clippy::disallowed_methods, reason = "it measures, by the clock of the machine")]
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod timing;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{AxisScale, BenchmarkGroup, BenchmarkId, Criterion, PlotConfiguration};
use scaler_benches::{ITEMS, Table, changes, measured, roster, shared, slots_for, sticky, workers};
use scaler_core::{HashRing, Plan, Rendezvous, Ring, Roster, SlotCount};

/// A plan of the rendezvous ring costs as many hashes as there are slots times workers.
const MOST_RENDEZVOUS: usize = 100;
/// Slot counts of the sticky ring, shared by a hundred workers.
const SLOTS: [u32; 4] = [4096, 16_384, 65_536, 262_144];
const WORKERS_BY_SLOTS: usize = 100;

fn main() {
    let mut criterion = timing::criterion().configure_from_args();
    let mut others = timing::with_few_plots().configure_from_args();
    let mut rows = by_workers(&mut criterion, &mut others);
    rows.extend(by_slots(&mut criterion));
    criterion.final_summary();
    println!("\nWhat a rebalance costs, with {ITEMS} items:\n");
    println!("| ring | workers | slots | change | time | slots moved | items moved | least |\n|---|--:|--:|---|--:|--:|--:|--:|");
    rows.iter().filter(|row| !row.times.is_empty()).for_each(Row::print);
}

/// A line of the closing table.
struct Row {
    ring: &'static str,
    workers: usize,
    slots: SlotCount,
    change: &'static str,
    plan: Plan,
    /// Mean time of an iteration, for each sample.
    times: Vec<Duration>,
}

impl Row {
    fn print(&self) {
        let Self { ring, workers, slots, change, plan, times } = self;
        let mut times = times.clone();
        times.sort_unstable();
        let (cost, least) = (plan.cost(), plan.lower_bound().items);
        println!(
            "| {ring} | {workers} | {slots} | {change} | {:.2?} | {} | {} | {least} |",
            times[times.len() / 2],
            cost.slots,
            cost.items
        );
    }
}

fn by_workers(criterion: &mut Criterion, others: &mut Criterion) -> Vec<Row> {
    let mut rows = Vec::new();
    for &workers in measured(workers()) {
        let table = Table::new(ITEMS, slots_for(workers));
        let all = changes(workers);
        rows.extend(bench(criterion, "sticky", &sticky(workers, &table), workers, &table, &all));
        let hash_ring = shared(HashRing::new(table.slots), &roster(workers), &table.load);
        rows.extend(bench(others, "hash ring", &hash_ring, workers, &table, &all));
        if workers <= MOST_RENDEZVOUS {
            let rendezvous = shared(Rendezvous::new(table.slots), &roster(workers), &table.load);
            rows.extend(bench(others, "rendezvous", &rendezvous, workers, &table, &all));
        }
    }
    rows
}

fn by_slots(criterion: &mut Criterion) -> Vec<Row> {
    let mut group = group(criterion, "rebalance by slots");
    let [join, ..] = changes(WORKERS_BY_SLOTS);
    let counts = measured(&SLOTS).iter().filter_map(|slots| SlotCount::new(*slots).ok());
    let rows = counts.map(|slots| {
        let table = Table::new(ITEMS, slots);
        let ring = sticky(WORKERS_BY_SLOTS, &table);
        one(&mut group, BenchmarkId::new("sticky, join", slots), &ring, &table, &join, "sticky", WORKERS_BY_SLOTS)
    });
    rows.collect()
}

fn bench<R: Ring + Clone>(
    criterion: &mut Criterion,
    name: &'static str,
    ring: &R,
    workers: usize,
    table: &Table,
    changes: &[(&'static str, Roster)],
) -> Vec<Row> {
    let mut group = group(criterion, &format!("rebalance/{name}"));
    let bench = |change: &(&'static str, Roster)| {
        one(&mut group, BenchmarkId::new(change.0, workers), ring, table, change, name, workers)
    };
    changes.iter().map(bench).collect()
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
    group
}

fn one<R: Ring + Clone>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    ring: &R,
    table: &Table,
    (change, to): &(&'static str, Roster),
    name: &'static str,
    workers: usize,
) -> Row {
    let mut times = Vec::new();
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| {
            let time = (0..iterations).map(|_| rebalance(ring.clone(), to, table)).sum::<Duration>();
            times.push(time / u32::try_from(iterations).unwrap_or(u32::MAX));
            time
        });
    });
    Row { ring: name, workers, slots: table.slots, change, plan: ring.plan(to, &table.load), times }
}

/// How long it takes to plan, to apply the plan, and to list the items that move.
fn rebalance<R: Ring>(mut ring: R, to: &Roster, table: &Table) -> Duration {
    let begun = Instant::now();
    let plan = ring.plan(black_box(to), &table.load);
    let applied = ring.apply(&plan);
    let moved = table.moved_by(&plan);
    let took = begun.elapsed();
    drop(black_box((moved, applied, ring)));
    took
}
