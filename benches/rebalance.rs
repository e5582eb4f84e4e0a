//! What a change of the roster costs, with the list of the items that move: joins, leaves, both at once, other weights.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use scaler_benches::{ITEMS, Table, WORKERS, changes, roster, shared, slots_for, sticky};
use scaler_core::{HashRing, Rendezvous, Ring};

/// A plan of the rendezvous ring costs as many hashes as there are slots times workers.
const MOST_RENDEZVOUS: usize = 100;

fn rebalance(criterion: &mut Criterion) {
    for workers in WORKERS {
        let table = Table::new(ITEMS, slots_for(workers));
        bench(criterion, "sticky", &sticky(workers, &table), workers, &table);
        bench(criterion, "hash_ring", &shared(HashRing::new(table.slots), &roster(workers), &table.load), workers, &table);
        if workers <= MOST_RENDEZVOUS {
            bench(criterion, "rendezvous", &shared(Rendezvous::new(table.slots), &roster(workers), &table.load), workers, &table);
        }
    }
}

fn bench<R: Ring + Clone>(criterion: &mut Criterion, name: &str, ring: &R, workers: usize, table: &Table) {
    let mut group = criterion.benchmark_group(format!("rebalance/{name}"));
    group.sample_size(20);
    for (change, to) in changes(workers) {
        group.bench_function(BenchmarkId::new(change, workers), |bencher| {
            let work = |mut ring: R| {
                let plan = ring.plan(black_box(&to), &table.load);
                let applied = ring.apply(&plan);
                (table.moved_by(&plan), plan, applied, ring)
            };
            bencher.iter_batched(|| ring.clone(), work, BatchSize::LargeInput);
        });
    }
}

criterion_group!(benches, rebalance);
criterion_main!(benches);
