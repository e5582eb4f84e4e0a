//! Nodes with a tick handler on virtual time: each item is in one call in every tick, and hand-overs wait for calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::HandOver;
use scaler_core::node::{Batch, Handler, Lease, NodeEvent, TickHandler};
use scaler_core::testing::Cluster;
use scaler_core::{BoxError, ItemId, Tick};

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(10);

/// Calls of all nodes: how often each item was in a call of each tick, and the largest batch.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    by_tick: BTreeMap<Tick, BTreeMap<ItemId, usize>>,
    under_way: BTreeMap<ItemId, &'static str>,
    overlaps: usize,
    largest: usize,
}

struct Counted {
    node: &'static str,
    calls: Calls,
    takes: Duration,
}

#[async_trait]
impl TickHandler for Counted {
    async fn tick(&self, batch: Batch) -> Result<(), BoxError> {
        {
            let mut counts = self.calls.0.lock().unwrap();
            counts.largest = counts.largest.max(batch.items.len());
            for (item, lease) in &batch.items {
                assert!(lease.withdrawal().is_none());
                *counts.by_tick.entry(batch.tick).or_default().entry(item.clone()).or_default() += 1;
                let other = counts.under_way.insert(item.clone(), self.node).filter(|other| *other != self.node);
                counts.overlaps += usize::from(other.is_some());
            }
        }
        tokio::time::sleep(self.takes).await;
        let mut counts = self.calls.0.lock().unwrap();
        for (item, _) in &batch.items {
            if counts.under_way.get(item) == Some(&self.node) {
                counts.under_way.remove(item);
            }
        }
        Ok(())
    }
}

/// Does nothing for an item, so that only ticks count.
struct Idle;

#[async_trait]
impl Handler for Idle {
    async fn run(&self, _item: ItemId, lease: Lease) -> Result<(), BoxError> {
        lease.withdrawn().await;
        Ok(())
    }
}

fn join(cluster: &mut Cluster, node: &'static str, calls: &Calls, takes: Duration) {
    let counted = Counted { node, calls: calls.clone(), takes };
    cluster.join_with(node, Idle, |builder| builder.tick_handler(counted).hand_over(HandOver::Exclusive { limit: LIMIT }));
}

#[tokio::test(start_paused = true)]
async fn each_item_is_in_one_call_of_every_tick() {
    let mut cluster = Cluster::new();
    for number in 0..2500_i64 {
        cluster.insert(ItemId::from(number));
    }
    let calls = Calls::default();
    join(&mut cluster, "a", &calls, SECOND / 20);
    tokio::time::sleep(10 * SECOND).await;
    join(&mut cluster, "b", &calls, SECOND / 20);
    tokio::time::sleep(20 * SECOND).await;
    let counts = calls.0.lock().unwrap();
    assert_eq!((counts.largest, counts.overlaps), (1000, 0));
    let ticks: Vec<_> = counts.by_tick.values().collect();
    assert!(ticks.iter().all(|items| items.values().all(|times| *times == 1)), "no item is called for twice in a tick");
    // The first ticks, those of the hand-over, and the last one, which may not be over.
    let whole = ticks.iter().filter(|items| items.len() == 2500).count();
    assert!(whole >= ticks.len() - 8, "{whole} of {}", ticks.len());
}

#[tokio::test(start_paused = true)]
async fn the_next_owner_waits_for_a_call_and_a_call_that_takes_long_delays_no_tick_of_the_store() {
    let mut cluster = Cluster::new();
    for number in 0..100_i64 {
        cluster.insert(ItemId::from(number));
    }
    let calls = Calls::default();
    join(&mut cluster, "a", &calls, 4 * SECOND);
    tokio::time::sleep(10 * SECOND).await;
    join(&mut cluster, "b", &calls, 4 * SECOND);
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(calls.0.lock().unwrap().overlaps, 0);
    for row in cluster.store().rows() {
        assert_eq!(row.value, cluster.store().ticks_of(&row.id), "each tick of the store was done");
    }
    assert!(cluster.store().rows().iter().all(|row| row.value >= 38));
}

/// Fails in every call.
struct Failing;

#[async_trait]
impl TickHandler for Failing {
    async fn tick(&self, _batch: Batch) -> Result<(), BoxError> {
        Err("on purpose".into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_reported_and_made_again_in_the_next_tick() {
    let mut cluster = Cluster::new();
    cluster.insert(ItemId::from(1));
    let told = Arc::<Mutex<Vec<usize>>>::default();
    let tell = Arc::clone(&told);
    cluster.join_with("a", Idle, |builder| {
        builder.tick_handler(Failing).observe(move |event| {
            if let NodeEvent::TickFailed { items, .. } = event {
                tell.lock().unwrap().push(items);
            }
        })
    });
    tokio::time::sleep(20 * SECOND).await;
    let told = told.lock().unwrap();
    assert!(told.len() >= 15 && told.iter().all(|items| *items == 1), "{told:?}");
}
