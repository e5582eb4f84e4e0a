//! Cost of a rebalance: the plan, its application, and the list of moved items, for joins, leaves, both at once, and another weight.
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
use scaler_core::{Cost, HashRing, Rendezvous, Ring, Roster, SlotCount};

/// Maximum number of workers for the rendezvous ring, whose plan costs slots times workers hashes.
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
    rows.iter().for_each(Row::print);
}

/// A ring to measure.
struct Subject<'a, R> {
    name: &'static str,
    ring: &'a R,
    workers: usize,
    table: &'a Table,
}

/// Row of the final table.
struct Row {
    ring: &'static str,
    workers: usize,
    slots: SlotCount,
    change: &'static str,
    /// Median of the samples' mean time per iteration.
    time: Duration,
    moved: Cost,
    /// Minimum number of items that any plan to the same loads moves.
    least: u64,
}

impl Row {
    fn print(&self) {
        let Self { ring, workers, slots, change, time, moved: Cost { slots: moved, items }, least } = self;
        println!("| {ring} | {workers} | {slots} | {change} | {time:.2?} | {moved} | {items} | {least} |");
    }
}

fn by_workers(criterion: &mut Criterion, others: &mut Criterion) -> Vec<Row> {
    let mut rows = Vec::new();
    for &workers in measured(workers()) {
        let table = &Table::new(ITEMS, slots_for(workers));
        rows.extend(by_change(criterion, &Subject { name: "sticky", ring: &sticky(workers, table), workers, table }));
        let ring = &shared(HashRing::new(table.slots), &roster(workers), &table.load);
        rows.extend(by_change(others, &Subject { name: "hash ring", ring, workers, table }));
        if workers <= MOST_RENDEZVOUS {
            let ring = &shared(Rendezvous::new(table.slots), &roster(workers), &table.load);
            rows.extend(by_change(others, &Subject { name: "rendezvous", ring, workers, table }));
        }
    }
    rows
}

fn by_change<R: Ring + Clone>(criterion: &mut Criterion, subject: &Subject<'_, R>) -> Vec<Row> {
    let mut group = group(criterion, &format!("rebalance/{}", subject.name));
    let bench = |change: &(&'static str, Roster)| bench(&mut group, BenchmarkId::new(change.0, subject.workers), subject, change);
    changes(subject.workers).iter().filter_map(bench).collect()
}

fn by_slots(criterion: &mut Criterion) -> Vec<Row> {
    let mut group = group(criterion, "rebalance by slots");
    let [join, ..] = changes(WORKERS_BY_SLOTS);
    let counts = measured(&SLOTS).iter().filter_map(|slots| SlotCount::new(*slots).ok());
    let rows = counts.filter_map(|slots| {
        let table = &Table::new(ITEMS, slots);
        let ring = &sticky(WORKERS_BY_SLOTS, table);
        let subject = Subject { name: "sticky", ring, workers: WORKERS_BY_SLOTS, table };
        bench(&mut group, BenchmarkId::new("sticky, join", slots), &subject, &join)
    });
    rows.collect()
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
    group
}

/// Measures one change; `None` if a command-line filter excludes it.
fn bench<R: Ring + Clone>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    &Subject { name, ring, workers, table }: &Subject<'_, R>,
    (change, to): &(&'static str, Roster),
) -> Option<Row> {
    let mut times = Vec::new();
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| {
            let time = (0..iterations).map(|_| rebalance(ring.clone(), to, table)).sum::<Duration>();
            times.push(time / u32::try_from(iterations).unwrap_or(u32::MAX));
            time
        });
    });
    times.sort_unstable();
    let time = *times.get(times.len() / 2)?;
    let plan = ring.plan(to, &table.load);
    Some(Row { ring: name, workers, slots: table.slots, change, time, moved: plan.cost(), least: plan.lower_bound().items })
}

/// Returns the time to plan, to apply the plan, and to list the moved items.
fn rebalance<R: Ring>(mut ring: R, to: &Roster, table: &Table) -> Duration {
    let begun = Instant::now();
    let plan = ring.plan(black_box(to), &table.load);
    let applied = ring.apply(&plan);
    let moved = table.moved_by(&plan);
    let took = begun.elapsed();
    drop(black_box((moved, applied, ring)));
    took
}
