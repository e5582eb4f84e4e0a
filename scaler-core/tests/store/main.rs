//! The store's contract: the reference store keeps it, and each broken store breaks the rule meant for it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod broken;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::memory::MemoryStore;
use scaler_core::testing::store::StoreFixture;
use scaler_core::testing::{SetClock, Violation};
use scaler_core::{DEAF_AFTER, Election, ItemId, LEADERLESS_AFTER, SlotCount, TokioClock, WorkStore, WorkerId};

const SECOND: Duration = Duration::from_secs(1);

/// The reference store on virtual time.
struct Memory(Arc<MemoryStore>, Arc<SetClock>);

fn memory() -> Memory {
    tokio::time::pause();
    let clock = Arc::new(SetClock::new(Arc::new(TokioClock::start())));
    Memory(Arc::new(MemoryStore::new(clock.clone(), SlotCount::new(256).unwrap(), SECOND)), clock)
}

async fn fixture() -> Memory {
    memory()
}

#[async_trait]
impl StoreFixture for Memory {
    fn store(&self) -> Arc<dyn WorkStore> {
        self.0.clone()
    }

    fn election(&self) -> Arc<dyn Election> {
        self.0.clone()
    }

    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation> {
        items.iter().for_each(|item| assert!(self.0.insert(item.clone())));
        Ok(())
    }

    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation> {
        items.iter().for_each(|item| assert!(self.0.remove(item)));
        Ok(())
    }

    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation> {
        items.iter().for_each(|item| self.0.refuse(item.clone(), "the test refuses it"));
        Ok(())
    }

    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation> {
        self.0.refuse_worker(worker.clone(), "the test refuses this name");
        Ok(())
    }

    async fn accept_all(&self) -> Result<(), Violation> {
        self.0.accept_all();
        Ok(())
    }

    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation> {
        let row = self.0.rows().into_iter().find(|row| row.id == *item);
        Ok(row.map(|row| (row.value, row.worker.map(|worker| worker.to_string()))))
    }

    async fn outlast_the_leader(&self) -> Result<(), Violation> {
        tokio::time::advance(LEADERLESS_AFTER).await;
        Ok(())
    }

    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation> {
        self.1.set_ahead(-i64::try_from(by.as_millis()).unwrap());
        Ok(())
    }

    async fn outlast_deafness(&self) -> Result<(), Violation> {
        tokio::time::advance(DEAF_AFTER).await;
        Ok(())
    }

    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation> {
        self.1.set_ahead(-1000 * ticks.cast_signed());
        Ok(())
    }

    async fn pass_a_moment(&self) {
        tokio::time::advance(SECOND / 10).await;
    }
}

mod reference {
    scaler_core::store_suite!(super::fixture);
}

mod operations {
    scaler_core::operations_suite!(super::fixture);
}
