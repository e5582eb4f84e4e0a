//! What a look-up and a rebalance cost with the sticky slot ring, at a million items.
#![expect(clippy::expect_used, reason = "a bench may panic")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use scaler_benches::{items, load, roster, shared};
use scaler_core::{Ring, RingExt, SlotCount, StickyRing};

const ITEMS: usize = 1_000_000;
const WORKERS: [usize; 3] = [10, 100, 1000];

fn slots() -> SlotCount {
    SlotCount::new(65_536).expect("a power of two")
}

fn look_up(criterion: &mut Criterion) {
    let items = items(ITEMS);
    let load = load(slots(), &items);
    let mut group = criterion.benchmark_group("look_up");
    for workers in WORKERS {
        let ring = shared(slots(), &roster(workers), &load);
        let mut next = items.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(workers), |bencher| {
            bencher.iter(|| ring.owner_of(black_box(*next.next().expect("a cycle never ends"))));
        });
    }
}

fn rebalance(criterion: &mut Criterion) {
    let load = load(slots(), &items(ITEMS));
    let mut group = criterion.benchmark_group("rebalance");
    for workers in WORKERS {
        let ring: StickyRing = shared(slots(), &roster(workers), &load);
        for (change, to) in [("join", workers + 1), ("leave", workers - 1), ("double", workers * 2)] {
            let to = roster(to);
            group.bench_function(BenchmarkId::new(change, workers), |bencher| bencher.iter(|| ring.plan(black_box(&to), &load)));
        }
        let plan = ring.plan(&roster(workers + 1), &load);
        group.bench_function(BenchmarkId::new("apply_join", workers), |bencher| {
            bencher.iter_batched(|| ring.clone(), |mut ring| ring.apply(&plan).map(|()| ring), BatchSize::LargeInput);
        });
    }
}

criterion_group!(benches, look_up, rebalance);
criterion_main!(benches);
