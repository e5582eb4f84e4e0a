//! Link between a node and the servers of its cluster: up, cut, or silent.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::sync::watch;
use uuid::Uuid;

use crate::hand_over::Acknowledgement;
use crate::memory::{MemoryMembership, MemoryStore};
use crate::{
    Adoption, Assignment, Claim, Election, Hearing, Holding, InstallationId, ItemId, Member, MemberKey, MemberRecord, Membership,
    MembershipError, Outcome, RefusedItem, Registration, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick, TickReport,
    Transfer, WakeUp, WorkStore, WorkerId,
};

/// State of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Calls arrive.
    #[default]
    Up,
    /// Calls fail at once.
    Cut,
    /// Calls wait until the link is up again.
    Silent,
}

/// The servers of a cluster, as one node reaches them.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) store: Arc<MemoryStore>,
    pub(super) membership: Arc<MemoryMembership>,
    pub(super) state: watch::Receiver<State>,
    /// True if no commit is accepted.
    pub(super) is_frozen: watch::Receiver<bool>,
    /// Slots whose ticks fail.
    pub(super) failing: watch::Receiver<Option<SlotRange>>,
}

impl Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl Link {
    /// Waits while the link is silent; false if it is cut.
    async fn arrives(&self) -> bool {
        let mut state = self.state.clone();
        // If the cluster is gone, so are its servers.
        let known = state.wait_for(|state| *state != State::Silent).await;
        known.is_ok_and(|state| *state == State::Up)
    }

    async fn to_store<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let away = || StoreError::Unavailable { during: "call", source: "the link is cut".into() };
        if self.arrives().await { call.await } else { Err(away()) }
    }

    async fn to_membership<T>(&self, call: impl Future<Output = Result<T, MembershipError>>) -> Result<T, MembershipError> {
        let away = || MembershipError::Unavailable { during: "call", source: "the link is cut".into() };
        if self.arrives().await { call.await } else { Err(away()) }
    }
}

#[async_trait]
impl WorkStore for Link {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        if self.failing.borrow().is_some_and(|failing| failing.first() < slots.end() && slots.first() < failing.end()) {
            return Err(StoreError::Refused { during: "tick", source: "the ticks of some of these slots fail".into() });
        }
        self.to_store(self.store.tick(owner, slots)).await
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        self.to_store(self.store.items(owner, slots)).await
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        self.to_store(self.store.holdings(owner, slots)).await
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        self.to_store(self.store.acknowledge(owner, ended)).await
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        self.to_store(self.store.try_to_write(owner)).await
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        self.to_store(self.store.assignment()).await
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.to_store(self.store.census()).await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        if *self.is_frozen.borrow() {
            return Err(StoreError::Busy { during: "commit", source: "the assignment is frozen".into() });
        }
        self.to_store(self.store.commit(term, transfers)).await
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        self.to_store(self.store.catch_up(term)).await
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        self.to_store(self.store.adopt(owner)).await
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        self.to_store(self.store.claim_orphans(owner, limit, well_since)).await
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.to_store(self.store.installation()).await
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.to_store(self.store.slot_count()).await
    }

    fn membership(&self) -> Result<Option<Arc<dyn Membership>>, MembershipError> {
        Ok(Some(Arc::new(self.clone())))
    }
}

#[async_trait]
impl Election for Link {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        self.to_store(self.store.campaign(candidate, lease, hearing)).await
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        self.to_store(self.store.renew(term, lease, hearing)).await
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.to_store(self.store.resign(term)).await
    }
}

#[async_trait]
impl Membership for Link {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        self.to_membership(self.membership.heartbeat(member)).await
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        self.to_membership(self.membership.leave(member)).await
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        self.to_membership(self.membership.members()).await
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.to_membership(self.membership.sweep(older_than)).await
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        self.to_membership(self.membership.retire(installation, workers)).await
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        self.to_membership(self.membership.retired(installation)).await
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        self.to_membership(self.membership.wake_up(wake_up)).await
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        let state = self.state.clone();
        let is_heard = move |_: &WakeUp| std::future::ready(*state.borrow() == State::Up);
        Box::pin(self.membership.wake_ups().filter(is_heard))
    }
}
