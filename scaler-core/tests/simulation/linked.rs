//! The servers as one process sees them, through its links.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{BoxStream, StreamExt};
use scaler_core::hand_over::Acknowledgement;
use scaler_core::{
    Adoption, Assignment, Claim, Election, Event, EventFilter, EventLog, Hearing, Holding, InstallationId, ItemId, Member,
    MemberKey, MemberRecord, Membership, MembershipError, Outcome, RecordedEvent, RecordedWish, RefusedItem, Registration,
    SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick, TickReport, Transfer, WakeUp, Wish, WishSubject, Wishes, WorkStore,
    WorkerId,
};
use uuid::Uuid;

use crate::link::{Link, Lost};

/// A server and the link to it.
#[derive(Debug)]
pub(crate) struct Linked<S: ?Sized> {
    pub(crate) link: Arc<Link>,
    pub(crate) server: Arc<S>,
}

fn store_error(lost: Lost) -> StoreError {
    let (during, source) = ("call", "lost on the way".into());
    match lost {
        Lost::Request => StoreError::Unavailable { during, source },
        Lost::Reply => StoreError::Unanswered { during, source },
    }
}

fn membership_error(lost: Lost) -> MembershipError {
    let (during, source) = ("call", "lost on the way".into());
    match lost {
        Lost::Request => MembershipError::Unavailable { during, source },
        Lost::Reply => MembershipError::Unanswered { during, source },
    }
}

#[async_trait]
impl<S: WorkStore + ?Sized> WorkStore for Linked<S> {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        self.link.carry(|| self.server.tick(owner, slots)).await.map_err(store_error)?
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        self.link.carry(|| self.server.items(owner, slots)).await.map_err(store_error)?
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        self.link.carry(|| self.server.holdings(owner, slots)).await.map_err(store_error)?
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        self.link.carry(|| self.server.acknowledge(owner, ended)).await.map_err(store_error)?
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        self.link.carry(|| self.server.try_to_write(owner)).await.map_err(store_error)?
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        self.link.carry(|| self.server.assignment()).await.map_err(store_error)?
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.link.carry(|| self.server.census()).await.map_err(store_error)?
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        self.link.carry(|| self.server.commit(term, transfers)).await.map_err(store_error)?
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        self.link.carry(|| self.server.catch_up(term)).await.map_err(store_error)?
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        self.link.carry(|| self.server.adopt(owner)).await.map_err(store_error)?
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        self.link.carry(|| self.server.claim_orphans(owner, limit, well_since)).await.map_err(store_error)?
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.link.carry(|| self.server.installation()).await.map_err(store_error)?
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.link.carry(|| self.server.slot_count()).await.map_err(store_error)?
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        self.server.wishes().map(|_| self as &dyn Wishes)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        self.server.event_log().map(|_| self as &dyn EventLog)
    }
}

fn none() -> StoreError {
    StoreError::Refused { during: "call", source: "this store keeps no wishes and no events".into() }
}

#[async_trait]
impl<S: WorkStore + ?Sized> Wishes for Linked<S> {
    async fn wishes(&self) -> Result<Vec<RecordedWish>, StoreError> {
        let wishes = self.server.wishes().ok_or_else(none)?;
        self.link.carry(|| wishes.wishes()).await.map_err(store_error)?
    }

    async fn wish(&self, wish: &Wish, by: &str, note: &str) -> Result<(), StoreError> {
        let wishes = self.server.wishes().ok_or_else(none)?;
        self.link.carry(|| wishes.wish(wish, by, note)).await.map_err(store_error)?
    }

    async fn withdraw(&self, subject: &WishSubject, by: &str) -> Result<bool, StoreError> {
        let wishes = self.server.wishes().ok_or_else(none)?;
        self.link.carry(|| wishes.withdraw(subject, by)).await.map_err(store_error)?
    }
}

#[async_trait]
impl<S: WorkStore + ?Sized> EventLog for Linked<S> {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        let log = self.server.event_log().ok_or_else(none)?;
        self.link.carry(|| log.append(events)).await.map_err(store_error)?
    }

    async fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        let log = self.server.event_log().ok_or_else(none)?;
        self.link.carry(|| log.events(filter, limit)).await.map_err(store_error)?
    }
}

#[async_trait]
impl<S: Election + ?Sized> Election for Linked<S> {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        self.link.carry(|| self.server.campaign(candidate, lease, hearing)).await.map_err(store_error)?
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        self.link.carry(|| self.server.renew(term, lease, hearing)).await.map_err(store_error)?
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.link.carry(|| self.server.resign(term)).await.map_err(store_error)?
    }
}

#[async_trait]
impl<S: Membership + ?Sized> Membership for Linked<S> {
    async fn heartbeat(&self, member: &Member) -> Result<Registration, MembershipError> {
        self.link.carry(|| self.server.heartbeat(member)).await.map_err(membership_error)?
    }

    async fn leave(&self, member: &MemberKey) -> Result<(), MembershipError> {
        self.link.carry(|| self.server.leave(member)).await.map_err(membership_error)?
    }

    async fn members(&self) -> Result<Vec<MemberRecord>, MembershipError> {
        self.link.carry(|| self.server.members()).await.map_err(membership_error)?
    }

    async fn sweep(&self, older_than: Duration) -> Result<Vec<WorkerId>, MembershipError> {
        self.link.carry(|| self.server.sweep(older_than)).await.map_err(membership_error)?
    }

    async fn retire(&self, installation: InstallationId, workers: &BTreeSet<WorkerId>) -> Result<(), MembershipError> {
        self.link.carry(|| self.server.retire(installation, workers)).await.map_err(membership_error)?
    }

    async fn retired(&self, installation: InstallationId) -> Result<BTreeSet<WorkerId>, MembershipError> {
        self.link.carry(|| self.server.retired(installation)).await.map_err(membership_error)?
    }

    async fn wake_up(&self, wake_up: &WakeUp) -> Result<(), MembershipError> {
        self.link.carry(|| self.server.wake_up(wake_up)).await.map_err(membership_error)?
    }

    fn wake_ups(&self) -> BoxStream<'static, WakeUp> {
        let link = self.link.clone();
        self.server.wake_ups().filter(move |_| ready(!link.is_cut())).boxed()
    }
}
