//! A store that sees sessions, to which one worker or all can lose the way.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::memory::MemoryStore;
use scaler_core::{
    Adoption, Assignment, Claim, Election, Hearing, Holding, Incarnation, InstallationId, ItemId, MemberKey, Outcome,
    RefusedItem, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick, TickReport, Transfer, WorkStore,
};
use uuid::Uuid;

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) store: MemoryStore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) sessions: BTreeSet<Incarnation>,
    /// The workers whose calls do not arrive until they are removed from this set.
    pub(crate) cut: BTreeSet<Incarnation>,
    /// The workers with a broken connection, which is noticed only at its next use.
    pub(crate) broken: BTreeSet<Incarnation>,
    /// No call is answered.
    pub(crate) is_away: bool,
    /// Delay of the next answer about the slots.
    pub(crate) delay: Duration,
    /// Delay of every answer, in addition.
    pub(crate) slowness: Duration,
}

impl Server {
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self { store, state: Mutex::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The server is restarted: it is away, and all sessions are gone.
    pub(crate) fn goes_away(&self) {
        let state = &mut *self.state();
        state.is_away = true;
        state.broken = std::mem::take(&mut state.sessions);
    }

    fn reached(&self) -> Result<(), StoreError> {
        if self.state().is_away { Err(away()) } else { Ok(()) }
    }

    /// A worker's call arrives, by its session or by a new one.
    async fn reached_by(&self, member: &MemberKey) -> Result<(), StoreError> {
        if self.state().is_away {
            // Now it knows that its connection is broken.
            self.state().broken.remove(&member.incarnation);
            return Err(away());
        }
        while self.state().cut.contains(&member.incarnation) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if self.state().broken.remove(&member.incarnation) {
            return Err(away());
        }
        self.state().sessions.insert(member.incarnation);
        Ok(())
    }
}

fn away() -> StoreError {
    StoreError::Unavailable { during: "call", source: "connection closed".into() }
}

#[async_trait]
impl WorkStore for Server {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        self.reached_by(owner).await?;
        self.store.tick(owner, slots).await
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        self.reached_by(owner).await?;
        self.store.items(owner, slots).await
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        self.reached_by(owner).await?;
        self.store.holdings(owner, slots).await
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        self.reached_by(owner).await?;
        self.store.acknowledge(owner, ended).await
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        self.reached_by(owner).await?;
        self.store.try_to_write(owner).await
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        self.reached()?;
        let sessions = Some(self.state().sessions.clone());
        let assignment = Assignment { sessions, ..self.store.assignment().await? };
        let delay = {
            let mut state = self.state();
            std::mem::take(&mut state.delay) + state.slowness
        };
        tokio::time::sleep(delay).await;
        Ok(assignment)
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.reached()?;
        self.store.census().await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        self.reached()?;
        self.store.commit(term, transfers).await
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        self.reached()?;
        self.store.catch_up(term).await
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        self.reached_by(owner).await?;
        self.store.adopt(owner).await
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        self.reached_by(owner).await?;
        self.store.claim_orphans(owner, limit, well_since).await
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.store.installation().await
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.store.slot_count().await
    }
}

#[async_trait]
impl Election for Server {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        self.reached()?;
        self.store.campaign(candidate, lease, hearing).await
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        self.reached()?;
        self.store.renew(term, lease, hearing).await
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.reached()?;
        self.store.resign(term).await
    }
}
