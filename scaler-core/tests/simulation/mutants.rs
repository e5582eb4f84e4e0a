//! Stores that are broken on purpose: the simulation must find each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::memory::{MemoryStore, Row};
use scaler_core::{
    Adoption, Assignment, Cause, Claim, Election, Epoch, EventLog, Hearing, Holding, Incarnation, InstallationId, ItemId,
    MemberKey, ORPHANED_AFTER_TICKS, Outcome, RefusedItem, Slot, SlotCount, SlotLoad, SlotRange, SlotState, StoreError, Term,
    Tick, TickReport, Timing, Transfer, Wishes, WorkStore, WorkerId,
};
use uuid::Uuid;

use crate::record::Transparent;

/// The mutants: each breaks one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A worker increments the slots of its last answer, even if another owns them now.
    NoFence,
    /// A tick that comes twice counts twice.
    NoTickNumber,
    /// A slot changes hands and keeps its epoch.
    EpochStays,
    /// A leader may move slots for ever once elected, as with a lock that the write does not check.
    AnyTerm,
    /// From the tenth tick on, the ticks of one worker are not told.
    TicksUntold,
    /// Workers never claim orphans.
    NobodyClaims,
    /// Workers claim only without a leader, and a leader that hears no members keeps the lead.
    DeafLeadersStay,
    /// An item that is refused keeps its owner from ticking anything.
    StopsAtRefusals,
    /// Workers claim without checking for a leader.
    ClaimsBesideALeader,
}

#[derive(Debug)]
pub(crate) struct Broken {
    store: Arc<MemoryStore>,
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Items that no worker should have incremented.
    extra: BTreeMap<ItemId, (u64, WorkerId)>,
    /// Slots that each worker believes to own, with the time of the grant.
    believed: BTreeMap<Incarnation, (Tick, Vec<ItemId>)>,
    latest: Option<Term>,
}

impl Broken {
    pub(crate) fn new(store: Arc<MemoryStore>, fault: Fault) -> Self {
        Self { store, fault, state: Mutex::default() }
    }

    fn increment(&self, items: &[ItemId], worker: &WorkerId) {
        let mut state = self.state.lock().unwrap();
        for item in items {
            let extra = state.extra.entry(item.clone()).or_insert_with(|| (0, worker.clone()));
            *extra = (extra.0 + 1, worker.clone());
        }
    }

    /// Gives the worker in the leader's name what has not been ticked for long.
    async fn claim_beside_a_leader(&self, owner: &MemberKey) -> Result<Claim, StoreError> {
        let Assignment { tick, slots, .. } = self.store.assignment().await?;
        let unticked = (0..).map(Slot::new).zip(slots).filter(|(_, slot)| tick.since(slot.last_tick) > ORPHANED_AFTER_TICKS);
        let transfer = |(slot, SlotState { epoch, .. })| Transfer {
            slot,
            epoch,
            to: owner.clone(),
            timing: Timing::Now,
            cause: Cause::Rebalance,
        };
        let transfers: Vec<_> = unticked.map(transfer).collect();
        let latest = self.state.lock().unwrap().latest;
        if let Some(term) = latest {
            self.store.commit(&term, &transfers).await?;
        }
        Ok(Claim::Claimed { slots: transfers.len() })
    }

    /// Increments what the worker owned some ticks ago and owns no more.
    async fn tick_without_a_fence(&self, owner: &MemberKey, tick: Tick) -> Result<(), StoreError> {
        let owned = self.store.items(owner, SlotRange::ALL).await?;
        let believed = self.state.lock().unwrap().believed.get(&owner.incarnation).cloned();
        if let Some((since, items)) = believed
            && since.since(Tick(0)) + 2 >= tick.0
        {
            let lost: Vec<_> = items.into_iter().filter(|item| !owned.contains(item)).collect();
            self.increment(&lost, &owner.worker);
            return Ok(());
        }
        self.state.lock().unwrap().believed.insert(owner.incarnation, (tick, owned));
        Ok(())
    }
}

impl Transparent for Broken {
    fn rows(&self) -> Vec<Row> {
        let state = self.state.lock().unwrap();
        let with_extra = |row: Row| match state.extra.get(&row.id) {
            Some((extra, worker)) => Row { value: row.value + extra, worker: Some(worker.clone()), ..row },
            None => row,
        };
        self.store.rows().into_iter().map(with_extra).collect()
    }

    fn ticks_of(&self, item: &ItemId) -> u64 {
        self.store.ticks_of(item)
    }

    fn refuses(&self, worker: &WorkerId, item: &ItemId) -> bool {
        self.store.refuses(worker, item)
    }
}

#[async_trait]
impl WorkStore for Broken {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        if self.fault == Fault::StopsAtRefusals {
            let items = self.store.items(owner, SlotRange::ALL).await?;
            if items.iter().any(|item| self.store.refuses(&owner.worker, item)) {
                return Err(StoreError::Refused { during: "tick", source: "an item is refused".into() });
            }
        }
        let report = self.store.tick(owner, slots).await?;
        match self.fault {
            Fault::NoFence if report.ticked > 0 => self.tick_without_a_fence(owner, report.tick).await?,
            Fault::NoTickNumber if report.ticked == 0 => {
                let items = self.store.items(owner, slots).await?;
                self.increment(&items, &owner.worker);
                return Ok(TickReport { ticked: report.owned, items: items.len() as u64, ..report });
            }
            _ => {}
        }
        Ok(report)
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        self.store.items(owner, slots).await
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        self.store.holdings(owner, slots).await
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        self.store.acknowledge(owner, ended).await
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        self.store.try_to_write(owner).await
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        let mut assignment = self.store.assignment().await?;
        for slot in &mut assignment.slots {
            match self.fault {
                Fault::EpochStays => slot.epoch = Epoch(0),
                Fault::TicksUntold if slot.owner.as_ref().is_some_and(|owner| owner.worker.as_str() == "w1") => {
                    slot.last_tick = slot.last_tick.min(Tick(10));
                }
                _ => {}
            }
        }
        Ok(assignment)
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.store.census().await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        let latest = self.state.lock().unwrap().latest;
        let term = if self.fault == Fault::AnyTerm { latest.unwrap_or(*term) } else { *term };
        let mut transfers = transfers.to_vec();
        if self.fault == Fault::EpochStays {
            let slots = self.store.assignment().await?.slots;
            transfers.iter_mut().for_each(|transfer| transfer.epoch = slots[transfer.slot.index()].epoch);
        }
        self.store.commit(&term, &transfers).await
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        self.store.catch_up(term).await
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        self.store.adopt(owner).await
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        match self.fault {
            Fault::NobodyClaims => Ok(Claim::Claimed { slots: 0 }),
            Fault::DeafLeadersStay => self.store.claim_orphans(owner, limit, Tick(u64::MAX)).await,
            Fault::ClaimsBesideALeader => self.claim_beside_a_leader(owner).await,
            _ => self.store.claim_orphans(owner, limit, well_since).await,
        }
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.store.installation().await
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.store.slot_count().await
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        WorkStore::wishes(&*self.store)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        self.store.event_log()
    }
}

#[async_trait]
impl Election for Broken {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        let hearing = if self.fault == Fault::DeafLeadersStay { Hearing::NoMembers } else { hearing };
        let term = self.store.campaign(candidate, lease, hearing).await?;
        if term.is_some() {
            self.state.lock().unwrap().latest = term;
        }
        Ok(term)
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        let renewed = self.store.renew(term, lease, hearing).await?;
        // Who does not learn that it was deposed goes on.
        Ok(renewed || self.fault == Fault::AnyTerm)
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.store.resign(term).await
    }
}
