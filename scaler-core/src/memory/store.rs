//! In-memory reference store: items, slots and leadership behind one lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::MemoryMembership;
use super::operations::Operations;
use crate::hand_over::Acknowledgement;
use crate::{
    Adoption, Assignment, Cause, Claim, Clock, Election, Epoch, Event, EventFilter, EventLog, Hearing, Holding, Incarnation,
    InstallationId, ItemId, LEADERLESS_AFTER, LeaderLease, MemberKey, Membership, MembershipError, Orphans, Outcome,
    RecordedEvent, RecordedWish, Refusal, RefusalReason, RefusedItem, Slot, SlotCount, SlotLoad, SlotRange, SlotState,
    StoreError, Term, Tick, TickReport, Timing, Transfer, Wish, WishSubject, Wishes, WorkStore, WorkerId, digest_of, fence_of,
    orphans, slot_of,
};

/// In-memory reference implementation of the store contract. It never fails.
#[derive(Debug)]
pub struct MemoryStore {
    installation: InstallationId,
    clock: Arc<dyn Clock>,
    slots: SlotCount,
    /// Slots that may have owners.
    range: SlotRange,
    tick_length: Duration,
    membership: Arc<MemoryMembership>,
    state: Mutex<State>,
}

/// Item as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Id of the item.
    pub id: ItemId,
    /// Number of times the item was incremented.
    pub value: u64,
    /// Worker that last incremented the item; `None` if none has.
    pub worker: Option<WorkerId>,
}

#[derive(Debug)]
struct State {
    items: BTreeMap<ItemId, Row>,
    /// Ids of the items of each slot, in order.
    by_slot: Vec<Vec<ItemId>>,
    refused_items: BTreeMap<ItemId, String>,
    refused_workers: BTreeMap<WorkerId, String>,
    slots: Vec<SlotState>,
    ticks: Vec<u64>,
    /// Number of ticks by which the current tick is ahead of the clock.
    ahead: u64,
    /// Tick in which each slot last changed its owner.
    moved: Vec<Tick>,
    /// Latest epoch of each slot that was acknowledged.
    ended: Vec<Epoch>,
    /// Cause of each slot's last change of owner.
    causes: Vec<Cause>,
    term: u64,
    office: Option<Office>,
    operations: Operations,
}

/// Leadership; times are those of the store's clock.
#[derive(Clone, Copy, Debug)]
struct Office {
    holder: Uuid,
    lease: LeaderLease,
    elected_in: Tick,
}

impl MemoryStore {
    /// Creates an empty store with this many slots and ticks of `tick_length`, at least 1 ms. Its installation is the nil UUID: give it
    /// [another](Self::with_installation) if several stores share a membership.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, slots: SlotCount, tick_length: Duration) -> Self {
        let state = State {
            items: BTreeMap::new(),
            by_slot: vec![Vec::new(); slots.len()],
            refused_items: BTreeMap::new(),
            refused_workers: BTreeMap::new(),
            slots: vec![SlotState::default(); slots.len()],
            ticks: vec![0; slots.len()],
            ahead: 0,
            moved: vec![Tick::default(); slots.len()],
            ended: vec![Epoch::default(); slots.len()],
            causes: vec![Cause::Unowned; slots.len()],
            term: 0,
            office: None,
            operations: Operations::default(),
        };
        Self {
            installation: InstallationId::new(Uuid::nil()),
            membership: Arc::new(MemoryMembership::new(Arc::clone(&clock))),
            clock,
            slots,
            range: SlotRange::ALL,
            tick_length: tick_length.max(Duration::from_millis(1)),
            state: Mutex::new(state),
        }
    }

    /// Returns the store with another installation.
    #[must_use]
    pub const fn with_installation(mut self, installation: InstallationId) -> Self {
        self.installation = installation;
        self
    }

    /// Returns the store as a [shard](crate::shard) with the slots of this range. The other slots never have an owner.
    #[must_use]
    pub const fn with_range(mut self, range: SlotRange) -> Self {
        self.range = range;
        self
    }

    /// Inserts an item with value 0. Returns `false` if it exists already.
    pub fn insert(&self, id: ItemId) -> bool {
        let mut state = self.lock();
        if state.items.contains_key(&id) {
            return false;
        }
        let ids = &mut state.by_slot[slot_of(&id, self.slots).index()];
        let at = ids.partition_point(|other| *other < id);
        ids.insert(at, id.clone());
        state.items.insert(id.clone(), Row { id, value: 0, worker: None });
        true
    }

    /// Removes an item. Returns `false` if it does not exist.
    pub fn remove(&self, id: &ItemId) -> bool {
        let mut state = self.lock();
        state.by_slot[slot_of(id, self.slots).index()].retain(|other| other != id);
        state.items.remove(id).is_some()
    }

    /// Refuses every change of this item for the reason `why`, until [`accept_all`](Self::accept_all). Each tick tries again.
    pub fn refuse(&self, item: ItemId, why: impl Into<String>) {
        self.lock().refused_items.insert(item, why.into());
    }

    /// Refuses all writes of this worker for the reason `why`, until [`accept_all`](Self::accept_all).
    pub fn refuse_worker(&self, worker: WorkerId, why: impl Into<String>) {
        self.lock().refused_workers.insert(worker, why.into());
    }

    /// Ends all refusals of items and of workers.
    pub fn accept_all(&self) {
        let mut state = self.lock();
        state.refused_items.clear();
        state.refused_workers.clear();
    }

    /// True if this worker may not change this item.
    #[must_use]
    pub fn refuses(&self, worker: &WorkerId, item: &ItemId) -> bool {
        self.lock().refusal(worker, item).is_some()
    }

    /// Returns all items, in order.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.lock().items.values().cloned().collect()
    }

    /// Returns the number of ticks done for the slot of this item.
    #[must_use]
    pub fn ticks_of(&self, id: &ItemId) -> u64 {
        self.lock().ticks[slot_of(id, self.slots).index()]
    }

    /// Returns the current tick, counted from 1, and the time since it began.
    fn tick_now(&self, state: &State) -> (Tick, Duration) {
        let (now, length) = (self.clock.now().as_nanos(), self.tick_length.as_nanos());
        let into = Duration::from_nanos(u64::try_from(now % length).unwrap_or(0));
        (Tick(u64::try_from(now / length).unwrap_or(u64::MAX).saturating_add(state.ahead + 1)), into)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so a poisoned state is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the slots of this owner within the range, in order.
    fn owned_by<'a>(&'a self, owner: &'a MemberKey, range: SlotRange) -> impl Iterator<Item = Slot> + 'a {
        let numbered = (0..).map(Slot::new).zip(&self.slots);
        numbered.filter(move |(slot, state)| range.contains(*slot) && state.owner.as_ref() == Some(owner)).map(|(slot, _)| slot)
    }

    /// Returns the refusal if this worker may not change this item, and `None` if it may.
    fn refusal(&self, worker: &WorkerId, item: &ItemId) -> Option<RefusedItem> {
        let why = self.refused_workers.get(worker).or_else(|| self.refused_items.get(item))?;
        Some(RefusedItem { item: item.clone(), why: why.clone() })
    }

    fn is_latest(&self, term: &Term) -> bool {
        self.term == term.number && self.office.is_some_and(|office| office.holder == term.holder)
    }

    fn give(&mut self, slot: Slot, to: &MemberKey, tick: Tick, cause: Cause) {
        let state = &mut self.slots[slot.index()];
        state.owner = Some(to.clone());
        state.epoch = state.epoch.next();
        self.moved[slot.index()] = tick;
        self.causes[slot.index()] = cause;
    }

    fn transfer(&mut self, transfer: &Transfer, tick: Tick) -> Result<(), RefusalReason> {
        match self.slots.get_mut(transfer.slot.index()) {
            Some(slot) if slot.epoch == transfer.epoch => {
                if transfer.timing == Timing::AfterTick && slot.last_tick < tick {
                    return Err(RefusalReason::NotTickedYet);
                }
                self.give(transfer.slot, &transfer.to, tick, transfer.cause);
                Ok(())
            }
            _ => Err(RefusalReason::EpochPassed),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl WorkStore for MemoryStore {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        let mut state = self.lock();
        let (tick, into_tick) = self.tick_now(&state);
        let owned: Vec<Slot> = state.owned_by(owner, slots).collect();
        let fence = fence_of(owned.iter().map(|slot| (*slot, state.slots[slot.index()].epoch)));
        let mut report = TickReport {
            installation: self.installation,
            tick,
            into_tick,
            tick_length: self.tick_length,
            slots: self.slots,
            owned: u32::try_from(owned.len()).unwrap_or(u32::MAX),
            fence,
            ticked: 0,
            left: 0,
            items: 0,
            digest: 0,
            locked: 0,
            refused: 0,
            refusal: None,
            took: Duration::ZERO,
        };
        let mut refusal: Option<RefusedItem> = None;
        for slot in owned.into_iter().map(Slot::index) {
            if state.slots[slot].last_tick >= tick {
                continue;
            }
            state.slots[slot].last_tick = tick;
            state.ticks[slot] += 1;
            report.ticked += 1;
            let ids = state.by_slot[slot].clone();
            report.digest ^= digest_of(&ids);
            for id in ids {
                if let Some(refused) = state.refusal(&owner.worker, &id) {
                    report.refused += 1;
                    refusal = Some(refusal.filter(|other| other.item < id).unwrap_or(refused));
                    continue;
                }
                report.items += 1;
                if let Some(row) = state.items.get_mut(&id) {
                    row.value += 1;
                    row.worker = Some(owner.worker.clone());
                }
            }
        }
        report.refusal = refusal.map(Arc::new);
        Ok(report)
    }

    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError> {
        let state = self.lock();
        let mut items: Vec<_> = state.owned_by(owner, slots).flat_map(|slot| state.by_slot[slot.index()].clone()).collect();
        items.sort_unstable();
        Ok(items)
    }

    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError> {
        let state = self.lock();
        let holding = |slot: Slot| {
            let at = slot.index();
            Holding { slot, epoch: state.slots[at].epoch, ended: state.ended[at], cause: state.causes[at] }
        };
        Ok(state.owned_by(owner, slots).map(holding).collect())
    }

    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for Acknowledgement { slot, epoch } in ended {
            let Some(SlotState { owner: holder, epoch: present, .. }) = state.slots.get(slot.index()) else { continue };
            let is_own = holder.as_ref() == Some(owner);
            let most = if is_own { present.0 } else { present.0.saturating_sub(1) };
            let recorded = &mut state.ended[slot.index()];
            *recorded = Epoch(epoch.0.min(most)).max(*recorded);
        }
        Ok(())
    }

    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError> {
        let state = self.lock();
        let mut tried = state.items.keys().map(|item| state.refusal(&owner.worker, item));
        Ok(tried.try_fold(None, |_, refused| refused.map(Some)).flatten())
    }

    async fn assignment(&self) -> Result<Assignment, StoreError> {
        let state = self.lock();
        let (tick, _) = self.tick_now(&state);
        Ok(Assignment {
            installation: self.installation,
            tick,
            tick_length: self.tick_length,
            range: self.range,
            slots: state.slots.clone(),
            sessions: None,
        })
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        let state = self.lock();
        let counts = state.by_slot.iter().map(|ids| u32::try_from(ids.len()).unwrap_or(u32::MAX));
        Ok(SlotLoad::of_items(self.slots, (0..).map(Slot::new).zip(counts)))
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        let mut state = self.lock();
        let (tick, _) = self.tick_now(&state);
        if !state.is_latest(term) {
            return Ok(Outcome::Deposed);
        }
        let (mut moved, mut refused) = (Vec::new(), Vec::new());
        for transfer in transfers {
            let moves = self.range.contains(transfer.slot).then(|| state.transfer(transfer, tick));
            match moves.unwrap_or(Err(RefusalReason::EpochPassed)) {
                Ok(()) => moved.push(transfer.slot),
                Err(why) => refused.push(Refusal { slot: transfer.slot, why }),
            }
        }
        Ok(Outcome::Committed { moved, refused })
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let (tick, _) = self.tick_now(&state);
        let last = state.slots.iter().map(|slot| slot.last_tick).max().unwrap_or_default();
        if !state.is_latest(term) || last.since(tick) <= 1 {
            return Ok(0);
        }
        let ticks = last.since(tick) + 1;
        state.ahead += ticks;
        Ok(ticks)
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        let mut state = self.lock();
        let (tick, _) = self.tick_now(&state);
        let is_namesakes = |state: &SlotState| state.owner.as_ref().is_some_and(|o| o.worker == owner.worker && o != owner);
        let namesakes = (0..).map(Slot::new).zip(&state.slots).filter(|(_, slot)| is_namesakes(slot)).map(|(slot, _)| slot);
        let namesakes: Vec<Slot> = namesakes.collect();
        namesakes.iter().for_each(|slot| state.give(*slot, owner, tick, Cause::Adopted));
        Ok(Adoption { installation: self.installation, slots: namesakes.len() })
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        let mut state = self.lock();
        let (now, (tick, _)) = (self.clock.now(), self.tick_now(&state));
        let (first, range) = (self.range.first(), self.range.indexes(self.slots));
        let Some(office) = state.office else { return Ok(Claim::NotYet { wait: LEADERLESS_AFTER, unticked: range.len() }) };
        let free_from = office.lease.ends + LEADERLESS_AFTER;
        let led_since = (free_from > now).then_some(office.elected_in);
        match orphans(&state.slots[range.clone()], &state.moved[range], tick, led_since, well_since) {
            Orphans::NotYet { ticks, unticked } => {
                let wait = self.tick_length * u32::try_from(ticks).unwrap_or(u32::MAX);
                Ok(Claim::NotYet { wait: wait.min(free_from - now), unticked })
            }
            Orphans::Free(mut orphans) => {
                orphans.truncate(limit);
                let orphans = orphans.iter().map(|slot| Slot::new(first + slot.number()));
                let slots = orphans.len();
                orphans.for_each(|slot| state.give(slot, owner, tick, Cause::Claimed));
                Ok(Claim::Claimed { slots })
            }
        }
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        Ok(self.installation)
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        Ok(self.slots)
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn take_incarnation(&self) -> Option<Incarnation> {
        None
    }

    fn membership(&self) -> Result<Option<Arc<dyn Membership>>, MembershipError> {
        Ok(Some(Arc::clone(&self.membership) as Arc<dyn Membership>))
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        Some(self)
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        Some(self)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Wishes for MemoryStore {
    async fn wishes(&self) -> Result<Vec<RecordedWish>, StoreError> {
        Ok(self.lock().operations.wishes())
    }

    async fn wish(&self, wish: &Wish, by: &str, note: &str) -> Result<(), StoreError> {
        wish.check(self.slots).map_err(|error| StoreError::Refused { during: "wish", source: error.into() })?;
        self.lock().operations.wish(self.clock.now(), wish, by, note);
        Ok(())
    }

    async fn withdraw(&self, subject: &WishSubject, by: &str) -> Result<bool, StoreError> {
        Ok(self.lock().operations.withdraw(self.clock.now(), subject, by))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventLog for MemoryStore {
    async fn append(&self, events: &[Event]) -> Result<(), StoreError> {
        self.lock().operations.append(self.clock.now(), events.iter().cloned());
        Ok(())
    }

    async fn events(&self, filter: &EventFilter, limit: usize) -> Result<Vec<RecordedEvent>, StoreError> {
        Ok(self.lock().operations.events(filter, limit))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Election for MemoryStore {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        let now = self.clock.now();
        let mut state = self.lock();
        let (elected_in, _) = self.tick_now(&state);
        if state.office.is_some_and(|office| office.lease.holds(now, hearing)) {
            return Ok(None);
        }
        state.term += 1;
        state.office = Some(Office { holder: candidate, lease: LeaderLease::new(now, lease), elected_in });
        Ok(Some(Term { number: state.term, holder: candidate }))
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut state = self.lock();
        let latest = state.is_latest(term);
        if let Some(office) = state.office.as_mut().filter(|_| latest) {
            office.lease = office.lease.renewed(now, lease, hearing);
        }
        Ok(latest)
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut state = self.lock();
        let latest = state.is_latest(term);
        if let Some(office) = state.office.as_mut().filter(|_| latest) {
            office.lease.ends = now;
        }
        Ok(())
    }
}
