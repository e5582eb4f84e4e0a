//! The work store: items, slot ownership with fencing, and ticks.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::hand_over::Acknowledgement;
use crate::{
    Cause, Epoch, EventLog, Incarnation, InstallationId, ItemId, MemberKey, Membership, MembershipError, Slot, SlotCount,
    SlotLoad, SlotRange, StoreError, Term, Tick, Wishes,
};

/// Item that the store does not let a worker change, although it lets the worker change others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedItem {
    /// The item.
    pub item: ItemId,
    /// Reason, in the store's words.
    pub why: String,
}

impl fmt::Display for RefusedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.item, self.why)
    }
}

impl std::error::Error for RefusedItem {}

/// Result of one tick call: what it did, and what it read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TickReport {
    /// Installation of the store that answered.
    pub installation: InstallationId,
    /// Present tick, by the store's clock.
    pub tick: Tick,
    /// Time since the start of the tick, by the store's clock.
    pub into_tick: Duration,
    /// Duration of a tick.
    pub tick_length: Duration,
    /// Number of slots in the store, whatever their owners.
    pub slots: SlotCount,
    /// Number of slots owned, ticked or not.
    pub owned: u32,
    /// Order-independent digest of the epochs of the slots owned. It changes with every slot that is gained or lost.
    pub fence: u64,
    /// Number of slots ticked by this call.
    pub ticked: u32,
    /// Number of due slots left for the next call, because they may be changing owner or because they were too many for one call.
    pub left: u32,
    /// Number of items incremented by this call.
    pub items: u64,
    /// [Digest](crate::digest_of) of the ids of all items in the slots ticked, including items that were left out. For very many
    /// items, a store may return the digest of a few ticks ago if it finds the same number of items in the same slots.
    pub digest: u64,
    /// Number of items of ticked slots that another session had locked. They miss this tick.
    pub locked: u64,
    /// Number of items of ticked slots that the store refused to change. Each is retried after a growing wait.
    pub refused: u64,
    /// One of the refused items. The same one is reported as long as it is refused.
    pub refusal: Option<Arc<RefusedItem>>,
    /// Time the store spent on this call, without the network round trip.
    pub took: Duration,
}

/// Returns the digest of the epochs of these slots, for [`TickReport::fence`]. Their order does not matter.
pub fn fence_of(slots: impl IntoIterator<Item = (Slot, Epoch)>) -> u64 {
    let of_slot = |(slot, epoch): (Slot, Epoch)| crate::uuid_hash(Uuid::from_u64_pair(slot.number().into(), epoch.0), 0);
    slots.into_iter().map(of_slot).fold(0, |fence, of_slot| fence ^ of_slot)
}

/// Ownership of a slot, and its last tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotState {
    /// Owner of the slot; `None` if it has none.
    pub owner: Option<MemberKey>,
    /// Version of its ownership: the fencing token.
    pub epoch: Epoch,
    /// Last tick that was done for it.
    pub last_tick: Tick,
}

/// State of all slots at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Installation of the store that answered.
    pub installation: InstallationId,
    /// Present tick at that moment.
    pub tick: Tick,
    /// Duration of a tick.
    pub tick_length: Duration,
    /// Slots that may have owners: all, or those of a [shard](crate::shard).
    pub range: SlotRange,
    /// State of each slot, by slot number. The length is a [`SlotCount`].
    pub slots: Vec<SlotState>,
    /// Incarnations that hold a session with the store; `None` if the store cannot tell.
    pub sessions: Option<BTreeSet<Incarnation>>,
}

impl Assignment {
    /// True if the store's clock is more than one tick behind the last tick done. No worker ticks until it has
    /// [caught up](WorkStore::catch_up).
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.slots.iter().map(|slot| slot.last_tick).max().is_some_and(|last| last.since(self.tick) > 1)
    }
}

/// Slot that a member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holding {
    /// The slot.
    pub slot: Slot,
    /// Version of its ownership: the fencing token.
    pub epoch: Epoch,
    /// Latest epoch at which work of the slot is known to have ended, by [`acknowledge`](WorkStore::acknowledge).
    pub ended: Epoch,
    /// Cause for which the member got the slot.
    pub cause: Cause,
}

/// Point of a tick at which a slot may change its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timing {
    /// At once: no worker is changing items of the slot.
    Now,
    /// Only after its owner has done the present tick, so that the next owner has a whole tick for it.
    AfterTick,
}

/// Request to move a slot to a member, valid only while the slot still has the epoch that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The slot.
    pub slot: Slot,
    /// Epoch that was read.
    pub epoch: Epoch,
    /// Member that becomes the owner.
    pub to: MemberKey,
    /// Point of a tick at which the slot may move.
    pub timing: Timing,
    /// Cause of the move, which the store keeps.
    pub cause: Cause,
}

/// Reason why a transfer was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// The slot's epoch is no longer the one that was seen.
    EpochPassed,
    /// The slot has not been ticked in the present tick yet.
    NotTickedYet,
}

/// Transfer that was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The slot.
    pub slot: Slot,
    /// Reason.
    pub why: RefusalReason,
}

/// Result of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The term was valid.
    Committed {
        /// Slots that moved.
        moved: Vec<Slot>,
        /// Transfers that were not made.
        refused: Vec<Refusal>,
    },
    /// A later term has begun, so nothing was changed.
    Deposed,
}

/// Result of [`WorkStore::adopt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Installation of the store that answered.
    pub installation: InstallationId,
    /// Number of slots taken over.
    pub slots: usize,
}

/// Result of [`WorkStore::claim_orphans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing may be claimed yet: there is a leader or there was one recently, or there never was one; and no owner has been
    /// silent for long enough.
    NotYet {
        /// Minimum time until something can be claimed, as far as the store can tell now.
        wait: Duration,
        /// Number of slots that no worker ticks at present: they have no owner, or one that was silent for more than half of
        /// [`ABANDONED_AFTER_TICKS`].
        unticked: usize,
    },
    /// Slots were claimed.
    Claimed {
        /// Number of slots claimed.
        slots: usize,
    },
}

/// Time from the end of the last lease until workers may claim orphans.
pub const LEADERLESS_AFTER: Duration = Duration::from_secs(10);

/// Number of whole ticks that an owner must miss before its slots are orphans while there is no leader.
pub const ORPHANED_AFTER_TICKS: u64 = 3;

/// Number of ticks that an owner must miss before its slots are orphans even if there is a leader. A control plane that has not
/// moved them by then lacks information.
pub const ABANDONED_AFTER_TICKS: u64 = 15;

/// Store of the items, of slot ownership, and of ticks. It enforces the fence.
///
/// Every method is one atomic step. A caller may be killed, paused or disconnected at any point of any of them.
#[async_trait]
pub trait WorkStore: Debug + Send + Sync {
    /// Increments the items of the owner's slots in this range, once in the present tick.
    ///
    /// - Only slots owned by this incarnation are ticked, and each at most once per tick. The check and the increment are one
    ///   atomic step, so **repeating a tick is always safe**.
    /// - Each item of a ticked slot gains exactly 1 and gets the owner's name. An item that another session keeps locked for long
    ///   may be left out; it is counted as [`locked`](TickReport::locked).
    /// - An item that the store refuses to change, for whatever reason, does not keep other items or slots from being ticked. It
    ///   is counted as [`refused`](TickReport::refused).
    /// - Slots without items need not be ticked, but an owner of any slot ticks at least one: the failure detector reads it as a
    ///   sign of life.
    /// - A slot that is changing its owner may be left for the next call; it is counted as [`left`](TickReport::left).
    /// - Calls for different ranges may run concurrently; none changes or waits for anything outside its range.
    ///
    /// # Errors
    /// If the store is unavailable, refuses the call, or does not answer.
    async fn tick(&self, owner: &MemberKey, slots: SlotRange) -> Result<TickReport, StoreError>;

    /// Returns the items of the owner's slots in this range, in order. Changes nothing and waits for no lock.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn items(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<ItemId>, StoreError>;

    /// Returns the slots that this owner holds in this range, in order, at one moment. Changes nothing and waits for no lock.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn holdings(&self, owner: &MemberKey, slots: SlotRange) -> Result<Vec<Holding>, StoreError>;

    /// Records for each of these slots that its work has ended at this epoch and at all earlier ones, so that the next owner need not
    /// wait; see [`hand_over`](crate::hand_over).
    ///
    /// - What is recorded never decreases. It stays below the present epoch of the slot, unless `owner` holds the slot: only an owner
    ///   can end its own epoch.
    /// - Repeating it is safe; a lost call costs the next owner a wait.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn acknowledge(&self, owner: &MemberKey, ended: &[Acknowledgement]) -> Result<(), StoreError>;

    /// Tests whether the store lets this worker change items of other workers, and undoes the changes in the same step. Returns a
    /// refused item if all attempts were refused, and `None` if one succeeded or if there are no such items.
    ///
    /// A worker whose items are all refused learns from it whether the cause lies in the items, or in its own name or privileges.
    /// A store that waits before it retries refused items retries all of this worker's in the next tick once such a write
    /// succeeds after one was refused.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn try_to_write(&self, owner: &MemberKey) -> Result<Option<RefusedItem>, StoreError>;

    /// Returns the state of all slots at one moment.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn assignment(&self) -> Result<Assignment, StoreError>;

    /// Returns the number of items in each slot.
    ///
    /// A store with many items may count only some of the slots in each call and return earlier counts for the others. The first
    /// answer covers all slots, each as of the time when it was counted.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn census(&self) -> Result<SlotLoad, StoreError>;

    /// Moves slots to new owners.
    ///
    /// - Nothing moves unless `term` is the latest term, which is checked in the same step.
    /// - A slot moves only if it still has the epoch that was read. Its epoch rises by exactly 1, even if the new owner already
    ///   owns it. The store keeps the [cause](Holding::cause).
    /// - A tick in flight finishes before its slot moves. Later calls of the former owner have no effect on the slot.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn commit(&self, term: &Term, transfers: &[Transfer]) -> Result<Outcome, StoreError>;

    /// Lets ticks continue if the store's clock has fallen more than one tick behind the last tick done: the present tick becomes
    /// the one after the last, and later ones follow. Returns the number of ticks by which it was advanced; 0 if nothing had to
    /// be done.
    ///
    /// - Nothing changes unless `term` is the latest term, which is checked in the same step.
    /// - The tick number never decreases because of it, not even when the clock is corrected: ticks then run ahead of the clock.
    ///   A tick call in flight may still use the earlier number; it ticks nothing twice.
    /// - Repeating it is safe.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn catch_up(&self, term: &Term) -> Result<u64, StoreError>;

    /// Takes over the slots that another incarnation owns under the same worker name, as after a restart in place. The epoch of
    /// each rises by exactly 1. It is called once per incarnation; otherwise two processes with one name would keep taking the
    /// slots from each other.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn adopt(&self, owner: &MemberKey) -> Result<Adoption, StoreError>;

    /// Claims orphans, at most `limit`, so that workers recover without a leader. `well_since` is the first tick since which the
    /// caller has ticked without a gap.
    ///
    /// - *Without a leader*: once [`LEADERLESS_AFTER`] has passed since the end of the last lease, by the store's clock, orphans
    ///   are slots without an owner, and all slots of an owner that in the last [`ORPHANED_AFTER_TICKS`] whole ticks has neither
    ///   ticked a slot nor been given one. A store that sees sessions may require only one whole tick if the owner's session is
    ///   gone.
    /// - *With or without a leader*: once the caller has ticked without a gap for [`ABANDONED_AFTER_TICKS`], orphans are all
    ///   slots of an owner that has ticked none for as long and has been given none in the last [`ORPHANED_AFTER_TICKS`]; and
    ///   slots without an owner, if the present leader has led for as long and has not assigned them. Receiving slots protects an
    ///   owner only briefly, because a faulty leader gives slots to dead workers.
    /// - Nothing is claimed if there has never been a leader. All conditions are checked in the same step, so no leader is
    ///   elected in between.
    /// - The epoch of each claimed slot rises by exactly 1; no other slot changes.
    /// - Concurrent claims do not wait for each other; each gets different slots.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn claim_orphans(&self, owner: &MemberKey, limit: usize, well_since: Tick) -> Result<Claim, StoreError>;

    /// Returns the id of this installation.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn installation(&self) -> Result<InstallationId, StoreError>;

    /// Returns the number of slots.
    ///
    /// # Errors
    /// As for [`tick`](Self::tick).
    async fn slot_count(&self) -> Result<SlotCount, StoreError>;

    /// Creates what the store needs, or checks that it exists. A [`Node`](crate::Node) that is a candidate for control plane calls
    /// it before it begins. The default does nothing. Repeating it is safe.
    ///
    /// # Errors
    /// If something is missing that this caller may not create, or as for [`tick`](Self::tick).
    async fn prepare(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns the incarnation that the sessions of this store carry, so that a control plane sees at once when they end. The first
    /// caller gets it: the first [`Node`](crate::Node) on this store has this incarnation. `None`, the default, for further callers, or
    /// if the sessions carry none.
    fn take_incarnation(&self) -> Option<Incarnation> {
        None
    }

    /// Returns a membership that is kept in the same place, for a [`Node`](crate::Node) that is given no other; `None`, the default, if
    /// there is none.
    ///
    /// # Errors
    /// If its settings are invalid. No connection is tried yet.
    fn membership(&self) -> Result<Option<Arc<dyn Membership>>, MembershipError> {
        Ok(None)
    }

    /// Returns the place in which operators' wishes are kept; `None`, the default, if there is none. Every leader obeys them.
    fn wishes(&self) -> Option<&dyn Wishes> {
        None
    }

    /// Returns the log of events; `None`, the default, if there is none. The leader appends to it.
    fn event_log(&self) -> Option<&dyn EventLog> {
        None
    }
}
