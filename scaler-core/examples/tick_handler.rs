//! Two nodes in one process poll 2,500 items every second, in batches. One of them leaves after five seconds. Needs no server.
//!
//! ```sh
//! cargo run -p scaler-core --example tick_handler
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::memory::MemoryStore;
use scaler_core::node::{Batch, Node, TickHandler};
use scaler_core::{BoxError, ItemId, SlotCount, TokioClock};

struct Poller(&'static str);

#[async_trait]
impl TickHandler for Poller {
    async fn tick(&self, batch: Batch) -> Result<(), BoxError> {
        println!("tick {}: {} polls {} items", batch.tick, self.0, batch.items.len());
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let second = Duration::from_secs(1);
    let store = Arc::new(MemoryStore::new(Arc::new(TokioClock::start()), SlotCount::new(256)?, second));
    for number in 0..2500_i64 {
        store.insert(ItemId::from(number));
    }
    let first = Node::builder_on(store.clone()).name("first").tick_handler(Poller("first"));
    let second_node = Node::builder_on(store).name("second").tick_handler(Poller("second"));
    let (stays, leaves) =
        tokio::join!(first.run_until(tokio::time::sleep(10 * second)), second_node.run_until(tokio::time::sleep(5 * second)));
    stays?;
    leaves?;
    Ok(())
}
