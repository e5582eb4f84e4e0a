//! Cost of a look-up: an item's hash, and its slot's owner.
#![expect(clippy::expect_used, reason = "a bench may panic")]

mod timing;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use scaler_benches::{ITEMS, Table, measured, roster, shared, slots_for, sticky, workers};
use scaler_core::{HashRing, ItemId, Ring, RingExt};

fn look_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("look_up");
    for &workers in measured(workers()) {
        let table = Table::new(ITEMS, slots_for(workers));
        let rings: [(&str, Box<dyn Ring>); 2] = [
            ("sticky", Box::new(sticky(workers, &table))),
            ("hash ring", Box::new(shared(HashRing::new(table.slots), &roster(workers), &table.load))),
        ];
        for (name, ring) in rings {
            let mut next = table.ids.iter().map(|id| ItemId::Uuid(*id)).cycle();
            group.bench_function(BenchmarkId::new(name, workers), |bencher| {
                bencher.iter(|| ring.owner_of(&black_box(next.next().expect("a cycle never ends"))).map(black_box).is_some());
            });
        }
    }
}

criterion_group!(name = benches; config = timing::with_few_plots(); targets = look_up);
criterion_main!(benches);
