//! The store under watch: each call that may change something is one step, shown to every invariant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scaler_core::hand_over::Acknowledgement;
use scaler_core::memory::{MemoryStore, Row};
use scaler_core::{
    Adoption, Assignment, Claim, Election, EventLog, Hearing, Holding, InstallationId, ItemId, MemberKey, Outcome, RefusedItem,
    SlotCount, SlotLoad, SlotRange, SlotState, StoreError, Term, Tick, TickReport, Transfer, Wishes, WorkStore, WorkerId,
    slot_of,
};
use uuid::Uuid;

use crate::invariants::{self, Invariant};

/// A store that can be looked into: the reference, or one that is broken on purpose.
pub(crate) trait Transparent: WorkStore + Election {
    /// The items as they are.
    fn rows(&self) -> Vec<Row>;
    /// Number of ticks of the item's slot.
    fn ticks_of(&self, item: &ItemId) -> u64;
    /// True if the store refuses the worker's change of the item.
    fn refuses(&self, worker: &WorkerId, item: &ItemId) -> bool;
}

impl Transparent for MemoryStore {
    fn rows(&self) -> Vec<Row> {
        self.rows()
    }

    fn ticks_of(&self, item: &ItemId) -> u64 {
        self.ticks_of(item)
    }

    fn refuses(&self, worker: &WorkerId, item: &ItemId) -> bool {
        self.refuses(worker, item)
    }
}

/// All there is to see in a store at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) tick: Tick,
    pub(crate) rows: BTreeMap<ItemId, Row>,
    pub(crate) ticks: BTreeMap<ItemId, u64>,
    pub(crate) slots: Vec<SlotState>,
    /// Items that their owners may not change.
    pub(crate) refused: BTreeSet<ItemId>,
}

impl Snapshot {
    /// The owner of the item's slot.
    pub(crate) fn owner(&self, item: &ItemId) -> Option<&WorkerId> {
        owner_of(&self.slots, item)
    }
}

fn owner_of<'a>(slots: &'a [SlotState], item: &ItemId) -> Option<&'a WorkerId> {
    let count = SlotCount::new(u32::try_from(slots.len()).unwrap()).unwrap();
    slots[slot_of(item, count).index()].owner.as_ref().map(|owner| &owner.worker)
}

/// A call that changed something, or could have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Tick,
    Adopt,
    Claim,
    Commit(Term),
    /// By so many ticks.
    CatchUp(Term, u64),
    Elected(Term),
    Renewed,
    /// Items came or went.
    Items,
}

/// Change of the store by a call.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) call: Call,
    pub(crate) before: &'a Snapshot,
    pub(crate) after: &'a Snapshot,
}

impl Step<'_> {
    /// The items that live through it, before and after.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&Row, &Row)> {
        self.before.rows.iter().filter_map(|(item, before)| Some((before, self.after.rows.get(item)?)))
    }
}

#[derive(Debug)]
pub(crate) struct Record {
    store: Arc<dyn Transparent>,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    last: Snapshot,
    invariants: Vec<Box<dyn Invariant>>,
    violations: Vec<String>,
    /// The candidate that was elected last.
    leader: Option<Uuid>,
    /// A digest of all steps, in their order.
    trace: Vec<String>,
}

impl Record {
    pub(crate) fn new(store: Arc<dyn Transparent>) -> Self {
        let seen = Seen {
            last: Snapshot::default(),
            invariants: invariants::all(),
            violations: Vec::new(),
            leader: None,
            trace: Vec::new(),
        };
        Self { store, seen: Mutex::new(seen) }
    }

    /// Looks at the store after a call.
    pub(crate) async fn step(&self, call: Call) {
        let assignment = self.store.assignment().await.unwrap();
        let rows: BTreeMap<_, _> = self.store.rows().into_iter().map(|row| (row.id.clone(), row)).collect();
        let ticks = rows.keys().map(|item| (item.clone(), self.store.ticks_of(item))).collect();
        let is_refused = |item: &&ItemId| owner_of(&assignment.slots, item).is_some_and(|owner| self.store.refuses(owner, item));
        let refused = rows.keys().filter(is_refused).cloned().collect();
        let after = Snapshot { tick: assignment.tick, rows, ticks, slots: assignment.slots, refused };
        let Seen { last, invariants, violations, trace, .. } = &mut *self.seen.lock().unwrap();
        if !last.slots.is_empty() {
            let step = Step { call, before: last, after: &after };
            violations.extend(invariants.iter_mut().filter_map(|invariant| invariant.check(&step).err()));
        }
        let values: u64 = after.rows.values().map(|row| row.value).sum();
        let epochs: u64 = after.slots.iter().map(|slot| slot.epoch.0).sum();
        trace.push(format!("{call:?} at {}: {values} increments, {epochs} epochs", after.tick));
        *last = after;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.seen.lock().unwrap().last.clone()
    }

    pub(crate) fn leader(&self) -> Option<Uuid> {
        self.seen.lock().unwrap().leader
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.seen.lock().unwrap().violations.clone()
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.seen.lock().unwrap().trace.clone()
    }
}

#[async_trait]
impl WorkStore for Record {
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError> {
        let report = self.store.tick(owner, slots).await?;
        if report.ticked > 0 {
            self.step(Call::Tick).await;
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
        self.store.assignment().await
    }

    async fn census(&self) -> Result<SlotLoad, StoreError> {
        self.store.census().await
    }

    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError> {
        let outcome = self.store.commit(term, transfers).await?;
        self.step(Call::Commit(*term)).await;
        Ok(outcome)
    }

    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError> {
        let ticks = self.store.catch_up(term).await?;
        self.step(Call::CatchUp(*term, ticks)).await;
        Ok(ticks)
    }

    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError> {
        let adopted = self.store.adopt(owner).await?;
        self.step(Call::Adopt).await;
        Ok(adopted)
    }

    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError> {
        let claim = self.store.claim_orphans(owner, limit, well_since).await?;
        if !matches!(claim, Claim::NotYet { .. }) {
            self.step(Call::Claim).await;
        }
        Ok(claim)
    }

    async fn installation(&self) -> Result<InstallationId, StoreError> {
        self.store.installation().await
    }

    async fn slot_count(&self) -> Result<SlotCount, StoreError> {
        self.store.slot_count().await
    }

    fn wishes(&self) -> Option<&dyn Wishes> {
        self.store.wishes()
    }

    fn event_log(&self) -> Option<&dyn EventLog> {
        self.store.event_log()
    }
}

#[async_trait]
impl Election for Record {
    async fn campaign(&self, candidate: Uuid, lease: Duration, hearing: Hearing) -> Result<Option<Term>, StoreError> {
        let term = self.store.campaign(candidate, lease, hearing).await?;
        if let Some(term) = term {
            self.seen.lock().unwrap().leader = Some(term.holder);
            self.step(Call::Elected(term)).await;
        }
        Ok(term)
    }

    async fn renew(&self, term: &Term, lease: Duration, hearing: Hearing) -> Result<bool, StoreError> {
        let renewed = self.store.renew(term, lease, hearing).await?;
        if renewed {
            self.step(Call::Renewed).await;
        }
        Ok(renewed)
    }

    async fn resign(&self, term: &Term) -> Result<(), StoreError> {
        self.store.resign(term).await
    }
}
