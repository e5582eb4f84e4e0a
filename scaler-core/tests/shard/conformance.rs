//! The store's contract, kept by three shards.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::testing::Violation;
use scaler_core::testing::store::StoreFixture;
use scaler_core::{DEAF_AFTER, Election, ItemId, LEADERLESS_AFTER, WorkStore, WorkerId};

use crate::desk::{Desk, SECOND, desk};

async fn fixture() -> Desk {
    desk()
}

#[async_trait]
impl StoreFixture for Desk {
    fn store(&self) -> Arc<dyn WorkStore> {
        self.store.clone()
    }

    fn election(&self) -> Arc<dyn Election> {
        self.store.clone()
    }

    async fn insert(&self, items: &[ItemId]) -> Result<(), Violation> {
        items.iter().for_each(|item| assert!(self.shard_of(item).insert(item.clone())));
        Ok(())
    }

    async fn remove(&self, items: &[ItemId]) -> Result<(), Violation> {
        items.iter().for_each(|item| assert!(self.shard_of(item).remove(item)));
        Ok(())
    }

    async fn refuse(&self, items: &[ItemId]) -> Result<(), Violation> {
        items.iter().for_each(|item| self.shard_of(item).refuse(item.clone(), "the test refuses it"));
        Ok(())
    }

    async fn refuse_worker(&self, worker: &WorkerId) -> Result<(), Violation> {
        self.shards().iter().for_each(|shard| shard.memory.refuse_worker(worker.clone(), "the test refuses this name"));
        Ok(())
    }

    async fn accept_all(&self) -> Result<(), Violation> {
        self.shards().iter().for_each(|shard| shard.memory.accept_all());
        Ok(())
    }

    async fn value(&self, item: &ItemId) -> Result<Option<(u64, Option<String>)>, Violation> {
        let row = self.shard_of(item).rows().into_iter().find(|row| row.id == *item);
        Ok(row.map(|row| (row.value, row.worker.map(|worker| worker.to_string()))))
    }

    async fn outlast_the_leader(&self) -> Result<(), Violation> {
        tokio::time::advance(LEADERLESS_AFTER).await;
        Ok(())
    }

    async fn let_the_lease_end_later(&self, by: Duration) -> Result<(), Violation> {
        self.clock.set_ahead(-i64::try_from(by.as_millis()).unwrap());
        Ok(())
    }

    async fn outlast_deafness(&self) -> Result<(), Violation> {
        tokio::time::advance(DEAF_AFTER).await;
        Ok(())
    }

    async fn let_the_clock_fall(&self, ticks: u64) -> Result<(), Violation> {
        self.clock.set_ahead(-1000 * ticks.cast_signed());
        Ok(())
    }

    async fn pass_a_moment(&self) {
        tokio::time::advance(SECOND / 10).await;
    }
}

scaler_core::store_suite!(fixture);
