//! The items, who owns their slots, and the work itself.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Epoch, Incarnation, InstallationId, ItemId, MemberKey, Slot, SlotCount, SlotLoad, SlotRange, StoreError, Term, Tick,
};

/// An item that the store does not let a worker change, though it lets it change others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedItem {
    /// The item.
    pub item: ItemId,
    /// Why, in the store's words.
    pub why: String,
}

impl fmt::Display for RefusedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.why)
    }
}

impl std::error::Error for RefusedItem {}

/// What one tick did, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickReport {
    /// Which store answered.
    pub installation: InstallationId,
    /// The tick, by the store's clock.
    pub tick: Tick,
    /// How far into the tick the store's clock was.
    pub into_tick: Duration,
    /// How long a tick lasts.
    pub tick_length: Duration,
    /// How many slots there are, whoever owns them.
    pub slots: SlotCount,
    /// Slots owned, ticked or not.
    pub owned: u32,
    /// An order-free digest of the epochs of the slots owned: it changes when any of them comes or goes.
    pub fence: u64,
    /// Slots ticked by this call.
    pub ticked: u32,
    /// Slots due that were left for the next call, since they may just be changing hands, or since they were too many for one call.
    pub left: u32,
    /// Items incremented by this call.
    pub items: u64,
    /// The [digest](crate::digest_of) of the ids in the slots ticked, those that were left out among them. Of very many, a store may give that of a few ticks ago, where it finds as many in
    /// the same slots.
    pub digest: u64,
    /// Items of ticked slots that somebody else had locked and that miss this tick.
    pub locked: u64,
    /// Items of ticked slots that were not changed, since the store refuses that: each is tried again after a wait that grows.
    pub refused: u64,
    /// One of them; as long as it is refused, the same one is named.
    pub refusal: Option<Arc<RefusedItem>>,
    /// How long the store worked on this call, without its way there and back.
    pub took: Duration,
}

/// Who owns a slot, since when, and when it was last ticked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotState {
    /// Its owner, if it has one.
    pub owner: Option<MemberKey>,
    /// The version of its ownership.
    pub epoch: Epoch,
    /// The last tick that was done for it.
    pub last_tick: Tick,
}

/// The state of all slots at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which store answered.
    pub installation: InstallationId,
    /// The tick at that moment.
    pub tick: Tick,
    /// How long a tick lasts.
    pub tick_length: Duration,
    /// Each slot's state, by the number of the slot. Its length is a [`SlotCount`].
    pub slots: Vec<SlotState>,
    /// The incarnations that hold a session with the store; `None` where the store cannot tell.
    pub sessions: Option<BTreeSet<Incarnation>>,
}

impl Assignment {
    /// Whether the store's clock has fallen, by more than a tick, behind what was ticked: nobody ticks until it has
    /// [caught up](WorkStore::catch_up).
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.slots.iter().map(|slot| slot.last_tick).max().is_some_and(|last| last.since(self.tick) > 1)
    }
}

/// When a slot may change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timing {
    /// Now: nobody works on it.
    Now,
    /// Only after its owner has done the present tick, so that the next owner has a whole tick before it.
    AfterTick,
}

/// The order to give a slot to a member, if its epoch is still the one that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The slot.
    pub slot: Slot,
    /// The epoch that was seen.
    pub epoch: Epoch,
    /// Who shall own it.
    pub to: MemberKey,
    /// When.
    pub timing: Timing,
}

/// Why a transfer was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The slot's epoch is no longer the one that was seen.
    EpochPassed,
    /// The present tick is not done yet.
    NotTickedYet,
}

/// A transfer that was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The slot.
    pub slot: Slot,
    /// Why.
    pub why: RefusalReason,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The term was valid.
    Committed {
        /// The slots that changed hands.
        moved: Vec<Slot>,
        /// The slots that did not.
        refused: Vec<Refusal>,
    },
    /// A later term has begun: nothing was changed.
    Deposed,
}

/// What came of [`WorkStore::adopt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Which store answered.
    pub installation: InstallationId,
    /// How many slots were taken over.
    pub slots: usize,
}

/// What came of an attempt to claim orphans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing may be claimed: somebody leads or did so a moment ago, or nobody ever has, and no owner has been silent for long.
    NotYet {
        /// Before so much time has gone by, nothing can be claimed, as far as the store can tell now.
        wait: Duration,
        /// How many slots nobody ticks at present: they have no owner, or one that was silent for more than half of [`ABANDONED_AFTER_TICKS`].
        unticked: usize,
    },
    /// So many slots were claimed.
    Claimed {
        /// How many.
        slots: usize,
    },
}

/// How long after the end of the last lease workers may claim orphans.
pub const LEADERLESS_AFTER: Duration = Duration::from_secs(10);

/// Whole ticks missed by an owner after which its slots are orphans, where nobody leads.
pub const ORPHANED_AFTER_TICKS: u64 = 3;

/// Ticks missed by an owner after which its slots are orphans, whoever leads: a control plane that has not moved them by then hears
/// less than it should.
pub const ABANDONED_AFTER_TICKS: u64 = 15;

/// The items, who owns their slots, and the work itself. The fence lives here.
///
/// Every method is one atomic step. A caller may be killed, paused or cut off at any point of any of them.
#[async_trait]
pub trait WorkStore: Debug + Send + Sync {
    /// Increments the items of the owner's slots in this range, once for the present tick.
    ///
    /// - Only slots owned by this very incarnation are ticked, and each at most once a tick: the check and the increment
    ///   are one atomic step, so **repeating a tick is always safe**.
    /// - Each item of a ticked slot gains exactly 1 and gets the owner's name; but an item that somebody else holds locked
    ///   for long may be left out, and is counted as [`locked`](TickReport::locked).
    /// - An item that the store refuses to change, for whatever reason, keeps no other item and no slot from being ticked. It is
    ///   counted as [`refused`](TickReport::refused).
    /// - Slots without items need not be ticked, save that an owner of any slot ticks one at least: the store can
    ///   witness that it lives.
    /// - A slot that is just changing hands may be left for the next call, and is counted as [`left`](TickReport::left).
    /// - Calls for different ranges may be made at once; none touches or waits for what lies outside its range.
    ///
    /// # Errors
    /// When the store is away, refuses, or does not answer.
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError>;

    /// The items of the owner's slots in this range, in order. Changes nothing and waits for nobody.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError>;

    /// Tries whether the store lets this worker change items of others; what it changes for that is taken back in the same step. Gives an item
    /// that it refused if it refused all that were tried, and `None` if it let one be changed, or if there is none.
    ///
    /// A worker whose items are all refused learns by it whether that lies with the items, or with its own name or rights. A store that waits before
    /// it tries refused items again tries all of this worker in the next tick once such a write is let through after one was refused.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError>;

    /// The state of all slots at one moment.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn assignment(&self) -> Result<Assignment, StoreError>;

    /// How many items each slot holds.
    ///
    /// Where there are many, a store may count a part of the slots in each call, and tell of the others what it found before. The first
    /// answer tells of all of them, each as it was when it was counted.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn census(&self) -> Result<SlotLoad, StoreError>;

    /// Gives slots to new owners.
    ///
    /// - Nothing moves unless `term` is the latest there is, checked in the same step.
    /// - A slot moves only from the epoch that was seen, and its epoch rises by exactly 1, even if its owner has it already.
    /// - A tick in flight is finished before its slot moves; what a former owner does later is without effect.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError>;

    /// Lets ticks go on where the store's clock has fallen, by more than a tick, behind those that were done: from now on the present tick is
    /// the one after the last, and all later ones follow. By how many ticks it was moved on; 0 where nothing was to be done.
    ///
    /// - Nothing changes unless `term` is the latest there is, checked in the same step.
    /// - The number of the tick never falls for it, not even when the clock is set right again: then ticks run ahead of the time.
    ///   A call to tick that is under way may still go by the number before, and ticks nothing twice.
    /// - Repeating it is safe.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError>;

    /// Takes the slots that stand under the owner's name with another incarnation, as a restart in place does.
    /// The epoch of each rises by exactly 1. Called once in a life, or two processes with one name would fight for ever.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError>;

    /// Takes orphans, at most `limit`: the workers heal by themselves. `well_since` is the first of the caller's own ticks that it has done without
    /// a gap until now.
    ///
    /// - *Where nobody leads*: once [`LEADERLESS_AFTER`] has gone by since the end of the last lease, by the store's clock, orphans are slots
    ///   without owner, and all those of an owner that in the last [`ORPHANED_AFTER_TICKS`] whole ticks has neither ticked a slot nor been
    ///   given one. A store that sees sessions may take a whole tick for enough when the owner's is gone.
    /// - *Whoever leads*: once the caller has ticked without a gap for [`ABANDONED_AFTER_TICKS`], orphans are all slots of an owner that
    ///   has ticked none for as long, nor been given one in the last [`ORPHANED_AFTER_TICKS`]; and slots without owner, if the present leader
    ///   has led for as long and left them so. To be given slots is a short respite only: a leader that is wrong gives them to the dead.
    /// - Nothing is claimed where nobody has ever led. All of it is checked in the same step: nobody is elected meanwhile.
    /// - The epoch of each slot that is claimed rises by exactly 1; no other slot changes.
    /// - Several who claim at once do not wait for each other: each gets others.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError>;

    /// The identity of this store.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn installation(&self) -> Result<InstallationId, StoreError>;

    /// How many slots there are.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn slot_count(&self) -> Result<SlotCount, StoreError>;
}
