//! A handler that never yields, on real threads: it delays no tick, no heartbeat and no hand-over of other slots.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::HandOver;
use scaler_core::memory::MemoryStore;
use scaler_core::node::{Handler, Lease, NodeStore};
use scaler_core::{BoxError, Clock, ItemId, Node, SlotCount, TokioClock};

const ITEMS: i64 = 50;
const TICK: Duration = Duration::from_secs(1);
/// Ticks that must go on.
const TICKS: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// Blocks its thread for one item.
#[derive(Clone)]
struct Blocks {
    at_work: Arc<Mutex<Vec<(&'static str, ItemId)>>>,
    released: Arc<AtomicBool>,
    node: &'static str,
}

impl Blocks {
    fn at_work(&self, node: &str) -> Vec<ItemId> {
        self.at_work.lock().unwrap().iter().filter(|(other, _)| *other == node).map(|(_, item)| item.clone()).collect()
    }
}

#[async_trait]
impl Handler for Blocks {
    async fn run(&self, item: ItemId, lease: Lease) -> Result<(), BoxError> {
        self.at_work.lock().unwrap().push((self.node, item.clone()));
        if item == ItemId::from(0) {
            while !self.released.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
        } else {
            lease.withdrawn().await;
        }
        self.at_work.lock().unwrap().retain(|(node, other)| *node != self.node || *other != item);
        Ok(())
    }
}

/// Lets the handler end, also if the test fails: a runtime waits for its threads.
struct Release(Arc<AtomicBool>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(TICK / 20).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_never_yields_delays_nothing_else() {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::start());
    let store = Arc::new(MemoryStore::new(clock, SlotCount::new(256).unwrap(), TICK));
    (0..ITEMS).for_each(|item| assert!(store.insert(ItemId::from(item))));
    let handler = Blocks { at_work: Arc::default(), released: Arc::default(), node: "a" };
    let release = Release(Arc::clone(&handler.released));
    let node = |name: &'static str| {
        let builder = Node::builder_on(Arc::clone(&store) as Arc<dyn NodeStore>).name(name);
        let builder = builder.handler(Blocks { node: name, ..handler.clone() });
        tokio::spawn(builder.hand_over(HandOver::Exclusive { limit: Duration::from_secs(10) }).run_until(std::future::pending()))
    };
    let first = node("a");
    until("all items are at work", || handler.at_work("a").len() == usize::try_from(ITEMS).unwrap()).await;

    let least = || store.rows().iter().map(|row| row.value).min().unwrap();
    let before = least();
    until("ticks go on", || least() >= before + TICKS).await;

    let second = node("b");
    until("the slots of other items are handed over", || handler.at_work("b").len() >= usize::try_from(ITEMS).unwrap() / 3).await;
    assert!(!handler.at_work("b").contains(&ItemId::from(0)), "its own item waits for the end, or for the limit");
    drop(release);
    first.abort();
    second.abort();
}
