//! Three shards of different sizes on virtual time, each of which can be away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::memory::MemoryStore;
use scaler_core::shard::{ShardMap, ShardedStore};
use scaler_core::testing::SetClock;
use scaler_core::{
    Adoption, Assignment, Claim, Clock, Election, Hearing, Holding, Incarnation, InstallationId, ItemId, MemberKey, Outcome,
    RefusedItem, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick, TickReport, TokioClock, Transfer, WorkStore, WorkerId,
};
use uuid::Uuid;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// One of them has a single slot.
pub(crate) const RANGES: [std::ops::Range<u32>; 3] = [0..100, 100..101, 101..256];

pub(crate) struct Desk {
    pub(crate) store: Arc<ShardedStore<Switched>>,
    pub(crate) clock: Arc<SetClock>,
}

/// Way to a shard, which is away if that is set.
#[derive(Debug)]
pub(crate) struct Switched {
    pub(crate) memory: Arc<MemoryStore>,
    is_away: AtomicBool,
}

pub(crate) fn slots() -> SlotCount {
    SlotCount::new(256).unwrap()
}

pub(crate) fn map() -> ShardMap {
    ShardMap::new(slots(), RANGES.map(SlotRange::new)).unwrap()
}

pub(crate) fn desk() -> Desk {
    tokio::time::pause();
    let clock = Arc::new(SetClock::new(Arc::new(TokioClock::start())));
    let shards = map().ranges().iter().map(|range| Arc::new(switched(clock.clone(), *range))).collect();
    Desk { store: Arc::new(ShardedStore::new(map(), shards).unwrap()), clock }
}

pub(crate) fn switched(clock: Arc<dyn Clock>, range: SlotRange) -> Switched {
    Switched::to(&Arc::new(MemoryStore::new(clock, slots(), SECOND).with_range(range)))
}

pub(crate) fn member(name: &str) -> MemberKey {
    MemberKey { worker: WorkerId::new(name).unwrap(), incarnation: Incarnation::new(Uuid::from_u128(name.len() as u128)) }
}

impl Desk {
    /// Returns the shards in slot order.
    pub(crate) fn shards(&self) -> Vec<&Switched> {
        self.store.shards().map(|(_, shard)| &**shard).collect()
    }

    pub(crate) fn shard_of(&self, item: &ItemId) -> &MemoryStore {
        &self.shards()[self.store.map().shard_of(item)].memory
    }
}

impl Switched {
    /// Returns another way to the shard, which is not away.
    pub(crate) fn to(memory: &Arc<MemoryStore>) -> Self {
        Self { memory: Arc::clone(memory), is_away: AtomicBool::new(false) }
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    fn here(&self) -> Result<&MemoryStore, StoreError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable { during: "the test", source: "connection refused".into() });
        }
        Ok(&self.memory)
    }
}

#[async_trait]
impl WorkStore for Switched {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        self.here()?.tick(owner, slots).await
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        self.here()?.items(owner, slots).await
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        self.here()?.holdings(owner, slots).await
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        self.here()?.acknowledge(owner, ended).await
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        self.here()?.try_to_write(owner).await
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        self.here()?.assignment().await
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.here()?.census().await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        self.here()?.commit(term, transfers).await
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        self.here()?.catch_up(term).await
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        self.here()?.adopt(owner).await
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        self.here()?.claim_orphans(owner, limit, well_since).await
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.here()?.installation().await
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.here()?.slot_count().await
    }
}

#[async_trait]
impl Election for Switched {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        self.here()?.campaign(candidate, lease, hearing).await
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        self.here()?.renew(term, lease, hearing).await
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.here()?.resign(term).await
    }
}
